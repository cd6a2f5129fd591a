"""ETag and Cache-Control, without running the query; If-Match.

PostgreSQL can say in a fraction of a millisecond whether anything at all was committed:
the snapshot of a transaction (``pg_current_snapshot()``) names every transaction that is
over. While it is the same, all data is the same; so it is the source of the ETag, and a
client that has the answer gets 304 before its query is made. It also changes with
writes to other tables, which costs an answer, never a wrong one.
https://www.postgresql.org/docs/current/functions-info.html

The ETag of a single row has a second half, which is of the answer itself: whoever writes
with ``If-Match`` writes only what is as it was, however much is written elsewhere.
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

from backend.databases import sessions
from backend.http import caching
from backend.lists.counting import goes_by_older
from backend.router import ModelDatabaseRouter, alias_of

if TYPE_CHECKING:
    from rest_framework.generics import GenericAPIView

    _View = GenericAPIView[Any]
else:
    _View = object

READS = ("GET", "HEAD")
# Variables that differ between containers of the same image that answer alike, and those
# that a server or a container engine sets for one process.
OF_THE_CONTAINER = {
    *("HOSTNAME", "HOME", "PWD", "OLDPWD", "SHLVL", "_", "RUN_MAIN", "SERVER_SOFTWARE"),
    *("POD_NAME", "POD_IP", "POD_IPS", "POD_UID", "NODE_NAME", "NODE_IP", "HOST_IP"),
    *("ECS_CONTAINER_METADATA_URI", "ECS_CONTAINER_METADATA_URI_V4", "ECS_AGENT_URI"),
    *("DYNO", "FLY_MACHINE_ID", "FLY_ALLOC_ID", "INVOCATION_ID", "JOURNAL_STREAM"),
}
# Headers that say nothing of what is asked for: conditions, what was negotiated (the
# renderer's type is in the ETag), the connection, and numbers of the single request.
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
    """The row is not, or no longer, what the request's ``If-Match`` says."""

    status_code = 412
    default_detail = (
        "This has changed since you read it. Read it again, and then send your change again."
    )
    default_code = "precondition_failed"


class _NotModifiedError(Exception):
    """The client has the answer."""

    def __init__(self, etag: str) -> None:
        self.etag = etag


