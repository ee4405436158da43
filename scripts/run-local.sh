#!/usr/bin/env bash
# Runs the pipeline on this machine: run-local.sh [--consumers N] [--rate R] [--duration SECONDS] [--data DIR]
# Installs and builds what is missing; scripts/local does the rest. Ctrl-C stops in order and verifies.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

"$root/scripts/install-servers.sh"
echo "run-local: building producer and consumer" >&2
go -C "$root" build -o .local/bin/ ./producer ./consumer ./scripts/local
exec "$root/.local/bin/local" "$@"
