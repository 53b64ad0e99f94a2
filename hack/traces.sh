#!/usr/bin/env bash
# Prints what a local cluster could leave behind on the host, a line each, so
# that two outputs can be compared: network links, addresses and routes, packet
# filter rules, mounts, control groups, namespaces that a process lives in,
# settings of the kernel that no namespace holds, systemd units and Debian packages.
set -euo pipefail

{
  ip -oneline link | sed -E 's/^[0-9]+: /link /; s/ qlen .*//'
  ip -oneline address | awk '{ print "address", $2, $4 }'
  ip route show table all | sed 's/^/route /'
  for tables in iptables-nft-save ip6tables-nft-save iptables-legacy-save ip6tables-legacy-save; do
    if command -v "$tables" >/dev/null; then
      # A table without rules appears as soon as somebody looks at it.
      { "$tables" 2>/dev/null || true; } | { grep '^-A' || true; } | sed "s/^/$tables /"
    fi
  done
  awk '{ print "mount", $5 }' /proc/self/mountinfo
  find /sys/fs/cgroup -type d -name 'blogplatform*' -printf 'control group %p\n'
  for kind in net mnt pid ipc uts cgroup; do
    { readlink /proc/[0-9]*/ns/$kind || true; } | sort -u | sed 's/^/namespace /'
  done
  # Those that a kubelet sets at its start.
  { grep --with-filename . /proc/sys/vm/{overcommit_memory,panic_on_oom} /proc/sys/kernel/{panic,panic_on_oops} /proc/sys/kernel/keys/root_max* || true; } |
    sed 's/^/setting /'
  if test -d /run/systemd/system; then
    systemctl list-units --all --plain --no-legend 'blogplatform*' | awk '{ print "unit", $1 }'
  fi
  # shellcheck disable=SC2016 # dpkg-query fills these in
  dpkg-query --show --showformat 'package ${Package} ${db:Status-Status}\n'
} | sort -u
