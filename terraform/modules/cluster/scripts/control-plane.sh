#!/usr/bin/env bash
# Makes this machine a control plane node, and keeps what others need in the certs bucket.
#
#   up             become a control plane node, whatever was here before
#   join-material  write a kubeconfig with a token of two hours for new nodes
#   snapshot       write a snapshot of etcd
#
# Where the node's state comes from, in this order: data on etcd's volume (the
# machine was replaced), an API that answers (the node joins it), certificates in
# the bucket (the cluster is built again and GitOps fills it), nothing (it is new).
set -euo pipefail
# shellcheck source=/dev/null # written by cloud-init
. /etc/blogplatform/node.env

pki=(ca.crt ca.key sa.pub sa.key front-proxy-ca.crt front-proxy-ca.key etcd/ca.crt etcd/ca.key)
encryption=/etc/kubernetes/secrets/encryption.yaml
export KUBECONFIG=/etc/kubernetes/admin.conf

s3() { aws s3 --region "$REGION" "$@"; }

# mount_etcd mounts the volume that outlives the machine, and formats it if it is new.
mount_etcd() {
  local device=/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${ETCD_VOLUME/-/}
  until [ -b "$device" ]; do sleep 5; done
  blkid "$device" >/dev/null || mkfs.xfs -q "$device"
  mkdir -p /var/lib/etcd
  chmod 0700 /var/lib/etcd
  grep -q ' /var/lib/etcd ' /etc/fstab || echo "$device /var/lib/etcd xfs defaults,nofail,noatime 0 2" >>/etc/fstab
  mountpoint -q /var/lib/etcd || mount /var/lib/etcd
}

# fetch_certificates is false if the bucket has none.
fetch_certificates() {
  umask 077
  mkdir -p /etc/kubernetes/pki/etcd /etc/kubernetes/secrets
  s3 ls "s3://$CERTS_BUCKET/control-plane/complete" >/dev/null 2>&1 || return 1
  local file
  for file in "${pki[@]}"; do s3 cp --only-show-errors "s3://$CERTS_BUCKET/control-plane/pki/$file" "/etc/kubernetes/pki/$file"; done
  s3 cp --only-show-errors "s3://$CERTS_BUCKET/control-plane/encryption.yaml" "$encryption"
}

# make_encryption_key makes the key with which Secrets lie in etcd.
make_encryption_key() {
  cat >"$encryption" <<EOF
apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - secretbox: {keys: [{name: first, secret: $(head -c 32 /dev/urandom | base64)}]}
  - identity: {}
EOF
}

# save_certificates writes the marker last, so that half a set is never taken for one.
save_certificates() {
  local file
  for file in "${pki[@]}"; do s3 cp --only-show-errors "/etc/kubernetes/pki/$file" "s3://$CERTS_BUCKET/control-plane/pki/$file"; done
  s3 cp --only-show-errors "$encryption" "s3://$CERTS_BUCKET/control-plane/encryption.yaml"
  date -u +%FT%TZ | s3 cp --only-show-errors - "s3://$CERTS_BUCKET/control-plane/complete"
}

# api_answers is true if another control plane node serves the API.
api_answers() { curl -sf --max-time 5 --cacert /etc/kubernetes/pki/ca.crt "https://$ENDPOINT/readyz" >/dev/null; }

publish_issuer() {
  local document
  for document in .well-known/openid-configuration openid/v1/jwks; do
    kubectl get --raw "/$document" | s3 cp --only-show-errors --content-type application/json - "s3://$ISSUER_BUCKET/$document"
  done
}

apply_manifests() {
  local manifests
  manifests=$(mktemp -d)
  s3 cp --only-show-errors --recursive "s3://$CERTS_BUCKET/scripts/manifests/" "$manifests"
  local file
  for file in "$manifests"/*.yaml; do
    [ -e "$file" ] || continue
    # Resources of a kind that the same file defines are accepted a moment later.
    kubectl apply --server-side -f "$file" || { sleep 20; kubectl apply --server-side -f "$file"; }
  done
}

up() {
  mount_etcd
  local known=true
  fetch_certificates || known=false
  if [ -d /var/lib/etcd/data/member ]; then
    $known || { echo "etcd has data, but the bucket has no certificates for it: restore them first" >&2; exit 1; }
    kubeadm init --config /etc/blogplatform/init.yaml --ignore-preflight-errors=DirAvailable--var-lib-etcd-data
  elif [ "$NODE_INDEX" != 0 ] || { $known && api_answers; }; then
    until fetch_certificates && s3 cp --only-show-errors "s3://$CERTS_BUCKET/join/worker/discovery.yaml" /etc/kubernetes/discovery.yaml &&
      kubeadm join --config /etc/blogplatform/join.yaml; do
      kubeadm reset --force >/dev/null 2>&1 || true
      sleep 30
    done
    rm -f /etc/kubernetes/discovery.yaml
  else
    $known || make_encryption_key
    kubeadm init --config /etc/blogplatform/init.yaml
    $known || save_certificates
    publish_issuer
    apply_manifests
  fi
  chmod 0600 /var/lib/kubelet/config.yaml # kubeadm lets everybody read it
  systemctl enable --now blogplatform-join-material.timer blogplatform-snapshot.timer
}

join_material() {
  umask 077
  local file
  file=$(mktemp)
  cat >"$file" <<EOF
apiVersion: v1
kind: Config
clusters:
- {name: cluster, cluster: {server: "https://$ENDPOINT", certificate-authority-data: $(base64 -w0 /etc/kubernetes/pki/ca.crt)}}
users:
- {name: bootstrap, user: {token: "$(kubeadm token create --ttl 2h)"}}
contexts:
- {name: bootstrap, context: {cluster: cluster, user: bootstrap}}
current-context: bootstrap
EOF
  s3 cp --only-show-errors "$file" "s3://$CERTS_BUCKET/join/worker/discovery.yaml"
  rm -f "$file"
}

snapshot() {
  local container name
  container=$(crictl ps --quiet --name '^etcd$')
  name=$(date -u +%Y/%m/%d/%H%M%S)-$NODE_INDEX.db
  crictl exec "$container" etcdctl --endpoints=https://127.0.0.1:2379 --cacert=/etc/kubernetes/pki/etcd/ca.crt \
    --cert=/etc/kubernetes/pki/etcd/server.crt --key=/etc/kubernetes/pki/etcd/server.key snapshot save /var/lib/etcd/data/snapshot.db
  s3 cp --only-show-errors /var/lib/etcd/data/snapshot.db "s3://$CERTS_BUCKET/etcd/$name"
  rm -f /var/lib/etcd/data/snapshot.db
}

case ${1:-} in
up) up ;;
join-material) join_material ;;
snapshot) snapshot ;;
*)
  echo "usage: control-plane.sh up | join-material | snapshot" >&2
  exit 2
  ;;
esac
