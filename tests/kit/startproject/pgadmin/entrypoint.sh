#!/usr/bin/env bash
# Does what dpage/pgadmin4's entry point does on the first start: it reads the configuration from
# PGADMIN_CONFIG_*, and creates the user, the servers in servers.json, and the password file.
set -euo pipefail

readonly data=/var/lib/pgadmin

cat >config_distro.py <<TEXT
LOG_FILE = '/dev/null'
TEXT
for name in $(compgen -e PGADMIN_CONFIG_ || true); do
  echo "${name#PGADMIN_CONFIG_} = ${!name}" >>config_distro.py
done

if [[ ! -f $data/pgadmin4.db ]]; then
  if [[ -n ${PGADMIN_DEFAULT_PASSWORD_FILE:-} ]]; then
    PGADMIN_DEFAULT_PASSWORD=$(<"$PGADMIN_DEFAULT_PASSWORD_FILE")
  fi
  if [[ -z ${PGADMIN_DEFAULT_EMAIL:-} || -z ${PGADMIN_DEFAULT_PASSWORD:-} ]]; then
    echo 'You need to define the PGADMIN_DEFAULT_EMAIL and PGADMIN_DEFAULT_PASSWORD or PGADMIN_DEFAULT_PASSWORD_FILE environment variables.'
    exit 1
  fi
  PGADMIN_SETUP_EMAIL=$PGADMIN_DEFAULT_EMAIL PGADMIN_SETUP_PASSWORD=$PGADMIN_DEFAULT_PASSWORD \
    /venv/bin/python setup.py setup-db
  servers=${PGADMIN_SERVER_JSON_FILE:-/pgadmin4/servers.json}
  if [[ -f $servers ]]; then
    /venv/bin/python setup.py load-servers "$servers" --user "$PGADMIN_DEFAULT_EMAIL"
  fi
  if [[ -f ${PGPASS_FILE:-} ]]; then
    own=$data/storage/${PGADMIN_DEFAULT_EMAIL/@/_}
    mkdir -p "$own"
    cp "$PGPASS_FILE" "$own/.pgpass"
    chmod 600 "$own/.pgpass"
  fi
fi

exec /venv/bin/gunicorn --bind "0.0.0.0:${PGADMIN_LISTEN_PORT:-80}" --workers 1 --threads 8 \
  --no-control-socket pgAdmin4:app
