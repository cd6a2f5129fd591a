"""ETag and Cache-Control, without running the query.

PostgreSQL can say in a fraction of a millisecond whether anything at all was committed:
the snapshot of a transaction (``pg_current_snapshot()``) names every transaction that is
over. While it is the same, all data is the same; so it is the source of the ETag, and a
client that has the answer gets 304 before its query is made. It also changes with
writes to other tables, which costs an answer, never a wrong one.
https://www.postgresql.org/docs/current/functions-info.html
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import Any

import django
import rest_framework
from django.conf import settings
from django.db import connections
from django.http import HttpResponse
from django.utils.cache import patch_cache_control
from django.utils.crypto import salted_hmac
from django.utils.http import parse_etags
from django.utils.translation import get_language
from rest_framework.request import Request
from rest_framework.response import Response

# They differ between containers of the same image that answer alike.
_OF_THE_CONTAINER = {"HOSTNAME", "HOME", "PWD", "OLDPWD", "SHLVL", "_"}


class _NotModifiedError(Exception):
    """The client has the answer."""


class ConditionalMixin:
    """For a view of data in PostgreSQL: answers 304 to a client that has the answer already.

    The answer may depend on the request, its user, and data in ``conditional_databases``
    (aliases; by default those that the view's queryset and the user come from). A view whose
    answer depends on anything else, such as the time of day, sets ``conditional = False``.

    ``cache_control``: arguments of Django's ``patch_cache_control``, such as
    ``{"public": True, "max_age": 300}`` (seconds), for answers to GET and HEAD.
    """

    conditional = True
    conditional_databases: list[str] | None = None
    cache_control: dict[str, Any] | None = None
    _etag: str | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # After authentication, permissions and throttles: 304 is an answer too.
        if self.conditional and request.method in ("GET", "HEAD"):
            self._etag = self.get_etag(request)
            given = parse_etags(request.headers.get("If-None-Match", ""))
            if self._etag and ("*" in given or self._etag in given):
                raise _NotModifiedError

    def get_etag(self, request: Request) -> str | None:
        """A weak ETag of the answer to ``request``, None where nothing cheap tells it."""
        versions = [_version(alias) for alias in self._databases(request)]
        if not versions or None in versions:
            return None
        renderer = request.accepted_renderer
        parts = (
            *versions,
            _code(),
            request.build_absolute_uri(),
            f"{type(renderer).__name__} {request.accepted_media_type}",
            get_language(),
            str(getattr(request.user, "pk", None)),
            request.headers.get("Authorization"),
        )
        return f'W/"{salted_hmac("backend.geo.conditional", repr(parts)).hexdigest()}"'

    def _databases(self, request: Request) -> list[str]:
        if self.conditional_databases is not None:
            return self.conditional_databases
        queryset = getattr(self, "queryset", None)
        aliases = {} if queryset is None else {self.get_queryset().db: None}
        # Of a session it is a lazy object, and of a token it may be no model at all.
        user = getattr(request.user, "_meta", None)
        if aliases and user is not None:
            aliases[user.default_manager.db] = None
        return list(aliases)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _NotModifiedError):
            return Response(status=304)
        return super().handle_exception(exc)

    def finalize_response(
        self, request: Request, response: HttpResponse, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        response = super().finalize_response(request, response, *args, **kwargs)
        if request.method in ("GET", "HEAD") and response.status_code in (200, 204, 304):
            if self._etag:
                response.headers["ETag"] = self._etag
            if self.cache_control:
                patch_cache_control(response, **self.cache_control)
        return response


def _version(alias: str) -> str | None:
    """What changes whenever data of this database may have, None where nothing tells it."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return None
    # Named otherwise before PostgreSQL 13.
    snapshot = "pg_current_snapshot" if connection.pg_version >= 130000 else "txid_current_snapshot"
    with connection.cursor() as cursor:
        # Restoring a backup, which may bring an old snapshot back, restarts the server.
        cursor.execute(f"SELECT {snapshot}()::text, pg_postmaster_start_time(), current_database()")
        return f"{alias} {cursor.fetchone()}"


@functools.cache
def _code() -> str:
    """What changes with the code and the configuration that make the answers."""
    files = sorted(
        (name, module.__file__)
        for name, module in list(sys.modules.items())
        if str(getattr(module, "__file__", None)).startswith(f"{settings.BASE_DIR}{os.sep}")
    )
    stats = [(name, *_changed(Path(file))) for name, file in files]
    environment = sorted(item for item in os.environ.items() if item[0] not in _OF_THE_CONTAINER)
    versions = (sys.version, django.__version__, rest_framework.VERSION)
    return salted_hmac("backend.geo.conditional", repr((stats, environment, versions))).hexdigest()


def _changed(file: Path) -> tuple[int, int]:
    try:
        status = file.stat()
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
