data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  hosts   = toset(flatten(values(var.hosts)))
  outside = [for h in local.hosts : h if h != var.domain && !endswith(h, ".${var.domain}")]
}

resource "aws_route53_zone" "this" {
  name    = var.domain
  comment = "Zone of the blog platform"
  tags    = var.tags

  lifecycle {
    prevent_destroy = true

    precondition {
      condition     = length(local.outside) == 0
      error_message = "hosts names hosts outside domain ${var.domain}: ${join(", ", local.outside)}."
    }
  }
}

# The zone's own records may have addresses and no CNAME, so these are alias records.
resource "aws_route53_record" "host" {
  for_each = local.hosts

  zone_id = aws_route53_zone.this.zone_id
  name    = each.key
  type    = "A"

  alias {
    name                   = var.load_balancer.dns_name
    zone_id                = var.load_balancer.zone_id
    evaluate_target_health = true
  }
}

resource "aws_route53_record" "caa" {
  count = length(var.caa_issuers) > 0 ? 1 : 0

  zone_id = aws_route53_zone.this.zone_id
  name    = var.domain
  type    = "CAA"
  ttl     = 3600
  records = concat(
    [for issuer in sort(var.caa_issuers) : "0 issue \"${issuer}\""],
    ["0 issuewild \";\""],
    var.caa_contact == null ? [] : ["0 iodef \"mailto:${var.caa_contact}\""],
  )
}

# ---- DNSSEC: Route 53 takes keys from us-east-1 only.

resource "aws_kms_key" "dnssec" {
  count    = var.dnssec ? 1 : 0
  provider = aws.us_east_1

  description              = "Signs the zone ${var.domain}"
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 30
  tags                     = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "Route53"
        Effect    = "Allow"
        Principal = { Service = "dnssec-route53.amazonaws.com" }
        Action    = ["kms:DescribeKey", "kms:GetPublicKey", "kms:Sign"]
        Resource  = "*"
        Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
      },
      {
        Sid       = "Route53Grant"
        Effect    = "Allow"
        Principal = { Service = "dnssec-route53.amazonaws.com" }
        Action    = "kms:CreateGrant"
        Resource  = "*"
        Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" } }
      },
    ]
  })
}

resource "aws_route53_key_signing_key" "this" {
  count = var.dnssec ? 1 : 0

  hosted_zone_id             = aws_route53_zone.this.zone_id
  key_management_service_arn = aws_kms_key.dnssec[0].arn
  name                       = "ksk"
}

resource "aws_route53_hosted_zone_dnssec" "this" {
  count = var.dnssec ? 1 : 0

  hosted_zone_id = aws_route53_zone.this.zone_id

  depends_on = [aws_route53_key_signing_key.this]
}

# ---- Certificate for TLS at the load balancer.

resource "aws_acm_certificate" "this" {
  count = var.certificate ? 1 : 0

  domain_name               = sort(local.hosts)[0]
  subject_alternative_names = slice(sort(local.hosts), 1, length(local.hosts))
  validation_method         = "DNS"
  tags                      = var.tags

  lifecycle {
    create_before_destroy = true

    precondition {
      condition     = length(var.caa_issuers) == 0 || contains(var.caa_issuers, "amazon.com")
      error_message = "caa_issuers must hold amazon.com where certificate is true: AWS would refuse to issue it."
    }
  }
}

locals {
  validations = {
    for host in local.hosts : host => one([
      for option in try(aws_acm_certificate.this[0].domain_validation_options, []) : option if option.domain_name == host
    ]) if var.certificate
  }
}

resource "aws_route53_record" "validation" {
  for_each = var.certificate ? local.hosts : toset([])

  zone_id         = aws_route53_zone.this.zone_id
  name            = local.validations[each.key].resource_record_name
  type            = local.validations[each.key].resource_record_type
  records         = [local.validations[each.key].resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "this" {
  count = var.certificate ? 1 : 0

  certificate_arn         = aws_acm_certificate.this[0].arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}
