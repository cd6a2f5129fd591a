#!/usr/bin/env bash
# Each start in 2019 ran four Python processes, one after another.
set -euo pipefail

python manage.py makemigrations
python manage.py migrate --noinput
python manage.py collectstatic --noinput
exec gunicorn project.wsgi -c gunicorn_conf.py
