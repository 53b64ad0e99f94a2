#!/usr/bin/env bash
# What is done with the images that bin/images/references names:
#   login   to REGISTRY as REGISTRY_USER with REGISTRY_PASSWORD
#   push    the OCI layouts, by digest and without a tag
#   sign    what was pushed, and attest its bills of materials; in a GitHub workflow only
#   verify  that the promote workflow of REPOSITORY, at the tag VERSION, signed them
#           and attests how they were built
#   tag     them VERSION
set -euo pipefail
cd "$(dirname "$0")/../.."

issuer=https://token.actions.githubusercontent.com
workflow=.github/workflows/promote.yml

fail() {
  echo "$1" >&2
  exit 1
}

release() {
  [[ ${VERSION:-} =~ ^v[0-9]+\.[0-9]+\.[0-9]+ ]] || fail "VERSION=${VERSION:-} is no release; write VERSION=v1.2.3."
}

references() {
  cat bin/images/references 2>/dev/null || fail "There is no bin/images/references; run make images first."
}

push() {
  local name=${1%@*}
  bin/crane push "bin/images/${name##*/}" "$1"
}

sign() {
  local name=${1%@*} arch
  cosign sign --yes --recursive "$1"
  for arch in amd64 arm64; do
    cosign attest --yes --type cyclonedx --predicate "bin/sbom/${name##*/}_linux_$arch.cdx.json" \
      "$name@$(bin/crane digest --platform "linux/$arch" "$1")"
  done
}

# The identity is compared as a whole: a workflow of a branch is another one.
verify() {
  cosign verify --certificate-oidc-issuer "$issuer" \
    --certificate-identity "https://github.com/$REPOSITORY/$workflow@refs/tags/$VERSION" \
    --certificate-github-workflow-repository "$REPOSITORY" "$1" >/dev/null
  gh attestation verify "oci://$1" --repo "$REPOSITORY" --signer-workflow "$REPOSITORY/$workflow" \
    --source-ref "refs/tags/$VERSION" >/dev/null
  echo "$1 was built and signed by $REPOSITORY at $VERSION"
}

tag() { bin/crane tag "$1" "$VERSION"; }

case ${1:-} in
login)
  [ -n "${REGISTRY_USER:-}" ] && [ -n "${REGISTRY_PASSWORD:-}" ] || fail "make login needs REGISTRY_USER and REGISTRY_PASSWORD in the environment."
  bin/crane auth login "${REGISTRY%%/*}" --username "$REGISTRY_USER" --password-stdin <<<"$REGISTRY_PASSWORD"
  exit
  ;;
push) ;;
sign)
  [ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ] || fail "make sign signs with the identity of a GitHub workflow that has id-token: write, and this is none."
  ;;
verify)
  command -v cosign >/dev/null || fail "make verify needs cosign, which is not on the PATH."
  command -v gh >/dev/null || fail "make verify needs gh, which is not on the PATH."
  [ -n "${REPOSITORY:-}" ] || fail "make verify needs REPOSITORY=owner/name, the repository whose workflow signed the images."
  release
  ;;
tag)
  release
  ;;
*) fail "usage: registry.sh login|push|sign|verify|tag" ;;
esac

lines=$(references)
while read -r reference; do
  "$1" "$reference"
done <<<"$lines"
