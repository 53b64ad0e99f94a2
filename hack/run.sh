#!/usr/bin/env bash
# Runs the operator of this checkout on the host, against the local cluster. The
# operator in the cluster is stopped meanwhile, and started again at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=$(bin/cluster env)
eval "$environment"
operator=(--namespace blogplatform-system deployment/blogplatform-controller-manager)

if ! getent hosts id.blog.localhost >/dev/null; then
  echo "id.blog.localhost has no address on this machine, so the operator will not find the identity provider." >&2
  echo "Add this line to /etc/hosts: 127.0.0.1 id.blog.localhost" >&2
fi

go build -o bin/manager ./cmd/manager
trap 'kubectl scale "${operator[@]}" --replicas 1' EXIT
kubectl scale "${operator[@]}" --replicas 0
kubectl wait --namespace blogplatform-system pods --all --for delete --timeout 60s
# From the host the identity provider is behind a port on loopback.
bin/manager --log-format text --health-probe-bind-address 0 --identity-provider-networks 127.0.0.0/8,::1/128 "$@"
