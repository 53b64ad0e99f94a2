variable "domain" {
  type        = string
  description = "Domain of the zone, as it is registered, such as example.com."

  validation {
    condition     = can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain must be a domain in lower case, such as example.com, without a dot at the end."
  }
}

variable "hosts" {
  type        = map(list(string))
  description = "Hosts of each environment, by its name. Each gets records that lead to the load balancer."

  validation {
    condition     = alltrue([for hosts in values(var.hosts) : length(hosts) > 0])
    error_message = "hosts must have at least one host for each environment."
  }

  validation {
    condition     = length(flatten(values(var.hosts))) == length(distinct(flatten(values(var.hosts))))
    error_message = "hosts must not name one host twice: two environments cannot share it."
  }

  validation {
    condition     = alltrue([for h in flatten(values(var.hosts)) : can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", h))])
    error_message = "hosts must be host names in lower case, without a dot at the end."
  }
}

variable "load_balancer" {
  type        = object({ dns_name = string, zone_id = string })
  description = "The load balancer that the hosts lead to: its DNS name, and the zone that AWS gives it."

  validation {
    condition     = can(regex("^[a-z0-9.-]+\\.[a-z]+$", var.load_balancer.dns_name)) && can(regex("^Z[A-Z0-9]+$", var.load_balancer.zone_id))
    error_message = "load_balancer must have the dns_name and the zone_id of a load balancer."
  }
}

variable "caa_issuers" {
  type        = set(string)
  description = "Authorities that may issue certificates for the domain. With a certificate of AWS at the load balancer, amazon.com must be one. Empty for no CAA record: any may."
  default     = ["letsencrypt.org"]

  validation {
    condition     = alltrue([for i in var.caa_issuers : can(regex("^[a-z0-9.-]+\\.[a-z]{2,}$", i))])
    error_message = "caa_issuers must hold the domains of authorities, such as letsencrypt.org."
  }
}

variable "caa_contact" {
  type        = string
  description = "Mail address to which authorities report requests that they refused. None if null."
  default     = null

  validation {
    condition     = var.caa_contact == null ? true : can(regex("^[^@ ]+@[^@ ]+\\.[a-z]{2,}$", var.caa_contact))
    error_message = "caa_contact must be a mail address, or null."
  }
}

variable "dnssec" {
  type        = bool
  description = "Whether the zone is signed. Enter the DS record at the registrar after the name servers, and remove it there a day before this is set back."
  default     = false
}

variable "certificate" {
  type        = bool
  description = "Whether AWS Certificate Manager makes a certificate of all hosts, for TLS at the load balancer."
  default     = false
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
