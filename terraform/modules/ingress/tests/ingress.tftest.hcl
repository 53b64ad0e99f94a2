mock_provider "aws" {}

variables {
  name                     = "blog"
  vpc_id                   = "vpc-1"
  subnet_ids               = { a = "subnet-a", b = "subnet-b", c = "subnet-c" }
  worker_security_group_id = "sg-0a1b2c3d"
}

run "both_ports_lead_to_the_gateway" {
  command = plan

  assert {
    condition     = aws_lb_listener.gateway["http"].port == 80 && aws_lb_target_group.gateway["http"].port == 30080
    error_message = "Port 80 does not lead to the gateway's plain port, so nobody answers 301."
  }

  assert {
    condition     = aws_lb_listener.gateway["https"].port == 443 && aws_lb_target_group.gateway["https"].port == 30443
    error_message = "Port 443 does not lead to the gateway's HTTPS port."
  }

  assert {
    condition     = aws_lb.this.load_balancer_type == "network" && !aws_lb.this.internal && length(aws_lb.this.subnets) == 3
    error_message = "It is not a public network load balancer in three zones."
  }
}

run "the_gateway_learns_the_reader_s_address" {
  command = plan

  assert {
    condition     = alltrue([for g in aws_lb_target_group.gateway : g.proxy_protocol_v2])
    error_message = "Without proxy protocol all readers have the load balancer's address, and share one limit."
  }

  assert {
    condition     = alltrue([for g in aws_lb_target_group.gateway : g.preserve_client_ip == "false"])
    error_message = "Readers' addresses would have to be admitted by the workers' security group."
  }
}

run "by_default_tls_ends_at_the_gateway" {
  command = plan

  assert {
    condition     = aws_lb_listener.gateway["https"].protocol == "TCP" && aws_lb_listener.gateway["https"].certificate_arn == null
    error_message = "The load balancer ends TLS."
  }

  assert {
    condition     = aws_lb_target_group.gateway["https"].protocol == "TCP"
    error_message = "The load balancer encrypts what is encrypted already."
  }

  assert {
    condition     = length(aws_lb.this.access_logs) == 0
    error_message = "There is an access log that nothing is written to."
  }

  assert {
    condition     = aws_lb.this.enable_deletion_protection
    error_message = "A plan can delete the load balancer, and with it its address."
  }
}

run "tls_can_end_at_the_load_balancer" {
  command = plan

  variables {
    tls_at            = "nlb"
    certificate_arn   = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    access_log_bucket = "example-logs"
  }

  assert {
    condition     = aws_lb_listener.gateway["https"].protocol == "TLS" && aws_lb_listener.gateway["https"].certificate_arn == "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    error_message = "The load balancer does not end TLS with the certificate."
  }

  assert {
    condition     = aws_lb_listener.gateway["https"].ssl_policy == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    error_message = "Versions before TLS 1.2 are accepted."
  }

  assert {
    condition     = aws_lb_target_group.gateway["https"].protocol == "TLS"
    error_message = "What was decrypted goes to the gateway in plain text."
  }

  assert {
    condition     = aws_lb_listener.gateway["http"].protocol == "TCP" && aws_lb_target_group.gateway["http"].protocol == "TCP"
    error_message = "Port 80 does not reach the gateway, which answers 301."
  }

  assert {
    condition     = aws_lb.this.access_logs[0].bucket == "example-logs" && aws_lb.this.access_logs[0].enabled
    error_message = "There is no access log."
  }
}

run "the_world_reaches_two_ports_and_the_load_balancer_two" {
  command = plan

  assert {
    condition     = toset([for r in aws_vpc_security_group_ingress_rule.readers : r.from_port]) == toset([80, 443]) && alltrue([for r in aws_vpc_security_group_ingress_rule.readers : r.from_port == r.to_port])
    error_message = "The load balancer is open on other ports than 80 and 443."
  }

  assert {
    condition     = alltrue([for name, r in aws_vpc_security_group_egress_rule.gateway : r.from_port == var.node_ports[name] && r.to_port == var.node_ports[name] && r.referenced_security_group_id == "sg-0a1b2c3d"])
    error_message = "The load balancer connects to more than the gateway."
  }

  assert {
    condition     = alltrue([for r in aws_vpc_security_group_ingress_rule.gateway : r.security_group_id == "sg-0a1b2c3d" && r.referenced_security_group_id == aws_security_group.nlb.id])
    error_message = "NodePorts are open to more than the load balancer."
  }
}

run "networks_can_be_named" {
  command = plan

  variables {
    allowed_cidrs = ["192.0.2.0/24", "2001:db8::/32"]
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.readers) == 4
    error_message = "There is not a rule for each port and network."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.readers["https-2001:db8::/32"].cidr_ipv6 == "2001:db8::/32" && aws_vpc_security_group_ingress_rule.readers["https-192.0.2.0/24"].cidr_ipv4 == "192.0.2.0/24"
    error_message = "A network is in the wrong field."
  }
}

run "other_node_ports_are_used_everywhere" {
  command = plan

  variables {
    node_ports          = { http = 31080, https = 31443 }
    deletion_protection = false
  }

  assert {
    condition     = aws_lb_target_group.gateway["https"].port == 31443 && aws_vpc_security_group_ingress_rule.gateway["https"].from_port == 31443 && aws_vpc_security_group_egress_rule.gateway["https"].from_port == 31443
    error_message = "Target and rules name different ports."
  }

  assert {
    condition     = !aws_lb.this.enable_deletion_protection
    error_message = "Deletion protection cannot be switched off."
  }
}
