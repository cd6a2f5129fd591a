"""Whole tables as GeoJSON, GeoJSON text sequences, CSV, or FlatGeobuf, from PostGIS to the client.

::

    class Stops(StreamingMixin, viewsets.ReadOnlyModelViewSet):
        ...

adds ``/stops.geojson``, ``.geojsonl``, ``.csv``, and ``.fgb``, also through ``?format=`` and
``Accept:``. The ordinary page does not change. Filters, permissions, throttles, ordering, and the
database are the viewset's. ``limit`` and ``offset`` select the rows of the same page. Other
parameters of pages are refused. The database writes the values of the serializer. A value that it
cannot write raises NotInDatabase. A stream has its own session, with the role, the search_path, and
the other settings of the request's session.

A stream that cannot be finished breaks off: HTTP's last chunk and GeoJSON's closing bracket are
missing, and the log has the reason.
"""

from __future__ import annotations

import logging
import select
import socket
import ssl
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.db import connections, models
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.cache import patch_vary_headers
from rest_framework import exceptions, renderers, status
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from backend.conf.variables import setting
from backend.databases import driver, sessions
from backend.databases.stored_types import StoredTextMixin
from backend.geo import expressions
from backend.geo.copying import ClientGoneError, Copy
from backend.geo.sql import (
    FeatureQuery,
    NotInDatabase,
    checked_queryset,
    feature_query,
)
from backend.geo.sql_support import lists_columns, no_streams, readable
from backend.geo.stream_formats import (
    CSV,
    FlatGeobuf,
    GeoJSON,
    GeoJSONSequence,
    StreamingUnavailable,
    StreamRenderer,
)
from backend.geo.tile_geometry import geometry_name
from backend.http import caching
from backend.http.negotiation import FormatsMixin
from backend.lists.keyset import as_filter, is_chosen, ordering_of
from backend.lists.parameters import KnownParametersMixin, named_by
from backend.server import slots

log = logging.getLogger(__name__)


class NoPlace(exceptions.APIException):
    """The server has no thread for another stream at the moment."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail, default_code = slots.NO_PLACE, "no_place"
    wait = slots.RETRY_AFTER  # REST framework's header Retry-After


class QueryTooSlow(exceptions.APIException):
    """The database returned no row within the time that a query can take."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "query_too_slow"


