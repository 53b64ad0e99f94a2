locals {
  # A group in each zone: a pod whose volume lies in a zone makes the autoscaler add a node there.
  worker_groups = {
    for pair in setproduct(keys(var.workers), local.zones) : "${pair[0]}-${pair[1]}" => { group = pair[0], zone = pair[1] }
  }
}

resource "aws_launch_template" "worker" {
  for_each = var.workers

  name                   = "${var.name}-${each.key}"
  image_id               = local.ami
  instance_type          = each.value.instance_type
  user_data              = base64gzip(local.worker_user_data[each.key])
  vpc_security_group_ids = [aws_security_group.this["worker"].id]
  update_default_version = true
  ebs_optimized          = true
  tags                   = var.tags

  iam_instance_profile {
    name = var.instance_profiles.worker
  }

  # One hop: pods cannot take the role of their node.
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  monitoring {
    enabled = true
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = each.value.disk_gb
      encrypted             = "true"
      kms_key_id            = aws_kms_key.this.arn
      delete_on_termination = "true"
    }
  }

  tag_specifications {
    resource_type = "volume"
    tags          = merge(var.tags, { Name = "${var.name}-${each.key}" })
  }
}

locals {
  # What the autoscaler finds its groups by, and what it must know of a group that has no node yet.
  autoscaler_tags = {
    for name, g in local.worker_groups : name => merge(
      {
        "k8s.io/cluster-autoscaler/enabled"                                           = "true"
        "k8s.io/cluster-autoscaler/${var.name}"                                       = "owned"
        "k8s.io/cluster-autoscaler/node-template/label/topology.kubernetes.io/zone"   = g.zone
        "k8s.io/cluster-autoscaler/node-template/label/topology.ebs.csi.aws.com/zone" = g.zone
        "k8s.io/cluster-autoscaler/node-template/label/kubernetes.io/arch"            = var.architecture
        "k8s.io/cluster-autoscaler/node-template/resources/ephemeral-storage"         = "${var.workers[g.group].disk_gb}Gi"
      },
      { for k, v in var.workers[g.group].labels : "k8s.io/cluster-autoscaler/node-template/label/${k}" => v },
    )
  }
}

resource "aws_autoscaling_group" "worker" {
  for_each = local.worker_groups

  name                      = "${var.name}-${each.key}"
  min_size                  = var.workers[each.value.group].min
  max_size                  = var.workers[each.value.group].max
  vpc_zone_identifier       = [var.subnets[each.value.zone].id]
  target_group_arns         = values(var.target_group_arns)
  health_check_type         = "EC2" # what the gateway on a node answers says nothing of the node
  health_check_grace_period = 300
  wait_for_capacity_timeout = "0" # nodes come once the control plane is there

  launch_template {
    id      = aws_launch_template.worker[each.value.group].id
    version = aws_launch_template.worker[each.value.group].latest_version
  }

  dynamic "tag" {
    for_each = merge(var.tags, local.cluster_tags, { Name = "${var.name}-${each.key}" })

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = true
    }
  }

  dynamic "tag" {
    for_each = local.autoscaler_tags[each.key]

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false
    }
  }

  lifecycle {
    ignore_changes = [desired_capacity] # the autoscaler's
  }
}
