#!/usr/bin/env bash
# Like the start script of pygeoapi's own image: describe the tables, then serve. There is one worker,
# because the contestant has one core.
set -euo pipefail

pygeoapi openapi generate "$PYGEOAPI_CONFIG" --output-file "$PYGEOAPI_OPENAPI"
exec gunicorn pygeoapi.flask_app:APP --bind 0.0.0.0:8000 --workers 1 \
  --worker-class gthread --threads 4 --timeout 600
