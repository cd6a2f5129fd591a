#!/usr/bin/env -S --block-signal=HUP,INT,QUIT,TERM bash
# shellcheck shell=bash
# The image's entry point: give up root, then prepare and become the command.
# The work is in `python -m backend.boot`, which unblocks the signals: a container's first process
# loses those that come before it has a handler, unless they are blocked.
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

# The application must be able to write to its data folder. A mounted one belongs to root when Docker
# made it; so do files that a child's Dockerfile made there: RUN python manage.py collectstatic.
# What another container put there is not trusted: no link in it is followed, also where a folder
# becomes one meanwhile (-execdir). Of uploads only folders, which find tells apart without asking for
# each file: to put another in the place of one takes no more.
give_data_folder() {
  local folder=${DATA_DIR:-} give=(chown --no-dereference "$app_uid:$app_gid")
  if [[ -n $folder && -d $folder ]]; then
    (
      cd "$folder" || exit
      PATH=/usr/bin # without the working directory, which -execdir refuses
      find . -maxdepth 1 -user root -execdir "${give[@]}" {} +
      find ./static -user root -execdir "${give[@]}" {} +
      find ./media -type d -user root -execdir "${give[@]}" {} +
    ) 2>/dev/null || true # there is no such folder, or it is read-only: the boot says so
  fi
}

# Programs of the image itself, which need no database and no settings of a team. What they write
# into a mounted /project belongs to the owner of that folder: whoever typed the command.
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

# Below an init, as backend/boot/exec_command.py does: these programs have no handlers of their own.
become() {
  local init=()
  if [[ $$ -eq 1 ]]; then init=(tini --); fi
  exec "${init[@]}" env --default-signal=HUP,INT,QUIT,TERM "$@"
}

# A project that is mounted for development, its own manage.py in the working directory. A copied one,
# or one without DEBUG, is no laptop's: the owner of its files, often root, serves nothing.
in_mounted_project() {
  local debug=${DEBUG:-}
  [[ $PWD == /code/src_files && -f manage.py && ${debug,,} =~ ^(true|on|ok|y|yes|1)$ ]] &&
    mountpoint --quiet .
}

# Be the developer there, to whom all files then belong that are made in it. Root's are those of
# Docker Desktop, where any user may write to them, of rootless Docker, and of a developer who is root.
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

# By group 0, writable for it, with the application's user, who starts on the same data when the
# project runs as on a server.
share_data_folder() {
  local folder=${DATA_DIR:-}
  if [[ -d $folder && $folder != "$PWD"/* ]]; then
    PATH=/usr/bin find "$folder" ! -type l \( ! -group "$app_gid" -o ! -perm -g=w \) \
      -execdir chgrp --no-dereference "$app_gid" {} + \
      -execdir chmod --no-dereference g=u {} + 2>/dev/null ||
      true # it is read-only, or a file was deleted meanwhile: the boot says what it cannot write
  fi
}

main() {
  case "${1:-}" in
    startproject | upgrade) run_own_program "backend.kit.$1" "${@:2}" ;;
    check) run_own_program backend.kit.contract "${@:2}" ;;
  esac
  if in_mounted_project; then
    export PYTHONPATH=/code${PYTHONPATH:+:$PYTHONPATH} # the image's own code, from there
  else
    cd /code
  fi
  # What is made in /data can be written by the next container, under another UID of group 0.
  if [[ $EUID -eq 0 || ${GROUPS[0]} -eq 0 ]]; then umask g+w; fi
  if [[ $EUID -ne 0 ]]; then
    # Started under a user of its own choice; one without an entry in passwd has no home.
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
