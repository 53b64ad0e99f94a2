variable "name" {
  type        = string
  description = "Name of the cluster."
  default     = "blog"
}

variable "region" {
  type        = string
  description = "Region of the cluster, such as eu-central-1."
}

variable "availability_zones" {
  type        = list(string)
  description = "Three zones of the region."

  validation {
    condition     = alltrue([for zone in var.availability_zones : startswith(zone, var.region)])
    error_message = "availability_zones must be zones of region."
  }
}

variable "nat" {
  type        = string
  description = "How nodes reach the internet: gateway, gateway_per_zone, instance or none."
  default     = "instance"
}

variable "bucket_prefix" {
  type        = string
  description = "First part of the names of all buckets, unique in all of AWS."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,52}[a-z0-9]$", var.bucket_prefix))
    error_message = "bucket_prefix must have 3 to 54 lower-case letters, digits and hyphens, and begin and end with a letter or digit."
  }
}

variable "domain" {
  type        = string
  description = "Domain that is registered at Porkbun, such as example.com."
}

variable "environments" {
  type = map(object({
    namespace = string
    platform  = optional(string, "blog")
    hosts     = list(string)
  }))
  description = "The BlogPlatforms: namespace, name and hosts of each."
}

variable "tls_at" {
  type        = string
  description = "Where TLS ends: gateway or nlb."
  default     = "gateway"
}

variable "dnssec" {
  type        = bool
  description = "Whether the zone is signed."
  default     = false
}

variable "control_plane" {
  type = object({
    count         = optional(number, 1)
    instance_type = optional(string, "t4g.medium")
    etcd_gb       = optional(number, 20)
  })
  description = "The control plane: one or three nodes, their type, and the size of etcd's volume."
  default     = {}
}

variable "workers" {
  type = map(object({
    instance_type = string
    min           = number
    max           = number
    disk_gb       = optional(number, 100)
    labels        = optional(map(string), {})
  }))
  description = "Groups of workers; min and max count in every zone."
  default     = { general = { instance_type = "t4g.large", min = 1, max = 3, disk_gb = 50 } }
}

variable "bootstrap_manifests" {
  type        = map(string)
  description = "Files, relative to this folder, that are applied when the cluster is made, in the order of their names: network, cloud controller, Argo CD."
  default     = {}

  validation {
    condition     = alltrue([for path in values(var.bootstrap_manifests) : fileexists(path)])
    error_message = "bootstrap_manifests must name files that exist."
  }
}

variable "github" {
  type        = object({ repository = string, refs = list(string), state_kms_key_arn = string, state_bucket = string })
  description = "GitHub repository and refs whose workflows may plan, and the state's bucket and key, of the root bootstrap. None if null."
  default     = null
}

variable "monthly_cost_ceiling" {
  type        = number
  description = "US dollars that the fixed part of a month may cost. A plan above it is refused."
  default     = 300

  validation {
    condition     = var.monthly_cost_ceiling > 0
    error_message = "monthly_cost_ceiling must be more than 0."
  }
}

variable "tags" {
  type        = map(string)
  description = "Tags of every resource."
  default     = {}
}
