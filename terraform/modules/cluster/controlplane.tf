locals {
  # The first node makes the cluster, the others join it. Address and volume of
  # a node outlive it, so a new machine in its place is the same etcd member.
  control_plane = {
    for i in range(var.control_plane.count) : tostring(i) => {
      zone    = local.zones[i]
      address = cidrhost(var.subnets[local.zones[i]].cidr, 10)
    }
  }
}

resource "aws_network_interface" "control_plane" {
  for_each = local.control_plane

  subnet_id       = var.subnets[each.value.zone].id
  private_ips     = [each.value.address]
  security_groups = [aws_security_group.this["control-plane"].id]
  tags            = merge(var.tags, { Name = "${var.name}-control-plane-${each.key}" })
}

# Without the cluster's tags: the EBS driver must not be able to delete it.
resource "aws_ebs_volume" "etcd" {
  for_each = local.control_plane

  availability_zone = each.value.zone
  size              = var.control_plane.etcd_gb
  type              = "gp3"
  encrypted         = true
  kms_key_id        = aws_kms_key.this.arn
  tags              = merge(var.tags, { Name = "${var.name}-etcd-${each.key}" })

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_instance" "control_plane" {
  for_each = local.control_plane

  ami                  = local.ami
  instance_type        = var.control_plane.instance_type
  iam_instance_profile = var.instance_profiles.control-plane
  user_data_base64     = base64gzip(local.control_plane_user_data[each.key])
  ebs_optimized        = true
  monitoring           = true
  tags                 = merge(var.tags, local.cluster_tags, { Name = "${var.name}-control-plane-${each.key}" })
  volume_tags          = merge(var.tags, { Name = "${var.name}-control-plane-${each.key}" })

  network_interface {
    device_index         = 0
    network_interface_id = aws_network_interface.control_plane[each.key].id
  }

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    volume_type = "gp3"
    volume_size = 40
    encrypted   = true
    kms_key_id  = aws_kms_key.this.arn
  }

  maintenance_options {
    auto_recovery = "default"
  }

  lifecycle {
    # Nodes are replaced when somebody decides so (tofu apply -replace), one after the other, and not
    # because Amazon published an image or a script changed.
    ignore_changes = [ami, user_data_base64]
  }

  depends_on = [aws_s3_object.script, aws_s3_object.manifest, aws_s3_bucket_policy.certs]
}

resource "aws_volume_attachment" "etcd" {
  for_each = local.control_plane

  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.etcd[each.key].id
  instance_id = aws_instance.control_plane[each.key].id
}
