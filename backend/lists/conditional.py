"""ETag and Cache-Control, without running the query; If-Match.

PostgreSQL can report in a fraction of a millisecond whether anything was committed: the snapshot of
a transaction (``pg_current_snapshot()``) names every transaction that has ended. While the snapshot
is the same, all data is the same. So the ETag is made from it, and a client that already has the
response gets 304 before the query runs. The snapshot also changes with writes to other tables. This
can cost an unnecessary response, but never sends a wrong one.
https://www.postgresql.org/docs/current/functions-info.html

The ETag of a single row has a second half, which is a digest of the response itself. So a write
with ``If-Match`` succeeds only if this row is unchanged, whatever happens to other rows.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.conf import settings
from django.db import OperationalError, connections, router, transaction
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.crypto import salted_hmac
from django.utils.http import parse_etags
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import get_language
from rest_framework.exceptions import APIException
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request, override_method
from rest_framework.response import Response

from backend.databases import identifiers, sessions
from backend.http import caching
from backend.lists.counting import is_marked_as_older
from backend.router import ModelDatabaseRouter, alias_of

if TYPE_CHECKING:
    from rest_framework.generics import GenericAPIView

    _View = GenericAPIView[Any]
else:
    _View = object

READS = ("GET", "HEAD")
# Variables that differ between containers of one image that respond alike, or that a server or
# container engine sets for one process.
OF_THE_CONTAINER = {
    *("HOSTNAME", "HOME", "PWD", "OLDPWD", "SHLVL", "_", "RUN_MAIN", "SERVER_SOFTWARE"),
    *("POD_NAME", "POD_IP", "POD_IPS", "POD_UID", "NODE_NAME", "NODE_IP", "HOST_IP"),
    *("ECS_CONTAINER_METADATA_URI", "ECS_CONTAINER_METADATA_URI_V4", "ECS_AGENT_URI"),
    *("DYNO", "FLY_MACHINE_ID", "FLY_ALLOC_ID", "INVOCATION_ID", "JOURNAL_STREAM"),
}
# Headers that do not change what is asked for: conditions, what was negotiated (the renderer's type
# is in the ETag), the connection, and the IDs of a single request.
OF_THE_TRANSFER = {
    *("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE", "HTTP_IF_RANGE"),
    *("HTTP_IF_UNMODIFIED_SINCE", "HTTP_RANGE", "HTTP_CACHE_CONTROL", "HTTP_PRAGMA"),
    *("HTTP_ACCEPT", "HTTP_ACCEPT_ENCODING", "HTTP_CONNECTION", "HTTP_KEEP_ALIVE", "HTTP_TE"),
    *("HTTP_PRIORITY", "HTTP_UPGRADE_INSECURE_REQUESTS", "HTTP_SEC_FETCH_DEST"),
    *("HTTP_SEC_FETCH_MODE", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_USER"),
    *("HTTP_X_REQUEST_ID", "HTTP_X_CORRELATION_ID", "HTTP_TRACEPARENT", "HTTP_TRACESTATE"),
    *("HTTP_X_AMZN_TRACE_ID", "HTTP_X_CLOUD_TRACE_CONTEXT", "HTTP_CF_RAY"),
}
SOURCES = (".py", ".html", ".json", ".toml", ".yaml", ".yml")
NOT_SOURCES = {"__pycache__", "node_modules"}


class PreconditionFailed(APIException):
    """The row is not what the request's ``If-Match`` says, or has changed since."""

    status_code = 412
    default_detail = (
        "This has changed since you read it. Read it again, and then send your change again."
    )
    default_code = "precondition_failed"


class _NotModifiedError(Exception):
    """The client already has the response."""

    def __init__(self, etag: str) -> None:
        self.etag = etag


