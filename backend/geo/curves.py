"""Curves and surfaces as lines and polygons, which is all that GeoJSON, GeoDjango and tiles know.

``straight`` and ``flat`` are SQL of it. Geometries of rows are made straight when they are read:
``install`` replaces GeoDjango's converter, which has no class for a curve. PostGIS is asked for
each of them, so that a page has the coordinates of a stream. A row that is saved again keeps its
curve, unless the geometry was changed; and its measures, and the height of an empty geometry, which
GeoDjango writes without.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

from django.contrib.gis.db import models
from django.contrib.gis.db.backends.postgis.adapter import PostGISAdapter
from django.contrib.gis.db.backends.postgis.operations import PostGISOperations
from django.contrib.gis.geos import GEOSGeometry

ORDINARY = "'ST_Point', 'ST_LineString', 'ST_Polygon'"
ORDINARY += ", 'ST_MultiPoint', 'ST_MultiLineString', 'ST_MultiPolygon'"
# Of these PostGIS has no other way than by their text; a collection may have them within it.
OF_FACES = "'ST_Triangle', 'ST_Tin', 'ST_PolyhedralSurface', 'ST_GeometryCollection'"
SURFACES = {"TRIANGLE": "POLYGON", "TIN": "MULTIPOLYGON", "POLYHEDRALSURFACE": "MULTIPOLYGON"}
DIGITS = 20  # decimals: a double is written in full
# Numbers of WKB: up to 6 ordinary, then a collection, then curves and surfaces.
COLLECTION = 7
_SRID = 0x20000000
_FLAGS = 0xC0000000 | _SRID  # Z, M
_HIGHER = 0xC0  # Z and M in the highest byte of the kind
_HEADER = struct.Struct("<BI")
# How one begins within a collection; numbers that look the same only cost a question.
MEMBER = re.compile(rb"\x01[\x08-\x11]\x00\x00[\x00\x40\x80\xc0]", re.DOTALL)

# Of a value, the expression that it is of, and the connection.
Converter = Callable[[Any, Any, Any], GEOSGeometry | None]

stock_converter = PostGISOperations.get_geometry_converter
_stock_adapter = PostGISAdapter.__init__


def possible(field: models.Field[Any, Any]) -> bool:
    """Whether a column of this type can have them; what GeoDjango says of it is believed."""
    return getattr(field, "geom_type", "") in ("GEOMETRY", "GEOMETRYCOLLECTION")


def straight(shape: str) -> str:
    """SQL of ``shape``, itself without parameters, as lines and polygons.

    Without a query within it: PostgreSQL would price that for every row, and compile statements.
    """
    text = f"ST_AsEWKT({shape}, {DIGITS})"
    for surface, polygon in SURFACES.items():
        text = f"replace({text}, '{surface}', '{polygon}')"
    return (
        f"(CASE WHEN ST_GeometryType({shape}) IN ({ORDINARY}) THEN {shape} "
        f"WHEN ST_GeometryType({shape}) IN ({OF_FACES}) "
        f"THEN ST_CurveToLine(ST_GeomFromEWKT({text})) ELSE ST_CurveToLine({shape}) END)"
    )


def flat(shape: str) -> str:
    """As ``straight``; collections within a collection are taken out of it.

    PostGIS writes no GeoJSON of them, and few can read it (RFC 7946, section 3.1.8).
    """
    nested = "ST_GeometryType(member.geom) = 'ST_GeometryCollection'"
    parts = (
        f"SELECT member.geom WHERE NOT {nested} "  # noqa: S608
        f"UNION ALL SELECT dumped.geom FROM ST_Dump(member.geom) dumped WHERE {nested}"
    )
    members = (
        "SELECT ST_GeometryN(whole.geom, n) AS geom "  # noqa: S608
        f"FROM (SELECT {straight(shape)} AS geom) whole, "
        "generate_series(1, ST_NumGeometries(whole.geom)) n"
    )
    collected = (
        f"SELECT ST_ForceCollection(ST_Collect(part.geom)) "  # noqa: S608
        f"FROM ({members}) member, LATERAL ({parts}) part"
    )
    return (
        f"(CASE WHEN ST_GeometryType({shape}) IN ({ORDINARY}) THEN {shape} "
        f"WHEN ST_GeometryType({shape}) = 'ST_GeometryCollection' "
        f"THEN coalesce(({collected}), {shape}) ELSE {straight(shape)} END)"
    )


def install() -> None:
    """Replace the converter, and let what is saved unchanged be as it was."""
    operations: Any = PostGISOperations
    operations.get_geometry_converter = get_geometry_converter
    PostGISAdapter.__init__ = _adapt  # type: ignore[method-assign]  # in its place


def get_geometry_converter(self: PostGISOperations, expression: Any) -> Converter:
    """GeoDjango's, for curves too."""
    stock = stock_converter(self, expression)

    def converter(value: Any, expression: Any, connection: Any) -> GEOSGeometry | None:
        if isinstance(value, (memoryview, bytes)) and _is_curved(value):
            return _read(bytes(value), connection)
        geometry: GEOSGeometry | None = stock(value, expression, connection)
        if geometry is not None and isinstance(value, (memoryview, bytes)):
            keep(geometry, bytes(value))
        return geometry

    return converter


def keep(geometry: GEOSGeometry, data: bytes, as_read: bytes | None = None) -> None:
    """Let ``geometry`` know the EWKB it was read from, where GeoDjango would not write the same."""
    if as_read is not None or data[4] & _HIGHER:
        geometry._as_stored = (data, as_read)  # type: ignore[attr-defined]  # for _adapt


def _is_curved(data: memoryview | bytes) -> bool:
    """Whether EWKB is, or may have within it, what GeoDjango has no class for."""
    (kind,) = struct.unpack_from("<I" if data[0] else ">I", data, 1)
    kind &= ~_FLAGS
    return kind > COLLECTION or (kind == COLLECTION and bool(MEMBER.search(data)))


def _read(data: bytes, connection: Any) -> GEOSGeometry:
    statement = f"SELECT ({straight('shape')})::bytea FROM (SELECT %s::geometry AS shape) one"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [data])
        (made,) = cursor.fetchone()
    geometry = GEOSGeometry(memoryview(made))
    keep(geometry, data, bytes(geometry.ewkb))
    return geometry


def _adapt(self: PostGISAdapter, obj: Any, geography: bool = False) -> None:
    _stock_adapter(self, obj, geography)
    data, as_read = getattr(obj, "_as_stored", (None, None))
    if data is None:
        return
    if as_read is None:
        as_read = bytes(GEOSGeometry(memoryview(data)).ewkb)
    if _labelled(self.ewkb, None) == _labelled(as_read, None):
        self.ewkb = _labelled(data, obj.srid)


def _labelled(data: bytes, srid: int | None) -> bytes:
    """EWKB (of little-endian numbers, as PostGIS and GEOS write it) with another SRID."""
    order, kind = _HEADER.unpack_from(data)
    body = data[9:] if kind & _SRID else data[5:]
    if not srid:
        return _HEADER.pack(order, kind & ~_SRID) + body
    return _HEADER.pack(order, kind | _SRID) + struct.pack("<i", srid) + body
