mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  name                = "blog"
  region              = "eu-central-1"
  issuer_bucket       = "example-issuer"
  certs_bucket        = "example-certs"
  certs_kms_key_arn   = "arn:aws:kms:eu-central-1:123456789012:key/certs"
  storage_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/storage"
  ebs_kms_key_arn     = "arn:aws:kms:eu-central-1:123456789012:key/ebs"
  file_system_arn     = "arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/fs-1"
  zone_id             = "Z1"
  backups_bucket      = "example-backups"
  media_bucket        = "example-media"
  platforms = {
    production = { namespace = "g11-prod", name = "blog" }
    staging    = { namespace = "g11-stg", name = "blog" }
  }
}

run "no_policy_allows_a_wildcard_of_actions" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for p in concat(values(aws_iam_role_policy.node), values(aws_iam_role_policy.pod)) :
      [for s in jsondecode(p.policy).Statement : [for a in s.Action : !strcontains(a, "*")]]
    ]))
    error_message = "A policy allows actions by a wildcard."
  }
}

run "everything_that_changes_something_names_its_resource" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for p in concat(values(aws_iam_role_policy.node), values(aws_iam_role_policy.pod)) : [
        for s in jsondecode(p.policy).Statement : [
          for a in s.Action : startswith(split(":", a)[1], "Describe") || startswith(split(":", a)[1], "Get")
        ] if contains(s.Resource, "*")
      ]
    ]))
    error_message = "A policy changes something on every resource."
  }
}

run "workers_read_join_material_and_scripts_only" {
  command = plan

  assert {
    condition     = toset(flatten([for s in jsondecode(aws_iam_role_policy.node["worker"].policy).Statement : s.Action])) == toset(["s3:GetObject", "kms:Decrypt"])
    error_message = "Workers may do more than read."
  }

  assert {
    condition     = toset(jsondecode(aws_iam_role_policy.node["worker"].policy).Statement[0].Resource) == toset(["arn:aws:s3:::example-certs/join/worker/*", "arn:aws:s3:::example-certs/scripts/*"])
    error_message = "Workers reach other parts of the certs bucket."
  }
}

run "the_control_plane_cannot_change_scripts" {
  command = plan

  assert {
    condition = !contains(flatten([
      for s in jsondecode(aws_iam_role_policy.node["control-plane"].policy).Statement : s.Resource if contains(s.Action, "s3:PutObject")
    ]), "arn:aws:s3:::example-certs/scripts/*")
    error_message = "A control plane that was taken over could change what new nodes run."
  }

  assert {
    condition = alltrue([
      for s in jsondecode(aws_iam_role_policy.node["control-plane"].policy).Statement : !contains(s.Action, "s3:DeleteObject")
    ])
    error_message = "The control plane can delete certificates and snapshots."
  }

  assert {
    condition = alltrue(flatten([
      for p in aws_iam_role_policy.node : [for s in jsondecode(p.policy).Statement : s.Condition.StringEquals["kms:ViaService"] == "s3.eu-central-1.amazonaws.com" if startswith(s.Action[0], "kms:")]
    ]))
    error_message = "Nodes can use the key for more than the bucket."
  }
}

run "nodes_are_reached_by_the_session_manager" {
  command = plan

  assert {
    condition     = toset(keys(aws_iam_role_policy_attachment.session_manager)) == toset(["control-plane", "worker"]) && alltrue([for a in aws_iam_role_policy_attachment.session_manager : a.policy_arn == "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"])
    error_message = "A node cannot be reached, because there is no SSH."
  }

  assert {
    condition     = alltrue([for name, p in aws_iam_instance_profile.node : p.role == "blog-${name}"])
    error_message = "An instance profile has another role."
  }
}

run "a_role_is_for_its_service_accounts_only" {
  command = plan

  assert {
    condition = alltrue([
      for r in aws_iam_role.pod : jsondecode(r.assume_role_policy).Statement[0].Condition.StringEquals["example-issuer.s3.eu-central-1.amazonaws.com:aud"] == "sts.amazonaws.com"
    ])
    error_message = "A token for another audience is accepted."
  }

  assert {
    condition     = jsondecode(aws_iam_role.pod["cluster-autoscaler"].assume_role_policy).Statement[0].Condition.StringEquals["example-issuer.s3.eu-central-1.amazonaws.com:sub"] == ["system:serviceaccount:kube-system:cluster-autoscaler"]
    error_message = "Another pod can scale the cluster."
  }

  assert {
    condition     = alltrue(flatten([for accounts in output.pod_service_accounts : [for a in accounts : !strcontains(a, "*")]]))
    error_message = "A role is for every account of a namespace."
  }
}

run "the_autoscaler_scales_its_own_groups_only" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role_policy.pod["cluster-autoscaler"].policy).Statement[1].Condition.StringEquals["aws:ResourceTag/k8s.io/cluster-autoscaler/blog"] == "owned"
    error_message = "The autoscaler can scale groups of others."
  }

  assert {
    condition     = output.autoscaler_tag == "k8s.io/cluster-autoscaler/blog"
    error_message = "The output names another tag than the policy."
  }
}

