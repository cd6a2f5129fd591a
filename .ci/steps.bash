# shellcheck shell=bash
# Sourced by other scripts: run a step, and print its name and its duration.

current_step=""

# step NAME COMMAND...
# It does not run `command || ...`, because that would turn off `set -e` inside the command.
step() {
  local began=$SECONDS
  current_step=$1
  printf '==> %s\n' "$current_step"
  "${@:2}"
  printf '    %s: %s s\n' "$current_step" "$((SECONDS - began))"
  current_step=""
}

name_the_failed_step() {
  local status=$?
  if [[ $status -ne 0 && -n $current_step ]]; then
    printf '!!! %s: failed with exit code %s\n' "$current_step" "$status" >&2
  fi
}
trap name_the_failed_step EXIT

fail() {
  printf '!!! %s\n' "$@" >&2
  exit 1
}
