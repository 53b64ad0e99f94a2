mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }

  mock_data "aws_ssm_parameter" {
    defaults = { value = "ami-0123456789abcdef0" }
  }

  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/mocked/1" }
  }

  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/mocked" }
  }

  mock_resource "aws_vpc" {
    defaults = { id = "vpc-0a1b2c3d" }
  }

  mock_resource "aws_subnet" {
    defaults = { id = "subnet-0a1b2c3d" }
  }

  mock_resource "aws_security_group" {
    defaults = { id = "sg-0a1b2c3d" }
  }

  mock_resource "aws_lb" {
    defaults = { dns_name = "mocked.elb.eu-central-1.amazonaws.com", zone_id = "Z3F0SRJ5LGBH90" }
  }

  mock_resource "aws_efs_file_system" {
    defaults = { arn = "arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/fs-0a1b2c3d" }
  }

  mock_resource "aws_route53_zone" {
    defaults = { zone_id = "Z0123456789", name_servers = ["ns-1.awsdns-01.org", "ns-2.awsdns-02.net"] }
  }
}

mock_provider "aws" {
  alias = "us_east_1"
}

variables {
  region             = "eu-central-1"
  availability_zones = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
  bucket_prefix      = "acme-blog"
  domain             = "example.com"
  environments = {
    production = { namespace = "g11-prod", hosts = ["blog.example.com"] }
    staging    = { namespace = "g11-stg", hosts = ["stg.example.com"] }
  }
}

run "nodes_may_do_what_the_certs_bucket_lets_them" {
  command = plan

  # What a role may read there, the bucket refuses to nobody but others.
  assert {
    condition = alltrue(flatten([
      for role, policy in module.identity.node_policies : [
        for statement in jsondecode(policy).Statement : [
          for resource in statement.Resource : alltrue([
            for refusal in jsondecode(module.cluster.certs_bucket_policy).Statement :
            contains(flatten([refusal.Condition.ArnNotEquals["aws:PrincipalArn"]]), module.identity.node_role_arns[role])
            if can(refusal.Condition.ArnNotEquals) && length(setintersection(refusal.Action, statement.Action)) > 0 &&
            anytrue([for refused in refusal.Resource : startswith(resource, trimsuffix(refused, "*"))])
          ])
        ]
      ]
    ]))
    error_message = "A role may use a prefix that the bucket refuses to it."
  }

  # Each part of the bucket that only some may read is readable by somebody.
  assert {
    condition = alltrue(flatten([
      for refusal in jsondecode(module.cluster.certs_bucket_policy).Statement : [
        for refused in refusal.Resource : anytrue(flatten([
          for policy in values(module.identity.node_policies) : [
            for statement in jsondecode(policy).Statement : [for resource in statement.Resource : startswith(resource, trimsuffix(refused, "*"))]
          ]
        ]))
      ] if can(refusal.Condition.ArnNotEquals)
    ]))
    error_message = "The bucket guards a prefix that no role uses: the names differ."
  }

  # The control plane may write every prefix that the bucket keeps for it.
  assert {
    condition = alltrue([
      for refused in [for s in jsondecode(module.cluster.certs_bucket_policy).Statement : s if s.Sid == "OnlyTheControlPlaneWrites"][0].Resource :
      anytrue([
        for resource in flatten([for s in jsondecode(module.identity.node_policies["control-plane"]).Statement : s.Resource if contains(s.Action, "s3:PutObject")]) :
        startswith(resource, trimsuffix(refused, "*"))
      ])
    ])
    error_message = "The control plane may not write what only it could."
  }
}

run "the_autoscaler_may_scale_the_groups_that_it_finds" {
  command = plan

  assert {
    condition     = length(module.cluster.autoscaler_tags) == 3 && alltrue([for tags in values(module.cluster.autoscaler_tags) : lookup(tags, module.identity.autoscaler_tag, "") == "owned"])
    error_message = "The autoscaler's rights are bound to a tag that groups do not have."
  }
}

run "gateway_load_balancer_and_workers_agree" {
  command = plan

  assert {
    condition     = output.node_ports == { http = 30080, https = 30443 }
    error_message = "The NodePorts are others than the gateway's."
  }

  assert {
    condition     = length(module.ingress.target_group_arns) == 2
    error_message = "Workers register with one port only."
  }
}

