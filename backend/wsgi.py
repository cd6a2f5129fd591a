"""The WSGI application: ``gunicorn backend.wsgi``."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.urls import get_resolver, set_script_prefix

from backend.bodies import BodyLimits
from backend.health.wsgi import HealthApplication
from backend.logs.request_id import RequestIdApplication

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")


# Not through a pooler, which answers with the number of a process that is not the server's:
# what is set for a session there stays with whoever is lent the connection next.
LIMIT = """
SELECT CASE WHEN pg_backend_pid() = %s THEN set_config('statement_timeout', %s, false) END
"""


def _limit_statements(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Here, and not in DATABASES, because migrations may take their time."""
    limit = getattr(settings, "STATEMENT_TIMEOUT", 0)
    if limit and connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(LIMIT, [connection.connection.info.backend_pid, f"{limit}s"])


connection_created.connect(_limit_statements)
# Django does this for commands only; for a server it comes with the first request, too
# late for STATIC_URL, which is computed once, when WhiteNoise is loaded.
set_script_prefix(settings.FORCE_SCRIPT_NAME or "/")
# The id is outermost: a probe's line, a 404 and an error have it too.
application = RequestIdApplication(HealthApplication(BodyLimits(get_wsgi_application())))
# Load every view now, once, before the workers are forked: the first request is
# as fast as the next, the memory is shared, and a broken URLconf stops the start.
get_resolver().reverse_dict  # noqa: B018  the property does the work