class ConditionalMixin(_View):
    """For a view of data in PostgreSQL: answers 304 to a client that has the answer already.

    The answer may depend on the request, its user, its session, and data in
    ``conditional_databases`` (aliases; by default those that the view's queryset and the user
    come from, with those of all models unless ``shows_columns()``; and none
    where a router of the team's decides where to read: name all that it may choose). A view
    whose answer depends on anything else, such as the time of day or another server, sets
    ``conditional = False``. Where a model is a foreign table or a view
    over one, its database's snapshot tells nothing, and there is no ETag.

    A client that sends another header has another ETag, because the answer may go by any.
    ``conditional_headers`` names those that it goes by, besides Authorization and Cookie, so
    that clients of a shared cache have ETags in common; they are in ``Vary`` then.

    ``cache_control``: arguments of Django's ``patch_cache_control``, such as
    ``{"public": True, "max_age": 300}`` (seconds), for answers to GET and HEAD. What somebody
    with credentials gets is private all the same.

    A row is written only where ``If-Match`` names the ETag that it has, or there is none;
    else PreconditionFailed is raised (412).
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
        # After authentication, permissions and throttles: 304 and 412 are answers too.
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
        """Whether all of the answer to this request is known to be columns of the queryset."""
        return False

    def get_etag(self, request: Request) -> str | None:
        """A weak ETag of the answer to ``request``, None where nothing cheap tells it."""
        own = self._databases(request)
        versions = [_version(alias) for alias in own]
        if own and self.conditional_databases is None and not self.shows_columns():
            # What the code that makes it reads besides, nobody knows.
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
        # Behind a proxy the client's address is in a header; the proxies' own may take turns.
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
        # Of a session it is a lazy object, and of a token it may be no model at all.
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
        if goes_by_older(request):
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
            # A list has no version that anybody could have read, and always exists.
            if wanted and "*" not in wanted:
                raise PreconditionFailed
            return
        if wanted:
            self.get_object()  # what does not exist is 404 all the same
            if "*" not in wanted and not self._is_one_of(wanted):
                raise PreconditionFailed
        if unwanted:
            with contextlib.suppress(Http404):
                self.get_object()
                if "*" in unwanted or self._is_one_of(unwanted):
                    raise PreconditionFailed("This already exists.")

    def _is_one_of(self, etags: list[str]) -> bool:
        """Whether one of ``etags`` is of the row as it is now; nobody changes it meanwhile."""
        if not hasattr(self, "retrieve"):
            return False
        # As the client has read it: code of the team's, and ``?fields=``, go by the method too.
        with override_method(self, self.request, "GET") as request:
            self.action = "retrieve"
            row = self.get_object()
            alias = router.db_for_write(type(row), instance=row)
            self._transaction.enter_context(transaction.atomic(using=alias))
            rows = type(row)._base_manager.using(alias).select_for_update()
            list(rows.filter(pk=row.pk).values_list("pk"))
            # A router may read from a server that lags. The row that is compared, and the one
            # that the view then changes and saves, is the one that is locked.
            if get_queryset := getattr(self, "get_queryset", None):
                view: Any = self  # which is one request's alone
                view.get_queryset = lambda: get_queryset().using(alias)
            shown = self.retrieve(request, *self.args, **self.kwargs)
        return _digest(JSONRenderer().render(shown.data)) in map(_second_half, etags)


def _exists_already(request: Request, response: HttpResponseBase) -> bool:
    """Whether the client only wants what is not there, and it is."""
    found = response.status_code in (200, 204) and not response.streaming
    return found and "*" in parse_etags(request.headers.get("If-None-Match", ""))


def _first_half(etag: str) -> str:
    first, _, second = etag.partition(".")
    return f'{first}"' if second else etag


def _second_half(etag: str) -> str:
    return etag.partition(".")[2].rstrip('"')


def _add_second_half(response: Response) -> None:
    """``W/"<request and data>.<answer>"``, once the answer of a single row is written."""
    plain = type(response.accepted_renderer) is JSONRenderer
    if plain and response.accepted_media_type == JSONRenderer.media_type:
        content = response.content
    else:
        content = JSONRenderer().render(response.data)
    response.headers["ETag"] = f'{response.headers["ETag"][:-1]}.{_digest(content)}"'


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _may_be_read_anywhere() -> bool:
    """Whether a router of the team's says where to read: it may choose anew each time it is asked,
    for the page, its count and each related model."""
    deciding = (getattr(each, "db_for_read", None) for each in router.routers)
    ours = ModelDatabaseRouter.db_for_read
    return any(each and getattr(each, "__func__", None) is not ours for each in deciding)


def _version(alias: str) -> str | None:
    """What changes whenever data of this database may have, None where nothing tells it."""
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return None
    if sessions.facts(alias).elsewhere & _tables():
        return None
    # Restoring a backup, which may bring an old snapshot back, restarts the server. Who asks is in
    # the same statement: the rows may go by it.
    version = ("pg_current_snapshot()::text", "pg_postmaster_start_time()", "current_database()")
    # The snapshot of a standby does not list what runs on the primary: a commit may leave it as
    # it is. How far the log has been replayed, not every PostgreSQL tells (Aurora does not).
    is_standby, *told = sessions.state(alias, "pg_is_in_recovery()", *version)
    return None if is_standby else f"{alias} {told}"


def _version_if_there(alias: str) -> str | None:
    """The version of a database that the view may not need; None also where it is down."""
    try:
        return _version(alias)
    except OperationalError:
        return None


@functools.cache
def _of_models() -> tuple[str, ...]:
    """The databases that models live in."""
    return tuple(sorted({alias_of(model) for model in apps.get_models()} & {*settings.DATABASES}))


@functools.cache
def _tables() -> frozenset[str]:
    """The tables of all models, without their schema."""
    models = apps.get_models(include_auto_created=True)
    return frozenset(model._meta.db_table.rpartition('"."')[2].strip('"') for model in models)


def _code() -> str:
    """What changes with the code and the configuration that make the answers.

    The same for all workers and replicas of one image: by the files that are there, not by
    those that a worker happens to have imported.
    """
    files = sorted(_files(Path(settings.BASE_DIR)))
    # Packages have their version in the name of this folder.
    packages = sorted({path.name for entry in sys.path for path in Path(entry).glob("*.dist-info")})
    environment = sorted(item for item in os.environ.items() if item[0] not in OF_THE_CONTAINER)
    parts = repr((files, packages, environment, sys.version))
    return salted_hmac("backend.lists.conditional", parts).hexdigest()


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Path, time of change and size of each source below ``folder``; not of data."""
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
                with contextlib.suppress(FileNotFoundError):  # an editor's, just now
                    status = Path(path, name).stat()
                    yield os.path.join(path, name), status.st_mtime_ns, status.st_size  # noqa: PTH118


# Now, when the code is loaded: a file that is saved later is not what answers.
_CODE = _code()
