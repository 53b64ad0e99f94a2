output "issuer" {
  description = "Issuer of the tokens of pods, for the API server."
  value       = "https://${local.issuer_host}"
}

output "issuer_bucket" {
  description = "Bucket that the control plane writes the issuer's documents to."
  value       = aws_s3_bucket.issuer.bucket
}

output "instance_profiles" {
  description = "Instance profiles of the nodes: control-plane and worker."
  value       = { for name, profile in aws_iam_instance_profile.node : name => profile.name }
}

output "node_role_arns" {
  description = "Roles of the nodes: control-plane and worker."
  value       = { for name in keys(local.node_policies) : name => "arn:${local.partition}:iam::${local.account}:role/${var.name}-${name}" }
}

output "node_policies" {
  description = "What the roles of the nodes may do, as JSON. Tests compare it with the policy of the certs bucket."
  value       = { for name, policy in aws_iam_role_policy.node : name => policy.policy }
}

output "pod_role_arns" {
  description = "Roles of ServiceAccounts, for their annotation eks.amazonaws.com/role-arn or AWS_ROLE_ARN."
  value       = { for name in keys(local.pod_roles) : name => "arn:${local.partition}:iam::${local.account}:role/${var.name}-${name}" }
}

output "pod_service_accounts" {
  description = "ServiceAccounts (namespace:name) that may take each role."
  value       = { for name, role in local.pod_roles : name => role.accounts }
}

output "autoscaler_tag" {
  description = "Tag of the Auto Scaling Groups that the autoscaler may scale, with the value owned."
  value       = local.autoscaler_tag
}

output "ci_role_arn" {
  description = "Role that GitHub workflows take. Null without github."
  value       = one(aws_iam_role.ci[*].arn)
}
