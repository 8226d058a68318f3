#!/usr/bin/env bash
# docker/push.sh: builds the image of this commit and pushes it to the registry of this session's account, unless it has it.
set -euo pipefail
cd "$(dirname "$0")/.."
source docker/registry.sh
tag=$(tag_of HEAD)
if [[ -n $(digest_here "$tag") ]]; then
  echo "docker/push.sh: $repository has $tag already"
  exit
fi
image=$(registry_here)/$repository:$tag
docker/build.sh "$(cat docker/base.digest)" "$image"
login "${image%%/*}"
docker push "$image"
