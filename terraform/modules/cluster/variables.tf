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

variable "kubernetes_version" {
  type        = string
  description = "Version of Kubernetes, without v."
  default     = "1.37.2"

  validation {
    condition     = can(regex("^1\\.(3[6-9]|[4-9][0-9])\\.[0-9]+$", var.kubernetes_version))
    error_message = "kubernetes_version must be a whole version from 1.36, such as 1.37.2."
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

variable "vpc_cidr" {
  type        = string
  description = "Addresses of the VPC."

  validation {
    condition     = can(cidrhost(var.vpc_cidr, 0))
    error_message = "vpc_cidr must be a network, such as 10.0.0.0/16."
  }
}

variable "subnets" {
  type        = map(object({ id = string, cidr = string }))
  description = "Private subnet of each zone: its id and its addresses."

  validation {
    condition     = length(var.subnets) == 3 && alltrue([for s in values(var.subnets) : can(cidrhost(s.cidr, 10))])
    error_message = "subnets must have three zones, and a network such as 10.0.64.0/18 for each."
  }
}

variable "pod_cidr" {
  type        = string
  description = "Addresses of pods."
  default     = "10.244.0.0/16"

  validation {
    condition     = can(cidrhost(var.pod_cidr, 0))
    error_message = "pod_cidr must be a network, such as 10.244.0.0/16."
  }
}

variable "service_cidr" {
  type        = string
  description = "Addresses of Services."
  default     = "10.96.0.0/16"

  validation {
    condition     = can(cidrhost(var.service_cidr, 0)) && try(tonumber(split("/", var.service_cidr)[1]) >= 12, false)
    error_message = "service_cidr must be a network of at most /12, such as 10.96.0.0/16."
  }
}

variable "architecture" {
  type        = string
  description = "Processor of all nodes: arm64 or amd64."
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "amd64"], var.architecture)
    error_message = "architecture must be arm64 or amd64."
  }
}

variable "ami_id" {
  type        = string
  description = "Machine image of all nodes. Amazon Linux 2023 of the day if null; name one for nodes that are alike until you say otherwise, and where nodes have no way to the internet."
  default     = null

  validation {
    condition     = var.ami_id == null ? true : can(regex("^ami-[0-9a-f]{8,17}$", var.ami_id))
    error_message = "ami_id must be the id of a machine image, or null."
  }
}

variable "control_plane" {
  type = object({
    count         = optional(number, 1)
    instance_type = optional(string, "t4g.medium")
    etcd_gb       = optional(number, 20)
  })
  description = "The control plane: one or three nodes, their type, and the size of the volume that etcd's data lies on."
  default     = {}

  validation {
    condition     = contains([1, 3], var.control_plane.count)
    error_message = "control_plane must have a count of 1 or 3: with two, etcd stops when either fails."
  }

  validation {
    condition     = var.control_plane.etcd_gb >= 10 && var.control_plane.etcd_gb <= 100
    error_message = "control_plane must have etcd_gb from 10 to 100."
  }
}

variable "workers" {
  type = map(object({
    instance_type = string
    min           = number
    max           = number
    disk_gb       = optional(number, 100)
    labels        = optional(map(string), {})
  }))
  description = "Groups of workers. Each gets an Auto Scaling Group in every zone, with min and max nodes there: the autoscaler can then add a node in the zone where a volume lies."

  validation {
    condition     = length(var.workers) > 0 && alltrue([for name in keys(var.workers) : can(regex("^[a-z][a-z0-9]{0,15}$", name))])
    error_message = "workers must have at least one group, named with at most 16 lower-case letters and digits."
  }

  validation {
    condition     = alltrue([for g in values(var.workers) : g.min >= 0 && g.max >= 1 && g.min <= g.max && g.max <= 100])
    error_message = "workers must have min from 0 to max, and max from 1 to 100."
  }

  validation {
    condition     = alltrue([for g in values(var.workers) : g.disk_gb >= 30 && g.disk_gb <= 1000])
    error_message = "workers must have disk_gb from 30 to 1000."
  }

  validation {
    condition     = alltrue(flatten([for g in values(var.workers) : [for k, v in g.labels : can(regex("^[A-Za-z0-9][A-Za-z0-9./_-]*$", k)) && can(regex("^[A-Za-z0-9._-]*$", v))]]))
    error_message = "workers must have labels that Kubernetes takes."
  }
}

variable "instance_profiles" {
  type        = object({ control-plane = string, worker = string })
  description = "Instance profiles of the nodes, of the module identity."

  validation {
    condition     = alltrue([for name in values(var.instance_profiles) : can(regex("^[A-Za-z0-9+=,.@_-]+$", name))])
    error_message = "instance_profiles must hold names of instance profiles, not ARNs."
  }
}

variable "node_role_arns" {
  type        = object({ control-plane = string, worker = string })
  description = "Roles of the nodes, of the module identity: the only ones that the certs bucket gives certificates and join material to."

  validation {
    condition     = alltrue([for arn in values(var.node_role_arns) : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^*]+$", arn))])
    error_message = "node_role_arns must hold ARNs of roles, without *."
  }
}

variable "administrator_role_arns" {
  type        = list(string)
  description = "Roles of people who may read certificates and snapshots in an emergency. None by default: who administers the account can change the bucket's policy, which is then seen."
  default     = []

  validation {
    condition     = alltrue([for a in var.administrator_role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^*]+$", a))])
    error_message = "administrator_role_arns must hold ARNs of roles, without *."
  }
}

variable "certs_bucket" {
  type        = string
  description = "Name of the bucket for certificates, join material, snapshots of etcd and scripts, unique in all of AWS."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.certs_bucket))
    error_message = "certs_bucket must have 3 to 63 lower-case letters, digits and hyphens, and begin and end with a letter or digit."
  }
}

variable "etcd_snapshot_days" {
  type        = number
  description = "Days that snapshots of etcd are kept. One is made every six hours."
  default     = 14

  validation {
    condition     = var.etcd_snapshot_days >= 1 && var.etcd_snapshot_days <= 90
    error_message = "etcd_snapshot_days must be from 1 to 90: a snapshot holds every secret of its day."
  }
}

variable "issuer" {
  type        = object({ url = string, bucket = string })
  description = "Issuer of the tokens of pods, and the bucket for its two documents, of the module identity."

  validation {
    condition     = startswith(var.issuer.url, "https://")
    error_message = "issuer must have a url that begins with https://."
  }
}

variable "target_group_arns" {
  type        = map(string)
  description = "Target groups of the load balancer that workers register with, of the module ingress."

  validation {
    condition     = alltrue([for arn in values(var.target_group_arns) : can(regex("^arn:aws[a-z-]*:elasticloadbalancing:.*:targetgroup/", arn))])
    error_message = "target_group_arns must hold ARNs of target groups."
  }
}

variable "bootstrap_manifests" {
  type        = map(string)
  description = "Manifests that are applied in the order of their names when the cluster is made: what must be there before GitOps can run, such as 10-calico, 20-cloud-controller and 30-argo-cd."
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.bootstrap_manifests) : can(regex("^[0-9]{2}-[a-z0-9-]+$", name))])
    error_message = "bootstrap_manifests must have names with two digits in front, such as 10-calico."
  }
}

variable "egress_ports" {
  type        = set(number)
  description = "Ports on which nodes and pods reach the internet."
  default     = [443]

  validation {
    condition     = contains(var.egress_ports, 443) && alltrue([for p in var.egress_ports : p >= 1 && p <= 65535 && p != 22])
    error_message = "egress_ports must hold 443, which nodes need to become nodes, and not 22."
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
