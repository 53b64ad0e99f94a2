#!/usr/bin/env bash
# Makes what a release consists of beside its images, in bin/release:
#   install    install.yaml, the operator by the digest of bin/images/references
#   plugin     archives of kubectl-blog with its completions, and krew's manifest
#   checksums  SHA256SUMS of these, and subjects: the same with the images
#   publish    a GitHub release of the git tag VERSION, a draft until all is uploaded
set -euo pipefail
cd "$(dirname "$0")/../.."

out=bin/release
platforms="linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64"

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

install() {
  local operator
  operator=$(references | grep '/operator@')
  hack/ci/manifest.sh "$operator" >"$out/install.yaml"
}

# Times, owners and order are fixed: equal sources give equal archives.
plugin() {
  local platform os arch dir name archive sum krew=$out/blog.yaml download
  release
  download=https://github.com/${REPOSITORY:-owner/name}/releases/download/$VERSION
  sed -n '/^apiVersion/,/^  platforms:/p' cmd/kubectl-blog/krew.yaml | sed "s|^  version: .*|  version: $VERSION|" >"$krew"
  for platform in $platforms; do
    os=${platform%/*} arch=${platform#*/} name=kubectl-blog
    [ "$os" != windows ] || name=kubectl-blog.exe
    dir=$(mktemp -d)
    GOOS=$os GOARCH=$arch CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w -X blogplatform.io/operator/cmd/kubectl-blog/internal/command.Version=$VERSION" -o "$dir/$name" ./cmd/kubectl-blog
    command install -m 755 cmd/kubectl-blog/kubectl_complete-blog "$dir"
    command install -m 644 LICENSE NOTICE "$dir"
    archive=$out/kubectl-blog_${os}_$arch.tar.gz
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$dir" -cf - . | gzip -n >"$archive"
    rm -rf "$dir"
    sum=$(sha256sum "$archive")
    cat >>"$krew" <<EOF
  - selector: {matchLabels: {os: $os, arch: $arch}}
    uri: $download/${archive##*/}
    sha256: "${sum%% *}"
    bin: $name
EOF
  done
}

checksums() {
  rm -f "$out/SHA256SUMS" "$out/subjects"
  (cd "$out" && sha256sum -- *) >"$out.sums"
  references | sed -E 's|^(.*)@sha256:([0-9a-f]{64})$|\2  \1|' | cat "$out.sums" - >"$out/subjects"
  mv "$out.sums" "$out/SHA256SUMS"
}

publish() {
  release
  command -v gh >/dev/null || fail "make github-release needs gh, which is not on the PATH."
  gh release view "$VERSION" >/dev/null 2>&1 || gh release create "$VERSION" --draft --verify-tag --generate-notes
  gh release upload "$VERSION" --clobber bin/images/references bin/sbom/*.cdx.json "$out"/*
  gh release edit "$VERSION" --draft=false
}

mkdir -p "$out"
case ${1:-} in
install | plugin | checksums | publish) "$1" ;;
*) fail "usage: assets.sh install|plugin|checksums|publish" ;;
esac
