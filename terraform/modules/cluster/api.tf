# The one name of the API, whichever control plane node answers. Nodes and
# people in the VPC reach it; from outside only the session manager leads there.

resource "aws_lb" "api" {
  name                             = "${var.name}-api"
  load_balancer_type               = "network"
  internal                         = true
  subnets                          = [for zone in local.zones : var.subnets[zone].id]
  security_groups                  = [aws_security_group.this["api"].id]
  enable_cross_zone_load_balancing = true
  enable_deletion_protection       = true
  tags                             = var.tags
}

resource "aws_lb_target_group" "api" {
  name        = "${var.name}-api"
  vpc_id      = var.vpc_id
  target_type = "ip"
  protocol    = "TCP"
  port        = 6443
  tags        = var.tags

  # A node that asks for the API may be sent to itself, which works only if the load balancer does not keep its address.
  preserve_client_ip   = "false"
  deregistration_delay = "30"

  health_check {
    protocol            = "HTTPS"
    port                = "traffic-port"
    path                = "/readyz"
    matcher             = "200"
    interval            = 10
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "api" {
  load_balancer_arn = aws_lb.api.arn
  port              = 6443
  protocol          = "TCP"
  tags              = var.tags

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api.arn
  }
}

resource "aws_lb_target_group_attachment" "api" {
  for_each = local.control_plane

  target_group_arn = aws_lb_target_group.api.arn
  target_id        = each.value.address
}
