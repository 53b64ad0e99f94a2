output "load_balancer" {
  description = "DNS name of the load balancer, and the zone that AWS gives it, for alias records."
  value       = { dns_name = aws_lb.this.dns_name, zone_id = aws_lb.this.zone_id }
}

output "target_group_arns" {
  description = "Target groups that the workers' Auto Scaling Groups register with."
  value       = { for name, group in aws_lb_target_group.gateway : name => group.arn }
}

output "node_ports" {
  description = "NodePorts of the gateway that the load balancer sends to."
  value       = var.node_ports
}
