data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

data "aws_ssm_parameter" "image" {
  count = var.ami_id == null ? 1 : 0

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${var.architecture == "arm64" ? "arm64" : "x86_64"}"
}

locals {
  partition = data.aws_partition.current.partition
  account   = data.aws_caller_identity.current.account_id
  ami       = var.ami_id == null ? nonsensitive(data.aws_ssm_parameter.image[0].value) : var.ami_id
  zones     = sort(keys(var.subnets))

  # By these tags the cloud controller, the EBS driver and its rights know what belongs to the cluster.
  cluster_tags = { KubernetesCluster = var.name, "kubernetes.io/cluster/${var.name}" = "owned" }

  instance_types = concat([var.control_plane.instance_type], [for g in values(var.workers) : g.instance_type])
  wrong_types    = [for t in local.instance_types : t if can(regex("^[a-z]+[0-9]+g[a-z]*\\.", t)) != (var.architecture == "arm64")]

  # Two networks overlap if they are the same once both are cut to the shorter prefix.
  networks = { vpc_cidr = var.vpc_cidr, pod_cidr = var.pod_cidr, service_cidr = var.service_cidr }
  pairs    = [["vpc_cidr", "pod_cidr"], ["vpc_cidr", "service_cidr"], ["pod_cidr", "service_cidr"]]
  overlapping = [
    for pair in local.pairs : join(" and ", pair)
    if try(length(distinct([
      for n in pair : cidrhost("${split("/", local.networks[n])[0]}/${min([for p in pair : tonumber(split("/", local.networks[p])[1])]...)}", 0)
    ])) == 1, false)
  ]
}

resource "aws_kms_key" "this" {
  description             = "Encrypts volumes, certificates and snapshots of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  tags                    = var.tags

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Account"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "AutoScaling"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling" }
        Action    = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
        Resource  = "*"
      },
      {
        Sid       = "AutoScalingGrant"
        Effect    = "Allow"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling" }
        Action    = "kms:CreateGrant"
        Resource  = "*"
        Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" } }
      },
    ]
  })

  lifecycle {
    precondition {
      condition     = length(local.overlapping) == 0
      error_message = "These networks overlap: ${join("; ", local.overlapping)}."
    }

    precondition {
      condition     = length(local.wrong_types) == 0
      error_message = "control_plane and workers must have instance types with the processor of architecture ${var.architecture}, which these have not: ${join(", ", local.wrong_types)}."
    }
  }
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}-cluster"
  target_key_id = aws_kms_key.this.key_id
}
