mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_ssm_parameter" {
    defaults = { value = "ami-0123456789abcdef0" }
  }
}

variables {
  name     = "blog"
  region   = "eu-central-1"
  vpc_id   = "vpc-1"
  vpc_cidr = "10.0.0.0/16"
  subnets = {
    eu-central-1a = { id = "subnet-a", cidr = "10.0.64.0/18" }
    eu-central-1b = { id = "subnet-b", cidr = "10.0.128.0/18" }
    eu-central-1c = { id = "subnet-c", cidr = "10.0.192.0/18" }
  }
  workers           = { general = { instance_type = "t4g.large", min = 1, max = 3, labels = { "blogplatform.io/pool" = "general" } } }
  instance_profiles = { control-plane = "blog-control-plane", worker = "blog-worker" }
  node_role_arns = {
    control-plane = "arn:aws:iam::123456789012:role/blog-control-plane"
    worker        = "arn:aws:iam::123456789012:role/blog-worker"
  }
  certs_bucket      = "example-certs"
  issuer            = { url = "https://example-issuer.s3.eu-central-1.amazonaws.com", bucket = "example-issuer" }
  target_group_arns = { http = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/http/1", https = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/https/1" }
}

run "one_control_plane_node_keeps_address_and_data" {
  command = plan

  assert {
    condition     = length(aws_instance.control_plane) == 1 && length(aws_ebs_volume.etcd) == 1 && length(aws_lb_target_group_attachment.api) == 1
    error_message = "There is not one control plane node with a volume."
  }

  assert {
    condition     = aws_network_interface.control_plane["0"].private_ips == toset(["10.0.64.10"]) && aws_lb_target_group_attachment.api["0"].target_id == "10.0.64.10"
    error_message = "The node's address would change with the machine: etcd would not know it."
  }

  assert {
    condition     = aws_ebs_volume.etcd["0"].encrypted && aws_ebs_volume.etcd["0"].type == "gp3" && aws_ebs_volume.etcd["0"].availability_zone == "eu-central-1a"
    error_message = "etcd's data is not on encrypted gp3 in the zone of its node."
  }

  assert {
    condition     = !contains(keys(aws_ebs_volume.etcd["0"].tags), "KubernetesCluster")
    error_message = "The EBS driver could delete etcd's data."
  }

  assert {
    condition     = aws_instance.control_plane["0"].tags["KubernetesCluster"] == "blog" && aws_instance.control_plane["0"].tags["kubernetes.io/cluster/blog"] == "owned"
    error_message = "The cloud controller does not know the node."
  }
}

run "three_control_plane_nodes_stand_in_three_zones" {
  command = plan

  variables {
    control_plane = { count = 3 }
  }

  assert {
    condition     = toset([for v in aws_ebs_volume.etcd : v.availability_zone]) == toset(["eu-central-1a", "eu-central-1b", "eu-central-1c"])
    error_message = "Two nodes share a zone: etcd stops when it fails."
  }

  assert {
    condition     = toset([for a in aws_lb_target_group_attachment.api : a.target_id]) == toset(["10.0.64.10", "10.0.128.10", "10.0.192.10"])
    error_message = "The API is not served by all nodes."
  }

  assert {
    condition     = length(output.control_plane_instance_ids) == 3
    error_message = "An output misses nodes."
  }
}