run "drivers_change_only_what_they_made" {
  command = plan

  assert {
    condition = alltrue([
      for s in jsondecode(aws_iam_role_policy.pod["ebs-csi"].policy).Statement :
      try(s.Condition.StringEquals["aws:ResourceTag/KubernetesCluster"] == "blog", false)
      if length(setintersection(s.Action, ["ec2:AttachVolume", "ec2:DetachVolume", "ec2:ModifyVolume", "ec2:DeleteVolume", "ec2:DeleteSnapshot"])) > 0
    ])
    error_message = "The EBS driver can touch volumes of others."
  }

  assert {
    condition = alltrue([
      for s in jsondecode(aws_iam_role_policy.pod["efs-csi"].policy).Statement :
      try(s.Condition.StringEquals["aws:ResourceTag/efs.csi.aws.com/cluster"] == "true", false)
      if contains(s.Action, "elasticfilesystem:DeleteAccessPoint")
    ])
    error_message = "The EFS driver can delete access points of others."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.pod["efs-csi"].policy).Statement[2].Resource == ["arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/fs-1"]
    error_message = "The EFS driver makes access points on other file systems."
  }
}

run "cert_manager_answers_challenges_of_the_zone_only" {
  command = plan

  assert {
    condition     = jsondecode(aws_iam_role_policy.pod["cert-manager"].policy).Statement[2].Resource == ["arn:aws:route53:::hostedzone/Z1"]
    error_message = "cert-manager can change other zones."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.pod["cert-manager"].policy).Statement[2].Condition["ForAllValues:StringEquals"]["route53:ChangeResourceRecordSetsRecordTypes"] == ["TXT"]
    error_message = "cert-manager can change where hosts lead to."
  }
}

run "each_environment_reaches_its_own_data_only" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for environment, p in var.platforms : [
        for s in jsondecode(aws_iam_role_policy.pod["pgbackrest-${environment}"].policy).Statement : [
          for r in s.Resource : r == "arn:aws:s3:::example-backups/${p.namespace}/blog/*"
        ] if contains(s.Action, "s3:GetObject")
      ]
    ]))
    error_message = "An environment reads the backups of another."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.pod["media-staging"].policy).Statement[0].Resource == ["arn:aws:s3:::example-media/g11-stg/blog/*"]
    error_message = "Staging reaches the media of production."
  }

  assert {
    condition     = toset(output.pod_service_accounts["pgbackrest-production"]) == toset(["g11-prod:blog-db-instance", "g11-prod:blog-db-pgbackrest", "g11-prod:blog-db-repohost"])
    error_message = "The pods of backups have other ServiceAccounts."
  }

  assert {
    condition     = length(aws_iam_role.pod) == 9
    error_message = "There are not five roles of the cluster and two of each environment."
  }
}

run "the_issuer_s_documents_are_public_and_nothing_else" {
  command = plan

  assert {
    condition     = toset(jsondecode(aws_s3_bucket_policy.issuer.policy).Statement[0].Resource) == toset(["arn:aws:s3:::example-issuer/.well-known/openid-configuration", "arn:aws:s3:::example-issuer/openid/v1/jwks"]) && jsondecode(aws_s3_bucket_policy.issuer.policy).Statement[0].Action == ["s3:GetObject"]
    error_message = "More than two documents is public, or they can be more than read."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.issuer.policy).Statement[2].Condition.ArnNotEquals["aws:PrincipalArn"] == output.node_role_arns["control-plane"]
    error_message = "Somebody else than the control plane can replace the keys, and so be any pod."
  }

  assert {
    condition     = aws_iam_openid_connect_provider.cluster.url == output.issuer && tolist(aws_iam_openid_connect_provider.cluster.client_id_list) == tolist(["sts.amazonaws.com"])
    error_message = "AWS trusts another issuer than the API server is."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.issuer.block_public_acls && !aws_s3_bucket_public_access_block.issuer.block_public_policy
    error_message = "Access lists are in force, or the documents cannot be public."
  }
}

run "without_github_there_is_no_role_for_ci" {
  command = plan

  assert {
    condition     = length(aws_iam_openid_connect_provider.github) + length(aws_iam_role.ci) + length(aws_iam_role_policy.ci) + length(aws_iam_role_policy_attachment.ci) == 0 && output.ci_role_arn == null
    error_message = "Something of CI is there."
  }
}

run "ci_plans_from_the_named_refs_only" {
  command = plan

  variables {
    github = { repository = "acme/infra", refs = ["refs/heads/main"] }
    state  = { bucket = "example-state", key = "blog.tfstate", kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/state" }
  }

  assert {
    condition     = jsondecode(aws_iam_role.ci[0].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"] == ["repo:acme/infra:ref:refs/heads/main"]
    error_message = "Other repositories or branches can take the role."
  }

  assert {
    condition     = aws_iam_role_policy_attachment.ci[0].policy_arn == "arn:aws:iam::aws:policy/SecurityAudit"
    error_message = "CI reads data, or changes something."
  }

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.ci[0].policy).Statement : s.Resource[0] if contains(s.Action, "s3:PutObject")
    ][0] == "arn:aws:s3:::example-state/blog.tfstate.tflock"
    error_message = "CI writes more than the lock."
  }
}
