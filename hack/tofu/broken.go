package tofu

// run names a run block of one of the modules' test files.
func run(file, name string) Run { return Run{File: "tests/" + file + ".tftest.hcl", Name: name} }

// Rules are the rules of terraform/ that are broken to see that a test notices.
var Rules = []Rule{
	{
		Says: "state is kept when it is replaced", Module: "modules/state", File: "main.tf",
		Old: `status = "Enabled"
  }`, New: `status = "Suspended"
  }`,
		Test: run("state", "state_is_versioned_encrypted_and_private"),
	},
	{
		Says: "state is refused without TLS", Module: "modules/state", File: "main.tf",
		Old: `Effect    = "Deny"`, New: `Effect    = "Allow"`,
		Test: run("state", "plain_http_is_refused"),
	},
	{
		Says: "private subnets are in three zones", Module: "modules/network", File: "variables.tf",
		Old: `length(var.availability_zones) == 3 && length(distinct(var.availability_zones)) == 3`, New: `length(var.availability_zones) > 1`,
		Test: run("refused", "two_zones"),
	},
	{
		Says: "the VPC does not overlap with pods, Services and peers", Module: "modules/network", File: "main.tf",
		Old: `length(local.overlapping) == 0`, New: `length(local.overlapping) >= 0`,
		Test: run("refused", "a_network_that_holds_that_of_pods"),
	},
	{
		Says: "every zone leaves by its own NAT gateway", Module: "modules/network", File: "main.tf",
		Old: `contains(local.gateway_zones, zone) ? zone : local.gateway_zones[0]`, New: `local.gateway_zones[0]`,
		Test: run("network", "each_zone_has_a_gateway_where_asked_for"),
	},
	{
		Says: "without a way out, nodes reach AWS by endpoints", Module: "modules/network", File: "main.tf",
		Old: `"ssm", "ssmmessages"`, New: `"ssm"`,
		Test: run("network", "without_a_way_out_the_services_that_nodes_need_have_endpoints"),
	},
	{
		Says: "flow logs are on", Module: "modules/network", File: "variables.tf",
		Old: `default     = 90`, New: `default     = 0`,
		Test: run("network", "flow_logs_are_kept_encrypted"),
	},
	{
		Says: "files are encrypted", Module: "modules/storage", File: "efs.tf",
		Old: `encrypted       = true`, New: `encrypted       = false`,
		Test: run("storage", "files_are_encrypted_and_backed_up"),
	},
	{
		Says: "a delete is not replicated", Module: "modules/storage", File: "replication.tf",
		Old: `status = "Disabled"`, New: `status = "Enabled"`,
		Test: run("storage", "a_bucket_is_copied_where_asked_for"),
	},
	{
		Says: "two environments do not share a host", Module: "modules/dns", File: "variables.tf",
		Old: `length(distinct(flatten(values(var.hosts))))`, New: `length(flatten(values(var.hosts)))`,
		Test: run("refused", "two_environments_with_one_host"),
	},
	{
		Says: "wildcard certificates are forbidden", Module: "modules/dns", File: "main.tf",
		Old: `"0 issuewild \";\""`, New: `"0 issuewild \"letsencrypt.org\""`,
		Test: run("dns", "only_the_named_authority_may_issue"),
	},
	{
		Says: "workers only read", Module: "modules/identity", File: "main.tf",
		Old: `Sid      = "CertsRead"
        Effect   = "Allow"
        Action   = ["s3:GetObject"]`, New: `Sid      = "CertsRead"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]`,
		Test: run("identity", "workers_read_join_material_and_scripts_only"),
	},
	{
		Says: "the autoscaler scales its own groups only", Module: "modules/identity", File: "pods.tf",
		Old: `"aws:ResourceTag/${local.autoscaler_tag}" = "owned"`, New: `"aws:ResourceTag/team" = "owned"`,
		Test: run("identity", "the_autoscaler_scales_its_own_groups_only"),
	},
	{
		Says: "cert-manager changes TXT records only", Module: "modules/identity", File: "pods.tf",
		Old: `= ["TXT"]`, New: `= ["TXT", "A"]`,
		Test: run("identity", "cert_manager_answers_challenges_of_the_zone_only"),
	},
	{
		Says: "an environment reads its own backups only", Module: "modules/identity", File: "pods.tf",
		Old: `:s3:::${var.backups_bucket}/${p.namespace}/${p.name}/*"]`, New: `:s3:::${var.backups_bucket}/*"]`,
		Test: run("identity", "each_environment_reaches_its_own_data_only"),
	},
	{
		Says: "CI may not be any branch", Module: "modules/identity", File: "variables.tf",
		Old: ` && !strcontains(r, "*")`, New: ``,
		Test: run("refused", "every_branch_of_a_repository"),
	},
	{
		Says: "the gateway learns the reader's address", Module: "modules/ingress", File: "main.tf",
		Old: `proxy_protocol_v2      = true`, New: `proxy_protocol_v2      = false`,
		Test: run("ingress", "the_gateway_learns_the_reader_s_address"),
	},
	{
		Says: "the load balancer sends to the gateway's NodePorts", Module: "modules/ingress", File: "variables.tf",
		Old: `{ http = 30080, https = 30443 }`, New: `{ http = 30080, https = 31443 }`,
		Test: run("ingress", "both_ports_lead_to_the_gateway"),
	},
	{
		Says: "what the load balancer decrypts is encrypted again", Module: "modules/ingress", File: "main.tf",
		Old: `https = var.tls_at == "nlb" ? "TLS" : "TCP"`, New: `https = "TCP"`,
		Test: run("ingress", "tls_can_end_at_the_load_balancer"),
	},
	{
		Says: "TLS at the load balancer has a certificate", Module: "modules/ingress", File: "main.tf",
		Old: `(var.tls_at == "nlb") == (var.certificate_arn != null)`, New: `(var.tls_at == "nlb") || (var.certificate_arn == null)`,
		Test: run("refused", "tls_at_the_load_balancer_without_a_certificate"),
	},
	{
		Says: "pods cannot take the role of their node", Module: "modules/cluster", File: "workers.tf",
		Old: `http_put_response_hop_limit = 1`, New: `http_put_response_hop_limit = 2`,
		Test: run("cluster", "machines_answer_imdsv2_only_and_pods_not_at_all"),
	},
	{
		Says: "the EBS driver cannot delete etcd's volume", Module: "modules/cluster", File: "controlplane.tf",
		Old: `merge(var.tags, { Name = "${var.name}-etcd-${each.key}" })`, New: `merge(var.tags, local.cluster_tags)`,
		Test: run("cluster", "one_control_plane_node_keeps_address_and_data"),
	},
	{
		Says: "the autoscaler finds its groups", Module: "modules/cluster", File: "workers.tf",
		Old: `"k8s.io/cluster-autoscaler/${var.name}"`, New: `"k8s.io/cluster-autoscaler/cluster"`,
		Test: run("cluster", "the_autoscaler_finds_a_group_in_every_zone"),
	},
	{
		Says: "only the control plane reads certificates", Module: "modules/cluster", File: "certs.tf",
		Old: `concat([var.node_role_arns.control-plane], var.administrator_role_arns)`, New: `concat(values(var.node_role_arns), var.administrator_role_arns)`,
		Test: run("cluster", "certificates_are_for_the_control_plane_only"),
	},
	{
		Says: "etcd has no two nodes", Module: "modules/cluster", File: "variables.tf",
		Old: `contains([1, 3], var.control_plane.count)`, New: `contains([1, 2, 3], var.control_plane.count)`,
		Test: run("refused", "two_control_plane_nodes"),
	},
	{
		Says: "Secrets are encrypted in etcd", Module: "modules/cluster", File: "templates/init.yaml.tftpl",
		Old: `encryption-provider-config`, New: `encryption-provider`,
		Test: run("cluster", "kubeadm_makes_a_hardened_cluster"),
	},
	{
		Says: "nodes run the script whose hash their user data names", Module: "modules/cluster", File: "userdata.tf",
		Old: `name => sha256(text) }`, New: `name => sha1(text) }`,
		Test: run("cluster", "a_node_runs_only_the_script_whose_hash_it_has"),
	},
	{
		Says: "roles and the certs bucket agree on its prefixes", Module: "environments/example", File: "../../modules/identity/main.tf",
		Old: `control_plane = "control-plane/"`, New: `control_plane = "pki/"`,
		Test: run("example", "nodes_may_do_what_the_certs_bucket_lets_them"),
	},
	{
		Says: "roles and groups agree on the autoscaler's tag", Module: "environments/example", File: "../../modules/identity/pods.tf",
		Old: `autoscaler_tag = "k8s.io/cluster-autoscaler/${var.name}"`, New: `autoscaler_tag = "k8s.io/autoscaler/${var.name}"`,
		Test: run("example", "the_autoscaler_may_scale_the_groups_that_it_finds"),
	},
	{
		Says: "a month costs no more than the ceiling", Module: "environments/example", File: "outputs.tf",
		Old: `local.monthly_cost <= var.monthly_cost_ceiling`, New: `local.monthly_cost > 0`,
		Test: run("example", "a_plan_above_the_ceiling_is_refused"),
	},
}