run "machines_answer_imdsv2_only_and_pods_not_at_all" {
  command = plan

  assert {
    condition     = alltrue([for i in aws_instance.control_plane : i.metadata_options[0].http_tokens == "required" && i.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "Control plane nodes answer IMDSv1, or pods on them."
  }

  assert {
    condition     = alltrue([for t in aws_launch_template.worker : t.metadata_options[0].http_tokens == "required" && t.metadata_options[0].http_put_response_hop_limit == 1])
    error_message = "Workers answer IMDSv1, or their pods."
  }
}

run "disks_are_encrypted_gp3" {
  command = plan

  assert {
    condition     = alltrue([for i in aws_instance.control_plane : i.root_block_device[0].encrypted && i.root_block_device[0].volume_type == "gp3"])
    error_message = "A control plane disk is not encrypted gp3."
  }

  assert {
    condition     = alltrue([for t in aws_launch_template.worker : t.block_device_mappings[0].ebs[0].encrypted == "true" && t.block_device_mappings[0].ebs[0].volume_type == "gp3" && t.block_device_mappings[0].ebs[0].volume_size == 100])
    error_message = "A worker's disk is not encrypted gp3 of disk_gb."
  }
}

run "the_autoscaler_finds_a_group_in_every_zone" {
  command = plan

  assert {
    condition     = toset(keys(aws_autoscaling_group.worker)) == toset(["general-eu-central-1a", "general-eu-central-1b", "general-eu-central-1c"])
    error_message = "A zone has no group: a pod whose volume lies there never starts."
  }

  assert {
    condition = alltrue([
      for name, g in aws_autoscaling_group.worker : length(setsubtract(["k8s.io/cluster-autoscaler/enabled=true", "k8s.io/cluster-autoscaler/blog=owned"], [for t in g.tag : "${t.key}=${t.value}"])) == 0
    ])
    error_message = "The autoscaler does not find a group."
  }

  assert {
    condition     = output.autoscaler_tags["general-eu-central-1b"]["k8s.io/cluster-autoscaler/node-template/label/topology.kubernetes.io/zone"] == "eu-central-1b"
    error_message = "The autoscaler does not know the zone of a group without nodes."
  }

  assert {
    condition     = output.autoscaler_tags["general-eu-central-1a"]["k8s.io/cluster-autoscaler/node-template/label/blogplatform.io/pool"] == "general"
    error_message = "The autoscaler does not know the labels of a group without nodes."
  }

  assert {
    condition     = alltrue([for g in aws_autoscaling_group.worker : g.min_size == 1 && g.max_size == 3 && g.target_group_arns == toset(values(var.target_group_arns))])
    error_message = "A group has other limits, or its nodes get no requests."
  }

  assert {
    condition = alltrue([
      for g in aws_autoscaling_group.worker : length([for t in g.tag : t if t.key == "KubernetesCluster" && t.value == "blog" && t.propagate_at_launch]) == 1
    ])
    error_message = "The EBS driver may not attach volumes to a worker."
  }
}

run "the_image_follows_the_architecture" {
  command = plan

  assert {
    condition     = endswith(data.aws_ssm_parameter.image[0].name, "-arm64") && aws_launch_template.worker["general"].image_id == "ami-0123456789abcdef0"
    error_message = "arm64 machines get another image."
  }
}

run "amd64_machines_get_an_image_of_their_own" {
  command = plan

  variables {
    architecture  = "amd64"
    control_plane = { instance_type = "t3.medium" }
    workers       = { general = { instance_type = "m7i.large", min = 1, max = 3 } }
  }

  assert {
    condition     = endswith(data.aws_ssm_parameter.image[0].name, "-x86_64")
    error_message = "amd64 machines get the image of arm64."
  }

  assert {
    condition     = output.autoscaler_tags["general-eu-central-1a"]["k8s.io/cluster-autoscaler/node-template/label/kubernetes.io/arch"] == "amd64"
    error_message = "The autoscaler takes the nodes for arm64."
  }
}

run "an_image_can_be_named" {
  command = plan

  variables {
    ami_id = "ami-0fedcba9876543210"
  }

  assert {
    condition     = length(data.aws_ssm_parameter.image) == 0 && aws_instance.control_plane["0"].ami == "ami-0fedcba9876543210" && aws_launch_template.worker["general"].image_id == "ami-0fedcba9876543210"
    error_message = "Nodes have another image than ami_id."
  }
}

run "nothing_is_open_to_the_world" {
  command = plan

  assert {
    condition     = alltrue([for r in aws_vpc_security_group_ingress_rule.node : r.cidr_ipv4 == null && r.cidr_ipv6 == null])
    error_message = "A rule admits addresses and not a security group."
  }

  assert {
    condition     = alltrue([for r in aws_vpc_security_group_ingress_rule.node : !(r.from_port <= 22 && r.to_port >= 22)])
    error_message = "SSH is open."
  }

  assert {
    condition     = toset(keys({ for name, r in local.node_rules : name => r if r.first == 2379 })) == toset(["etcd"]) && local.node_rules["etcd"].from == "control-plane" && local.node_rules["etcd"].to == "control-plane"
    error_message = "Workers reach etcd."
  }

  assert {
    condition     = aws_lb.api.internal && aws_lb.api.enable_deletion_protection
    error_message = "The API is public, or a plan can delete its address."
  }

  assert {
    condition     = aws_lb_target_group.api.preserve_client_ip == "false"
    error_message = "A control plane node that asks for the API and is sent to itself gets no answer."
  }
}

run "nodes_reach_the_internet_on_named_ports_only" {
  command = plan

  variables {
    egress_ports = [443, 587]
  }

  assert {
    condition     = toset([for r in aws_vpc_security_group_egress_rule.internet : r.from_port]) == toset([443, 587]) && length(aws_vpc_security_group_egress_rule.internet) == 4
    error_message = "Nodes reach other ports of the internet."
  }

  assert {
    condition     = alltrue([for r in aws_vpc_security_group_egress_rule.vpc : r.cidr_ipv4 == "10.0.0.0/16"])
    error_message = "Nodes reach everything on every port."
  }
}

run "certificates_are_for_the_control_plane_only" {
  command = plan

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.certs.policy).Statement[1].Condition.ArnNotEquals["aws:PrincipalArn"] == ["arn:aws:iam::123456789012:role/blog-control-plane"]
    error_message = "Others read the keys of the cluster."
  }

  assert {
    condition     = toset(jsondecode(aws_s3_bucket_policy.certs.policy).Statement[1].Resource) == toset(["arn:aws:s3:::example-certs/control-plane/*", "arn:aws:s3:::example-certs/etcd/*"])
    error_message = "Keys or snapshots are readable by more than the control plane."
  }

  assert {
    condition     = toset(jsondecode(aws_s3_bucket_policy.certs.policy).Statement[2].Condition.ArnNotEquals["aws:PrincipalArn"]) == toset(values(var.node_role_arns))
    error_message = "Join material is readable by more than nodes."
  }

  assert {
    condition     = toset(jsondecode(aws_s3_bucket_policy.certs.policy).Statement[4].Condition.ArnEquals["aws:PrincipalArn"]) == toset(values(var.node_role_arns))
    error_message = "A node can change what new nodes run."
  }

  assert {
    condition     = jsondecode(aws_s3_bucket_policy.certs.policy).Statement[0].Condition.Bool["aws:SecureTransport"] == "false"
    error_message = "The bucket answers without TLS."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.certs.block_public_policy && aws_s3_bucket_public_access_block.certs.restrict_public_buckets && aws_s3_bucket_public_access_block.certs.block_public_acls && aws_s3_bucket_public_access_block.certs.ignore_public_acls
    error_message = "The bucket can be made public."
  }
}

