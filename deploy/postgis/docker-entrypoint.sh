#!/usr/bin/env bash
# Set up PostgreSQL with PostGIS on the first start, then become the server.
#
#   POSTGRES_PASSWORD   required on the first start
#   POSTGRES_USER       superuser, default `postgres`
#   POSTGRES_DB         database, default: the user's name
#   PGDATA              data folder, default /var/lib/postgresql/data
#
# The first three can also come from a file: POSTGRES_PASSWORD_FILE and so on. On the first start,
# files in /docker-entrypoint-initdb.d run in the order of their names: *.sql, *.sql.gz, *.sh.
set -euo pipefail

readonly init_folder=/docker-entrypoint-initdb.d

main() {
  if [[ ${1:-} == -* ]]; then
    set -- postgres "$@" # only flags were given
  fi
  if [[ ${1:-} != postgres ]]; then
    exec "$@"
  fi
  if [[ $(id -u) -eq 0 ]]; then
    become_postgres "$@"
  fi

  refuse_half_made_cluster
  if ! cluster_exists; then
    refuse_other_files
    read_settings
    create_cluster
    start_private_server "${@:2}"
    create_database
    run_init_files
    stop_private_server
    rm "$(unfinished_mark)"
  fi
  unset POSTGRES_PASSWORD # the server does not need it
  exec "$@"
}

# If started as root, for example with a folder of the host, change its owner, then start again. It
# follows no links, even if a folder becomes a link meanwhile (-execdir).
become_postgres() {
  mkdir -p "$PGDATA"
  PATH=/usr/bin find "$PGDATA" ! -user postgres \
    -execdir chown --no-dereference postgres:postgres {} +
  chmod 0700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups --inh-caps=-all "$0" "$@"
}

cluster_exists() {
  [[ -s $PGDATA/PG_VERSION ]]
}

# The mark exists from before the creation of the cluster until the last init file has run.
unfinished_mark() {
  echo "$PGDATA/first-start-unfinished"
}

refuse_half_made_cluster() {
  if [[ -e $(unfinished_mark) ]]; then
    fail "The first start in $PGDATA was interrupted, or an init file failed: the database is incomplete." \
      "Remove the volume (nothing was ever stored in it) and start again; the first start's log has the cause."
  fi
}

refuse_other_files() {
  local other
  other=$(find "$PGDATA" -mindepth 1 -maxdepth 1 ! -name lost+found -print -quit 2>/dev/null || true)
  if [[ -n $other ]]; then
    fail "$PGDATA contains $(basename "$other"), but not a complete database." \
      "Mount an empty volume there, or the volume with the database."
  fi
}

read_settings() {
  read_file_variable POSTGRES_PASSWORD
  read_file_variable POSTGRES_USER
  read_file_variable POSTGRES_DB
  export POSTGRES_USER=${POSTGRES_USER:-postgres}
  export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
  if [[ -z ${POSTGRES_PASSWORD:-} ]]; then
    fail "POSTGRES_PASSWORD is not set, but a new database needs a password for its superuser." \
      "Set POSTGRES_PASSWORD, or set POSTGRES_PASSWORD_FILE to the path of a file that contains it."
  fi
}

# read_file_variable NAME: take NAME from the file that NAME_FILE names.
read_file_variable() {
  local name=$1 file_variable=${1}_FILE
  local file=${!file_variable:-}
  if [[ -z $file ]]; then
    return
  fi
  if [[ -n ${!name:-} ]]; then
    fail "Both $name and $file_variable are set, and they may differ." "Set only one of them."
  fi
  if [[ ! -r $file ]]; then
    fail "$file_variable is '$file', which user $(id -un) cannot read." "Check the path, and the file's owner and mode."
  fi
  export "$name=$(<"$file")"
  unset "$file_variable"
}

# In a separate folder, because initdb needs an empty one, and the mark must exist before it runs.
# Shared memory is System V's, because parallel queries need more than a container's 64 MB of /dev/shm.
create_cluster() {
  mkdir -p "$PGDATA"
  chmod 0700 "$PGDATA"
  touch "$(unfinished_mark)"
  initdb --pgdata="$PGDATA/new" --no-instructions \
    --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
    --encoding=UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 \
    --set listen_addresses='*' --set dynamic_shared_memory_type=sysv
  mv "$PGDATA"/new/* "$PGDATA"
  rmdir "$PGDATA/new"
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
}

# It only listens on its socket, so that it does not look ready from outside. It already has the
# caller's flags, because an init file may need them.
start_private_server() {
  pg_ctl --wait --silent start --options="$(printf '%q ' "$@" -c listen_addresses=)"
}

stop_private_server() {
  pg_ctl --wait --silent --mode=fast stop
}

sql() {
  # Without the container's PGHOST and so on, because this is for the private server.
  env --unset=PGHOST --unset=PGHOSTADDR --unset=PGPORT \
    psql --no-psqlrc --no-password --quiet --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" "$@"
}

create_database() {
  if [[ $POSTGRES_DB != postgres ]]; then
    sql --dbname=postgres --set=name="$POSTGRES_DB" <<<'CREATE DATABASE :"name";'
  fi
  sql --dbname="$POSTGRES_DB" <<<'CREATE EXTENSION postgis;'
}

run_init_files() {
  local file
  for file in "$init_folder"/*; do
    [[ -e $file ]] || continue
    echo "$(basename "$0"): running $file"
    run_init_file "$file"
  done
}

run_init_file() {
  local file=$1
  case $file in
    *.sh) if [[ -x $file ]]; then "$file"; else bash -e "$file"; fi ;;
    *.sql) sql --dbname="$POSTGRES_DB" --file="$file" ;;
    *.sql.gz) gunzip --stdout "$file" | sql --dbname="$POSTGRES_DB" ;;
    *) echo "$(basename "$0"): ignoring $file, which is not a .sql, .sql.gz, or .sh file" ;;
  esac
}

fail() {
  printf '%s\n' "$@" >&2
  exit 1
}

# If sourced, this file only defines its functions, so that each can be tested alone.
if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  main "$@"
fi
