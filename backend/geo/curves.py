"""Curves and surfaces as lines and polygons, because GeoJSON, GeoDjango, and tiles have only these.

``straight`` and ``flat`` return the SQL. Geometries of rows are converted when they are read:
``install`` replaces GeoDjango's converter, which has no class for a curve. PostGIS converts each of
them, so that a page has the same coordinates as a stream. A row that is saved again keeps its curve
unless the geometry was changed. It also keeps its measures, and the height of an empty geometry,
which GeoDjango would leave out.
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
# PostGIS can convert these only through their text. A collection can contain them.
OF_FACES = "'ST_Triangle', 'ST_Tin', 'ST_PolyhedralSurface', 'ST_GeometryCollection'"
SURFACES = {"TRIANGLE": "POLYGON", "TIN": "MULTIPOLYGON", "POLYHEDRALSURFACE": "MULTIPOLYGON"}
DIGITS = 20  # decimals; enough to write a double in full
# Type numbers of WKB: up to 6 ordinary, then a collection, then curves and surfaces.
COLLECTION = 7
_SRID = 0x20000000
_FLAGS = 0xC0000000 | _SRID  # Z, M
_HIGHER = 0xC0  # Z and M in the highest byte of the type
_HEADER = struct.Struct("<BI")
# How a curve begins in a collection. Numbers that look the same only cost a query.
MEMBER = re.compile(rb"\x01[\x08-\x11]\x00\x00[\x00\x40\x80\xc0]", re.DOTALL)

# Takes a value, the expression that it comes from, and the connection.
Converter = Callable[[Any, Any, Any], GEOSGeometry | None]

stock_converter = PostGISOperations.get_geometry_converter
_stock_adapter = PostGISAdapter.__init__


def possible(field: models.Field[Any, Any]) -> bool:
    """Whether a column of this type can contain curves, according to GeoDjango."""
    return getattr(field, "geom_type", "") in ("GEOMETRY", "GEOMETRYCOLLECTION")


def straight(shape: str) -> str:
    """SQL for ``shape``, which has no parameters, as lines and polygons.

    It has no subquery: PostgreSQL would add its cost for every row, and then compile statements.
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
    """Like ``straight``, but with collections inside a collection flattened.

    PostGIS does not write GeoJSON of them, and few programs can read it (RFC 7946, section 3.1.8).
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
    """Replace the converter, and let unchanged geometries be saved as they were."""
    operations: Any = PostGISOperations
    operations.get_geometry_converter = get_geometry_converter
    PostGISAdapter.__init__ = _adapt  # type: ignore[method-assign]  # in its place


def get_geometry_converter(self: PostGISOperations, expression: Any) -> Converter:
    """GeoDjango's converter, extended for curves."""
    stock = stock_converter(self, expression)

    def converter(value: Any, expression: Any, connection: Any) -> GEOSGeometry | None:
        if isinstance(value, (memoryview, bytes)) and _is_curved(value):
            return _read(bytes(value), connection)
        # psycopg 3 returns bytes, which GeoDjango would take for hexadecimal digits.
        read = memoryview(value) if isinstance(value, bytes) else value
        geometry: GEOSGeometry | None = stock(read, expression, connection)
        if geometry is not None and isinstance(value, (memoryview, bytes)):
            keep(geometry, bytes(value))
        return geometry

    return converter


def keep(geometry: GEOSGeometry, data: bytes, as_read: bytes | None = None) -> None:
    """Attach the EWKB that ``geometry`` was read from, if GeoDjango would write it differently."""
    if as_read is not None or data[4] & _HIGHER:
        geometry._as_stored = (data, as_read)  # type: ignore[attr-defined]  # for _adapt


def _is_curved(data: memoryview | bytes) -> bool:
    """Whether EWKB is, or may contain, something that GeoDjango has no class for."""
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
    """EWKB (with little-endian numbers, as PostGIS and GEOS write it) with another SRID."""
    order, kind = _HEADER.unpack_from(data)
    body = data[9:] if kind & _SRID else data[5:]
    if not srid:
        return _HEADER.pack(order, kind & ~_SRID) + body
    return _HEADER.pack(order, kind | _SRID) + struct.pack("<i", srid) + body
