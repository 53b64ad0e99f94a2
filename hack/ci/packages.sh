#!/usr/bin/env bash
# Installs the Debian packages that make test and make e2e need: the one list of them.
set -euo pipefail

missing=()
for package in gcc libc6-dev make python3-pip chromium; do
  dpkg -s "$package" >/dev/null 2>&1 || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" </dev/null
fi
