#!/usr/bin/env bash
# Checks the workflow files: their syntax and expressions, and that each action
# is pinned to a commit with the version beside it, which actionlint does not ask for.
set -euo pipefail
cd "$(dirname "$0")/../.."

bin/actionlint -shellcheck= -pyflakes= "$@"
[ $# -gt 0 ] || set -- .github/workflows/*.yml
if grep -nE '^[[:space:]]*(- )?uses:' "$@" | grep -vE 'uses: (\./[^@]+|[^@ ]+@[0-9a-f]{40} # v[0-9.]+)$'; then
  echo "Pin these actions to a commit and name its version: owner/action@<40 hexadecimal digits> # v1.2.3" >&2
  exit 1
fi
