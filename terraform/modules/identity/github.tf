# ---- CI: plans and never applies. It reads the settings of what exists, and the state, which it locks.

resource "aws_iam_openid_connect_provider" "github" {
  count = var.github == null ? 0 : 1

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
  tags           = var.tags
}

resource "aws_iam_role" "ci" {
  count = var.github == null ? 0 : 1

  name                 = "${var.name}-ci"
  max_session_duration = 3600
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = "arn:${local.partition}:iam::${local.account}:oidc-provider/token.actions.githubusercontent.com" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
          "token.actions.githubusercontent.com:sub" = [for ref in var.github.refs : "repo:${var.github.repository}:ref:${ref}"]
        }
      }
    }]
  })

  lifecycle {
    precondition {
      condition     = var.state != null
      error_message = "state must be given with github: CI plans against it."
    }
  }
}

# SecurityAudit reads settings and no data: not what buckets and parameters hold.
resource "aws_iam_role_policy_attachment" "ci" {
  count = var.github == null ? 0 : 1

  role       = aws_iam_role.ci[0].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/SecurityAudit"
}

resource "aws_iam_role_policy" "ci" {
  count = var.github != null && var.state != null ? 1 : 0

  name = "state"
  role = aws_iam_role.ci[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "List"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = ["arn:${local.partition}:s3:::${var.state.bucket}"]
        Condition = { StringLike = { "s3:prefix" = [var.state.key, "${var.state.key}.tflock"] } }
      },
      {
        Sid      = "Read"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["arn:${local.partition}:s3:::${var.state.bucket}/${var.state.key}"]
      },
      {
        Sid      = "Lock"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
        Resource = ["arn:${local.partition}:s3:::${var.state.bucket}/${var.state.key}.tflock"]
      },
      {
        Sid      = "Key"
        Effect   = "Allow"
        Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource = [var.state.kms_key_arn]
      },
    ]
  })
}
