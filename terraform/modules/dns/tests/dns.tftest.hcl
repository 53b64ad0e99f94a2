mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

mock_provider "aws" {
  alias = "us_east_1"
}

variables {
  domain        = "example.com"
  hosts         = { production = ["blog.example.com", "example.com"], staging = ["stg.example.com"] }
  load_balancer = { dns_name = "blog-123.elb.eu-central-1.amazonaws.com", zone_id = "Z3F0SRJ5LGBH90" }
}

run "every_host_leads_to_the_load_balancer" {
  command = plan

  assert {
    condition     = toset(keys(aws_route53_record.host)) == toset(["blog.example.com", "example.com", "stg.example.com"])
    error_message = "A host has no record."
  }

  assert {
    condition     = alltrue([for r in aws_route53_record.host : r.type == "A" && r.alias[0].name == var.load_balancer.dns_name && r.alias[0].zone_id == var.load_balancer.zone_id && r.alias[0].evaluate_target_health])
    error_message = "A host leads elsewhere."
  }
}

run "only_the_named_authority_may_issue" {
  command = plan

  assert {
    condition     = toset(aws_route53_record.caa[0].records) == toset(["0 issue \"letsencrypt.org\"", "0 issuewild \";\""])
    error_message = "CAA lets another authority issue, or wildcards."
  }
}

run "refused_requests_are_reported_where_asked_for" {
  command = plan

  variables {
    caa_contact = "security@example.com"
  }

  assert {
    condition     = contains(aws_route53_record.caa[0].records, "0 iodef \"mailto:security@example.com\"")
    error_message = "Nobody hears of refused requests."
  }
}

run "caa_can_be_left_out" {
  command = plan

  variables {
    caa_issuers = []
  }

  assert {
    condition     = length(aws_route53_record.caa) == 0
    error_message = "There is a CAA record without an issuer: nobody could issue."
  }
}

run "by_default_the_zone_is_not_signed_and_has_no_certificate" {
  command = plan

  assert {
    condition     = length(aws_kms_key.dnssec) + length(aws_route53_key_signing_key.this) + length(aws_route53_hosted_zone_dnssec.this) == 0
    error_message = "Something of DNSSEC is there."
  }

  assert {
    condition     = length(aws_acm_certificate.this) + length(aws_route53_record.validation) + length(aws_acm_certificate_validation.this) == 0
    error_message = "There is a certificate that nobody asked for."
  }

  assert {
    condition     = output.ds_record == null && output.certificate_arn == null
    error_message = "An output names what is not there."
  }
}

run "a_signed_zone_has_a_key_that_route_53_may_use" {
  command = plan

  variables {
    dnssec = true
  }

  assert {
    condition     = aws_kms_key.dnssec[0].customer_master_key_spec == "ECC_NIST_P256" && aws_kms_key.dnssec[0].key_usage == "SIGN_VERIFY"
    error_message = "Route 53 takes keys of ECC_NIST_P256 only."
  }

  assert {
    condition     = jsondecode(aws_kms_key.dnssec[0].policy).Statement[1].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "Zones of other accounts can be signed with the key."
  }

  assert {
    condition     = length(aws_route53_key_signing_key.this) == 1 && length(aws_route53_hosted_zone_dnssec.this) == 1
    error_message = "The zone is not signed."
  }
}

run "a_certificate_names_every_host" {
  command = plan

  override_resource {
    target = aws_acm_certificate.this
    values = {
      domain_validation_options = [
        { domain_name = "blog.example.com", resource_record_name = "_1.blog.example.com", resource_record_type = "CNAME", resource_record_value = "_1.acm-validations.aws" },
        { domain_name = "example.com", resource_record_name = "_2.example.com", resource_record_type = "CNAME", resource_record_value = "_2.acm-validations.aws" },
        { domain_name = "stg.example.com", resource_record_name = "_3.stg.example.com", resource_record_type = "CNAME", resource_record_value = "_3.acm-validations.aws" },
      ]
    }
  }

  variables {
    certificate = true
    caa_issuers = ["letsencrypt.org", "amazon.com"]
  }

  assert {
    condition     = toset(concat([aws_acm_certificate.this[0].domain_name], tolist(aws_acm_certificate.this[0].subject_alternative_names))) == toset(["blog.example.com", "example.com", "stg.example.com"])
    error_message = "A host is not in the certificate."
  }

  assert {
    condition     = aws_route53_record.validation["example.com"].name == "_2.example.com" && length(aws_route53_record.validation) == 3 && aws_acm_certificate.this[0].validation_method == "DNS"
    error_message = "A host is not validated."
  }

  assert {
    condition     = length(aws_route53_record.caa[0].records) == 3
    error_message = "An issuer is missing."
  }
}
