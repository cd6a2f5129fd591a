"""Streams FlatGeobuf (https://flatgeobuf.org) with PostGIS's ST_AsFlatGeobuf.

ST_AsFlatGeobuf is an aggregate that returns one value for all rows. For each row alone, it returns
a small file: magic bytes, a header, and one feature. The stream is the header of the first file,
which does not promise a number of features, and the features of all files.

PostGIS up to 3.5 numbers the attributes of a feature without its NULLs, so the values after a NULL
would be read as other attributes (found with 3.5.2). This module corrects the numbers, by a text
that says which attributes are NULL.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from rest_framework import exceptions

from backend.geo import expressions
from backend.geo.sql import Column, FeatureColumns, FeatureQuery

MAGIC = 8  # bytes; after them, four more have the size of the header that follows
# PostgreSQL's COPY, "Binary Format": a signature, flags, and an empty extension.
COPY_HEADER = 19
COPY_TRAILER = b"\xff\xff"
# Bytes of an attribute's value. Before any other value, four bytes have its size.
WIDTHS = {"boolean": 1, "bigint": 8, "float8": 8}


class NoFlatGeobuf(exceptions.APIException):
    """PostGIS cannot write the viewset's geometry to a FlatGeobuf."""

    status_code = 406
    default_code = "no_flatgeobuf"


def statement(query: FeatureQuery, precision: int) -> str:
    """A COPY statement of two columns: a feature's NULLs as 0 and 1, and a FlatGeobuf of it.

    Without features, it returns one row, for its header. The first column is then NULL.
    """
    columns = [
        f"{expressions.value(column, precision).in_flatgeobuf} AS "
        f"{expressions.identifier(column.name)}"
        for column in _attributes(query)
    ]
    columns.append(f"{_geometry(query.geometry, precision)} AS feature_geometry")
    nulls = [f"({_nothing(column)} IS NULL)::int" for column in _attributes(query)]
    # The developer's names and Django's SQL. What a client sends is in query.params.
    one = f"SELECT {', '.join(columns)}"
    one = f"SELECT ST_AsFlatGeobuf(one, false, 'feature_geometry') FROM ({one}) one"  # noqa: S608
    known = expressions.concat(["'n'", *nulls])
    rows = f"SELECT {known} AS feature_nulls, * FROM ({query.sql}) found"  # noqa: S608
    return (
        f"COPY (SELECT feature_nulls, ({one}) FROM (SELECT 1) always "  # noqa: S608
        f"LEFT JOIN LATERAL ({rows}) feature ON true) TO STDOUT (FORMAT binary)"
    )


def has_one_type(columns: FeatureColumns) -> bool:
    """Whether there is a geometry, and its column declares its type."""
    return _is_of_one_type(columns.geometry and columns.geometry.model_field)


def joined(chunks: Iterator[bytes], query: FeatureQuery) -> Iterator[bytes]:
    """One FlatGeobuf from the output of the statement. Raises ValueError if the headers differ."""
    kinds = [expressions.value(column).kind for column in _attributes(query)]
    widths = [WIDTHS.get(kind.flatgeobuf) for kind in kinds]
    rest, header, place = b"", b"", COPY_HEADER
    for chunk in chunks:
        data, features = rest + chunk, []
        while (row := _row(data, place)) is not None:
            nulls, start, place = row
            if not header:
                header = _header(data, start)
                features.append(header)
            if not data.startswith(header, start):
                raise ValueError("a row has a geometry type or SRID other than the first one's")
            feature = data[start + len(header) : place]
            if b"1" in nulls:
                feature = _numbered(feature, nulls[1:], widths)
            if nulls:
                features.append(feature)
        rest, place = data[place:], 0
        yield b"".join(features)
    if rest != COPY_TRAILER:
        raise ValueError("COPY ended inside a row")


def _row(data: bytes, place: int) -> tuple[bytes, int, int] | None:
    """The first column, and where the second begins and ends. None if the row is cut off."""
    # A count of two. Then, before each column's bytes, their size, or -1 for NULL.
    if len(data) < place + 6:
        return None
    (size,) = struct.unpack_from("!i", data, place + 2)
    start = place + 6 + max(size, 0)
    if len(data) < start + 4:
        return None
    nulls = data[place + 6 : start]
    (size,) = struct.unpack_from("!i", data, start)
    start += 4
    return None if len(data) < start + size else (nulls, start, start + size)


def _numbered(feature: bytes, nulls: bytes, widths: list[int | None]) -> bytes:
    """The feature (a size and a flatbuffer), with its attributes under their own numbers."""
    changed = bytearray(feature)
    table = 4 + struct.unpack_from("<I", feature, 4)[0]
    fields = table - struct.unpack_from("<i", feature, table)[0]
    (size,) = struct.unpack_from("<H", feature, fields)
    # Feature's second field is its attributes. It is missing if all of them are NULL.
    offset = struct.unpack_from("<H", feature, fields + 6)[0] if size > 6 else 0
    if not offset:
        return feature
    place = table + offset
    place += 4 + struct.unpack_from("<I", feature, place)[0]
    for number, null in enumerate(nulls):
        if null == ord("1"):
            continue
        struct.pack_into("<H", changed, place, number)
        place += 2
        place += widths[number] or 4 + struct.unpack_from("<I", feature, place)[0]
    return bytes(changed)


def _header(data: bytes, start: int) -> bytes:
    (size,) = struct.unpack_from("<I", data, start + MAGIC)
    return data[start : start + MAGIC + 4 + size]


def _attributes(query: FeatureQuery) -> list[Column]:
    return [column for column in query.columns if column is not query.geometry]


def _nothing(column: Column) -> str:
    """What is NULL if the attribute is: the column itself, except for moments out of range."""
    shown = expressions.value(column)
    return shown.in_flatgeobuf if shown.kind is expressions.Kind.MOMENT else column.label


def _is_of_one_type(source: Any) -> bool:
    return source is not None and source.geom_type != "GEOMETRY"


def _geometry(column: Column | None, precision: int) -> str:
    """The geometry, or if there is none, an empty one, which is written as none.

    Without it, a row's header would not know the type of the others.
    """
    source: Any = None if column is None else column.model_field
    if column is None or not _is_of_one_type(source):
        raise NoFlatGeobuf(
            "PostGIS can write only one type of geometry to FlatGeobuf, but this API does not "
            "declare which type it has. Ask for format=geojson."
        )
    srid = source.srid if column.field.transform is None else column.field.transform
    stored = expressions.geometry(column)
    if column.field.precision is not None or precision < expressions.PRECISION:
        # Rounded as in the other formats, because a field or a view can hide exact places.
        stored = f"ST_GeomFromText({expressions.text(column, precision)})"
    empty = f"{source.geom_type}{' Z' if source.dim == 3 else ''} EMPTY"
    shown = f"coalesce({stored}, '{empty}'::geometry)"
    # Like Django, whatever the row says: a header has one SRID for all rows.
    return f"ST_SetSRID({shown}, {max(srid, 0)})"
