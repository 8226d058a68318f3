#!/usr/bin/env bash
# docker/build.sh <base> <tag> [builder options]: the image of this commit, with docker or, without its daemon, buildah.
set -euo pipefail
cd "$(dirname "$0")/.."
base=${1:?name a Python 3.11 base image by digest, e.g. docker.io/library/python:3.11-slim-bookworm@sha256:...}
tag=${2:?name the image}
shift 2
case $base in
  *@sha256:* | localhost/*) ;;
  *) echo "docker/build.sh: $base has no digest: a tag moves, a digest does not. Look it up with
  docker buildx imagetools inspect $base" >&2; exit 2 ;;
esac
# The modes of the checkout are the image's: its user has to read what it runs, and the same commit has to look the same.
unreadable=$(find contracts deployments flows jobs tasks warehouse prefect.yaml pyproject.toml uv.lock ! -perm -o=r -print -quit)
if [[ -n $unreadable ]]; then
  echo "docker/build.sh: others may not read $unreadable (a umask such as 077): chmod -R a+rX . in this checkout" >&2
  exit 2
fi
commit=$(git describe --always --dirty --abbrev=40 --exclude='*')
# Layers are dated by the commit, not by the clock: the same commit and base give the same content. The platform is what
# the task definitions ask for, whatever machine builds.
epoch=$(git log -1 --format=%ct)
arguments=(--platform linux/amd64 --file docker/Dockerfile --build-arg "BASE=$base" --build-arg "COMMIT=$commit" --tag "$tag")
if docker info >/dev/null 2>&1 && docker buildx version >/dev/null 2>&1; then
  # Dates inside layers too; and no provenance, which has the hour in it. A builder of its own: the daemon's keeps the dates
  # or, where containerd holds its images, refuses to rewrite them.
  builder=highwater
  docker buildx inspect "$builder" >/dev/null 2>&1 || docker buildx create --name "$builder" --driver docker-container >/dev/null
  SOURCE_DATE_EPOCH=$epoch docker buildx build --builder "$builder" --provenance=false \
    --output type=docker,rewrite-timestamp=true "${arguments[@]}" "$@" .
elif command -v buildah >/dev/null; then
  buildah build --format docker --timestamp "$epoch" "${arguments[@]}" "$@" .
else
  echo "docker/build.sh: neither a docker daemon with buildx nor buildah is here" >&2
  exit 2
fi
