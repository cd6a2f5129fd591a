#!/usr/bin/env -S --block-signal=HUP,INT,QUIT,TERM bash
# shellcheck shell=bash
# The image's entry point: it gives up root, prepares the start, and becomes the command.
# `python -m backend.boot` does the work, and unblocks the signals. Without the block, a container's
# first process would lose signals that arrive before it has a handler.
set -euo pipefail

readonly app_uid=1001 app_gid=0
readonly app_home=/home/app

fail() {
  if [[ ${LOG_FORMAT:-} =~ ^[Jj][Ss][Oo][Nn]$ ]]; then
    printf '{"time": "%s", "level": "CRITICAL", "logger": "boot", "message": "%s", "fix": "%s"}\n' \
      "$(date --utc +%FT%T.%3NZ)" "$1" "$2"
    exit 1
  fi
  printf 'ERROR: %s\nFIX:   %s\n' "$1" "$2" >&2
  exit 1
}

# The application must be able to write to its data folder. Root owns a mounted folder that Docker
# created, and files that a child's Dockerfile created there: RUN python manage.py collectstatic.
# Content from other containers is not trusted, so this follows no links, even if a folder becomes a
# link meanwhile (-execdir). In uploads, it changes only folders: that is enough to replace a file,
# and find recognizes folders without a system call per file.
give_data_folder() {
  local folder=${DATA_DIR:-} give=(chown --no-dereference "$app_uid:$app_gid")
  if [[ -n $folder && -d $folder ]]; then
    (
      cd "$folder" || exit
      PATH=/usr/bin # without the working directory, which -execdir refuses
      find . -maxdepth 1 -user root -execdir "${give[@]}" {} +
      find ./static -user root -execdir "${give[@]}" {} +
      find ./media -type d -user root -execdir "${give[@]}" {} +
    ) 2>/dev/null || true # the folder is missing or read-only, which the boot reports
  fi
}

# Programs of the image itself, which need neither a database nor a team's settings. Files that they
# write into a mounted /project belong to the owner of that folder, who typed the command.
run_own_program() {
  local module=$1 uid gid
  shift
  cd /code
  if [[ $EUID -ne 0 || ! -d /project ]]; then
    become python -m "$module" "$@"
  fi
  uid=$(stat --format %u /project)
  gid=$(stat --format %g /project)
  become setpriv --reuid "$uid" --regid "$gid" --clear-groups -- python -m "$module" "$@"
}

# Run below an init, as backend/boot/exec_command.py does: these programs do not handle signals.
become() {
  local init=()
  if [[ $$ -eq 1 ]]; then init=(tini --); fi
  exec "${init[@]}" env --default-signal=HUP,INT,QUIT,TERM "$@"
}

# Whether a project is mounted for development, with its manage.py in the working directory. If it is
# copied, or DEBUG is off, this is a server, and the files' owner, often root, must not serve.
in_mounted_project() {
  local debug=${DEBUG:-}
  [[ $PWD == /code/src_files && -f manage.py && ${debug,,} =~ ^(true|on|ok|y|yes|1)$ ]] &&
    mountpoint --quiet .
}

# Become the developer, who then owns all new files in the project. Root owns it with Docker Desktop,
# where any user can write to it, with rootless Docker, and if the developer is root.
become_developer() {
  local uid gid
  uid=$(stat --format %u .)
  gid=$(stat --format %g .)
  if [[ $uid -eq 0 ]] && setpriv --reuid "$app_uid" --regid "$app_gid" --clear-groups test -w .; then
    uid=$app_uid
  fi
  share_data_folder
  exec setpriv --reuid "$uid" --regid "$gid" --groups "$app_gid" -- python -m backend.boot "$@"
}

# Share the data with the application's user, who uses it when the project runs as on a server: group 0
# owns it and can write to it.
share_data_folder() {
  local folder=${DATA_DIR:-}
  if [[ -d $folder && $folder != "$PWD"/* ]]; then
    PATH=/usr/bin find "$folder" ! -type l \( ! -group "$app_gid" -o ! -perm -g=w \) \
      -execdir chgrp --no-dereference "$app_gid" {} + \
      -execdir chmod --no-dereference g=u {} + 2>/dev/null ||
      true # it is read-only, or a file was deleted meanwhile: the boot reports what it cannot write
  fi
}

main() {
  case "${1:-}" in
    startproject | upgrade) run_own_program "backend.kit.$1" "${@:2}" ;;
    check) run_own_program backend.kit.contract "${@:2}" ;;
  esac
  if in_mounted_project; then
    export PYTHONPATH=/code${PYTHONPATH:+:$PYTHONPATH} # the image's own code
  else
    cd /code
  fi
  # The next container, with another UID of group 0, can write to new files in /data.
  if [[ $EUID -eq 0 || ${GROUPS[0]} -eq 0 ]]; then umask g+w; fi
  if [[ $EUID -ne 0 ]]; then
    # A user without an entry in passwd has no home.
    [[ -w ${HOME:-/} && ${HOME:-/} != / ]] || export HOME=$app_home
    exec python -m backend.boot "$@"
  fi
  give_data_folder
  export HOME=$app_home
  setpriv --reuid "$app_uid" --regid "$app_gid" --clear-groups true 2>/dev/null ||
    fail "The container runs as root and cannot switch to another user (it lacks CAP_SETUID or CAP_SETGID)." \
      "Start it as the application's user: docker run --user $app_uid:$app_gid ..."
  if in_mounted_project; then
    become_developer "$@"
  fi
  exec setpriv --reuid "$app_uid" --regid "$app_gid" --clear-groups -- python -m backend.boot "$@"
}

main "$@"
