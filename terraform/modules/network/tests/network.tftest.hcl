mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }

  mock_data "aws_ssm_parameter" {
    defaults = { value = "ami-0123456789abcdef0" }
  }
}

variables {
  name               = "blog"
  region             = "eu-central-1"
  availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
}

run "three_zones_have_a_public_and_a_private_subnet" {
  command = plan

  assert {
    condition     = length(aws_subnet.public) == 3 && length(aws_subnet.private) == 3
    error_message = "Not every zone has both subnets."
  }

  assert {
    condition     = length(distinct(concat(values(local.public), values(local.private)))) == 6
    error_message = "Two subnets have the same addresses."
  }

  assert {
    condition     = local.private == { "eu-central-1a" = "10.0.64.0/18", "eu-central-1b" = "10.0.128.0/18", "eu-central-1c" = "10.0.192.0/18" }
    error_message = "Private subnets moved: nodes of an existing cluster would be replaced."
  }

  assert {
    condition     = local.public == { "eu-central-1a" = "10.0.0.0/20", "eu-central-1b" = "10.0.16.0/20", "eu-central-1c" = "10.0.32.0/20" }
    error_message = "Public subnets moved, or lie outside the first quarter."
  }

  assert {
    condition     = alltrue([for s in concat(values(aws_subnet.public), values(aws_subnet.private)) : !s.map_public_ip_on_launch])
    error_message = "Instances get public addresses by themselves."
  }

  assert {
    condition     = alltrue([for s in aws_subnet.public : s.tags["kubernetes.io/role/elb"] == "1"]) && alltrue([for s in aws_subnet.private : s.tags["kubernetes.io/role/internal-elb"] == "1"])
    error_message = "Load balancers of Kubernetes do not find their subnets."
  }
}

run "names_resolve_in_the_vpc" {
  command = plan

  assert {
    condition     = aws_vpc.this.enable_dns_support && aws_vpc.this.enable_dns_hostnames
    error_message = "EFS and interface endpoints need names in the VPC."
  }
}

run "the_default_group_lets_nothing_through" {
  command = plan

  assert {
    condition     = length(aws_default_security_group.this.ingress) == 0 && length(aws_default_security_group.this.egress) == 0
    error_message = "The default security group has rules."
  }
}

run "one_gateway_serves_all_zones" {
  command = plan

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_eip.nat) == 1 && length(aws_instance.nat) == 0
    error_message = "There is not one NAT gateway."
  }

  assert {
    condition     = length(aws_route.nat_gateway) == 3 && toset(values(local.nat_zone)) == toset(["eu-central-1a"])
    error_message = "A private subnet has no way out."
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0 && length(aws_security_group.endpoints) == 0
    error_message = "There are interface endpoints that nobody asked for and somebody pays for."
  }
}

run "each_zone_has_a_gateway_where_asked_for" {
  command = plan

  variables {
    nat = "gateway_per_zone"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_eip.nat) == 3
    error_message = "Not every zone has a NAT gateway."
  }

  assert {
    condition     = length(aws_route.nat_gateway) == 3 && alltrue([for zone, way_out in local.nat_zone : way_out == zone])
    error_message = "A zone leaves through another one."
  }

  assert {
    condition     = output.nat_gateways == 3 && output.nat_instances == 0
    error_message = "The bill counts other gateways than there are."
  }
}

