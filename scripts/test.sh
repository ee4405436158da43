#!/usr/bin/env bash
# The one test command: formatting, vet, and all tests with the race detector, against the real local servers.
# Arguments go to `go test`: scripts/test.sh -run Lease ./consumer/...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install-servers.sh

unformatted=$(gofmt -l producer consumer shared scripts)
if [[ -n $unformatted ]]; then
  echo "test: not formatted, run gofmt -w on:" >&2
  echo "$unformatted" >&2
  exit 1
fi
go vet ./...
go -C scripts/servers/s3 vet ./...

race=-race
if [[ $(go env CGO_ENABLED) != 1 ]]; then
  echo "test: no C compiler, so the tests run without the race detector" >&2
  race=
fi
packages=./...
for arg in "$@"; do
  [[ $arg == ./* ]] && packages=
done
# shellcheck disable=SC2086 # an empty variable is no argument
go test $race -timeout 20m "$@" $packages
if [[ $# == 0 && -n $race ]]; then
  go test -run TestAThousandShardsAndAHundredWorkers ./consumer/lease # smaller under the race detector
  go -C scripts/duckdb test ./...                                     # a module of its own: DuckDB, in C++, stays out of ours
fi
