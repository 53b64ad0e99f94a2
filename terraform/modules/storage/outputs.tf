output "file_system_id" {
  description = "The file system, for the StorageClass efs-sc."
  value       = aws_efs_file_system.this.id
}

output "file_system_arn" {
  description = "The file system, for the rights of the EFS CSI driver."
  value       = aws_efs_file_system.this.arn
}

output "access_point_ids" {
  description = "Access point of each entry of access_points."
  value       = { for name, point in aws_efs_access_point.this : name => point.id }
}

output "bucket_names" {
  description = "Names of the buckets backups and media."
  value       = local.buckets
}

output "kms_key_arn" {
  description = "Key that encrypts file system and buckets."
  value       = aws_kms_key.this.arn
}
