"""The WSGI application: ``gunicorn backend.wsgi``."""

import os

from django.apps import apps
from django.conf import settings
from django.core.servers.basehttp import get_internal_wsgi_application
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver, set_script_prefix

from backend.conf.project import IMAGES

_has_own_settings = os.environ.setdefault("DJANGO_SETTINGS_MODULE", IMAGES) != IMAGES

# These read the settings.
from backend.boot.application import layered  # noqa: E402
from backend.databases import connections  # noqa: E402
from backend.http import throttles  # noqa: E402

connections.prepare()
# Django does this only for commands. For a server, it comes with the first request, which is too
# late for STATIC_URL: that is computed once, when WhiteNoise is loaded.
set_script_prefix(settings.FORCE_SCRIPT_NAME or "/")
_django = get_wsgi_application()
# A team's own project may have more around Django's application. Its settings name this module if
# they import the image's.
_is_own = _has_own_settings and settings.WSGI_APPLICATION != "backend.wsgi.application"
application = layered(get_internal_wsgi_application() if _is_own else _django)
# Load every view now, once, before the workers are forked: then the first request is as fast as
# others, the workers share the memory, and a broken URLconf stops the start.
get_resolver().reverse_dict  # noqa: B018  the property does the work
if apps.is_installed("backend"):
    _counts = throttles.make_counts()
    if apps.is_installed("rest_framework"):
        throttles.share(_counts)
    if apps.is_installed("django.contrib.auth"):
        from backend.http import login_attempts

        login_attempts.limit(_counts)
