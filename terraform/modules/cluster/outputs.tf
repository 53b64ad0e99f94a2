output "api_endpoint" {
  description = "Address of the Kubernetes API within the VPC."
  value       = local.endpoint
}

output "worker_security_group_id" {
  description = "Security group of the workers, for load balancer and file system."
  value       = aws_security_group.this["worker"].id
}

output "kms_key_arn" {
  description = "Key that encrypts volumes and the certs bucket."
  value       = aws_kms_key.this.arn
}

output "certs_bucket_policy" {
  description = "Policy of the certs bucket, as JSON. Tests compare it with what the nodes' roles may do."
  value       = aws_s3_bucket_policy.certs.policy
}

output "autoscaler_tags" {
  description = "Tags of each Auto Scaling Group that the autoscaler reads."
  value       = local.autoscaler_tags
}

output "control_plane_instance_ids" {
  description = "Control plane nodes, for sessions: aws ssm start-session --target ID."
  value       = [for node in aws_instance.control_plane : node.id]
}

output "user_data" {
  description = "User data of the nodes before compression, for checks by cloud-init, kubeadm and shellcheck."
  value       = merge({ for i, text in local.control_plane_user_data : "control-plane-${i}" => text }, { for name, text in local.worker_user_data : "worker-${name}" => text })
}

output "kubeadm_configurations" {
  description = "What kubeadm is given on the nodes, for checks by kubeadm."
  value = merge(
    { for i, text in local.kubeadm_init : "init-${i}" => text },
    { for i, text in local.kubeadm_join : "join-${i}" => text },
    { for name, text in local.kubeadm_join_worker : "join-worker-${name}" => text },
  )
}
