#!/usr/bin/env bash
# Brings up a cluster of its own on free ports, checks it, takes it down, and
# checks that nothing of it is left on the host. A cluster that is up already
# is left alone, but must be neither started nor stopped meanwhile.
# What follows the name of the script goes to go test. TO names a component that
# comes on request.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" -ne 0 ]; then
  echo "make e2e needs root for its node (sudo make e2e)." >&2
  exit 1
fi

state=$(mktemp -d /tmp/blogplatform-e2e-XXXXXX)
# Behind sudo the cluster's state belongs to the user who called.
[ -z "${SUDO_USER:-}" ] || chown "$SUDO_USER" "$state"
report=${TEST_REPORT:-$state/report}.e2e
# Both are held open until both are known, so that they differ.
read -r https_port api_port < <(python3 -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in held))')
settings=(--state "$state/cluster" --https-port "$https_port" --api-port "$api_port")

# shellcheck disable=SC2329 # the trap calls it
end() {
  bin/cluster down "${settings[@]}"
  rm -rf "$state"
}
trap end EXIT

explain() {
  kubectl=("$state/cluster/bin/kubectl" --kubeconfig "$state/cluster/kubeconfig")
  "${kubectl[@]}" get pods --all-namespaces || true
  "${kubectl[@]}" describe blogplatforms --all-namespaces || true
  "${kubectl[@]}" logs --namespace blogplatform-system deployment/blogplatform-controller-manager --tail 100 || true
  tail -n 20 "$state/cluster/log/init.log" || true
}

hack/traces.sh >"$state/before"
bin/cluster up "${settings[@]}" || { explain; exit 1; }
[ -z "${TO:-}" ] || bin/cluster up "${settings[@]}" --to "$TO" || { explain; exit 1; }

run=(bin/gotestsum --format testname --jsonfile "$report" --)
case " $* " in
*" -bench "*) run=(go test -v) ;; # gotestsum takes a benchmark for a test that never ended
esac

failed=0
BLOGPLATFORM_KUBECONFIG=$state/cluster/kubeconfig BLOGPLATFORM_HTTPS_PORT=$https_port \
  "${run[@]}" -count=1 -timeout 60m "${@:--tags=e2e}" ./test/e2e || { explain; failed=1; }
if [ $# -eq 0 ]; then
  BLOGPLATFORM_URL=https://stg.blog.localhost:$https_port \
    bin/gotestsum --format testname --jsonfile "$report.browser" -- -count=1 -tags=e2e -run OnACluster ./services/stories || { explain; failed=1; }
fi

bin/cluster down "${settings[@]}"
hack/traces.sh >"$state/after"
if ! diff "$state/before" "$state/after"; then
  echo "The cluster left these traces on the host (> is new, < is gone)." >&2
  failed=1
fi
exit $failed
