# ---- Pods: a role for each ServiceAccount, through the cluster's own issuer.

locals {
  autoscaler_tag = "k8s.io/cluster-autoscaler/${var.name}"
  database_key   = { Sid = "Key", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [var.storage_kms_key_arn], Condition = { StringEquals = { "kms:ViaService" = "s3.${var.region}.amazonaws.com" } } }

  system_roles = {
    cluster-autoscaler = {
      accounts = ["kube-system:cluster-autoscaler"]
      statements = [
        {
          Sid    = "Read" # none of these actions takes a resource
          Effect = "Allow"
          Action = [
            "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances", "autoscaling:DescribeLaunchConfigurations",
            "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags", "ec2:DescribeImages", "ec2:DescribeInstanceTypes",
            "ec2:DescribeLaunchTemplateVersions", "ec2:GetInstanceTypesFromInstanceRequirements",
          ]
          Resource = ["*"]
        },
        {
          Sid       = "ScaleOwnGroups"
          Effect    = "Allow"
          Action    = ["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"]
          Resource  = ["arn:${local.partition}:autoscaling:${var.region}:${local.account}:autoScalingGroup:*:autoScalingGroupName/${var.name}-*"]
          Condition = { StringEquals = { "aws:ResourceTag/${local.autoscaler_tag}" = "owned" } }
        },
      ]
    }

    # Names nodes and removes those that are gone. Load balancers and routes are not its business: Terraform and Calico make them.
    cloud-controller = {
      accounts = ["kube-system:cloud-controller-manager"]
      statements = [{
        Sid      = "ReadInstances" # none of these actions takes a resource
        Effect   = "Allow"
        Action   = ["ec2:DescribeInstances", "ec2:DescribeRegions", "ec2:DescribeAvailabilityZones", "ec2:DescribeInstanceTopology"]
        Resource = ["*"]
      }]
    }

    ebs-csi = {
      accounts = ["kube-system:ebs-csi-controller-sa"]
      statements = [
        {
          Sid      = "Read" # none of these actions takes a resource
          Effect   = "Allow"
          Action   = ["ec2:DescribeAvailabilityZones", "ec2:DescribeInstances", "ec2:DescribeSnapshots", "ec2:DescribeTags", "ec2:DescribeVolumes", "ec2:DescribeVolumesModifications"]
          Resource = ["*"]
        },
        {
          Sid       = "CreateOwn"
          Effect    = "Allow"
          Action    = ["ec2:CreateVolume"]
          Resource  = ["arn:${local.partition}:ec2:${var.region}:${local.account}:volume/*"]
          Condition = { StringEquals = { "aws:RequestTag/KubernetesCluster" = var.name } }
        },
        {
          Sid      = "CreateFromSnapshot"
          Effect   = "Allow"
          Action   = ["ec2:CreateVolume"]
          Resource = ["arn:${local.partition}:ec2:${var.region}::snapshot/*"]
        },
        {
          Sid       = "SnapshotOwn"
          Effect    = "Allow"
          Action    = ["ec2:CreateSnapshot"]
          Resource  = ["arn:${local.partition}:ec2:${var.region}:${local.account}:volume/*"]
          Condition = { StringEquals = { "aws:ResourceTag/KubernetesCluster" = var.name } }
        },
        {
          Sid       = "NameSnapshots"
          Effect    = "Allow"
          Action    = ["ec2:CreateSnapshot"]
          Resource  = ["arn:${local.partition}:ec2:${var.region}::snapshot/*"]
          Condition = { StringEquals = { "aws:RequestTag/KubernetesCluster" = var.name } }
        },
        {
          Sid       = "TagWhatIsCreated"
          Effect    = "Allow"
          Action    = ["ec2:CreateTags"]
          Resource  = ["arn:${local.partition}:ec2:${var.region}:${local.account}:volume/*", "arn:${local.partition}:ec2:${var.region}::snapshot/*"]
          Condition = { StringEquals = { "ec2:CreateAction" = ["CreateVolume", "CreateSnapshot"] } }
        },
        {
          Sid       = "AttachToOwnNodes"
          Effect    = "Allow"
          Action    = ["ec2:AttachVolume", "ec2:DetachVolume"]
          Resource  = ["arn:${local.partition}:ec2:${var.region}:${local.account}:volume/*", "arn:${local.partition}:ec2:${var.region}:${local.account}:instance/*"]
          Condition = { StringEquals = { "aws:ResourceTag/KubernetesCluster" = var.name } }
        },
        {
          Sid       = "ChangeAndDeleteOwn"
          Effect    = "Allow"
          Action    = ["ec2:ModifyVolume", "ec2:DeleteVolume", "ec2:DeleteSnapshot"]
          Resource  = ["arn:${local.partition}:ec2:${var.region}:${local.account}:volume/*", "arn:${local.partition}:ec2:${var.region}::snapshot/*"]
          Condition = { StringEquals = { "aws:ResourceTag/KubernetesCluster" = var.name } }
        },
        {
          Sid      = "Key"
          Effect   = "Allow"
          Action   = ["kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:DescribeKey"]
          Resource = [var.ebs_kms_key_arn]
        },
        {
          Sid       = "KeyForInstances"
          Effect    = "Allow"
          Action    = ["kms:CreateGrant"]
          Resource  = [var.ebs_kms_key_arn]
          Condition = { Bool = { "kms:GrantIsForAWSResource" = "true" } }
        },
      ]
    }

    efs-csi = {
      accounts = ["kube-system:efs-csi-controller-sa"]
      statements = [
        {
          Sid      = "ReadZones" # the action takes no resource
          Effect   = "Allow"
          Action   = ["ec2:DescribeAvailabilityZones"]
          Resource = ["*"]
        },
        {
          Sid      = "Read"
          Effect   = "Allow"
          Action   = ["elasticfilesystem:DescribeAccessPoints", "elasticfilesystem:DescribeFileSystems", "elasticfilesystem:DescribeMountTargets"]
          Resource = [var.file_system_arn, "arn:${local.partition}:elasticfilesystem:${var.region}:${local.account}:access-point/*"]
        },
        {
          Sid       = "CreateOwn"
          Effect    = "Allow"
          Action    = ["elasticfilesystem:CreateAccessPoint"]
          Resource  = [var.file_system_arn]
          Condition = { StringEquals = { "aws:RequestTag/efs.csi.aws.com/cluster" = "true" } }
        },
        {
          Sid       = "TagAndDeleteOwn"
          Effect    = "Allow"
          Action    = ["elasticfilesystem:TagResource", "elasticfilesystem:DeleteAccessPoint"]
          Resource  = ["arn:${local.partition}:elasticfilesystem:${var.region}:${local.account}:access-point/*"]
          Condition = { StringEquals = { "aws:ResourceTag/efs.csi.aws.com/cluster" = "true" } }
        },
      ]
    }

    cert-manager = {
      accounts = ["cert-manager:cert-manager"]
      statements = [
        {
          Sid      = "ReadChange"
          Effect   = "Allow"
          Action   = ["route53:GetChange"]
          Resource = ["arn:${local.partition}:route53:::change/*"]
        },
        {
          Sid      = "ReadZone"
          Effect   = "Allow"
          Action   = ["route53:ListResourceRecordSets"]
          Resource = ["arn:${local.partition}:route53:::hostedzone/${var.zone_id}"]
        },
        {
          Sid      = "AnswerChallenges"
          Effect   = "Allow"
          Action   = ["route53:ChangeResourceRecordSets"]
          Resource = ["arn:${local.partition}:route53:::hostedzone/${var.zone_id}"]
          Condition = {
            "ForAllValues:StringEquals" = { "route53:ChangeResourceRecordSetsRecordTypes" = ["TXT"] }
            "ForAllValues:StringLike"   = { "route53:ChangeResourceRecordSetsNormalizedRecordNames" = ["_acme-challenge.*"] }
          }
        },
      ]
    }
  }

  # The ServiceAccounts of backups are those that the Crunchy operator makes for a PostgresCluster NAME-db.
  backup_roles = {
    for environment, p in var.platforms : "pgbackrest-${environment}" => {
      accounts = [for account in ["instance", "pgbackrest", "repohost"] : "${p.namespace}:${p.name}-db-${account}"]
      statements = [
        {
          Sid       = "List"
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = ["arn:${local.partition}:s3:::${var.backups_bucket}"]
          Condition = { StringLike = { "s3:prefix" = ["${p.namespace}/${p.name}/*"] } }
        },
        {
          Sid      = "Backups"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
          Resource = ["arn:${local.partition}:s3:::${var.backups_bucket}/${p.namespace}/${p.name}/*"]
        },
        local.database_key,
      ]
    }
  }

  media_roles = {
    for environment, p in var.platforms : "media-${environment}" => {
      accounts = ["${p.namespace}:${p.name}-content"]
      statements = [
        {
          Sid      = "Media"
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
          Resource = ["arn:${local.partition}:s3:::${var.media_bucket}/${p.namespace}/${p.name}/*"]
        },
        local.database_key,
      ]
    }
  }

  pod_roles = merge(
    { for name, role in local.system_roles : name => { accounts = role.accounts, policy = jsonencode({ Version = "2012-10-17", Statement = role.statements }) } },
    { for name, role in local.backup_roles : name => { accounts = role.accounts, policy = jsonencode({ Version = "2012-10-17", Statement = role.statements }) } },
    { for name, role in local.media_roles : name => { accounts = role.accounts, policy = jsonencode({ Version = "2012-10-17", Statement = role.statements }) } },
  )
}

resource "aws_iam_role" "pod" {
  for_each = local.pod_roles

  name = "${var.name}-${each.key}"
  tags = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = "arn:${local.partition}:iam::${local.account}:oidc-provider/${local.issuer_host}" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = {
        StringEquals = {
          "${local.issuer_host}:aud" = "sts.amazonaws.com"
          "${local.issuer_host}:sub" = [for account in each.value.accounts : "system:serviceaccount:${account}"]
        }
      }
    }]
  })
}

resource "aws_iam_role_policy" "pod" {
  for_each = local.pod_roles

  name   = "pod"
  role   = aws_iam_role.pod[each.key].name
  policy = each.value.policy
}
