#!/usr/bin/env bash
# docker/push.sh: builds the image of this commit and pushes it to the registry of this session's account, unless it has it.
set -euo pipefail
cd "$(dirname "$0")/.."
source docker/registry.sh
refuse_what_no_commit_has
tag=$(tag_of HEAD)
known=$(digest_here "$tag")
if [[ -n $known ]]; then
  echo "docker/push.sh: $repository has $tag already"
  exit
fi
registry=$(registry_here)
base=$(cat docker/base.digest)
docker/build.sh "$base" "$registry/$repository:$tag"
login "$registry"
docker push "$registry/$repository:$tag"
