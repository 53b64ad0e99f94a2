resource "aws_eip" "nat" {
  for_each = toset(local.gateway_zones)

  domain = "vpc"
  tags   = merge(var.tags, { Name = "${var.name}-nat-${each.key}" })
}

resource "aws_nat_gateway" "this" {
  for_each = toset(local.gateway_zones)

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = merge(var.tags, { Name = "${var.name}-${each.key}" })

  depends_on = [aws_internet_gateway.this]
}

resource "aws_route" "nat_gateway" {
  for_each = local.nat_zone

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[each.value].id
}

# A NAT instance costs a tenth of a NAT gateway and is one machine: while it is
# replaced, private subnets reach nothing outside.
data "aws_ssm_parameter" "nat_image" {
  count = var.nat == "instance" ? 1 : 0

  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64"
}

resource "aws_security_group" "nat" {
  count = var.nat == "instance" ? 1 : 0

  name        = "${var.name}-nat"
  description = "NAT instance: takes what private subnets send to the internet"
  vpc_id      = aws_vpc.this.id
  tags        = merge(var.tags, { Name = "${var.name}-nat" })
}

resource "aws_vpc_security_group_ingress_rule" "nat" {
  for_each = var.nat == "instance" ? local.private : {}

  security_group_id = aws_security_group.nat[0].id
  description       = "Private subnet in ${each.key}"
  cidr_ipv4         = each.value
  ip_protocol       = "-1"
}

resource "aws_vpc_security_group_egress_rule" "nat" {
  count = var.nat == "instance" ? 1 : 0

  security_group_id = aws_security_group.nat[0].id
  description       = "The internet"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_instance" "nat" {
  count = var.nat == "instance" ? 1 : 0

  ami                         = nonsensitive(data.aws_ssm_parameter.nat_image[0].value)
  instance_type               = var.nat_instance_type
  subnet_id                   = aws_subnet.public[var.availability_zones[0]].id
  vpc_security_group_ids      = [aws_security_group.nat[0].id]
  source_dest_check           = false
  associate_public_ip_address = true
  ebs_optimized               = true
  monitoring                  = true
  user_data_replace_on_change = true
  user_data                   = local.nat_user_data
  tags                        = merge(var.tags, { Name = "${var.name}-nat" })

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    encrypted   = true
  }

  lifecycle {
    ignore_changes = [ami] # a newer image must not cut off private subnets during an apply
  }
}

resource "aws_route" "nat_instance" {
  for_each = var.nat == "instance" ? local.private : {}

  route_table_id         = aws_route_table.private[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  network_interface_id   = aws_instance.nat[0].primary_network_interface_id
}

locals {
  nat_user_data = templatefile("${path.module}/templates/nat.yaml.tftpl", { cidr = var.cidr })
}
