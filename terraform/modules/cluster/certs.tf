# The certs bucket: what makes a machine a node. Prefixes and who may use them
# are the same as in the policies of the module identity.

locals {
  certs_arn = "arn:${local.partition}:s3:::${var.certs_bucket}"

  control_plane_only = concat([var.node_role_arns.control-plane], var.administrator_role_arns)
  nodes_only         = concat(values(var.node_role_arns), var.administrator_role_arns)

  scripts = {
    for script in ["node.sh", "control-plane.sh", "worker.sh"] : script => file("${path.module}/scripts/${script}")
  }
}

resource "aws_s3_bucket" "certs" {
  bucket = var.certs_bucket
  tags   = var.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "certs" {
  bucket = aws_s3_bucket.certs.bucket

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "certs" {
  bucket = aws_s3_bucket.certs.bucket

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "certs" {
  bucket = aws_s3_bucket.certs.bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "certs" {
  bucket                  = aws_s3_bucket.certs.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "certs" {
  bucket = aws_s3_bucket.certs.bucket

  dynamic "rule" {
    for_each = { "join/" = 1, "etcd/" = var.etcd_snapshot_days }

    content {
      id     = trimsuffix(rule.key, "/")
      status = "Enabled"

      filter {
        prefix = rule.key
      }

      expiration {
        days = rule.value
      }

      noncurrent_version_expiration {
        noncurrent_days = 1
      }
    }
  }

  rule {
    id     = "replaced-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 90
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

resource "aws_s3_bucket_policy" "certs" {
  bucket = aws_s3_bucket.certs.bucket

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "OnlyTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.certs_arn, "${local.certs_arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "OnlyTheControlPlaneReads"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource  = ["${local.certs_arn}/control-plane/*", "${local.certs_arn}/etcd/*"]
        Condition = { ArnNotEquals = { "aws:PrincipalArn" = local.control_plane_only } }
      },
      {
        Sid       = "OnlyNodesRead"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:GetObject", "s3:GetObjectVersion"]
        Resource  = ["${local.certs_arn}/join/*"]
        Condition = { ArnNotEquals = { "aws:PrincipalArn" = local.nodes_only } }
      },
      {
        Sid       = "OnlyTheControlPlaneWrites"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:PutObject", "s3:DeleteObject"]
        Resource  = ["${local.certs_arn}/control-plane/*", "${local.certs_arn}/etcd/*", "${local.certs_arn}/join/*"]
        Condition = { ArnNotEquals = { "aws:PrincipalArn" = local.control_plane_only } }
      },
      {
        Sid       = "NodesWriteNoScripts"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:PutObject", "s3:DeleteObject"]
        Resource  = ["${local.certs_arn}/scripts/*"]
        Condition = { ArnEquals = { "aws:PrincipalArn" = values(var.node_role_arns) } }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.certs]
}

# User data names the hash of its script, so a node does not run a script that was changed since.
resource "aws_s3_object" "script" {
  for_each = local.scripts

  bucket       = aws_s3_bucket.certs.bucket
  key          = "scripts/${sha256(each.value)}/${each.key}"
  content      = each.value
  content_type = "text/x-shellscript"
  tags         = var.tags

  depends_on = [aws_s3_bucket_server_side_encryption_configuration.certs]
}

resource "aws_s3_object" "manifest" {
  for_each = var.bootstrap_manifests

  bucket       = aws_s3_bucket.certs.bucket
  key          = "scripts/manifests/${each.key}.yaml"
  content      = each.value
  content_type = "application/yaml"
  tags         = var.tags

  depends_on = [aws_s3_bucket_server_side_encryption_configuration.certs]
}
