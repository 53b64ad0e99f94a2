output "porkbun_steps" {
  description = "What to enter at Porkbun."
  value       = module.dns.porkbun_steps
}

output "api_endpoint" {
  description = "Address of the Kubernetes API within the VPC."
  value       = module.cluster.api_endpoint
}

output "control_plane_instance_ids" {
  description = "Control plane nodes, for sessions: aws ssm start-session --target ID."
  value       = module.cluster.control_plane_instance_ids
}

output "file_system_id" {
  description = "EFS file system, for the StorageClass efs-sc."
  value       = module.storage.file_system_id
}

output "volume_kms_key_arn" {
  description = "Key that encrypts volumes, for the StorageClass gp3."
  value       = module.cluster.kms_key_arn
}

output "bucket_names" {
  description = "Buckets for backups and media."
  value       = module.storage.bucket_names
}

output "pod_role_arns" {
  description = "Roles of ServiceAccounts."
  value       = module.identity.pod_role_arns
}

output "node_ports" {
  description = "NodePorts that the ingress gateway must have."
  value       = module.ingress.node_ports
}

output "ci_role_arn" {
  description = "Role that GitHub workflows take. Null without github."
  value       = module.identity.ci_role_arn
}

output "monthly_costs" {
  description = "US dollars a month by what they are for, without traffic, requests, growing storage and taxes."
  value       = merge({ for purpose, dollars in local.monthly_costs : purpose => format("%.2f", dollars) }, { total = format("%.2f", local.monthly_cost) })

  precondition {
    condition     = local.monthly_cost <= var.monthly_cost_ceiling
    error_message = "A month would cost ${format("%.2f", local.monthly_cost)} US dollars, more than monthly_cost_ceiling (${var.monthly_cost_ceiling})."
  }

  precondition {
    condition     = length(local.unpriced) == 0
    error_message = "control_plane and workers name instance types without a price in costs.tf: ${join(", ", local.unpriced)}. Add them, or monthly_cost_ceiling says nothing."
  }
}
