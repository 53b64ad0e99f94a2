#!/usr/bin/env bash
# Changes which release a platform asks for, in a checkout of the repository that
# Argo CD or Flux reads. The file is a patch of spec.release and nothing else, and
# is written whole: it needs no tool that edits YAML.
#
#   staging     commits the digests of the file REFERENCES to the current branch
#   production  waits until staging has verified VERSION, and proposes exactly
#               its digests as a pull request
#
# GITOPS is the checkout, FILE the patch in it, STAGING and PRODUCTION are
# namespace/name of the platforms, VERSION is the release. TIMEOUT is how long
# staging may take. Where the platforms live in two clusters, STAGING_CONTEXT and
# PRODUCTION_CONTEXT name contexts of the kubeconfig, and SOAK is how long staging
# must have run the release: there no operator sees both.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
  echo "$1" >&2
  exit 1
}

[ -d "${GITOPS:-}" ] || fail "GITOPS=${GITOPS:-} is no folder; name a checkout of the repository that the platforms are deployed from."
[[ ${VERSION:-} =~ ^v[0-9]+\.[0-9]+\.[0-9]+ ]] || fail "VERSION=${VERSION:-} is no release; write VERSION=v1.2.3."
[ -f "$GITOPS/$FILE" ] || fail "There is no $FILE in $GITOPS. Commit it once, and name it under patches in the kustomization.yaml beside it."

git() { command git -C "$GITOPS" "$@"; }

# commit answers whether there was something to commit. Where it stands as a
# condition, bash goes on after errors by itself.
commit() {
  git add -- "$FILE" || fail "$FILE of $GITOPS could not be staged."
  if git diff --cached --quiet; then
    return 1
  fi
  git commit -q -m "chore(${1%%/*}): release $VERSION" || fail "$FILE of $GITOPS could not be committed."
}

staging() {
  local change
  git pull -q --rebase origin "$(git rev-parse --abbrev-ref HEAD)"
  change=$(go run ./hack/images/cmd change --references "$REFERENCES" --namespace "${STAGING%/*}" --name "${STAGING#*/}" --version "$VERSION")
  printf '%s\n' "$change" >"$GITOPS/$FILE"
  if commit "$STAGING"; then
    git push -q origin HEAD
    echo "staging $STAGING now asks for release $VERSION"
  else
    echo "staging $STAGING asks for release $VERSION already"
  fi
}

production() {
  local change branch=release/$VERSION base
  kubectl ${STAGING_CONTEXT:+--context "$STAGING_CONTEXT"} wait --namespace "${STAGING%/*}" "blogplatform/${STAGING#*/}" \
    --for=jsonpath='{.status.release.current.version}'="$VERSION" --timeout="$TIMEOUT" >/dev/null ||
    fail "Staging $STAGING has not verified release $VERSION within $TIMEOUT; kubectl blog status -n ${STAGING%/*} says why. Nothing was proposed."
  change=$(kubectl-blog promote "${PRODUCTION#*/}" --namespace "${PRODUCTION%/*}" --from "$STAGING" --release "$VERSION" --soak "$SOAK" --output patch \
    ${PRODUCTION_CONTEXT:+--context "$PRODUCTION_CONTEXT"} ${STAGING_CONTEXT:+--from-context "$STAGING_CONTEXT"})
  base=$(git rev-parse --abbrev-ref HEAD)
  if git fetch -q origin "refs/heads/$branch" 2>/dev/null; then
    git switch -q -C "$branch" FETCH_HEAD
  else
    git switch -q -C "$branch"
  fi
  printf '%s\n' "$change" >"$GITOPS/$FILE"
  if commit "$PRODUCTION"; then
    git push -q origin "HEAD:refs/heads/$branch"
  elif git diff --quiet "$base" -- "$FILE"; then
    echo "production $PRODUCTION asks for release $VERSION already"
    return
  fi
  propose "$branch" "$base"
}

# propose opens the pull request of a branch, unless it is open.
propose() {
  command -v gh >/dev/null || fail "Branch $1 is pushed; open its pull request by hand, because gh is not on the PATH."
  cd "$GITOPS"
  if [ "$(gh pr list --head "$1" --state open --json number --jq length)" != 0 ]; then
    echo "the pull request of branch $1 is open already"
    return
  fi
  gh pr create --head "$1" --base "$2" --title "Release $VERSION to production" \
    --body "Staging $STAGING has verified these digests. Merging lets production $PRODUCTION ask for them; the operator decides when they go out."
}

case ${1:-} in
staging | production) "$1" ;;
*) fail "usage: gitops.sh staging|production" ;;
esac
