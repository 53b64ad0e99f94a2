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
  description = "Public subnet of each zone."

  validation {
    condition     = length(var.subnet_ids) == 3 && alltrue([for id in values(var.subnet_ids) : startswith(id, "subnet-")])
    error_message = "subnet_ids must have the id of a subnet in three zones."
  }
}

variable "worker_security_group_id" {
  type        = string
  description = "Security group of the workers: the only ones that the load balancer connects to."

  validation {
    condition     = can(regex("^sg-[0-9a-f]+$", var.worker_security_group_id))
    error_message = "worker_security_group_id must be the id of a security group, such as sg-0a1b2c3d."
  }
}

variable "node_ports" {
  type        = object({ http = number, https = number })
  description = "NodePorts of the ingress gateway."
  default     = { http = 30080, https = 30443 }

  validation {
    condition     = alltrue([for p in [var.node_ports.http, var.node_ports.https] : p >= 30000 && p <= 32767])
    error_message = "node_ports must be from 30000 to 32767, the NodePorts of Kubernetes."
  }

  validation {
    condition     = var.node_ports.http != var.node_ports.https
    error_message = "node_ports must differ: plain HTTP and HTTPS are two ports of the gateway."
  }
}

variable "allowed_cidrs" {
  type        = set(string)
  description = "Networks that may reach the blogs."
  default     = ["0.0.0.0/0"]

  validation {
    condition     = length(var.allowed_cidrs) > 0 && alltrue([for c in var.allowed_cidrs : can(cidrhost(c, 0))])
    error_message = "allowed_cidrs must hold at least one network, such as 0.0.0.0/0."
  }
}

variable "tls_at" {
  type        = string
  description = "Where TLS ends: gateway (at the Istio gateway, end to end) or nlb (at the load balancer with certificate_arn, encrypted again to the gateway)."
  default     = "gateway"

  validation {
    condition     = contains(["gateway", "nlb"], var.tls_at)
    error_message = "tls_at must be gateway or nlb."
  }
}

variable "certificate_arn" {
  type        = string
  description = "Certificate of AWS Certificate Manager, for tls_at = nlb only."
  default     = null

  validation {
    condition     = var.certificate_arn == null ? true : can(regex("^arn:aws[a-z-]*:acm:", var.certificate_arn))
    error_message = "certificate_arn must be the ARN of a certificate of AWS Certificate Manager, or null."
  }
}

variable "access_log_bucket" {
  type        = string
  description = "Bucket for the load balancer's access log. AWS writes one for tls_at = nlb only: of connections that it passes on it knows nothing. No log if null."
  default     = null

  validation {
    condition     = var.access_log_bucket == null ? true : can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.access_log_bucket))
    error_message = "access_log_bucket must be the name of a bucket, or null."
  }
}

variable "deletion_protection" {
  type        = bool
  description = "Whether AWS refuses to delete the load balancer. Set it to false and apply before the load balancer is destroyed."
  default     = true
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
