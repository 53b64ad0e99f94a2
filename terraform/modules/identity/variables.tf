variable "name" {
  type        = string
  description = "Name of the cluster, and first part of the name of every resource."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name must have 2 to 20 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "region" {
  type        = string
  description = "Region of the cluster, such as eu-central-1."

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as eu-central-1."
  }
}

variable "issuer_bucket" {
  type        = string
  description = "Name of the public bucket for the two documents by which AWS checks the tokens of pods, unique in all of AWS."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.issuer_bucket))
    error_message = "issuer_bucket must have 3 to 63 lower-case letters, digits and hyphens (no dots: AWS's certificate would not match), and begin and end with a letter or digit."
  }
}

variable "certs_bucket" {
  type        = string
  description = "Name of the bucket for certificates, join material and scripts, which the module cluster makes."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.certs_bucket))
    error_message = "certs_bucket must have 3 to 63 lower-case letters, digits and hyphens, and begin and end with a letter or digit."
  }
}

variable "certs_kms_key_arn" {
  type        = string
  description = "Key that encrypts the certs bucket."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.certs_kms_key_arn))
    error_message = "certs_kms_key_arn must be the ARN of a key of KMS."
  }
}

variable "storage_kms_key_arn" {
  type        = string
  description = "Key that encrypts the file system and the buckets for backups and media."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.storage_kms_key_arn))
    error_message = "storage_kms_key_arn must be the ARN of a key of KMS."
  }
}

variable "ebs_kms_key_arn" {
  type        = string
  description = "Key that encrypts volumes."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:kms:", var.ebs_kms_key_arn))
    error_message = "ebs_kms_key_arn must be the ARN of a key of KMS."
  }
}

variable "file_system_arn" {
  type        = string
  description = "The EFS file system that pods mount."

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:elasticfilesystem:", var.file_system_arn))
    error_message = "file_system_arn must be the ARN of an EFS file system."
  }
}

variable "zone_id" {
  type        = string
  description = "The Route 53 zone in which cert-manager answers DNS-01 challenges."

  validation {
    condition     = can(regex("^Z[A-Z0-9]+$", var.zone_id))
    error_message = "zone_id must be the id of a Route 53 zone, such as Z0123456789."
  }
}


variable "backups_bucket" {
  type        = string
  description = "Name of the bucket for backups of PostgreSQL."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.backups_bucket))
    error_message = "backups_bucket must be the name of a bucket."
  }
}

variable "media_bucket" {
  type        = string
  description = "Name of the bucket for media."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.media_bucket))
    error_message = "media_bucket must be the name of a bucket."
  }
}

variable "platforms" {
  type        = map(object({ namespace = string, name = string }))
  description = "The BlogPlatforms, by environment: namespace and name of each. Each gets roles of its own, for its own part of the buckets."

  validation {
    condition     = length(var.platforms) > 0 && alltrue([for p in values(var.platforms) : can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", p.namespace)) && can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", p.name))])
    error_message = "platforms must have at least one entry, with the namespace and the name of a BlogPlatform."
  }

  validation {
    condition     = length(distinct([for p in values(var.platforms) : "${p.namespace}/${p.name}"])) == length(var.platforms)
    error_message = "platforms must not name one BlogPlatform twice: two environments would share their data."
  }
}

variable "github" {
  type = object({
    repository = string
    refs       = list(string)
  })
  description = "The GitHub repository (owner/name) whose workflows on these refs, such as refs/heads/main, may plan. No role for CI if null."
  default     = null

  validation {
    condition     = var.github == null ? true : can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.github.repository))
    error_message = "github must name a repository as owner/name."
  }

  validation {
    condition     = var.github == null ? true : length(var.github.refs) > 0 && alltrue([for r in var.github.refs : startswith(r, "refs/") && !strcontains(r, "*")])
    error_message = "github must name whole refs such as refs/heads/main: with a * any branch of anybody with write access could plan."
  }
}

variable "state" {
  type        = object({ bucket = string, key = string, kms_key_arn = string })
  description = "State that the role for CI reads and locks: bucket, key of the object and KMS key. Needed with github only."
  default     = null

  validation {
    condition     = var.state == null ? true : can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.state.bucket)) && !startswith(var.state.key, "/") && startswith(var.state.kms_key_arn, "arn:")
    error_message = "state must have the name of a bucket, a key that does not begin with /, and the ARN of a KMS key."
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
