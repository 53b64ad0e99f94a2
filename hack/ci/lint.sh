#!/usr/bin/env bash
# Checks the scripts and the workflow files: their syntax and expressions, what an
# attacker could use, that each action is pinned to a commit with the version
# beside it, and that Dependabot looks at every Go module.
set -euo pipefail
cd "$(dirname "$0")/../.."

git grep -lzE '^#!/(usr/bin/env bash|bin/sh)' -- ':!*.go' | xargs -0 bin/shellcheck

[ $# -gt 0 ] || set -- .github/workflows/*.yml
bin/actionlint -shellcheck=bin/shellcheck -pyflakes= "$@"
bin/zizmor --offline --quiet --config hack/ci/zizmor.yml "$@"
if grep -nE '^[[:space:]]*(- )?uses:' "$@" | grep -vE 'uses: (\./[^@]+|[^@ ]+@[0-9a-f]{40} # v[0-9.]+)$'; then
  echo "Pin these actions to a commit and name its version: owner/action@<40 hexadecimal digits> # v1.2.3" >&2
  exit 1
fi

modules=$(git ls-files '*go.mod' | sed -E 's|/?go\.mod$||; s|^|/|' | sort)
watched=$(sed -nE 's|^  - (/.*)$|\1|p' .github/dependabot.yml | sort)
if [ "$modules" != "$watched" ]; then
  echo "Dependabot looks at other folders than those with a go.mod; correct directories in .github/dependabot.yml (< is missing, > is too many):" >&2
  diff <(echo "$modules") <(echo "$watched") >&2 || true
  exit 1
fi
