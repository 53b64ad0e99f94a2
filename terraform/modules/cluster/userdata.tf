locals {
  endpoint = "${aws_lb.api.dns_name}:6443"
  minor    = join(".", slice(split(".", var.kubernetes_version), 0, 2))

  node_settings = {
    region             = var.region
    certs_bucket       = var.certs_bucket
    kubernetes_version = var.kubernetes_version
    kubernetes_minor   = local.minor
    scripts            = { for name, text in local.scripts : name => sha256(text) }
  }

  kubelet_configuration = templatefile("${path.module}/templates/kubelet.yaml.tftpl", { dns_address = cidrhost(var.service_cidr, 10) })

  kubeadm_init = {
    for i, node in local.control_plane : i => templatefile("${path.module}/templates/init.yaml.tftpl", {
      address            = node.address
      endpoint           = local.endpoint
      cluster_name       = var.name
      kubernetes_version = var.kubernetes_version
      pod_cidr           = var.pod_cidr
      service_cidr       = var.service_cidr
      issuer             = var.issuer.url
      api_name           = aws_lb.api.dns_name
      kubelet            = local.kubelet_configuration
    })
  }

  kubeadm_join = {
    for i, node in local.control_plane : i => templatefile("${path.module}/templates/join.yaml.tftpl", { address = node.address, labels = {} })
  }

  kubeadm_join_worker = {
    for name, group in var.workers : name => templatefile("${path.module}/templates/join.yaml.tftpl", { address = "", labels = group.labels })
  }

  control_plane_user_data = {
    for i, node in local.control_plane : i => templatefile("${path.module}/templates/control-plane.yaml.tftpl", merge(local.node_settings, {
      index         = i
      endpoint      = local.endpoint
      issuer_bucket = var.issuer.bucket
      etcd_volume   = aws_ebs_volume.etcd[i].id
      init          = local.kubeadm_init[i]
      join          = local.kubeadm_join[i]
      audit         = file("${path.module}/templates/audit.yaml")
    }))
  }

  worker_user_data = {
    for name in keys(var.workers) : name => templatefile("${path.module}/templates/worker.yaml.tftpl", merge(local.node_settings, {
      join = local.kubeadm_join_worker[name]
    }))
  }
}