run "people_can_be_let_in_for_an_emergency" {
  command = plan

  variables {
    administrator_role_arns = ["arn:aws:iam::123456789012:role/break-glass"]
  }

  assert {
    condition     = contains(jsondecode(aws_s3_bucket_policy.certs.policy).Statement[1].Condition.ArnNotEquals["aws:PrincipalArn"], "arn:aws:iam::123456789012:role/break-glass")
    error_message = "The role cannot read certificates."
  }
}

run "join_material_and_snapshots_expire" {
  command = plan

  variables {
    etcd_snapshot_days = 7
  }

  assert {
    condition     = { for r in aws_s3_bucket_lifecycle_configuration.certs.rule : r.id => r.expiration[0].days if length(r.expiration) > 0 } == { join = 1, etcd = 7 }
    error_message = "Join material or snapshots stay."
  }
}

run "a_node_runs_only_the_script_whose_hash_it_has" {
  command = plan

  assert {
    condition     = alltrue([for name, text in local.scripts : aws_s3_object.script[name].key == "scripts/${sha256(text)}/${name}"])
    error_message = "A script does not lie under its hash."
  }

  assert {
    condition     = strcontains(output.user_data["worker-general"], sha256(local.scripts["worker.sh"])) && strcontains(output.user_data["control-plane-0"], sha256(local.scripts["control-plane.sh"]))
    error_message = "User data names another hash than that of the script."
  }

  assert {
    condition     = alltrue([for text in values(output.user_data) : length(base64gzip(text)) < 16384])
    error_message = "User data is larger than EC2 takes (16 KiB)."
  }
}

run "manifests_of_the_first_minute_are_laid_down" {
  command = plan

  variables {
    bootstrap_manifests = { "10-calico" = "kind: List" }
  }

  assert {
    condition     = aws_s3_object.manifest["10-calico"].key == "scripts/manifests/10-calico.yaml" && aws_s3_object.manifest["10-calico"].content == "kind: List"
    error_message = "The control plane does not find the manifest."
  }
}

run "without_manifests_none_are_laid_down" {
  command = plan

  assert {
    condition     = length(aws_s3_object.manifest) == 0
    error_message = "There is a manifest that nobody gave."
  }
}

run "kubeadm_makes_a_hardened_cluster" {
  command = plan

  assert {
    condition     = strcontains(output.kubeadm_configurations["init-0"], "service-account-issuer, value: https://example-issuer.s3.eu-central-1.amazonaws.com}")
    error_message = "The API server issues tokens of another issuer than AWS trusts."
  }

  assert {
    condition = alltrue([
      for option in ["encryption-provider-config", "audit-policy-file", "NodeRestriction", "anonymous: {enabled: false}", "readOnlyPort: 0", "protectKernelDefaults: true", "rotateCertificates: true"] :
      strcontains(output.kubeadm_configurations["init-0"], option)
    ])
    error_message = "A hardening is missing."
  }

  assert {
    condition     = yamldecode(output.kubeadm_configurations["join-worker-general"]).nodeRegistration.kubeletExtraArgs[1].value == "blogplatform.io/pool=general"
    error_message = "A worker comes up without its labels."
  }

  assert {
    condition     = !can(yamldecode(output.kubeadm_configurations["join-worker-general"]).controlPlane) && yamldecode(output.kubeadm_configurations["join-0"]).controlPlane.localAPIEndpoint.advertiseAddress == "10.0.64.10"
    error_message = "A worker joins as a control plane node, or the other way round."
  }
}