class ConditionalMixin(_View):
    """For a view of data in PostgreSQL: sends 304 to a client that already has the response.

    The response can depend on the request, its user, its session, and data in
    ``conditional_databases`` (a list of aliases). By default, these are the databases of the view's
    queryset and of the user, and those of all models unless ``shows_columns()``. If a team's router
    decides where to read, there is no default: list every database that it can choose. If a
    response depends on anything else, such as the time of day or another server, set
    ``conditional = False`` in the view. If a model is a foreign table, or a view of one, the
    snapshot of its database says nothing about it, and there is no ETag.

    A client that sends other headers gets another ETag, because the response can depend on any
    header. ``conditional_headers`` lists those that it depends on besides Authorization and Cookie,
    so that clients of a shared cache have the same ETag. They are then in ``Vary``.

    ``cache_control``: arguments of Django's ``patch_cache_control``, such as
    ``{"public": True, "max_age": 300}`` (seconds), for responses to GET and HEAD. A response to a
    client with credentials is private in any case.

    A row is written only if ``If-Match`` has its current ETag, or if the request has no
    ``If-Match``. Otherwise, PreconditionFailed is raised (412).
    """

    conditional = True
    conditional_databases: list[str] | None = None
    conditional_headers: list[str] | tuple[str, ...] | None = None
    cache_control: dict[str, Any] | None = None
    _etag: str | None = None
    _transaction: contextlib.ExitStack

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with contextlib.ExitStack() as self._transaction:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # After authentication, permissions, and throttles, because 304 and 412 are responses too.
        if not self.conditional:
            return
        if request.method in READS:
            self._etag = self.get_etag(request)
            for given in parse_etags(request.headers.get("If-None-Match", "")):
                if self._etag and _first_half(given) == self._etag:
                    raise _NotModifiedError(given)
        elif request.method not in SAFE_METHODS:
            self._check_preconditions(request)

    def shows_columns(self) -> bool:
        """Whether everything in the response to this request is known to be from the queryset."""
        return False

    def get_etag(self, request: Request) -> str | None:
        """A weak ETag of the response to ``request``. None if there is no cheap way to tell."""
        own = self._databases(request)
        versions = [_version(alias) for alias in own]
        if own and self.conditional_databases is None and not self.shows_columns():
            # The code that makes the response can read from any other model.
            others = (alias for alias in _of_models() if alias not in own)
            versions += map(_version_if_there, others)
        if not versions or None in versions:
            return None
        renderer = request.accepted_renderer
        has_session = settings.SESSION_COOKIE_NAME in request.COOKIES
        session = getattr(request._request, "session", None) if has_session else None
        parts = (
            *versions,
            _CODE,
            request.build_absolute_uri(),
            f"{type(renderer).__name__} {request.accepted_media_type}",
            get_language(),
            get_current_timezone_name(),
            str(getattr(request.user, "pk", None)),
            sorted(session.items()) if session is not None else None,
            *self._headers(request),
        )
        return f'W/"{salted_hmac("backend.lists.conditional", repr(parts)).hexdigest()}"'

    def _headers(self, request: Request) -> list[tuple[str, str]]:
        if self.conditional_headers is not None:
            names = {*caching.CREDENTIALS, *self.conditional_headers}
            return sorted((name, request.headers.get(name, "")) for name in names)
        # Behind a proxy, the client's address is in a header, and the proxy's own can alternate.
        address = () if "HTTP_X_FORWARDED_FOR" in request.META else ("REMOTE_ADDR",)
        return sorted(
            (name, str(value))
            for name, value in request.META.items()
            if (name.startswith("HTTP_") and name not in OF_THE_TRANSFER) or name in address
        )

    def _databases(self, request: Request) -> list[str]:
        if self.conditional_databases is not None:
            return self.conditional_databases
        if getattr(self, "queryset", None) is None or _may_be_read_anywhere():
            return []
        aliases = {self.get_queryset().db: None}
        # The user of a session is a lazy object, and the user of a token may not be a model.
        user = getattr(request.user, "_meta", None)
        if user is not None:
            aliases[user.default_manager.db] = None
        return list(aliases)

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, _NotModifiedError):
            return Response(status=304, headers={"ETag": exc.etag})
        return super().handle_exception(exc)

    def finalize_response(  # type: ignore[override]  # the stubs know no streams
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        answer: Response | Any = response
        reads = request.method in READS
        if reads and self.conditional and _exists_already(request, response):
            answer = Response(status=304)
        answer = super().finalize_response(request, answer, *args, **kwargs)
        if not reads:
            return answer
        if is_marked_as_older(request):
            self._etag = None
        cacheable = answer.status_code in (200, 204, 304)
        if cacheable and self._etag and (answer.status_code != 304 or "ETag" not in answer):
            answer.headers["ETag"] = self._etag
            single = answer.status_code == 200 and getattr(self, "action", None) == "retrieve"
            if single and hasattr(answer, "data"):
                answer.add_post_render_callback(_add_second_half)
        vary = tuple(self.conditional_headers or ())
        caching.guard(request, answer, self.cache_control if cacheable else None, vary)
        return answer

    # --- Writing, RFC 9110, 13.1.1 and 13.1.2

    def _check_preconditions(self, request: Request) -> None:
        wanted = parse_etags(request.headers.get("If-Match", ""))
        unwanted = parse_etags(request.headers.get("If-None-Match", ""))
        name = getattr(self, "lookup_url_kwarg", None) or getattr(self, "lookup_field", None)
        if name not in self.kwargs:
            # A list always exists, and has no version that a client can have read.
            if wanted and "*" not in wanted:
                raise PreconditionFailed
            return
        if wanted:
            self.get_object()  # a missing row is a 404 in any case
            if "*" not in wanted and not self._is_one_of(wanted):
                raise PreconditionFailed
        if unwanted:
            with contextlib.suppress(Http404):
                self.get_object()
                if "*" in unwanted or self._is_one_of(unwanted):
                    raise PreconditionFailed("This already exists.")

    def _is_one_of(self, etags: list[str]) -> bool:
        """Whether one of ``etags`` matches the current row. Locks it until the write ends."""
        if not hasattr(self, "retrieve"):
            return False
        # As the client read it: the team's code and ``?fields=`` depend on the method too.
        with override_method(self, self.request, "GET") as request:
            self.action = "retrieve"
            row = self.get_object()
            alias = router.db_for_write(type(row), instance=row)
            self._transaction.enter_context(transaction.atomic(using=alias))
            rows = type(row)._base_manager.using(alias).select_for_update()
            list(rows.filter(pk=row.pk).values_list("pk"))
            # A router can read from a replica that lags. The row that is compared, and that the
            # view then changes and saves, must be the locked one.
            if get_queryset := getattr(self, "get_queryset", None):
                view: Any = self  # it belongs to this request alone
                view.get_queryset = lambda: get_queryset().using(alias)
            shown = self.retrieve(request, *self.args, **self.kwargs)
        return _digest(JSONRenderer().render(shown.data)) in map(_second_half, etags)


def _exists_already(request: Request, response: HttpResponseBase) -> bool:
    """Whether the client asks for the row only if it does not exist, but it does."""
    exists = response.status_code in (200, 204) and not response.streaming
    return exists and "*" in parse_etags(request.headers.get("If-None-Match", ""))


def _first_half(etag: str) -> str:
    first, _, second = etag.partition(".")
    return f'{first}"' if second else etag


def _second_half(etag: str) -> str:
    return etag.partition(".")[2].rstrip('"')


def _add_second_half(response: Response) -> None:
    """``W/"<request and data>.<response>"``, once the response of a single row is rendered."""
    plain = type(response.accepted_renderer) is JSONRenderer
    if plain and response.accepted_media_type == JSONRenderer.media_type:
        content = response.content
    else:
        content = JSONRenderer().render(response.data)
    response.headers["ETag"] = f'{response.headers["ETag"][:-1]}.{_digest(content)}"'


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _may_be_read_anywhere() -> bool:
    """Whether a team's router decides where to read. It can choose differently each time: for the
    page, its count, and each related model."""
    deciding = (getattr(each, "db_for_read", None) for each in router.routers)
    ours = ModelDatabaseRouter.db_for_read
    return any(each and getattr(each, "__func__", None) is not ours for each in deciding)


def _version(alias: str) -> str | None:
    """A text that changes whenever data of this database may have. None if nothing tells."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return None
    if sessions.facts(alias).elsewhere & _tables():
        return None
    # A restored backup can bring back an old snapshot, but it restarts the server. The same
    # statement reads what decides which rows this session sees.
    version = ("pg_current_snapshot()::text", "pg_postmaster_start_time()", "current_database()")
    # The snapshot of a standby does not list what runs on the primary, so a commit may not change
    # it. Not every PostgreSQL reports how far its log is replayed (Aurora does not).
    is_standby, *values = sessions.state(alias, "pg_is_in_recovery()", *version)
    return None if is_standby else f"{alias} {values}"


def _version_if_there(alias: str) -> str | None:
    """The version of a database that the view may not need. None also if the database is down."""
    try:
        return _version(alias)
    except OperationalError:
        return None


@functools.cache
def _of_models() -> tuple[str, ...]:
    """The databases of all models."""
    return tuple(sorted({alias_of(model) for model in apps.get_models()} & {*settings.DATABASES}))


@functools.cache
def _tables() -> frozenset[str]:
    """The tables of all models, without their schema."""
    models = apps.get_models(include_auto_created=True)
    return frozenset(map(identifiers.table_name, models))


def _code() -> str:
    """A digest of the code and the configuration that make the responses.

    It is the same for all workers and replicas of an image, because it includes the files that
    exist, not those that a worker happens to have imported.
    """
    files = sorted(_files(Path(settings.BASE_DIR)))
    # Packages have their version in the name of this folder.
    packages = sorted({path.name for entry in sys.path for path in Path(entry).glob("*.dist-info")})
    environment = sorted(item for item in os.environ.items() if item[0] not in OF_THE_CONTAINER)
    parts = repr((files, packages, environment, sys.version))
    return salted_hmac("backend.lists.conditional", parts).hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Path, modification time, and size of each source file in ``folder``, without data."""
    names = ("DATA_DIR", "STATIC_ROOT", "MEDIA_ROOT")
    data = {str(getattr(settings, name, None)) for name in names}
    for path, folders, files in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and name not in NOT_SOURCES
            and os.path.join(path, name) not in data  # noqa: PTH118  os.walk gives texts
        ]
        for name in files:
            if name.endswith(SOURCES):
                with contextlib.suppress(FileNotFoundError):  # an editor's temporary file
                    status = Path(path, name).stat()
                    yield os.path.join(path, name), status.st_mtime_ns, status.st_size  # noqa: PTH118


# Computed while the code is loaded: a file that is saved later is not yet in use.
_CODE = _code()
