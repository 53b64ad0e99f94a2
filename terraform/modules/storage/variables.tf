variable "name" {
  type        = string
  description = "Name of the cluster, and first part of the name of every resource."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,18}[a-z0-9]$", var.name))
    error_message = "name must have 2 to 20 lower-case letters, digits and hyphens, begin with a letter and not end with a hyphen."
  }
}

variable "vpc_id" {
  type        = string
  description = "The VPC."

  validation {
    condition     = can(regex("^vpc-[0-9a-f]+$", var.vpc_id))
    error_message = "vpc_id must be the id of a VPC, such as vpc-0a1b2c3d."
  }
}

variable "subnet_ids" {
  type        = map(string)
  description = "Private subnet of each zone. Each gets a mount target of the file system."

  validation {
    condition     = length(var.subnet_ids) == 3 && alltrue([for id in values(var.subnet_ids) : startswith(id, "subnet-")])
    error_message = "subnet_ids must have the id of a subnet in three zones: a node without a mount target in its zone mounts nothing."
  }
}

variable "client_security_groups" {
  type        = map(string)
  description = "Security groups of the nodes that mount the file system, by what they are."

  validation {
    condition     = length(var.client_security_groups) > 0
    error_message = "client_security_groups must name a group: nobody could mount the file system."
  }
}

variable "access_points" {
  type = map(object({
    path        = string
    uid         = number
    gid         = number
    permissions = optional(string, "0750")
  }))
  description = "Access points for volumes that are not made by the CSI driver: path, owner and permissions of each."
  default     = {}

  validation {
    condition     = alltrue([for p in values(var.access_points) : startswith(p.path, "/") && p.path != "/"])
    error_message = "access_points must have absolute paths other than /."
  }

  validation {
    condition     = alltrue([for p in values(var.access_points) : p.uid > 0 && p.gid > 0])
    error_message = "access_points must have a uid and a gid other than those of root."
  }

  validation {
    condition     = alltrue([for p in values(var.access_points) : can(regex("^0[0-7]{2}0$", p.permissions))])
    error_message = "access_points must have octal permissions that let others do nothing, such as 0750."
  }
}

variable "bucket_prefix" {
  type        = string
  description = "First part of the names of the buckets, unique in all of AWS: -backups and -media are appended."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,52}[a-z0-9]$", var.bucket_prefix))
    error_message = "bucket_prefix must have 3 to 54 lower-case letters, digits and hyphens, and begin and end with a letter or digit."
  }
}

variable "noncurrent_days" {
  type        = object({ backups = number, media = number })
  description = "Days after which deleted or replaced objects are gone for good."
  default     = { backups = 30, media = 90 }

  validation {
    condition     = var.noncurrent_days.backups >= 7 && var.noncurrent_days.media >= 7
    error_message = "noncurrent_days must be at least 7 each: that is how long a wrong delete can be undone."
  }
}

variable "replication" {
  type = map(object({
    bucket_arn  = string
    kms_key_arn = string
  }))
  description = "Where the buckets backups and media are copied to, such as another region: a versioned bucket and a key there. A bucket without an entry is not copied."
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.replication), ["backups", "media"])) == 0
    error_message = "replication must name no other buckets than backups and media."
  }

  validation {
    condition     = alltrue([for r in values(var.replication) : can(regex("^arn:aws[a-z-]*:s3:::[a-z0-9.-]+$", r.bucket_arn)) && can(regex("^arn:aws[a-z-]*:kms:", r.kms_key_arn))])
    error_message = "replication must give the ARN of a bucket and that of a key."
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