class StreamingMixin(StoredTextMixin, FormatsMixin, KnownParametersMixin):
    """Streams for any generic list view. Put it before the view's class."""

    stream_renderer_classes: tuple[type[StreamRenderer], ...] = (
        *(GeoJSON, GeoJSONSequence),
        *(CSV, FlatGeobuf),
    )
    # Names of the serializer's fields for the properties. None means all of them.
    stream_fields: tuple[str, ...] | list[str] | None = None
    # Decimals of a coordinate if the field has no precision of its own.
    stream_precision = expressions.PRECISION
    # Seconds, 0 for none. None means settings.STATEMENT_TIMEOUT.
    stream_statement_timeout: float | None = None
    # Your own PostgreSQL settings, such as "app.tenant", that decide which rows are visible. A
    # stream gets their values from the request's session. None means those that a policy, a view,
    # or a function reads, according to the database.
    stream_settings: tuple[str, ...] | list[str] | None = None

    def get_renderers(self) -> list[renderers.BaseRenderer]:
        own = super().get_renderers()
        # The pages of tiles have the action list too, but their own renderers.
        other = getattr(self, "action", "list") != "list" or getattr(self, "list_page", None)
        if other or not hasattr(self, "list"):
            return own
        return own + [renderer() for renderer in self.stream_renderer_classes]

    @property
    def default_response_headers(self) -> dict[str, str]:
        # REST framework leaves Vary out if a view has only one renderer.
        return {**super().default_response_headers, "Vary": "Accept"}

    @classmethod
    def formats_of_streams(cls) -> list[str]:
        """Those of the view's lists; none if only a request tells, or SQL cannot read them."""
        known = lists_columns(cls) and not no_streams(cls)
        return [each.format for each in cls.stream_renderer_classes] if known else []

    def stream_formats(self, queryset: models.QuerySet[Any]) -> list[str]:
        """The formats that can show the viewset's rows. Empty if SQL cannot give what it shows."""
        try:
            columns = readable(self.get_serializer(), queryset, self.stream_fields)
        except NotInDatabase:
            return []
        return [each.format for each in self.stream_renderer_classes if each().suits(columns)]

    def drawn_field(self, serializer: Serializer[Any]) -> str | None:
        """The field of the geometry, for formats that need it. ``?fields=`` does not remove it."""
        if getattr(getattr(self.request, "accepted_renderer", None), "needs_geometry", False):
            return geometry_name(serializer, None)
        return getattr(super(), "drawn_field", lambda _: None)(serializer)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if isinstance(request.accepted_renderer, StreamRenderer):
            return self.stream(request, request.accepted_renderer)
        page: HttpResponseBase
        page = super().list(request, *args, **kwargs)  # type: ignore[misc]  # the view's
        return page

    def finalize_response(  # type: ignore[override]  # the stubs know no streams
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        # An error is not a FeatureCollection.
        if isinstance(getattr(request, "accepted_renderer", None), StreamRenderer):
            request.accepted_renderer = renderers.JSONRenderer()
            request.accepted_media_type = renderers.JSONRenderer.media_type
        response = super().finalize_response(request, response, *args, **kwargs)
        if request.method in SAFE_METHODS:
            caching.guard(request, response)
        return response

    def perform_authentication(self, request: Request) -> None:
        if request.method == "GET" and isinstance(request.accepted_renderer, StreamRenderer):
            slots.take_or_wait()
        super().perform_authentication(request)

    def stream(self, request: Request, renderer: StreamRenderer) -> HttpResponseBase:
        """The rows of the viewset in the renderer's format.

        Raises StreamingUnavailable, NoPlace, QueryTooSlow, NotInDatabase, ValidationError for
        limit, offset, and other parameters of pages, and the database's error before the first row.
        """
        queryset = checked_queryset(self.filter_queryset(self.get_queryset()))
        if connections[queryset.db].vendor != "postgresql":
            raise StreamingUnavailable(
                f"format={renderer.format} needs PostGIS, and this API's database is "
                f"{connections[queryset.db].display_name}. Ask for format=json."
            )
        query = feature_query(
            self.get_serializer(), self._sliced(request, queryset), only=self.stream_fields
        )
        self.refuse_unknown_parameters()  # before the query starts
        statement = renderer.statement(query, self.stream_precision)
        if request.method == "HEAD":
            return self._stream_response(renderer, queryset.model, ())
        if not slots.take():
            raise NoPlace
        copy = Copy(
            query.using,
            statement,
            query.params,
            self._session(query),
            timeout=self._timeout(),
            gone=_watch(request),
        )
        try:
            copy.start()
        except ClientGoneError:
            return Response(status=499)  # no client reads it; 499 is nginx's number, for the log
        except Exception as error:
            canceled = driver.errors.QueryCanceled
            if isinstance(error.__cause__, canceled) or isinstance(error, canceled):
                log.error("%s: no row within %g s", request.get_full_path(), self._timeout())
                raise QueryTooSlow(
                    f"The database gave no row within {self._timeout():g} s. "
                    "Ask for less, with a filter."
                ) from error
            raise
        body = Body(copy, renderer.wrap(copy, query), request.get_full_path())
        return self._stream_response(renderer, queryset.model, body)

    def _session(self, query: FeatureQuery) -> sessions.Session:
        """What was set in the request's session, so that the stream shows the same rows."""
        if self.stream_settings is not None:
            return sessions.current(query.using, self.stream_settings)
        if sessions.facts(query.using).has_computed_names:
            raise StreamingUnavailable(
                "A function in this API's database reads settings whose names it computes, so a "
                "stream could show other rows than the page. Name these settings in "
                "stream_settings of the view."
            )
        return sessions.current(query.using, sessions.names_in(query.sql, query.params))

    def _stream_response(
        self, renderer: StreamRenderer, model: type[models.Model], body: Any
    ) -> StreamingHttpResponse:
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        response = StreamingHttpResponse(body, content_type=f"{renderer.media_type}{charset}")
        response["X-Accel-Buffering"] = "no"  # nginx would hold back the first rows
        if renderer.attachment:
            name = f"{model._meta.model_name}.{renderer.format}"
            response["Content-Disposition"] = f'attachment; filename="{name}"'
        patch_vary_headers(response, ["Accept"])
        return response

    def _sliced(self, request: Request, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        paginator = getattr(self, "paginator", None)
        names = [
            getattr(paginator, f"{kind}_query_param", kind) or kind for kind in ("limit", "offset")
        ]
        self._refuse_pages(request, names)
        limit, offset = (
            _whole_number(request, name, least) for name, least in zip(names, (1, 0), strict=True)
        )
        if limit is None and not offset:
            return queryset
        if isinstance(paginator, CursorPagination):
            queryset = _ordered(queryset, paginator.get_ordering(request, queryset, self))
        start = offset or 0
        # The rows of the page with the same numbers: feature_query fully orders a slice.
        return queryset[start : None if limit is None else start + limit]

    def _refuse_pages(self, request: Request, followed: Sequence[str]) -> None:
        """Raises ValidationError for parameters of pages, except those ``followed`` and those that
        a filter of the same name reads."""
        paginator = getattr(self, "paginator", None)
        harmless = {
            *followed,
            *(self._filters or ()),
            getattr(paginator, "count_query_param", None),
        }
        asked = self._given.names() if self._given is not None else set()
        if not asked - harmless:  # the usual case; a paginator's names take long to find
            return
        refused = sorted(named_by(paginator) - harmless)
        if given := [name for name in refused if request.query_params.get(name)]:
            advice = f"A stream has no pages. Choose the rows with {' and '.join(followed)}, or "
            raise exceptions.ValidationError(
                dict.fromkeys(given, f"{advice}leave it out for all of them.")
            )

    def _timeout(self) -> float:
        if self.stream_statement_timeout is not None:
            return self.stream_statement_timeout
        seconds: float = setting("STATEMENT_TIMEOUT")
        return seconds


class Body:
    """The body of a response. Ends the query when it is closed, and logs what broke it."""

    def __init__(self, copy: Copy, chunks: Iterator[bytes], path: str) -> None:
        self._copy, self._chunks, self._path = copy, chunks, path
        # For a response that nothing closes, in a request or outside of one.
        weakref.finalize(self, copy.leave).atexit = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._chunks)
        except ClientGoneError:
            raise
        except (driver.Error, ValueError) as error:
            reason = " ".join(str(error).split())
            log.error("%s broke off after %d rows: %s", self._path, self._copy.rows, reason)
            # The server closes the connection without the last chunk.
            raise

    def close(self) -> None:
        self._copy.close()


def _ordered(queryset: models.QuerySet[Any], ordering: Sequence[Any]) -> models.QuerySet[Any]:
    """The same rows in the order of a paginator that has its own."""
    if tuple(ordering) == ordering_of(queryset):
        return queryset
    # Rows that were selected by one order stay the same ones in another.
    chosen = as_filter(queryset) if is_chosen(queryset) else None
    return (queryset if chosen is None else chosen).order_by(*ordering)


def _whole_number(request: Request, name: str, least: int) -> int | None:
    given = request.query_params.get(name, "")
    if not given:
        return None
    # PostgreSQL's bigint. Also, str.isdigit accepts the digits of every script.
    whole = given.isascii() and given.isdigit() and len(given) <= 18
    if not whole or int(given) < least:
        raise exceptions.ValidationError(
            {
                name: f"{given[:50]!r} is not a whole number of {least} or more. "
                f"Write it as {name}=1000."
            }
        )
    return int(given)


def _watch(request: Request) -> Callable[[], bool]:
    """Whether the client has closed its side, if the server allows checking this."""
    connection = request.META.get("gunicorn.socket")

    def gone() -> bool:
        # TLS does not support peeking.
        if not isinstance(connection, socket.socket) or isinstance(connection, ssl.SSLSocket):
            return False
        readable = select.poll()
        readable.register(connection, select.POLLIN)
        try:
            return bool(readable.poll(0)) and not connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    return gone