run "pods_are_believed_by_the_issuer_s_address" {
  command = plan

  assert {
    condition     = strcontains(module.cluster.kubeadm_configurations["init-0"], module.identity.issuer) && module.identity.issuer == "https://acme-blog-issuer.s3.eu-central-1.amazonaws.com"
    error_message = "The API server issues tokens of another issuer than AWS trusts."
  }
}

run "the_steps_at_the_registrar_name_the_name_servers" {
  command = plan

  assert {
    condition     = strcontains(output.porkbun_steps, "ns-1.awsdns-01.org") && strcontains(output.porkbun_steps, "ns-2.awsdns-02.net") && !strcontains(output.porkbun_steps, "DNSSEC")
    error_message = "The steps do not name the name servers, or name a record that is not there."
  }
}

run "a_month_costs_what_the_table_says" {
  command = plan

  # 24.53 + 147.17 + 16.80 + 7.36 + 0 + 43.80 + 3 + 0.50
  assert {
    condition     = output.monthly_costs.total == "243.15"
    error_message = "The total is ${output.monthly_costs.total}: correct the table in docs/cloud.md, too."
  }

  assert {
    condition     = output.monthly_costs.workers == "147.17" && output.monthly_costs.control_plane == "24.53"
    error_message = "Machines cost ${output.monthly_costs.workers} and ${output.monthly_costs.control_plane}."
  }

  assert {
    condition     = output.monthly_costs.load_balancers == "43.80" && output.monthly_costs.nat == "7.36"
    error_message = "Load balancers cost ${output.monthly_costs.load_balancers}, NAT ${output.monthly_costs.nat}."
  }
}

run "three_control_plane_nodes_with_a_gateway_cost_more" {
  command = plan

  variables {
    nat                  = "gateway"
    control_plane        = { count = 3 }
    monthly_cost_ceiling = 400
  }

  assert {
    condition     = output.monthly_costs.nat == "36.50" && output.monthly_costs.control_plane == "73.58"
    error_message = "NAT costs ${output.monthly_costs.nat}, the control plane ${output.monthly_costs.control_plane}."
  }
}

run "a_plan_above_the_ceiling_is_refused" {
  command = plan

  variables {
    nat                  = "gateway_per_zone"
    monthly_cost_ceiling = 250
  }

  expect_failures = [output.monthly_costs]
}

run "a_machine_without_a_price_is_refused" {
  command = plan

  variables {
    control_plane = { instance_type = "c7g.large" }
  }

  expect_failures = [output.monthly_costs]
}

run "a_ceiling_of_nothing_is_refused" {
  command = plan

  variables {
    monthly_cost_ceiling = 0
  }

  expect_failures = [var.monthly_cost_ceiling]
}

run "a_manifest_that_does_not_exist_is_refused" {
  command = plan

  variables {
    bootstrap_manifests = { "10-calico" = "manifests/none.yaml" }
  }

  expect_failures = [var.bootstrap_manifests]
}

run "a_zone_of_another_region_is_refused" {
  command = plan

  variables {
    availability_zones = ["eu-central-1a", "eu-central-1b", "eu-west-1c"]
  }

  expect_failures = [var.availability_zones]
}

run "a_prefix_that_is_no_bucket_name_is_refused" {
  command = plan

  variables {
    bucket_prefix = "Acme"
  }

  expect_failures = [var.bucket_prefix]
}

run "tls_at_the_load_balancer_brings_its_certificate" {
  command = plan

  override_resource {
    target = module.dns.aws_acm_certificate.this
    values = {
      arn = "arn:aws:acm:eu-central-1:123456789012:certificate/mocked"
      domain_validation_options = [
        { domain_name = "blog.example.com", resource_record_name = "_1.blog.example.com", resource_record_type = "CNAME", resource_record_value = "_1.acm-validations.aws" },
        { domain_name = "stg.example.com", resource_record_name = "_2.stg.example.com", resource_record_type = "CNAME", resource_record_value = "_2.acm-validations.aws" },
      ]
    }
  }

  variables {
    tls_at = "nlb"
    dnssec = true
  }

  assert {
    condition     = module.dns.certificate_arn == "arn:aws:acm:eu-central-1:123456789012:certificate/mocked" && output.monthly_costs.keys == "4.00"
    error_message = "The load balancer has no certificate, or the key of DNSSEC is not in the bill."
  }
}

run "ci_may_plan_where_a_repository_is_named" {
  command = plan

  variables {
    github = { repository = "acme/infra", refs = ["refs/heads/main"], state_bucket = "acme-state", state_kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/state" }
  }

  assert {
    condition     = output.ci_role_arn != null
    error_message = "CI has no role."
  }
}
