"""The WSGI application: ``gunicorn backend.wsgi``."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from backend.health.wsgi import HealthApplication

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

application = HealthApplication(get_wsgi_application())
# Load every view now, once, before the workers are forked: the first request is
# as fast as the next, the memory is shared, and a broken URLconf stops the start.
get_resolver().reverse_dict  # noqa: B018  the property does the work
