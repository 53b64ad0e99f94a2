variable "bucket" {
  type        = string
  description = "Name of the bucket for state, unique in all of AWS."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket must have 3 to 63 lower-case letters, digits and hyphens, and begin and end with a letter or digit."
  }
}

variable "noncurrent_days" {
  type        = number
  description = "Days after which versions of the state that were replaced are deleted."
  default     = 90

  validation {
    condition     = var.noncurrent_days >= 30 && var.noncurrent_days <= 3650
    error_message = "noncurrent_days must be from 30 to 3650."
  }
}

variable "access_log_bucket" {
  type        = string
  description = "Bucket that takes the access log of the state, in the same region and account. No log if null."
  default     = null

  validation {
    condition     = var.access_log_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.access_log_bucket))
    error_message = "access_log_bucket must be the name of a bucket, or null."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags of every resource."
  default     = {}

  validation {
    condition     = length(var.tags) <= 40 && alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "tags must be 40 at most (modules add some of their own), and none may begin with aws:."
  }
}
