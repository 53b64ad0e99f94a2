mock_provider "aws" {
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
  workers           = { general = { instance_type = "t4g.large", min = 1, max = 3 } }
  instance_profiles = { control-plane = "blog-control-plane", worker = "blog-worker" }
  node_role_arns = {
    control-plane = "arn:aws:iam::123456789012:role/blog-control-plane"
    worker        = "arn:aws:iam::123456789012:role/blog-worker"
  }
  certs_bucket      = "example-certs"
  issuer            = { url = "https://example-issuer.s3.eu-central-1.amazonaws.com", bucket = "example-issuer" }
  target_group_arns = {}
}

run "a_name_with_an_underscore" {
  command = plan

  variables {
    name = "blog_1"
  }

  expect_failures = [var.name]
}

run "a_region_that_is_none" {
  command = plan

  variables {
    region = "Frankfurt"
  }

  expect_failures = [var.region]
}

run "a_version_with_v" {
  command = plan

  variables {
    kubernetes_version = "v1.37.2"
  }

  expect_failures = [var.kubernetes_version]
}

run "a_vpc_without_a_prefix" {
  command = plan

  variables {
    vpc_cidr = "10.0.0.0"
  }

  expect_failures = [var.vpc_cidr]
}

run "two_zones" {
  command = plan

  variables {
    subnets = { eu-central-1a = { id = "subnet-a", cidr = "10.0.64.0/18" }, eu-central-1b = { id = "subnet-b", cidr = "10.0.128.0/18" } }
  }

  expect_failures = [var.subnets]
}

run "pods_without_a_network" {
  command = plan

  variables {
    pod_cidr = "pods"
  }

  expect_failures = [var.pod_cidr]
}

run "services_in_too_large_a_network" {
  command = plan

  variables {
    service_cidr = "10.0.0.0/8"
  }

  expect_failures = [var.service_cidr]
}

run "pods_within_the_vpc" {
  command = plan

  variables {
    pod_cidr = "10.0.192.0/18"
  }

  expect_failures = [aws_kms_key.this]
}

run "services_that_hold_the_pods" {
  command = plan

  variables {
    service_cidr = "10.240.0.0/12"
  }

  expect_failures = [aws_kms_key.this]
}

run "an_unknown_architecture" {
  command = plan

  variables {
    architecture = "riscv64"
  }

  expect_failures = [var.architecture]
}

run "a_machine_of_the_other_architecture" {
  command = plan

  variables {
    control_plane = { instance_type = "t3.medium" }
  }

  expect_failures = [aws_kms_key.this]
}

run "an_image_that_is_none" {
  command = plan

  variables {
    ami_id = "al2023"
  }

  expect_failures = [var.ami_id]
}

run "two_control_plane_nodes" {
  command = plan

  variables {
    control_plane = { count = 2 }
  }

  expect_failures = [var.control_plane]
}

run "too_small_a_volume_for_etcd" {
  command = plan

  variables {
    control_plane = { etcd_gb = 1 }
  }

  expect_failures = [var.control_plane]
}

run "no_workers" {
  command = plan

  variables {
    workers = {}
  }

  expect_failures = [var.workers]
}

run "more_workers_at_least_than_at_most" {
  command = plan

  variables {
    workers = { general = { instance_type = "t4g.large", min = 4, max = 3 } }
  }

  expect_failures = [var.workers]
}

run "too_small_a_disk" {
  command = plan

  variables {
    workers = { general = { instance_type = "t4g.large", min = 1, max = 3, disk_gb = 8 } }
  }

  expect_failures = [var.workers]
}

run "a_label_with_a_space" {
  command = plan

  variables {
    workers = { general = { instance_type = "t4g.large", min = 1, max = 3, labels = { pool = "for all" } } }
  }

  expect_failures = [var.workers]
}

run "every_role_as_administrator" {
  command = plan

  variables {
    administrator_role_arns = ["arn:aws:iam::123456789012:role/*"]
  }

  expect_failures = [var.administrator_role_arns]
}

run "a_bucket_with_capitals" {
  command = plan

  variables {
    certs_bucket = "Certs"
  }

  expect_failures = [var.certs_bucket]
}

run "snapshots_for_ever" {
  command = plan

  variables {
    etcd_snapshot_days = 3650
  }

  expect_failures = [var.etcd_snapshot_days]
}

run "an_issuer_without_tls" {
  command = plan

  variables {
    issuer = { url = "http://example-issuer", bucket = "example-issuer" }
  }

  expect_failures = [var.issuer]
}

run "a_manifest_without_an_order" {
  command = plan

  variables {
    bootstrap_manifests = { calico = "kind: List" }
  }

  expect_failures = [var.bootstrap_manifests]
}

run "ssh_to_the_internet" {
  command = plan

  variables {
    egress_ports = [22, 443]
  }

  expect_failures = [var.egress_ports]
}

run "no_way_to_become_a_node" {
  command = plan

  variables {
    egress_ports = [587]
  }

  expect_failures = [var.egress_ports]
}

run "a_vpc_by_its_name" {
  command = plan

  variables {
    vpc_id = "blog"
  }

  expect_failures = [var.vpc_id]
}

run "an_instance_profile_by_its_arn" {
  command = plan

  variables {
    instance_profiles = { control-plane = "arn:aws:iam::123456789012:instance-profile/a", worker = "b" }
  }

  expect_failures = [var.instance_profiles]
}

run "every_role_as_that_of_a_node" {
  command = plan

  variables {
    node_role_arns = { control-plane = "arn:aws:iam::123456789012:role/*", worker = "arn:aws:iam::123456789012:role/b" }
  }

  expect_failures = [var.node_role_arns]
}

run "a_target_group_by_its_name" {
  command = plan

  variables {
    target_group_arns = { http = "blog-http" }
  }

  expect_failures = [var.target_group_arns]
}

run "a_tag_that_is_reserved_for_aws" {
  command = plan

  variables {
    tags = { "aws:team" = "blog" }
  }

  expect_failures = [var.tags]
}
