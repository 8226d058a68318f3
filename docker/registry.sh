# What release.sh and push.sh know of the repository and of the registry of this session's account.
repository=highwater-worker

fail() { echo "docker/${0##*/}: $*" >&2 && exit 1; }

commit_of() { # a name of a commit, in which nothing else can hide: what comes out is its forty digits
  local commit
  commit=$(git rev-parse --verify --quiet --end-of-options "$1^{commit}") || fail "no commit is called '$1'"
  [[ $commit =~ ^[0-9a-f]{40}$ ]] || fail "'$1' is no commit"
  echo "$commit"
}

refuse_what_no_commit_has() { # also files that git does not know: they would be in the image and in the jobs' code
  local changes
  changes=$(git status --porcelain --untracked-files=all)
  [[ -z $changes ]] || fail "there are changes that are not committed: no commit has them"$'\n'"$changes"
}

tag_of() { git rev-parse --short=12 "$1"; }

account_here() { aws sts get-caller-identity --query Account --output text; }

registry_here() {
  local account
  account=$(account_here) && echo "$account.dkr.ecr.$AWS_REGION.amazonaws.com"
}

environment_here() { # of the stacks that made the repository; nothing where it has no such tag
  local account
  account=$(account_here) &&
    aws ecr list-tags-for-resource --resource-arn "arn:aws:ecr:$AWS_REGION:$account:repository/$repository" \
      --query "tags[?Key=='environment'].Value" --output text
}

digest_here() { # of the tag; nothing where there is none
  aws ecr describe-images --repository-name "$repository" --filter tagStatus=TAGGED \
    --query "imageDetails[?contains(imageTags, '$1')].imageDigest" --output text
}

login() { aws ecr get-login-password | docker login --username AWS --password-stdin "$1" >/dev/null; }
