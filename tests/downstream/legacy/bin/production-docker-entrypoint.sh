#!/bin/bash
set -e

# wait-for-postgres, which every project had
until pg_isready --quiet --host "$POSTGRES_HOST"; do
  echo "Postgres is unavailable - sleeping"
  sleep 1
done

python -Wall manage.py makemigrations
python -Wall manage.py migrate --noinput
python manage.py collectstatic --noinput
gunicorn backend.wsgi -c gunicorn_conf.py
