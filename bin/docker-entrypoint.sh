#!/usr/bin/env -S --block-signal=HUP,INT,QUIT,TERM bash
# shellcheck shell=bash
# The image's entry point: it gives up root, prepares the start, and becomes the command.
# `python -m backend.boot` does the work, and unblocks the signals. Without the block, a container's
# first process would lose signals that arrive before it has a handler.
set -euo pipefail

readonly app_uid=1001 app_gid=0
readonly app_home=/home/app
readonly code=/opt/backend

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
  cd "$code"
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

# The manage.py of the project in the working directory that is not the image's. It can be in a folder
# there, which the command then names, unless the team extends the image's project.
own_manage() {
  local file
  for file in manage.py */manage.py; do
    if [[ -f $file && ! $file -ef $code/manage.py ]]; then
      if [[ $file == manage.py || ($PWD != "$code" && ! -e local_settings) ]]; then
        echo "$file"
        return
      fi
    fi
  done
  return 1
}

# Whether a project is mounted for development, so that commands can change it here. If it is copied, or
# DEBUG is off, this is a server, and the files' owner must not serve. DEBUG means nothing to a project
# with its own settings.
in_mounted_project() {
  own_manage >/dev/null && mountpoint --quiet . && [[ -w . ]] && { is_debug || has_own_settings; }
}

# Whether the command writes a new project into a mounted folder: django-admin startproject mysite .
creates_project() {
  [[ ${1:-} == django-admin && ${2:-} == startproject ]] && mountpoint --quiet . && [[ -w . ]]
}

is_debug() {
  local debug=${DEBUG:-}
  [[ ${debug,,} =~ ^(true|on|ok|y|yes|1)$ ]]
}

has_own_settings() {
  local manage
  manage=$(own_manage) && ! grep --quiet 'backend\.\(settings\|manage\)' "$manage"
}

# Whether the project may have an SQLite database, which needs write access to the folder.
has_sqlite() {
  grep --quiet --recursive --include='*.py' --fixed-strings sqlite3 . 2>/dev/null
}

# Become the developer, who then owns all new files in the project. Root owns it with Docker Desktop,
# where any user can write to it, with rootless Docker, and if the developer is root.
become_developer() {
  local uid gid
  uid=$(stat --format %u .)
  gid=$(stat --format %g .)
  if [[ $uid -eq 0 ]] && ! needs_root "$@"; then
    uid=$app_uid
  fi
  give_empty_folders "$uid" "$gid"
  share_data_folder
  boot_as "$uid" "$gid" "--groups=$app_gid" "$@"
}

# Whether only root can write to root's project, and somebody must.
needs_root() {
  ! setpriv --reuid "$app_uid" --regid "$app_gid" --clear-groups test -w . &&
    { is_debug || has_sqlite || creates_project "$@"; }
}

# -P: a package of the working directory with the name of the image's, backend, is not taken for it.
boot_as() {
  local uid=$1 gid=$2 groups=$3
  give_output "$uid"
  exec setpriv --reuid "$uid" --regid "$gid" "$groups" -- python -P -m backend.boot "${@:4}"
}

# A new volume for static files or uploads in the project's folder, or a folder that a Dockerfile created
# for them.
give_empty_folders() {
  PATH=/usr/bin find . -mindepth 1 -maxdepth 2 -type d -user root -empty \
    -execdir chown --no-dereference "$1:$2" {} + 2>/dev/null || true # it is read-only, which the boot reports
}

# SQLite creates its file, and others beside it, in the folder of a project that was copied here.
give_sqlite_files() {
  local folder
  folder=$(dirname "$(own_manage)")
  chown --no-dereference "$app_uid:$app_gid" "$folder" "$folder"/*.sqlite3 2>/dev/null || true # the boot reports it
}

# Programs that open /dev/stdout or /dev/stderr as files, as --access-logfile and LOGGING do. Docker's
# pipes belong to root.
give_output() {
  local number
  for number in 1 2; do
    if [[ -p /dev/fd/$number || -t $number ]]; then
      # Not /dev/fd, which are those of chown.
      chown "$1" "/proc/$$/fd/$number" 2>/dev/null || true # the root of a user namespace may not
    fi
  done
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
    startproject | adopt | upgrade) run_own_program "backend.kit.$1" "${@:2}" ;;
    check) become python -P -m backend.kit.contract "${@:2}" ;;
  esac
  # The next container, with another UID of group 0, can write to new files in /data.
  if [[ $EUID -eq 0 || ${GROUPS[0]} -eq 0 ]]; then umask g+w; fi
  if [[ $EUID -ne 0 ]]; then
    # A user without an entry in passwd has no home.
    [[ -w ${HOME:-/} && ${HOME:-/} != / ]] || export HOME=$app_home
    exec python -P -m backend.boot "$@"
  fi
  give_data_folder
  export HOME=$app_home
  setpriv --reuid "$app_uid" --regid "$app_gid" --clear-groups true 2>/dev/null ||
    fail "The container runs as root and cannot switch to another user (it lacks CAP_SETUID or CAP_SETGID)." \
      "Start it as the application's user: docker run --user $app_uid:$app_gid ..."
  if in_mounted_project || creates_project "$@"; then
    become_developer "$@"
  fi
  if has_own_settings && ! mountpoint --quiet .; then
    give_empty_folders "$app_uid" "$app_gid"
    if has_sqlite; then give_sqlite_files; fi
  fi
  boot_as "$app_uid" "$app_gid" --clear-groups "$@"
}

main "$@"
