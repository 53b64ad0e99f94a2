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

  mock_resource "aws_lb" {
    defaults = { dns_name = "blog-api-0123456789abcdef.elb.eu-central-1.amazonaws.com" }
  }

  mock_resource "aws_ebs_volume" {
    defaults = { id = "vol-0123456789abcdef0" }
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

# What these runs render is checked by cloud-init, kubeadm and shellcheck, too.

run "three_control_plane_nodes_and_labelled_workers" {
  command = plan

  variables {
    control_plane = { count = 3 }
  }

  assert {
    condition     = toset(keys(output.user_data)) == toset(["control-plane-0", "control-plane-1", "control-plane-2", "worker-general"]) && toset(keys(output.kubeadm_configurations)) == toset(["init-0", "init-1", "init-2", "join-0", "join-1", "join-2", "join-worker-general"])
    error_message = "A node has no user data, or nothing for kubeadm."
  }

  assert {
    condition     = alltrue([for text in values(output.user_data) : startswith(text, "#cloud-config\n") && can(yamldecode(text))])
    error_message = "cloud-init would ignore user data."
  }

  assert {
    condition = alltrue([
      for i in ["0", "1", "2"] : trimspace([for f in yamldecode(output.user_data["control-plane-${i}"]).write_files : f.content if f.path == "/etc/blogplatform/init.yaml"][0]) == trimspace(output.kubeadm_configurations["init-${i}"])
    ])
    error_message = "A node gives kubeadm something else than what is checked."
  }

  assert {
    condition     = trimspace([for f in yamldecode(output.user_data["worker-general"]).write_files : f.content if f.path == "/etc/blogplatform/join.yaml"][0]) == trimspace(output.kubeadm_configurations["join-worker-general"])
    error_message = "A worker gives kubeadm something else than what is checked."
  }
}

run "workers_without_labels" {
  command = plan

  variables {
    workers = { general = { instance_type = "t4g.large", min = 1, max = 3 } }
  }

  assert {
    condition     = length(yamldecode(output.kubeadm_configurations["join-worker-general"]).nodeRegistration.kubeletExtraArgs) == 1
    error_message = "The kubelet gets an empty list of labels."
  }
}
