"""The formats of streams: the statement for the database, and what goes around its output.

One more is a subclass of ``StreamRenderer``, named in ``StreamingMixin.stream_renderer_classes``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from django.db import connections
from rest_framework import exceptions, renderers, status

from backend.geo import expressions, flatgeobuf
from backend.geo.sql import FeatureColumns, FeatureQuery

# JSON does not contain control characters, so with these, COPY never quotes a row of it.
UNQUOTED = r"(FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"
RECORD_SEPARATOR = "\x1e"  # RFC 8142, section 2


class StreamingUnavailable(exceptions.APIException):
    """The viewset's database is not PostGIS, or is too old."""

    status_code = status.HTTP_406_NOT_ACCEPTABLE
    default_code = "streaming_unavailable"


def _copy(shown: str, query: FeatureQuery, options: str) -> str:
    # The developer's names and Django's SQL. What a client sends is in query.params.
    return f"COPY (SELECT {shown} FROM ({query.sql}) feature) TO STDOUT {options}"  # noqa: S608


class StreamRenderer(renderers.BaseRenderer):
    """A format of streams: the statement for the database, and what surrounds its output."""

    charset: str | None = None
    attachment = False
    # Whether it is useless without a geometry, which ``?fields=`` then does not leave out.
    needs_geometry = False

    def statement(self, query: FeatureQuery, precision: int) -> str:
        """The COPY statement, for the parameters of ``query``."""
        raise NotImplementedError

    def wrap(self, chunks: Iterator[bytes], query: FeatureQuery) -> Iterator[bytes]:
        """The body, made from the output of the statement."""
        return chunks

    def suits(self, columns: FeatureColumns) -> bool:
        """Whether the format can contain these columns. For the documentation."""
        return True

    def render(self, data: Any, *args: Any, **kwargs: Any) -> bytes:
        # Only for what is not a stream, which StreamingMixin sends as JSON.
        return renderers.JSONRenderer().render(data)


class GeoJSON(StreamRenderer):
    """One FeatureCollection, RFC 7946."""

    media_type, format = "application/geo+json", "geojson"

    def statement(self, query: FeatureQuery, precision: int) -> str:
        feature = expressions.feature_json(query, precision, before=",")
        return _copy(feature, query, UNQUOTED)

    def wrap(self, chunks: Iterator[bytes], query: FeatureQuery) -> Iterator[bytes]:
        # Without the comma before the first feature.
        yield b'{"type":"FeatureCollection","features":[\n' + next(chunks, b"")[1:]
        yield from chunks
        yield b"]}\n"


class GeoJSONSequence(StreamRenderer):
    """One feature per record, RFC 8142, readable from the first one on."""

    media_type, format = "application/geo+json-seq", "geojsonl"

    def statement(self, query: FeatureQuery, precision: int) -> str:
        feature = expressions.feature_json(query, precision, before=RECORD_SEPARATOR)
        return _copy(feature, query, UNQUOTED)


class JSONLines(StreamRenderer):
    """One object per line, for rows without a geometry. https://github.com/ndjson/ndjson-spec"""

    media_type, format = "application/x-ndjson", "jsonl"

    def statement(self, query: FeatureQuery, precision: int) -> str:
        return _copy(expressions.row_json(query, precision), query, UNQUOTED)


class CSV(StreamRenderer):
    """A table with a header, geometry as WKT."""

    media_type, format, charset, attachment = "text/csv", "csv", "utf-8", True

    def statement(self, query: FeatureQuery, precision: int) -> str:
        texts = ", ".join(expressions.text(column, precision) for column in query.columns)
        return _copy(texts, query, "(FORMAT csv)")

    def wrap(self, chunks: Iterator[bytes], query: FeatureQuery) -> Iterator[bytes]:
        header = io.StringIO()
        csv.writer(header, lineterminator="\n").writerow(column.name for column in query.columns)
        yield header.getvalue().encode() + next(chunks, b"")
        yield from chunks


class FlatGeobuf(StreamRenderer):
    """The binary format of GDAL and QGIS. It has no index, which would need all rows at once."""

    media_type, format, attachment = "application/vnd.flatgeobuf", "fgb", True
    needs_geometry = True

    def statement(self, query: FeatureQuery, precision: int) -> str:
        operations: Any = connections[query.using].ops  # PostGIS's own
        if operations.spatial_version < (3, 2):
            raise StreamingUnavailable("FlatGeobuf needs PostGIS 3.2. Ask for format=geojson.")
        return flatgeobuf.statement(query, precision)

    def wrap(self, chunks: Iterator[bytes], query: FeatureQuery) -> Iterator[bytes]:
        return flatgeobuf.joined(chunks, query)

    def suits(self, columns: FeatureColumns) -> bool:
        return flatgeobuf.has_one_type(columns)
