#!/usr/bin/env bash
# The one test command: formatting, vet, lint, and all tests with the race detector, against the real local servers.
#
#   scripts/test.sh            everything, as CI runs it
#   scripts/test.sh --long     with many more random histories and every mutation; before a release
#   scripts/test.sh ARGS...    go test ARGS, in the module of the programs: scripts/test.sh -run Lease ./consumer/...
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [[ ${1:-} == --long ]]; then
  export CALLEVENTS_LONG=1 # the tests read it
  shift
fi
scripts/install-servers.sh

unformatted=$(gofmt -l producer consumer shared scripts docs)
if [[ -n $unformatted ]]; then
  echo "test: not formatted, run gofmt -w on:" >&2
  echo "$unformatted" >&2
  exit 1
fi
scripts/lint.sh

race=-race
if [[ $(go env CGO_ENABLED) != 1 ]]; then
  echo "test: no C compiler, so the tests run without the race detector" >&2
  race=
fi
if [[ $# != 0 ]]; then
  packages=./...
  for arg in "$@"; do
    [[ $arg == ./* ]] && packages=
  done
  # shellcheck disable=SC2086 # an empty variable is no argument
  exec go test $race -timeout 20m "$@" $packages
fi
# Most tests wait most of the time. So three packages are tested at once, and the other modules beside them, without the
# race detector: the programs that chaos starts have it. The cache of test results does not see a change of those programs.
modules=$(mktemp)
trap 'rm -f "$modules"' EXIT
(
  failed=0
  go -C scripts/lab test -count=1 ./... || failed=1
  go -C scripts/deploy test -count=1 ./... || failed=1
  exit $failed
) >"$modules" 2>&1 &
failed=0
# shellcheck disable=SC2086
go test $race -p 3 -timeout 60m ./... || failed=1
if [[ -n $race ]]; then
  go test -run TestNoRandomDamagePassesAsWell ./consumer/audit || failed=1 # fewer under the race detector
fi
if [[ -n ${CALLEVENTS_LONG:-} && -n $race ]]; then
  go test -run TestAThousandShardsAndAHundredWorkers ./consumer/lease || failed=1 # smaller under the race detector
fi
wait $! || failed=1
cat "$modules"
exit $failed
