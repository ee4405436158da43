#!/usr/bin/env bash
# Puts the pipeline through random faults and verifies what is left: chaos.sh [--seed N] [--minutes M] [--rate R]
# [--stock]. Installs and builds what is missing, with the race detector; scripts/chaos does the rest.
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
go build $race -o "$bin/" ./producer ./consumer ./scripts/chaos/stock
go build -o "$bin/" ./scripts/verify ./scripts/chaos
exec "$bin/chaos" --root "$root" "$@"
