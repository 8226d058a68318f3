# What release.sh and push.sh know of the registry of this session's account.
repository=highwater-worker

tag_of() { git rev-parse --short=12 "$1"; }

registry_here() { echo "$(aws sts get-caller-identity --query Account --output text).dkr.ecr.$AWS_REGION.amazonaws.com"; }

digest_here() { # of the tag; nothing where there is none
  aws ecr describe-images --repository-name "$repository" --filter tagStatus=TAGGED \
    --query "imageDetails[?contains(imageTags, '$1')].imageDigest" --output text
}

login() { aws ecr get-login-password | docker login --username AWS --password-stdin "$1" >/dev/null; }
