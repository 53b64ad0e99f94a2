locals {
  ports = { http = 80, https = 443 }

  # Of the listener and of its targets: what the load balancer decrypts it encrypts
  # again to the gateway, whose certificate it does not check.
  protocols = { http = "TCP", https = var.tls_at == "nlb" ? "TLS" : "TCP" }
  openings  = { for pair in setproduct(keys(local.ports), var.allowed_cidrs) : "${pair[0]}-${pair[1]}" => { port = local.ports[pair[0]], cidr = pair[1] } }
}

resource "aws_security_group" "nlb" {
  name        = "${var.name}-ingress"
  description = "Load balancer: HTTP and HTTPS in, NodePorts of the gateway out"
  vpc_id      = var.vpc_id
  tags        = merge(var.tags, { Name = "${var.name}-ingress" })
}

resource "aws_vpc_security_group_ingress_rule" "readers" {
  for_each = local.openings

  security_group_id = aws_security_group.nlb.id
  description       = "Readers from ${each.value.cidr}"
  cidr_ipv4         = strcontains(each.value.cidr, ":") ? null : each.value.cidr
  cidr_ipv6         = strcontains(each.value.cidr, ":") ? each.value.cidr : null
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "gateway" {
  for_each = var.node_ports

  security_group_id            = aws_security_group.nlb.id
  description                  = "Gateway, ${each.key}"
  referenced_security_group_id = var.worker_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_ingress_rule" "gateway" {
  for_each = var.node_ports

  security_group_id            = var.worker_security_group_id
  description                  = "Gateway, ${each.key}, from the load balancer"
  referenced_security_group_id = aws_security_group.nlb.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_lb" "this" {
  name                             = "${var.name}-ingress"
  load_balancer_type               = "network"
  internal                         = false
  subnets                          = values(var.subnet_ids)
  security_groups                  = [aws_security_group.nlb.id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = var.deletion_protection
  tags                             = var.tags

  dynamic "access_logs" {
    for_each = var.access_log_bucket == null ? [] : [var.access_log_bucket]

    content {
      bucket  = access_logs.value
      prefix  = var.name
      enabled = true
    }
  }

  lifecycle {
    precondition {
      condition     = (var.tls_at == "nlb") == (var.certificate_arn != null)
      error_message = "certificate_arn must be given with tls_at = nlb, and only then."
    }

    precondition {
      condition     = var.access_log_bucket == null || var.tls_at == "nlb"
      error_message = "access_log_bucket would stay empty with tls_at = gateway: AWS logs connections only where the load balancer ends TLS."
    }
  }
}

# Workers are registered by their Auto Scaling Groups. The load balancer opens
# connections of its own, so the group of the workers admits nobody else, and
# tells the gateway the reader's address by proxy protocol v2.
resource "aws_lb_target_group" "gateway" {
  for_each = var.node_ports

  name                   = "${var.name}-${each.key}${local.protocols[each.key] == "TLS" ? "-tls" : ""}"
  vpc_id                 = var.vpc_id
  target_type            = "instance"
  protocol               = local.protocols[each.key]
  port                   = each.value
  proxy_protocol_v2      = true
  preserve_client_ip     = "false"
  deregistration_delay   = "60"
  connection_termination = true
  tags                   = var.tags

  health_check {
    protocol            = "TCP"
    port                = "traffic-port"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }

  lifecycle {
    create_before_destroy = true
  }
}

# Plain HTTP reaches the gateway, which answers ACME challenges and 301 to the rest: a network load balancer cannot.
resource "aws_lb_listener" "gateway" {
  for_each = local.ports

  load_balancer_arn = aws_lb.this.arn
  port              = each.value
  protocol          = local.protocols[each.key]
  certificate_arn   = each.key == "https" ? var.certificate_arn : null
  ssl_policy        = local.protocols[each.key] == "TLS" ? "ELBSecurityPolicy-TLS13-1-2-2021-06" : null
  alpn_policy       = local.protocols[each.key] == "TLS" ? "HTTP2Preferred" : null
  tags              = var.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.gateway[each.key].arn
  }
}
