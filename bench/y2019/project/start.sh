#!/usr/bin/env bash
# Every start of 2019: four processes of Python, one after another.
set -euo pipefail

python manage.py makemigrations
python manage.py migrate --noinput
python manage.py collectstatic --noinput
exec gunicorn project.wsgi -c gunicorn_conf.py
