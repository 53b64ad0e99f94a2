#!/usr/bin/env bash
# Prints the CRD, RBAC and the operator as the image that the first argument
# names, by tag or digest. Kustomize puts it in, in a folder beside config.
set -euo pipefail
cd "$(dirname "$0")/../.."

image=$1
mkdir -p bin
overlay=$(mktemp -d bin/manifest.XXXXXX)
trap 'rm -rf "$overlay"' EXIT
case $image in
*@*) new=$(printf 'newName: "%s"\n  digest: "%s"' "${image%@*}" "${image#*@}") ;;
*:*) new=$(printf 'newName: "%s"\n  newTag: "%s"' "${image%:*}" "${image##*:}") ;;
*)
  echo "$image names no tag and no digest; write it as $image:v1.2.3 or $image@sha256:…" >&2
  exit 1
  ;;
esac
cat >"$overlay/kustomization.yaml" <<EOF
resources: [../../config/default]
images:
- name: controller
  $new
EOF
"${KUBECTL:-kubectl}" kustomize "$overlay"
