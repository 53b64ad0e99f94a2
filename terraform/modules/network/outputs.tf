output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "Addresses of the VPC."
  value       = var.cidr
}

output "public_subnet_ids" {
  description = "Public subnet of each zone."
  value       = { for zone, subnet in aws_subnet.public : zone => subnet.id }
}

output "private_subnet_ids" {
  description = "Private subnet of each zone."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }
}

output "private_subnet_cidrs" {
  description = "Addresses of the private subnet of each zone."
  value       = local.private
}

output "nat_gateways" {
  description = "Number of NAT gateways, for the bill."
  value       = length(local.gateway_zones)
}

output "nat_instances" {
  description = "Number of NAT instances, for the bill."
  value       = length(aws_instance.nat)
}

output "interface_endpoints" {
  description = "AWS services with an interface endpoint, each of which is billed once in every zone."
  value       = local.interface_endpoints
}
