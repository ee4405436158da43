#!/usr/bin/env bash
# go vet and staticcheck in every module. scripts/lab/go.mod pins the version of staticcheck.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

mkdir -p .local/bin
go -C scripts/lab build -o ../../.local/bin/ honnef.co/go/tools/cmd/staticcheck
lint=$PWD/.local/bin/staticcheck
if [[ -n ${CALLEVENTS_LONG:-} ]]; then # numbers that a 32-bit int cannot hold: it compiles everything once more
  GOARCH=386 go vet ./producer/... ./consumer/...
fi
for module in . scripts/lab scripts/deploy scripts/deploy/image scripts/servers/s3; do
  (cd "$module" && go vet ./... && "$lint" ./...)
done
