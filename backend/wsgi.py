"""The WSGI application: ``gunicorn backend.wsgi``."""

import os

from django.apps import apps
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.urls import get_resolver, set_script_prefix

from backend import throttles
from backend.bodies import BodyLimits
from backend.defaults import setting
from backend.health.wsgi import HealthApplication
from backend.logs.request_id import RequestIdApplication

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")


# Not through a pooler, which answers with the number of a process that is not the server's:
# what is set for a session there stays with whoever is lent the connection next.
#
# Without processes to help and without compiling, PostgreSQL has one plan for a page, a count or
# a tile, whatever the sample of the last ANALYZE made it expect; and a request leaves the other
# cores to other requests. What OPTIONS, a role or a database say of these two wins.
SESSION = """
SELECT set_config(wanted.name, wanted.value, false)
FROM (VALUES ('statement_timeout', %s),
             ('max_parallel_workers_per_gather', '0'), ('jit', 'off')) wanted (name, value)
JOIN pg_settings ON pg_settings.name = wanted.name
WHERE pg_backend_pid() = %s AND wanted.value IS NOT NULL
      AND (wanted.name = 'statement_timeout' OR source IN ('default', 'configuration file'))
"""


def _set_up_session(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Here, and not in DATABASES, because migrations may take their time and all cores."""
    if connection.vendor == "postgresql":
        limit = setting("STATEMENT_TIMEOUT")
        with connection.cursor() as cursor:
            process = connection.connection.info.backend_pid
            cursor.execute(SESSION, [f"{limit}s" if limit else None, process])


connection_created.connect(_set_up_session)
# Django does this for commands only; for a server it comes with the first request, too
# late for STATIC_URL, which is computed once, when WhiteNoise is loaded.
set_script_prefix(settings.FORCE_SCRIPT_NAME or "/")
# The id is outermost: a probe's line, a 404 and an error have it too.
application = RequestIdApplication(HealthApplication(BodyLimits(get_wsgi_application())))
# Load every view now, once, before the workers are forked: the first request is
# as fast as the next, the memory is shared, and a broken URLconf stops the start.
get_resolver().reverse_dict  # noqa: B018  the property does the work
_counts = throttles.make_counts()
if apps.is_installed("rest_framework"):
    throttles.share(_counts)
if apps.is_installed("django.contrib.auth"):
    from backend import login_attempts

    login_attempts.limit(_counts)
