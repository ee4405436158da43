#!/usr/bin/env bash
# Installs the servers that local runs and tests use: the npm packages into scripts/servers/node_modules, the S3
# gateway into .local/bin. Does nothing where nothing has changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

need() {
  command -v "$1" >/dev/null || { echo "install-servers: $1 is missing: install $2 and run this again" >&2; exit 1; }
}
need node "Node.js 20 or newer"
need npm "npm, which comes with Node.js"
need go "Go 1.26 or newer"
node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' || {
  echo "install-servers: node $(node --version) is too old: install Node.js 20 or newer and run this again" >&2
  exit 1
}

# One installation at a time: several test runs may find the servers missing at once.
mkdir -p .local/bin
if command -v flock >/dev/null; then
  exec 9>.local/install.lock
  flock 9
fi

packages=scripts/servers
if ! cmp -s "$packages/package-lock.json" "$packages/node_modules/.installed-lock.json"; then
  echo "install-servers: npm packages into $packages" >&2
  # No install scripts: the only native modules, leveldown and classic-level, bring prebuilt libraries.
  npm ci --prefix "$packages" --ignore-scripts --no-audit --no-fund --loglevel error
  cp "$packages/package-lock.json" "$packages/node_modules/.installed-lock.json"
fi

gateway=.local/bin/s3
if [[ ! -x $gateway || -n $(find scripts/servers/s3 -type f -newer $gateway -print -quit) ]]; then
  echo "install-servers: building the S3 gateway; the first time it takes a minute" >&2
  go -C scripts/servers/s3 build -o ../../../$gateway .
  touch $gateway # go leaves an up-to-date file as it is
fi
