provider "aws" {
  region = var.region

  default_tags {
    tags = { ManagedBy = "terraform", Root = "example" }
  }
}

# Route 53 takes keys for DNSSEC from this region only.
provider "aws" {
  alias  = "us_east_1"
  region = "us-east-1"

  default_tags {
    tags = { ManagedBy = "terraform", Root = "example" }
  }
}

locals {
  pod_cidr     = "10.244.0.0/16"
  service_cidr = "10.96.0.0/16"
  certs_bucket = "${var.bucket_prefix}-certs"
}

module "network" {
  source = "../../modules/network"

  name               = var.name
  region             = var.region
  availability_zones = var.availability_zones
  nat                = var.nat
  reserved_cidrs     = { pods = local.pod_cidr, services = local.service_cidr }
  tags               = var.tags
}

module "storage" {
  source = "../../modules/storage"

  name                   = var.name
  vpc_id                 = module.network.vpc_id
  subnet_ids             = module.network.private_subnet_ids
  client_security_groups = { workers = module.cluster.worker_security_group_id }
  bucket_prefix          = var.bucket_prefix
  tags                   = var.tags
}

module "dns" {
  source = "../../modules/dns"

  providers = {
    aws           = aws
    aws.us_east_1 = aws.us_east_1
  }

  domain        = var.domain
  hosts         = { for environment, e in var.environments : environment => e.hosts }
  load_balancer = module.ingress.load_balancer
  caa_issuers   = var.tls_at == "nlb" ? ["letsencrypt.org", "amazon.com"] : ["letsencrypt.org"]
  certificate   = var.tls_at == "nlb"
  dnssec        = var.dnssec
  tags          = var.tags
}

module "ingress" {
  source = "../../modules/ingress"

  name                     = var.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.public_subnet_ids
  worker_security_group_id = module.cluster.worker_security_group_id
  tls_at                   = var.tls_at
  certificate_arn          = module.dns.certificate_arn
  tags                     = var.tags
}

module "identity" {
  source = "../../modules/identity"

  name                = var.name
  region              = var.region
  issuer_bucket       = "${var.bucket_prefix}-issuer"
  certs_bucket        = local.certs_bucket
  certs_kms_key_arn   = module.cluster.kms_key_arn
  ebs_kms_key_arn     = module.cluster.kms_key_arn
  storage_kms_key_arn = module.storage.kms_key_arn
  file_system_arn     = module.storage.file_system_arn
  backups_bucket      = module.storage.bucket_names.backups
  media_bucket        = module.storage.bucket_names.media
  zone_id             = module.dns.zone_id
  platforms           = { for environment, e in var.environments : environment => { namespace = e.namespace, name = e.platform } }
  github              = var.github == null ? null : { repository = var.github.repository, refs = var.github.refs }
  state               = var.github == null ? null : { bucket = var.github.state_bucket, key = "blog.tfstate", kms_key_arn = var.github.state_kms_key_arn }
  tags                = var.tags
}

module "cluster" {
  source = "../../modules/cluster"

  name                = var.name
  region              = var.region
  vpc_id              = module.network.vpc_id
  vpc_cidr            = module.network.cidr
  subnets             = { for zone, id in module.network.private_subnet_ids : zone => { id = id, cidr = module.network.private_subnet_cidrs[zone] } }
  pod_cidr            = local.pod_cidr
  service_cidr        = local.service_cidr
  control_plane       = var.control_plane
  workers             = var.workers
  instance_profiles   = module.identity.instance_profiles
  node_role_arns      = module.identity.node_role_arns
  certs_bucket        = local.certs_bucket
  issuer              = { url = module.identity.issuer, bucket = module.identity.issuer_bucket }
  target_group_arns   = module.ingress.target_group_arns
  bootstrap_manifests = { for name, path in var.bootstrap_manifests : name => file(path) }
  tags                = var.tags
}
