# Who reaches whom. There is no SSH: people come in by the session manager,
# which nodes call, and not the other way round.

locals {
  groups = {
    control-plane = "Control plane nodes"
    worker        = "Workers"
    api           = "Load balancer of the API, within the VPC"
  }

  # Between nodes: from, to, protocol, ports.
  node_rules = merge(
    {
      for pair in setproduct(["control-plane", "worker"], ["control-plane", "worker"]) :
      "calico-vxlan-${pair[0]}-${pair[1]}" => { from = pair[0], to = pair[1], protocol = "udp", first = 4789, last = 4789 }
    },
    {
      for pair in setproduct(["control-plane", "worker"], ["control-plane", "worker"]) :
      "calico-typha-${pair[0]}-${pair[1]}" => { from = pair[0], to = pair[1], protocol = "tcp", first = 5473, last = 5473 }
    },
    {
      # The API server for logs and exec, and metrics-server on any worker.
      for pair in setproduct(["control-plane", "worker"], ["control-plane", "worker"]) :
      "kubelet-${pair[0]}-${pair[1]}" => { from = pair[0], to = pair[1], protocol = "tcp", first = 10250, last = 10250 }
    },
    { etcd = { from = "control-plane", to = "control-plane", protocol = "tcp", first = 2379, last = 2380 } },
    { for from in ["control-plane", "worker"] : "api-${from}" => { from = from, to = "api", protocol = "tcp", first = 6443, last = 6443 } },
    { api-server = { from = "api", to = "control-plane", protocol = "tcp", first = 6443, last = 6443 } },
    # Pods reach the API by the address of its Service, which is that of the nodes.
    { for from in ["control-plane", "worker"] : "api-service-${from}" => { from = from, to = "control-plane", protocol = "tcp", first = 6443, last = 6443 } },
  )

  egress = { for pair in setproduct(["control-plane", "worker"], var.egress_ports) : "${pair[0]}-${pair[1]}" => { group = pair[0], port = pair[1] } }
}

resource "aws_security_group" "this" {
  for_each = local.groups

  name        = "${var.name}-${each.key}"
  description = each.value
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_vpc_security_group_ingress_rule" "node" {
  for_each = local.node_rules

  security_group_id            = aws_security_group.this[each.value.to].id
  referenced_security_group_id = aws_security_group.this[each.value.from].id
  description                  = each.key
  ip_protocol                  = each.value.protocol
  from_port                    = each.value.first
  to_port                      = each.value.last
}

# Within the VPC the other side decides: nodes, the file system and interface endpoints have rules of their own.
resource "aws_vpc_security_group_egress_rule" "vpc" {
  for_each = toset(["control-plane", "worker", "api"])

  security_group_id = aws_security_group.this[each.key].id
  description       = "Within the VPC"
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "-1"
}

resource "aws_vpc_security_group_egress_rule" "internet" {
  for_each = local.egress

  security_group_id = aws_security_group.this[each.value.group].id
  description       = "The internet, port ${each.value.port}"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}
