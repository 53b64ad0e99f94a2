data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

locals {
  partition = data.aws_partition.current.partition
  account   = data.aws_caller_identity.current.account_id

  # What nodes may do in the certs bucket. The bucket's own policy (module
  # cluster) refuses the same prefixes to everybody else.
  certs_arn      = "arn:${local.partition}:s3:::${var.certs_bucket}"
  certs_prefixes = { control_plane = "control-plane/", etcd = "etcd/", join = "join/worker/", scripts = "scripts/" }

  node_policies = {
    control-plane = [
      {
        Sid      = "CertsReadAndWrite"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = [for p in ["control_plane", "etcd", "join"] : "${local.certs_arn}/${local.certs_prefixes[p]}*"]
      },
      {
        Sid      = "ScriptsRead"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = ["${local.certs_arn}/${local.certs_prefixes.scripts}*"]
      },
      {
        Sid       = "CertsList"
        Effect    = "Allow"
        Action    = ["s3:ListBucket"]
        Resource  = [local.certs_arn]
        Condition = { StringLike = { "s3:prefix" = [for p in ["control_plane", "etcd", "scripts"] : "${local.certs_prefixes[p]}*"] } }
      },
      {
        Sid       = "CertsKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = [var.certs_kms_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
      },
      {
        Sid      = "IssuerWrite"
        Effect   = "Allow"
        Action   = ["s3:PutObject"]
        Resource = local.issuer_objects
      },
    ]
    worker = [
      {
        Sid      = "CertsRead"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]
        Resource = [for p in ["join", "scripts"] : "${local.certs_arn}/${local.certs_prefixes[p]}*"]
      },
      {
        Sid       = "CertsKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [var.certs_kms_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } }
      },
    ]
  }
}

# ---- Nodes: what they need to become nodes, and the session manager. Pods get nothing from here.

resource "aws_iam_role" "node" {
  for_each = local.node_policies

  name = "${var.name}-${each.key}"
  tags = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ec2.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "node" {
  for_each = local.node_policies

  name   = "node"
  role   = aws_iam_role.node[each.key].name
  policy = jsonencode({ Version = "2012-10-17", Statement = each.value })
}

resource "aws_iam_role_policy_attachment" "session_manager" {
  for_each = local.node_policies

  role       = aws_iam_role.node[each.key].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"
}

resource "aws_iam_instance_profile" "node" {
  for_each = local.node_policies

  name = "${var.name}-${each.key}"
  role = aws_iam_role.node[each.key].name
  tags = var.tags
}
