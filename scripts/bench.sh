#!/usr/bin/env bash
# Measures the built programs with the real local servers: bench.sh [leases|cost|consume|produce|soak ...]
# Installs and builds what is missing; scripts/lab/bench does the rest.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

scripts/install-servers.sh
bin=$root/.local/bin/bench
mkdir -p "$bin"
go build -o "$bin/" ./producer ./consumer
go -C scripts/lab build -o "$bin/" ./bench ./stock ./loop
exec "$bin/bench" "$@"
