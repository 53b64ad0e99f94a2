output "bucket" {
  description = "Name of the bucket, for the backend of every other root."
  value       = aws_s3_bucket.state.bucket
}

output "kms_key_arn" {
  description = "Key that encrypts the state."
  value       = aws_kms_key.state.arn
}