run "an_instance_serves_all_zones_where_asked_for" {
  command = plan

  variables {
    nat = "instance"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_route.nat_gateway) == 0 && length(aws_instance.nat) == 1
    error_message = "There is not one NAT instance in the place of gateways."
  }

  assert {
    condition     = length(aws_route.nat_instance) == 3 && alltrue([for r in aws_route.nat_instance : r.network_interface_id == aws_instance.nat[0].primary_network_interface_id])
    error_message = "A private subnet has no way out."
  }

  assert {
    condition     = !aws_instance.nat[0].source_dest_check
    error_message = "The instance drops what it is to forward."
  }

  assert {
    condition     = aws_instance.nat[0].metadata_options[0].http_tokens == "required" && aws_instance.nat[0].metadata_options[0].http_put_response_hop_limit == 1
    error_message = "The instance answers IMDSv1."
  }

  assert {
    condition     = aws_instance.nat[0].root_block_device[0].encrypted && aws_instance.nat[0].root_block_device[0].volume_type == "gp3"
    error_message = "The disk is not encrypted gp3."
  }

  assert {
    condition     = toset([for r in aws_vpc_security_group_ingress_rule.nat : r.cidr_ipv4]) == toset(values(local.private))
    error_message = "The instance takes traffic from elsewhere than private subnets."
  }

  assert {
    condition     = strcontains(aws_instance.nat[0].user_data, "ip saddr 10.0.0.0/16 ip daddr != 10.0.0.0/16 masquerade")
    error_message = "The instance does not hide the addresses of the VPC."
  }
}

run "without_a_way_out_the_services_that_nodes_need_have_endpoints" {
  command = plan

  variables {
    nat                 = "none"
    interface_endpoints = ["secretsmanager"]
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_instance.nat) == 0 && length(aws_route.nat_gateway) == 0 && length(aws_route.nat_instance) == 0
    error_message = "There is a way out."
  }

  assert {
    condition     = length(setsubtract(["ssm", "ssmmessages", "ec2messages", "ecr.api", "ecr.dkr", "sts", "kms", "ec2"], keys(aws_vpc_endpoint.interface))) == 0
    error_message = "A service that nodes cannot live without has no endpoint."
  }

  assert {
    condition     = contains(keys(aws_vpc_endpoint.interface), "secretsmanager")
    error_message = "What was asked for is missing."
  }

  assert {
    condition     = alltrue([for e in aws_vpc_endpoint.interface : e.private_dns_enabled])
    error_message = "The usual names do not lead to the endpoints."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.endpoints[0].from_port == 443 && aws_vpc_security_group_ingress_rule.endpoints[0].to_port == 443 && aws_vpc_security_group_ingress_rule.endpoints[0].cidr_ipv4 == "10.0.0.0/16"
    error_message = "Endpoints answer more than HTTPS of the VPC."
  }
}

run "s3_is_reached_without_nat_from_every_private_subnet" {
  command = plan

  assert {
    condition     = aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway" && aws_vpc_endpoint.s3.route_table_ids == toset([for t in aws_route_table.private : t.id])
    error_message = "A private subnet pays NAT for S3."
  }
}

run "flow_logs_are_kept_encrypted" {
  command = plan

  assert {
    condition     = aws_flow_log.this[0].traffic_type == "ALL" && aws_cloudwatch_log_group.flow_logs[0].retention_in_days == 90
    error_message = "Flow logs miss traffic, or are not kept for 90 days."
  }

  assert {
    condition     = jsondecode(aws_kms_key.flow_logs[0].policy).Statement[1].Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"] == "arn:aws:logs:eu-central-1:123456789012:log-group:/blog/flow-logs"
    error_message = "The key encrypts other logs, too."
  }

  assert {
    condition     = jsondecode(aws_iam_role_policy.flow_logs[0].policy).Statement[0].Resource == ["arn:aws:logs:eu-central-1:123456789012:log-group:/blog/flow-logs:*"]
    error_message = "The role writes into other logs, too."
  }

  assert {
    condition     = jsondecode(aws_iam_role.flow_logs[0].assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "123456789012"
    error_message = "Another account can use the role through the service."
  }
}

run "flow_logs_can_be_off" {
  command = plan

  variables {
    flow_log_days = 0
  }

  assert {
    condition     = length(aws_flow_log.this) + length(aws_cloudwatch_log_group.flow_logs) + length(aws_iam_role.flow_logs) + length(aws_iam_role_policy.flow_logs) + length(aws_kms_key.flow_logs) == 0
    error_message = "Something of the flow logs is left."
  }
}
