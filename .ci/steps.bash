# shellcheck shell=bash
# Sourced by the scripts beside it: run a step, say its name and how long it took.

current_step=""

# step NAME COMMAND...
# The command is called plainly, not as `command || ...`: that would switch `set -e` off inside it.
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
