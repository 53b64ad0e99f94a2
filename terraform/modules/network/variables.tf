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
  description = "Region of the VPC, such as eu-central-1."

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region must be the name of an AWS region, such as eu-central-1."
  }
}

variable "cidr" {
  type        = string
  description = "Addresses of the VPC. Must not overlap with those of pods and Services."
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(cidrhost(var.cidr, 0) == split("/", var.cidr)[0], false)
    error_message = "cidr must be the first address of a network and its prefix, such as 10.0.0.0/16."
  }

  validation {
    condition     = try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "cidr must have a prefix from /16 to /20: three zones with two subnets each lie in it."
  }
}

variable "reserved_cidrs" {
  type        = map(string)
  description = "Networks that the VPC must not overlap with, by what they are for: those of pods and Services, and what is to be peered."
  default     = { pods = "10.244.0.0/16", services = "10.96.0.0/16" }

  validation {
    condition     = alltrue([for c in values(var.reserved_cidrs) : can(cidrhost(c, 0))])
    error_message = "reserved_cidrs must hold networks, such as 10.244.0.0/16."
  }
}

variable "availability_zones" {
  type        = list(string)
  description = "The three zones with a public and a private subnet each. Adding to the end changes nothing that exists."

  validation {
    condition     = length(var.availability_zones) == 3 && length(distinct(var.availability_zones)) == 3
    error_message = "availability_zones must name three different zones: etcd needs an odd number of them, and one may fail."
  }
}

variable "nat" {
  type        = string
  description = "How private subnets reach the internet: gateway (one, in the first zone), gateway_per_zone, instance (one small EC2 instance), or none (AWS services by interface endpoints only)."
  default     = "gateway"

  validation {
    condition     = contains(["gateway", "gateway_per_zone", "instance", "none"], var.nat)
    error_message = "nat must be gateway, gateway_per_zone, instance or none."
  }
}

variable "nat_instance_type" {
  type        = string
  description = "Type of the NAT instance, with an arm64 processor."
  default     = "t4g.nano"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*g[a-z]*\\.[a-z0-9]+$", var.nat_instance_type))
    error_message = "nat_instance_type must be a type with an arm64 processor, such as t4g.nano."
  }
}

variable "interface_endpoints" {
  type        = set(string)
  description = "AWS services that get an interface endpoint, such as ecr.api. With nat = none those that nodes cannot live without are added."
  default     = []

  validation {
    condition     = alltrue([for s in var.interface_endpoints : can(regex("^[a-z0-9.-]+$", s)) && s != "s3"])
    error_message = "interface_endpoints must hold short names such as ecr.api; S3 has a gateway endpoint already."
  }
}

variable "flow_log_days" {
  type        = number
  description = "Days that flow logs of the VPC are kept; 0 for no flow logs."
  default     = 90

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400], var.flow_log_days)
    error_message = "flow_log_days must be one of 0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365 and 400 (what CloudWatch Logs takes)."
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
