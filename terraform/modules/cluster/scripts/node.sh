#!/usr/bin/env bash
# Makes a machine with Amazon Linux 2023 ready for kubeadm: settings of the kernel,
# the container runtime, and kubelet, kubeadm and kubectl of one version. Where a
# machine image holds all of this already, nothing is installed.
set -euo pipefail
# shellcheck source=/dev/null # written by cloud-init
. /etc/blogplatform/node.env

cat >/etc/modules-load.d/kubernetes.conf <<'EOF'
overlay
br_netfilter
EOF
modprobe overlay
modprobe br_netfilter

# The last three are what the kubelet asks for with protectKernelDefaults.
cat >/etc/sysctl.d/90-kubernetes.conf <<'EOF'
net.ipv4.ip_forward = 1
net.bridge.bridge-nf-call-iptables = 1
net.bridge.bridge-nf-call-ip6tables = 1
vm.overcommit_memory = 1
kernel.panic = 10
kernel.panic_on_oops = 1
EOF
sysctl --system >/dev/null

if [ "$(kubeadm version -o short 2>/dev/null)" != "v$KUBERNETES_VERSION" ]; then
  cat >/etc/yum.repos.d/kubernetes.repo <<EOF
[kubernetes]
name=Kubernetes
baseurl=https://pkgs.k8s.io/core:/stable:/v$KUBERNETES_MINOR/rpm/
enabled=1
gpgcheck=1
repo_gpgcheck=1
gpgkey=https://pkgs.k8s.io/core:/stable:/v$KUBERNETES_MINOR/rpm/repodata/repomd.xml.key
EOF
  dnf install -y -q containerd iproute-tc nfs-utils cri-tools \
    "kubelet-$KUBERNETES_VERSION" "kubeadm-$KUBERNETES_VERSION" "kubectl-$KUBERNETES_VERSION"
fi

mkdir -p /etc/containerd
containerd config default | sed 's/SystemdCgroup = false/SystemdCgroup = true/' >/etc/containerd/config.toml
chmod 0600 /etc/containerd/config.toml
systemctl enable --now containerd
systemctl enable kubelet
# Packages have units that everybody may read.
find /usr/lib/systemd/system /etc/systemd/system -path '*kubelet.service*' -type f -exec chmod 0600 {} +
