# What a month costs before anybody reads a page: hours and sizes that are fixed.
# Traffic, requests, growing storage and taxes are not in it. List prices of
# us-east-1 in US dollars as they were known when this was written; check them
# against the price list of your region.

locals {
  hours = 730

  hourly = {
    "t4g.nano"   = 0.0042
    "t4g.medium" = 0.0336
    "t4g.large"  = 0.0672
    "t4g.xlarge" = 0.1344
    "m7g.large"  = 0.0816
    "m7g.xlarge" = 0.1632
  }

  prices = {
    nat_gateway        = 0.045 * local.hours
    load_balancer      = 0.0225 * local.hours
    public_address     = 0.005 * local.hours
    interface_endpoint = 0.01 * local.hours # in each zone
    gp3_gb             = 0.08
    kms_key            = 1
    hosted_zone        = 0.5
  }

  zones    = length(var.availability_zones)
  unpriced = [for t in concat([var.control_plane.instance_type], [for g in values(var.workers) : g.instance_type]) : t if !contains(keys(local.hourly), t)]

  monthly_costs = {
    control_plane  = var.control_plane.count * lookup(local.hourly, var.control_plane.instance_type, 0) * local.hours
    workers        = sum([for g in values(var.workers) : g.min * local.zones * lookup(local.hourly, g.instance_type, 0) * local.hours])
    disks          = local.prices.gp3_gb * (var.control_plane.count * (40 + var.control_plane.etcd_gb) + sum([for g in values(var.workers) : g.min * local.zones * g.disk_gb]))
    nat            = module.network.nat_gateways * (local.prices.nat_gateway + local.prices.public_address) + module.network.nat_instances * (local.hourly["t4g.nano"] * local.hours + local.prices.public_address + 8 * local.prices.gp3_gb)
    endpoints      = length(module.network.interface_endpoints) * local.zones * local.prices.interface_endpoint
    load_balancers = 2 * local.prices.load_balancer + local.zones * local.prices.public_address
    keys           = local.prices.kms_key * (3 + (var.dnssec ? 1 : 0)) # flow logs, storage, cluster
    dns            = local.prices.hosted_zone
  }

  monthly_cost = sum(values(local.monthly_costs))
}
