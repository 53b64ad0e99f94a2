output "backend" {
  description = "Arguments of tofu init in the other roots, as a file for -backend-config."
  value       = "bucket = \"${module.state.bucket}\"\nregion = \"${var.region}\"\n"
}

output "kms_key_arn" {
  description = "Key that encrypts the state, for the rights of CI."
  value       = module.state.kms_key_arn
}
