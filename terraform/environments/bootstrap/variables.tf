variable "region" {
  type        = string
  description = "Region of the bucket, such as eu-central-1."

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as eu-central-1."
  }
}

variable "bucket" {
  type        = string
  description = "Name of the bucket for state, unique in all of AWS."
}
