#!/usr/bin/env bash
# Publish the image that was built and tested: from `staging` under the -dev name, from `master` under
# the production name. CI calls it after the tests. docs/publishing.md lists its variables.
set -euo pipefail
set +x # a trace would show the password

readonly image=${IMAGE:-backend-docker-django:local}
readonly branch=${PUBLISH_BRANCH:-${TRAVIS_BRANCH:-}}
readonly pull_request=${PUBLISH_PULL_REQUEST:-${TRAVIS_PULL_REQUEST:-false}}
readonly commit=${PUBLISH_COMMIT:-${TRAVIS_COMMIT:-}}
readonly registry=${DOCKER_REGISTRY:-} # empty: Docker Hub
readonly repository=${registry:+$registry/}${DOCKER_REPOSITORY:-hackoregoncivic/backend-docker-django}

main() {
  local name tag
  # On Travis, the branch of a pull request is its target branch, so this comes first.
  [[ $pull_request == false ]] || leave "this is pull request $pull_request"
  case $branch in
    master) name=$repository ;;
    staging) name=$repository-dev ;;
    *) leave "'$branch' is neither staging nor master" ;;
  esac
  require_settings
  tag=$(immutable_tag)

  log_in
  publish_once "$name:$tag"
  push "$name:latest" # last, so that the image behind `latest` always has a permanent tag too
  echo "Published $name:$tag, which is now $name:latest."
}

leave() {
  echo "Nothing is published: $1."
  exit 0
}

fail() {
  printf 'ERROR: %s\nFIX:   %s\n' "$1" "$2" >&2
  exit 1
}

require_settings() {
  local missing=""
  [[ -n ${DOCKER_USERNAME:-} ]] || missing+=" DOCKER_USERNAME"
  [[ -n ${DOCKER_PASSWORD:-} ]] || missing+=" DOCKER_PASSWORD"
  [[ -n $commit ]] || missing+=" PUBLISH_COMMIT"
  [[ -z $missing ]] || fail "To publish, set these variables:$missing." \
    "Set them in the settings of the CI. Store credentials as secrets, never in a file."
  docker image inspect "$image" >/dev/null || fail "There is no image $image to publish." \
    "Build and test it first (bin/test), or name another image in IMAGE."
}

# The image's creation time and commit. A rebuild of a commit has newer Debian packages, and gets a
# new tag. Another try with the same image gets the same tag.
immutable_tag() {
  local made
  made=$(docker image inspect --format '{{.Created}}' "$image") # 2026-01-31T10:20:30.123Z
  made=${made:0:19}
  made=${made//[-:]/}
  echo "${made/T/-}-${commit:0:7}"
}

# Credentials go to a separate folder, which is removed at the end of this script.
log_in() {
  local message
  DOCKER_HOST=${DOCKER_HOST:-$(docker context inspect --format '{{.Endpoints.docker.Host}}')}
  DOCKER_CONFIG=$(mktemp -d)
  export DOCKER_HOST DOCKER_CONFIG
  unset DOCKER_CONTEXT # contexts live in the folder that was just left; DOCKER_HOST replaces them
  trap log_out EXIT
  if message=$(printf %s "$DOCKER_PASSWORD" |
    docker login --username "$DOCKER_USERNAME" --password-stdin ${registry:+"$registry"} 2>&1); then
    return
  fi
  message=$(tail -n 1 <<<"$message")
  case $message in
    *[Uu]nauthorized*) fail "${registry:-Docker Hub} refused the login of $DOCKER_USERNAME: $message" \
      "Check DOCKER_USERNAME and DOCKER_PASSWORD in the settings of the CI; a token may have expired." ;;
    *) fail "Cannot log in to ${registry:-Docker Hub}: $message" \
      "Check DOCKER_REGISTRY and that the registry is up, then restart the build." ;;
  esac
}

log_out() {
  # Docker may have stored the password in a keychain of the machine instead of the folder.
  docker logout ${registry:+"$registry"} >/dev/null 2>&1 || true
  rm -rf "$DOCKER_CONFIG"
}

# publish_once NAME: push under a name that always keeps the same content.
publish_once() {
  local built published
  built=$(image_id "$image")
  # A pull works with every engine and registry, and usually there is nothing to pull.
  if docker pull --quiet "$1" >/dev/null 2>&1; then
    published=$(image_id "$1")
    [[ $published == "$built" ]] ||
      fail "$1 is already published, with different content ($published)." \
        "Published tags do not change: build the image again, which gives it a new tag, and publish that."
    echo "$1 is already published, with this content."
  else
    push "$1"
  fi
}

image_id() {
  docker image inspect --format '{{.Id}}' "$1"
}

push() {
  docker tag "$image" "$1"
  docker push "$1" || fail "The push of $1 failed; the lines above contain Docker's reason." \
    "Check that $DOCKER_USERNAME can write there and that the registry is up, then restart the build."
}

main
