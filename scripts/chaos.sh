#!/usr/bin/env bash
# Puts the pipeline through random faults and verifies what is left: chaos.sh [--seed N] [--minutes M] [--rate R]
# [--read fan-out] [--no-identity] [--stock]. Installs and builds what is missing, with the race detector; scripts/lab/chaos does the rest.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

scripts/install-servers.sh
race=-race
if [[ $(go env CGO_ENABLED) != 1 ]]; then
  echo "chaos: no C compiler, so data races are not looked for" >&2
  race=
fi
bin=$root/.local/bin/chaos
mkdir -p "$bin"
# shellcheck disable=SC2086 # an empty variable is no argument
go build $race -o "$bin/" ./producer ./consumer
go build -o "$bin/verify" ./consumer # consumer verify only reads, so without the race detector
# shellcheck disable=SC2086
go -C scripts/lab build $race -o "$bin/" ./stock
go -C scripts/lab build -o "$bin/" ./chaos

# A consumer whose clock is wrong by $CHAOS_CLOCK_SECONDS. A Go program asks the kernel for the time without libc, so a
# preloaded library cannot change it. This consumer is built with a standard library whose time.Now adds the error.
clock=$root/.local/clock
mkdir -p "$clock"
time=$(go env GOROOT)/src/time
awk '{ print } /^func Now\(\) Time {$/ { now = 1 } now && /:= runtimeNow\(\)$/ { print "\tsec += clockError"; now = 0 }' \
  "$time/time.go" >"$clock/time.go"
cat >"$clock/clock_error.go" <<'EOF'
package time

import "syscall"

var clockError = func() int64 {
	text, _ := syscall.Getenv("CHAOS_CLOCK_SECONDS")
	seconds, _ := atoi(text)
	return int64(seconds)
}()
EOF
printf '{"Replace": {"%s": "%s", "%s": "%s"}}\n' "$time/time.go" "$clock/time.go" \
  "$time/clock_error.go" "$clock/clock_error.go" >"$clock/overlay.json"
go build -overlay "$clock/overlay.json" -o "$bin/consumer-clock" ./consumer
exec "$bin/chaos" --root "$root" "$@"
