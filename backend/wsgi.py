"""The WSGI application: ``gunicorn backend.wsgi``."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver, set_script_prefix

from backend.health.wsgi import HealthApplication

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")

# Django does this for commands only; for a server it comes with the first request, too
# late for STATIC_URL, which is computed once, when WhiteNoise is loaded.
set_script_prefix(settings.FORCE_SCRIPT_NAME or "/")
application = HealthApplication(get_wsgi_application())
# Load every view now, once, before the workers are forked: the first request is
# as fast as the next, the memory is shared, and a broken URLconf stops the start.
get_resolver().reverse_dict  # noqa: B018  the property does the work
