data "aws_partition" "current" {}

data "aws_caller_identity" "current" {}

data "aws_availability_zones" "available" {
  state = "available"
}

locals {
  zones = { for i, zone in var.availability_zones : zone => i }

  # The first quarter is cut into public subnets, the other three are private: pods and nodes live there.
  public  = { for zone, i in local.zones : zone => cidrsubnet(var.cidr, 4, i) }
  private = { for zone, i in local.zones : zone => cidrsubnet(var.cidr, 2, i + 1) }

  gateway_zones = {
    gateway          = [var.availability_zones[0]]
    gateway_per_zone = var.availability_zones
    instance         = []
    none             = []
  }[var.nat]

  # The zone whose NAT gateway each zone leaves by.
  nat_zone = length(local.gateway_zones) == 0 ? {} : {
    for zone in var.availability_zones : zone => contains(local.gateway_zones, zone) ? zone : local.gateway_zones[0]
  }

  # What a node needs before a pod runs: the session manager, image registry, tokens and logs.
  required_endpoints  = ["ec2", "ecr.api", "ecr.dkr", "elasticfilesystem", "kms", "logs", "sts", "ssm", "ssmmessages", "ec2messages", "autoscaling"]
  interface_endpoints = var.nat == "none" ? setunion(var.interface_endpoints, local.required_endpoints) : var.interface_endpoints

  # Two networks overlap if they are the same once both are cut to the shorter prefix.
  prefix = try(tonumber(split("/", var.cidr)[1]), 0)
  overlapping = [
    for purpose, c in var.reserved_cidrs : "${purpose} (${c})"
    if try(
      cidrhost("${split("/", c)[0]}/${min(local.prefix, tonumber(split("/", c)[1]))}", 0) ==
      cidrhost("${split("/", var.cidr)[0]}/${min(local.prefix, tonumber(split("/", c)[1]))}", 0), false
    )
  ]
  unknown_zones = setsubtract(var.availability_zones, data.aws_availability_zones.available.names)
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = merge(var.tags, { Name = var.name })

  lifecycle {
    precondition {
      condition     = length(local.overlapping) == 0
      error_message = "cidr ${var.cidr} overlaps with reserved_cidrs: ${join(", ", local.overlapping)}."
    }

    precondition {
      condition     = length(local.unknown_zones) == 0
      error_message = "availability_zones names zones that ${var.region} does not have: ${join(", ", local.unknown_zones)}."
    }
  }
}

# The group that everything gets that names none: it lets nothing through.
resource "aws_default_security_group" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-default-unused" })
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = var.name })
}

resource "aws_subnet" "public" {
  for_each = local.public

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false

  tags = merge(var.tags, {
    Name                                = "${var.name}-public-${each.key}"
    "kubernetes.io/role/elb"            = "1"
    "kubernetes.io/cluster/${var.name}" = "shared"
  })
}

resource "aws_subnet" "private" {
  for_each = local.private

  vpc_id                  = aws_vpc.this.id
  availability_zone       = each.key
  cidr_block              = each.value
  map_public_ip_on_launch = false

  tags = merge(var.tags, {
    Name                                = "${var.name}-private-${each.key}"
    "kubernetes.io/role/internal-elb"   = "1"
    "kubernetes.io/cluster/${var.name}" = "shared"
  })
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-public" })
}

resource "aws_route" "internet" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this.id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table" "private" {
  for_each = local.private

  vpc_id = aws_vpc.this.id
  tags   = merge(var.tags, { Name = "${var.name}-private-${each.key}" })
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[each.key].id
}
