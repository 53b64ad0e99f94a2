# AWS checks the tokens of pods with two public documents: who issues them, and
# the public keys. The control plane writes both when it is made.

locals {
  issuer_arn     = "arn:${local.partition}:s3:::${var.issuer_bucket}"
  issuer_host    = "${var.issuer_bucket}.s3.${var.region}.amazonaws.com"
  issuer_objects = [for object in [".well-known/openid-configuration", "openid/v1/jwks"] : "${local.issuer_arn}/${object}"]
}

resource "aws_s3_bucket" "issuer" {
  bucket = var.issuer_bucket
  tags   = var.tags
}

resource "aws_s3_bucket_ownership_controls" "issuer" {
  bucket = aws_s3_bucket.issuer.bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "issuer" {
  bucket = aws_s3_bucket.issuer.bucket

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "issuer" {
  bucket = aws_s3_bucket.issuer.bucket

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

# Everybody must be able to read the documents, so S3's own key encrypts them.
resource "aws_s3_bucket_server_side_encryption_configuration" "issuer" {
  bucket = aws_s3_bucket.issuer.bucket

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "issuer" {
  bucket                  = aws_s3_bucket.issuer.bucket
  block_public_acls       = true
  ignore_public_acls      = true
  block_public_policy     = false
  restrict_public_buckets = false
}

resource "aws_s3_bucket_policy" "issuer" {
  bucket = aws_s3_bucket.issuer.bucket

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "EverybodyReadsTheDocuments"
        Effect    = "Allow"
        Principal = "*"
        Action    = ["s3:GetObject"]
        Resource  = local.issuer_objects
      },
      {
        Sid       = "OnlyTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [local.issuer_arn, "${local.issuer_arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "OnlyTheControlPlaneWrites"
        Effect    = "Deny"
        Principal = "*"
        Action    = ["s3:PutObject", "s3:DeleteObject"]
        Resource  = ["${local.issuer_arn}/*"]
        Condition = { ArnNotEquals = { "aws:PrincipalArn" = "arn:${local.partition}:iam::${local.account}:role/${var.name}-control-plane" } }
      },
    ]
  })

  depends_on = [aws_s3_bucket_public_access_block.issuer]
}

resource "aws_iam_openid_connect_provider" "cluster" {
  url            = "https://${local.issuer_host}"
  client_id_list = ["sts.amazonaws.com"]
  tags           = var.tags

  depends_on = [aws_s3_bucket_policy.issuer]
}
