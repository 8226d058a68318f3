#!/usr/bin/env bash
# docker/release.sh <environment> <commit> [<registry>]: the account of this session runs that commit: its stacks with the
# jobs' code, its image by digest, its deployments. An image that is not here yet is copied from the registry of the account
# before. The way back is the same with an earlier commit.
set -euo pipefail
cd "$(dirname "$0")/.."
source docker/registry.sh
environment=${1:?name the environment}
asked=${2:?name the commit}
from=${3:-}
[[ $environment =~ ^[a-z]+$ ]] || fail "'$environment' is no environment"
[[ -n ${PREFECT_API_URL:-} ]] || fail "PREFECT_API_URL is not set: which Prefect server runs this account's flows?"
commit=$(commit_of "$asked")
checked_out=$(commit_of HEAD)
tag=$(tag_of "$commit")

refuse_the_account_of_another_environment() { # names are the same in every account: its stacks would be overwritten
  local here
  here=$(environment_here)
  [[ $here == "$environment" ]] ||
    fail "the stacks of this session's account are of the environment '$here', not of '$environment': use the session of that account"
}

if [[ $commit != "$checked_out" ]]; then
  refuse_the_account_of_another_environment
  # Stacks, jobs and deployments of that commit, not of this one.
  place=$(mktemp -d)
  trap 'git worktree remove --force "$place"' EXIT
  git worktree add --quiet --detach "$place" "$commit"
  make --no-print-directory -C "$place" release ENV="$environment" VERSION="$commit" FROM="$from"
  exit
fi
refuse_what_no_commit_has
refuse_the_account_of_another_environment

copy() { # by digest: what was tried is what arrives
  local here known
  here=$(registry_here)
  login "$here"
  login "$from"
  known=$(docker buildx imagetools inspect "$from/$repository:$tag" --format '{{.Manifest.Digest}}')
  docker buildx imagetools create --prefer-index=false --tag "$here/$repository:$tag" "$from/$repository@$known"
  digest=$(digest_here "$tag")
  [[ $digest == "$known" ]] || fail "the copy of $from/$repository@$known has another digest: ${digest:-none}"
}

cdk() {
  local approval=broadening
  [[ ${CI:-} == true ]] && approval=never # GitHub's environment was approved, and nobody is there to ask
  (cd infra/cdk && PATH=$PWD/.venv/bin:$PWD/node_modules/.bin:$PATH command cdk "$@" -c environment="$environment" \
    --require-approval "$approval")
}

digest=$(digest_here "$tag")
if [[ -z $digest ]]; then
  [[ -n $from ]] || fail "no image $tag is in $repository: make push here, or name FROM=<registry that has it>"
  copy
fi
echo "release of $tag: $repository@$digest"
make --no-print-directory -C infra/cdk setup
settings=$environment
if [[ $environment == private ]]; then
  # The worker starts only when its server answers.
  cdk deploy highwater-server --exclusively --parameters "highwater-server:ImageDigest=$digest"
  settings=prod
fi
cdk deploy --all --parameters "highwater-orchestration:ImageDigest=$digest"
make --no-print-directory deploy ENV="$settings"
