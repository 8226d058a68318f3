#!/usr/bin/env bash
# tests/docker/local_base.sh <tag>: a Debian with Python 3.11 as an image, where no registry of images is reached.
# Needs root, debootstrap and buildah.
set -euo pipefail
tag=${1:?name the image}
if buildah inspect --type image "$tag" >/dev/null 2>&1; then exit 0; fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$root" >&2
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
container=$(buildah from scratch)
buildah copy -q "$container" "$root" / >&2
buildah commit -q --rm "$container" "$tag" >&2
