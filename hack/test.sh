#!/usr/bin/env bash
# Runs every test that needs no node. The packages that handle concurrency run
# under the race detector where a C compiler is there. BLOGPLATFORM_TIME_FACTOR
# scales all limits; without it a busy machine gets a factor by its load.
set -euo pipefail
cd "$(dirname "$0")/.."

# What go test writes: $TEST_REPORT.*, or files that go with this script.
report=${TEST_REPORT:-}
if [ -z "$report" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  report=$folder/report
fi
root=blogplatform.io/operator
raced="^$root/(internal/apply|controllers|services)(/|\$)"
# What takes longest comes first: a package that begins last would run alone in the end.
first=(test/operator/{argo,crash,promotion,release,faults,install,drift,deletion} cmd/kubectl-blog/internal/command services/stories services/user/service)

if [ -z "${BLOGPLATFORM_TIME_FACTOR:-}" ]; then
  # One package more than there are processors, and work that waits already: twice the load, twice the time.
  BLOGPLATFORM_TIME_FACTOR=$(awk -v cpus="$(nproc)" '{ f = 2 + $1 / cpus; if (f > 4) f = 4; printf "%.1f", f }' /proc/loadavg)
  echo "Limits of time are multiplied by $BLOGPLATFORM_TIME_FACTOR, by the machine's load. BLOGPLATFORM_TIME_FACTOR sets another factor."
fi
export BLOGPLATFORM_TIME_FACTOR
limit=$(awk -v factor="$BLOGPLATFORM_TIME_FACTOR" 'BEGIN { s = int(600 * factor); if (s < 1) exit 1; print s "s" }') ||
  { echo "BLOGPLATFORM_TIME_FACTOR is \"$BLOGPLATFORM_TIME_FACTOR\", and must be a number above 0, such as 2.5."; exit 1; }

# A package for each processor at the same time, if there are 4 GB for each: it may have a control plane of its own.
parallel=$(awk -v processors="$(nproc)" '/^MemTotal/ { n = int($2 / 4e6); print n < 1 ? 1 : n < processors ? n : processors }' /proc/meminfo)

# run REPORT PARALLEL ARGUMENT...
run() { bin/gotestsum --format pkgname-and-test-fails --hide-summary=skipped --jsonfile "$1" -- -count=1 -p "$2" -timeout "$limit" "${@:3}"; }

go run ./hack/cluster/cmd build-test-programs

packages=$({ printf "$root/%s\n" "${first[@]}"; go list ./...; } | awk '!seen[$0]++')
mapfile -t with < <(grep -E "$raced" <<<"$packages")
mapfile -t without < <(grep -vE "$raced" <<<"$packages")

race=()
if command -v gcc >/dev/null; then
  race=(-race)
else
  echo "SKIPPED: the race detector, because there is no gcc (apt-get install gcc)." | tee -a "$report.skips"
fi

failed=0
# Beside the others, because the stories wait for browsers half of their time.
CGO_ENABLED=$((${#race[@]} > 0)) run "$report.race" 1 "${race[@]}" "${with[@]}" &
raced_run=$!
run "$report.plain" "$parallel" "${without[@]}" || failed=1
wait "$raced_run" || failed=1
# Modules of their own: they hold the engine of Prometheus, Argo Rollouts, Istio's
# charts, and the parser that the PostgreSQL operator is built with.
for module in prometheus rollouts istio pgquery; do
  case $module in
  istio) folder=istio tests=(-tags disable_pgv ./render) ;;
  pgquery) folder=postgres/pgquery tests=(.) ;;
  *) folder=$module tests=(.) ;;
  esac
  (cd "hack/cluster/$folder" && go test -count=1 -timeout "$limit" -json "${tests[@]}") >"$report.$module" || { failed=1; grep -F '"Action":"output"' "$report.$module" || true; }
done

count() { cat "$report."{plain,race,prometheus,rollouts,istio,pgquery} | grep -F '"Test":' | grep -cF "\"Action\":\"$1\"" || true; }
skipped=$(count skip)
if [ "$skipped" -gt 0 ]; then
  echo "SKIPPED:"
  cat "$report."{plain,race,prometheus,rollouts,istio,pgquery} | grep -F '"Action":"skip"' | grep -oE '"Test":"[^"]*"' | sort -u
fi
go run ./hack/testreport/cmd "$report."{plain,race,prometheus,rollouts,istio,pgquery}
times >"$report.times"
processor=$(awk -F '[ms ]+' 'NR == 2 { printf "%d", $1 + $3 + ($2 + $4) / 60 }' "$report.times")
printf 'All tests together took %d min %02d s, and %d minutes of processor time.\n' $((SECONDS / 60)) $((SECONDS % 60)) "$processor"
echo "$(count pass) passed, $(count fail) failed, $skipped skipped"
if [ -n "${CI:-}" ] && { [ "$skipped" -gt 0 ] || [ -s "$report.skips" ]; }; then
  echo "In CI nothing may be skipped."
  exit 1
fi
exit $failed
