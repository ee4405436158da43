#!/usr/bin/env bash
# Builds the container image of producer and consumer, for amd64 and arm64, with buildah or else with docker.
#
#   scripts/image.sh                                               callevents:<version>, on this machine
#   scripts/image.sh --push <account>.dkr.ecr.<region>.amazonaws.com/callevents:1.2.0    and to a registry
#
# The same commit gives the same image, by its digest, wherever the same versions of Go and buildah build it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 022

push=false
if [[ ${1:-} == --push ]]; then
  push=true
  shift
fi
if [[ $# -gt 1 || ${1:-} == -* || ($push == true && $# == 0) ]]; then
  echo "usage: scripts/image.sh [NAME[:TAG]], or scripts/image.sh --push REGISTRY/NAME:TAG" >&2
  exit 2
fi
version=$(git describe --tags --always --dirty 2>/dev/null || echo unknown)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
epoch=$(git log -1 --format=%ct 2>/dev/null || echo 0)
name=${1:-callevents:$version}

out=.local/image
context=$out/context
rm -rf "$out"
mkdir -p "$context/volume"
for arch in amd64 arm64; do
  echo "image: building the programs for $arch" >&2
  CGO_ENABLED=0 GOOS=linux GOARCH=$arch GOAMD64=v1 GOARM64=v8.0 \
    go build -trimpath -buildvcs=auto -ldflags "-s -w" -o "$context/$arch/" ./producer ./consumer
done
go -C scripts/deploy/image run . >"$context/ca-certificates.crt"

args=(--file scripts/deploy/image/Dockerfile --build-arg "VERSION=$version" --build-arg "REVISION=$revision")
if command -v buildah >/dev/null; then
  buildah manifest rm "$name" >/dev/null 2>&1 || true # the last one of this name
  buildah manifest create "$name" >/dev/null
  for arch in amd64 arm64; do
    buildah build --quiet --platform "linux/$arch" --timestamp "$epoch" --layers=false --manifest "$name" "${args[@]}" "$context"
  done >&2
  # What a registry would get: it is there for skopeo, and for whoever wants to know the digest.
  buildah manifest push --quiet --all --format oci --digestfile "$out/digest" "$name" "oci:$out/oci"
  if [[ $push == true ]]; then
    buildah manifest push --all --format oci "$name" "docker://$name"
  fi
  echo "$name $(<"$out/digest")"
elif command -v docker >/dev/null; then
  find "$context" -exec touch --date "@$epoch" {} +
  to=(--load) # docker's own store takes one architecture, that of this machine
  [[ $push == true ]] && to=(--platform linux/amd64,linux/arm64 --push)
  SOURCE_DATE_EPOCH=$epoch docker buildx build --provenance=false --tag "$name" "${to[@]}" "${args[@]}" "$context"
else
  echo "image: neither buildah nor docker is here: install one of them" >&2
  exit 1
fi
