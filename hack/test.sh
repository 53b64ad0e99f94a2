#!/usr/bin/env bash
# Runs every test that needs no node. The packages that handle concurrency run
# under the race detector where a C compiler is there.
set -euo pipefail
cd "$(dirname "$0")/.."

report=${TEST_REPORT:-$(mktemp)}
raced='^blogplatform.io/operator/(internal/apply|controllers|services)(/|$)'

run() { bin/gotestsum --format pkgname-and-test-fails --hide-summary=skipped --jsonfile "$1" -- -count=1 -timeout 20m "${@:2}"; }

go run ./hack/cluster/cmd build-controlplane

mapfile -t with < <(go list ./... | grep -E "$raced")
mapfile -t without < <(go list ./... | grep -vE "$raced")

race=()
if command -v gcc >/dev/null; then
  race=(-race)
  export CGO_ENABLED=1
else
  echo "SKIPPED: the race detector, because there is no gcc (apt-get install gcc)." | tee -a "$report.skips"
fi

failed=0
run "$report.plain" "${without[@]}" || failed=1
run "$report.race" "${race[@]}" "${with[@]}" || failed=1
# Modules of their own: they hold the engine of Prometheus, and Argo Rollouts.
for module in prometheus rollouts; do
  (cd hack/cluster/$module && go test -count=1 -json .) >"$report.$module" || { failed=1; grep -F '"Action":"output"' "$report.$module" || true; }
done

count() { cat "$report."{plain,race,prometheus,rollouts} | grep -F '"Test":' | grep -cF "\"Action\":\"$1\"" || true; }
skipped=$(count skip)
if [ "$skipped" -gt 0 ]; then
  echo "SKIPPED:"
  cat "$report."{plain,race,prometheus,rollouts} | grep -F '"Action":"skip"' | grep -oE '"Test":"[^"]*"' | sort -u
fi
echo "$(count pass) passed, $(count fail) failed, $skipped skipped"
if [ -n "${CI:-}" ] && { [ "$skipped" -gt 0 ] || [ -s "$report.skips" ]; }; then
  echo "In CI nothing may be skipped."
  exit 1
fi
exit $failed
