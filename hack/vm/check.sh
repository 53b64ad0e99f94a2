#!/bin/bash
# Runs as root in the virtual machine, after its login service has started. Prints a line per check to the serial port:
# vm-check|NAME|REASON, where REASON is empty for a check that passed. Then it switches the machine off.
set -u
checkout=/home/dev/blogplatform

# check NAME COMMAND... runs a command. The reason of a failure is the last line that it printed.
check() {
  local name=$1 reason
  shift
  if "$@" >/tmp/check.log 2>&1; then
    reason=
  else
    reason=$(grep -v '^[[:space:]]*$' /tmp/check.log | tail -n 1 | tr '|\r' '  ')
    reason=${reason:-failed without a word}
    sed 's/^/  /' /tmp/check.log
  fi
  printf '\nvm-check|%s|%s\n' "$name" "$reason"
  test -z "$reason"
}

# as_dev runs a command line as the ordinary user, in a login shell, in the checkout.
as_dev() {
  runuser --login dev --command "cd $checkout && $*"
}

control_groups() {
  test "$(stat --file-system --format=%T /sys/fs/cgroup)" = cgroup2fs || { echo "/sys/fs/cgroup is no cgroup2"; return 1; }
  # shellcheck disable=SC2016 # the shell in the scope expands it
  systemd-run --scope --quiet --slice=blogplatform.slice -p Delegate=yes --collect bash -c '
    set -e
    own=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
    mkdir "$own/init"
    echo $$ >"$own/init/cgroup.procs"
    for controller in cpu cpuset io memory pids; do
      echo "+$controller" >"$own/cgroup.subtree_control" || { echo "controller $controller is not delegated"; exit 1; }
    done' || return
  # The slice outlives its scope, and would hide one that the cluster leaves behind.
  systemctl stop blogplatform.slice
}

kernel_modules() {
  local missing=()
  for module in overlay veth nf_tables nft_compat nf_conntrack nf_nat xt_comment xt_conntrack xt_MASQUERADE xt_REDIRECT xt_statistic xt_set ip_set ip_set_hash_ip; do
    modprobe --dry-run "$module" 2>/dev/null || missing+=("$module")
  done
  test ${#missing[@]} = 0 || { echo "the kernel lacks ${missing[*]}"; return 1; }
}

ordinary_user() {
  test "$(runuser --login dev --command 'id -u')" != 0 || { echo "dev is root"; return 1; }
  test "$(runuser --login dev --command 'sudo --non-interactive id -u')" = 0 || { echo "dev may not use sudo"; return 1; }
  ! runuser --login dev --command 'sudo --non-interactive sh -c "command -v go"' || { echo "root has Go on its PATH"; return 1; }
  runuser --login dev --command 'go version' || { echo "dev has no Go on its PATH"; return 1; }
}

node_and_dns() {
  # Not in a terminal, so nothing is asked.
  as_dev 'make up TO=CoreDNS </dev/null' >/tmp/up.log 2>&1 && return
  tail -n 30 $checkout/.cluster/log/{init,containerd,kubelet}.log
  cat /tmp/up.log
  return 1
}

# What was there before may have ended meanwhile, such as a service that systemd needed at its start.
nothing_left() {
  local new
  new=$(comm -13 /tmp/traces.before /tmp/traces.after)
  test -z "$new" || { echo "$new"; echo "$(wc -l <<<"$new") traces are new"; return 1; }
}

exec >/dev/ttyS0 2>&1
check "control groups" control_groups
check "kernel modules" kernel_modules
check "ordinary user" ordinary_user
if test -d $checkout; then
  $checkout/hack/traces.sh >/tmp/traces.before
  check "preflight" as_dev 'make bin/cluster && bin/cluster preflight --to CoreDNS'
  check "node and DNS" node_and_dns
  check "make down" as_dev 'make down'
  $checkout/hack/traces.sh >/tmp/traces.after
  check "nothing left" nothing_left
fi
sync
systemctl poweroff --force --force
