#!/usr/bin/env bash
# docker/renew_base.sh: writes the digest that the base image's tag has today into docker/base.digest; commit the change.
set -euo pipefail
cd "$(dirname "$0")"
tag=docker.io/library/python:3.11-slim-bookworm
digest=$(docker buildx imagetools inspect "$tag" --format '{{.Manifest.Digest}}')
if [[ ! $digest =~ ^sha256:[0-9a-f]{64}$ ]]; then
  echo "docker/renew_base.sh: '$digest' is no digest of $tag: docker/base.digest stays as it was" >&2
  exit 1
fi
echo "$tag@$digest" >base.digest
cat base.digest
