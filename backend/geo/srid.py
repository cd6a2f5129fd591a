"""Which coordinates a column really stores, and where a tile or an extent is in them.

A model declares one SRID, but the table may have another, or none. The table decides.
"""

from __future__ import annotations

import ctypes
import functools
import math
import threading
import time
from dataclasses import dataclass
from typing import Any

from django.contrib.gis import gdal
from django.contrib.gis.db.models.fields import BaseSpatialField
from django.contrib.gis.gdal import GDALException
from django.contrib.gis.geos import GEOSGeometry
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from backend.databases import identifiers

WGS84 = 4326
WORLD = 20037508.342789244  # meters; half the side of EPSG:3857's square
MARGIN = 64 / 4096  # of a tile's side, drawn beyond it so that its borders do not show
STEPS = 8  # a tile is checked at the points of a grid of 9 by 9
COARSE_ZOOM = 4  # up to here, a tile's edges bend a lot between two points of that grid
MOST_WAYS = 64  # transformations kept, about 130 kB each; clients can name thousands of systems
LIFETIME = 60  # seconds that a column's storage is remembered
_columns: dict[tuple[str, str, str], tuple[float, Storage]] = {}
_lock = threading.Lock()  # a transformation of PROJ can serve only one thread at a time

TYPMOD = """
SELECT t.typname = 'geography', postgis_typmod_srid(a.atttypmod)
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass(%s) AND a.attname = %s AND NOT a.attisdropped
"""


@dataclass(frozen=True)
class Storage:
    """The ``srid`` of the coordinates, and ``label``, the SRID in the values: the same, or 0."""

    srid: int
    label: int
    geography: bool = False


@dataclass(frozen=True)
class Place:
    """A tile in stored coordinates: xmin, ymin, xmax, ymax with its margin, and its side.

    ``box`` is None if these coordinates cannot represent the tile. ``side`` is None if its length
    varies too much across the tile.
    """

    box: tuple[float, float, float, float] | None
    side: float | None


def storage(field: BaseSpatialField[Any, Any], using: str) -> Storage:
    """How the database ``using`` stores ``field``, read from the table at most once a minute.

    If the values have no SRID, the field's is used. The same goes for an annotation, and for an
    empty table that declares none. If the field has none either (0), the values count as longitude
    and latitude, which is how everyone reads them in GeoJSON.
    """
    model = getattr(field, "model", None)
    if model is not None and identifiers.function_of(model._meta.db_table):
        # The call transforms its rows.
        return Storage(field.srid, field.srid, field.geography)
    if model is None:
        srid = max(field.srid, 0)
        return Storage(srid or WGS84, srid, getattr(field, "geography", False))
    column: Any = field.column  # of a model, so it has a name
    key = (using, model._meta.db_table, column)
    known = _columns.get(key)
    if known is None or known[0] < time.monotonic():
        known = (time.monotonic() + LIFETIME, _look(field, *key))
        _columns[key] = known
    return known[1]


def _look(field: BaseSpatialField[Any, Any], using: str, table: str, column: str) -> Storage:
    table, column = identifiers.regclass(table), identifiers.column_name(column)
    quoted = identifiers.quoted(column).replace("%%", "%")
    with connections[using].cursor() as cursor:
        cursor.execute(TYPMOD, [table, column])
        geography, declared = cursor.fetchone() or (field.geography, 0)
        if geography:
            return Storage(declared or WGS84, declared or WGS84, geography=True)
        if declared:
            return Storage(declared, declared)
        cursor.execute(f"SELECT ST_SRID({quoted}) FROM {table} WHERE {quoted} IS NOT NULL LIMIT 1")  # noqa: S608
        label = (cursor.fetchone() or (max(field.srid, 0),))[0]
    return Storage(label or max(field.srid, 0) or WGS84, label)


def place(using: str, srid: int, z: int, x: int, y: int) -> Place:
    """Where tile ``z``/``x``/``y`` of the web map is in the coordinates of ``srid``."""
    side = 2 * WORLD / 2**z
    left, top = x * side - WORLD, WORLD - y * side
    edge = side * MARGIN
    square = (left - edge, top - side - edge, left + side + edge, top + edge)
    if srid == 3857:
        return Place(square, side)
    if srid == 4326:
        degrees = 180 / WORLD
        south, north = _latitude(square[1]), _latitude(square[3])
        box = (square[0] * degrees, south, square[2] * degrees, north)
        return Place(box, min(side * degrees, (north - south) / (1 + 2 * MARGIN)))
    return _projected(_definition(using, srid), z, square)


def lonlat(using: str, srid: int, box: tuple[float, ...]) -> tuple[float, ...] | None:
    """The extent xmin, ymin, xmax, ymax of ``srid`` in degrees. None if it has no such place."""
    xs, ys = _grid(box)
    if srid != 4326:
        _transform(_definition(using, srid), False, xs, ys)
    points = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and math.isfinite(y)]
    if not points:
        return None
    lons, lats = zip(*points, strict=True)
    west, south = max(min(lons), -180.0), max(min(lats), -90.0)
    east, north = min(max(lons), 180.0), min(max(lats), 90.0)
    return (west, south, east, north) if west <= east and south <= north else None


def to_degrees(using: str, srid: int, xs: list[float], ys: list[float]) -> None:
    """Convert coordinates of ``srid`` in place. Those without a place on earth become infinite.

    Raises ImproperlyConfigured for an SRID that the database does not know.
    """
    _transform(_definition(using, srid), False, xs, ys)


def from_degrees(using: str, srid: int, xs: list[float], ys: list[float]) -> None:
    """Convert degrees in place. They become infinite if ``srid`` has no such place.

    Raises ImproperlyConfigured for an SRID that the database does not know.
    """
    _transform(_definition(using, srid), True, xs, ys)


@dataclass(frozen=True)
class Degrees:
    """The conversion from one system, as PostGIS defines it, to longitude and latitude (WGS 84)."""

    definition: str

    def points(self, xs: list[float], ys: list[float], zs: list[float] | None = None) -> None:
        """Convert them in place. Those without a place on earth become infinite."""
        _transform(self.definition, False, xs, ys, zs)

    def geometry(self, geometry: GEOSGeometry) -> GEOSGeometry:
        """A copy in WGS 84. Raises ValueError if it has no place on earth."""
        if geometry.empty:
            moved = geometry.clone()
            moved.srid = WGS84
            return moved
        try:
            way = _transformation(self.definition, False)
            with _lock:
                return geometry.transform(way, clone=True)
        except GDALException as error:
            raise ValueError(
                f"A geometry of SRID {geometry.srid} has no place on earth: {geometry.wkt[:80]}. "
                "Correct it, or its SRID with UpdateGeometrySRID()."
            ) from error


def degrees_of(using: str, srid: int) -> Degrees:
    """Raises ImproperlyConfigured for an SRID that the database does not know."""
    return Degrees(_definition(using, srid))


def move(geometry: GEOSGeometry, srid: int) -> None:
    """``geometry.transform(srid)``, in place, for many: GDAL takes 20 ms to find a transformation.

    Raises the same errors: GEOSException without an SRID, GDALException without a transformation.
    """
    given = geometry.srid
    way = _way(threading.get_ident(), given, srid) if given and given > 0 else srid
    geometry.transform(way)


@functools.lru_cache(maxsize=MOST_WAYS)
def _way(thread: int, source: int, target: int) -> gdal.CoordTransform:
    """For one ``thread``. No other thread may use it at the same time."""
    return gdal.CoordTransform(gdal.SpatialReference(source), gdal.SpatialReference(target))


def _latitude(northing: float) -> float:
    return math.degrees(math.atan(math.sinh(northing / WORLD * math.pi)))


@functools.lru_cache(maxsize=4096)
def _projected(definition: str, z: int, square: tuple[float, ...]) -> Place:
    """Converts points there and back. No place if one is lost, as it is far from a local system."""
    square = tuple(max(-WORLD, min(WORLD, value)) for value in square)
    xs, ys = _grid(square)
    lons = [x / WORLD * 180 for x in xs]
    lats = [_latitude(y) for y in ys]
    xs, ys = list(lons), list(lats)
    _transform(definition, True, xs, ys)
    if not all(map(math.isfinite, (*xs, *ys))):
        return Place(None, None)
    box = (min(xs), min(ys), max(xs), max(ys))
    _transform(definition, False, xs, ys)
    tolerance = (lons[-1] - lons[0]) / 100
    for lon, lat, back_lon, back_lat in zip(lons, lats, xs, ys, strict=True):
        turn = abs(back_lon - lon) % 360
        if not (min(turn, 360 - turn) < tolerance and abs(back_lat - lat) < tolerance):
            return Place(None, None)
    # For what is outside the box between two points: curved edges, and the seam where a projection
    # of the whole world is cut.
    width, height = box[2] - box[0], box[3] - box[1]
    more = 1 / STEPS if z <= COARSE_ZOOM else 1 / 64
    grown = (
        *(box[0] - width * more, box[1] - height * more),
        *(box[2] + width * more, box[3] + height * more),
    )
    return Place(grown, min(width, height) / (1 + 2 * MARGIN) if z > COARSE_ZOOM else None)


def _grid(box: tuple[float, ...]) -> tuple[list[float], list[float]]:
    steps = [step / STEPS for step in range(STEPS + 1)]
    columns = [box[0] + (box[2] - box[0]) * step for step in steps]
    rows = [box[1] + (box[3] - box[1]) * step for step in steps]
    return columns * len(rows), [row for row in rows for _ in columns]


@functools.lru_cache(maxsize=64)
def _definition(using: str, srid: int) -> str:
    """PostGIS's own definition of the system, because teams add theirs to spatial_ref_sys."""
    # As PostGIS does, for a system that a team has added without its WKT.
    text = "coalesce(nullif(srtext, ''), proj4text)"
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT {text} FROM spatial_ref_sys WHERE srid = %s", [srid])  # noqa: S608
        row = cursor.fetchone()
    if row is None:
        raise ImproperlyConfigured(
            f"The database '{using}' has geometries with SRID {srid}, which is not in its table "
            "spatial_ref_sys. Add it there, or correct the values with UpdateGeometrySRID()."
        )
    definition: str = row[0]
    return definition


@functools.lru_cache(maxsize=MOST_WAYS)
def _transformation(definition: str, from_degrees: bool) -> gdal.CoordTransform:
    order = gdal.AxisOrder.TRADITIONAL  # x before y, as PostGIS stores
    degrees = gdal.SpatialReference(4326, axis_order=order)
    system = gdal.SpatialReference(definition, axis_order=order)
    return gdal.CoordTransform(*((degrees, system) if from_degrees else (system, degrees)))


def _transform(
    definition: str,
    from_degrees: bool,
    xs: list[float],
    ys: list[float],
    zs: list[float] | None = None,
) -> None:
    """Convert the coordinates in place. Those without a place there become infinite.

    Calls OCTTransform directly, because Django's OGRGeometry.transform() gives up at the first
    such point. https://gdal.org/en/stable/api/ogr_srs_api.html#_CPPv412OCTTransform
    """
    from django.contrib.gis.gdal.libgdal import lgdal

    doubles = ctypes.POINTER(ctypes.c_double)
    transform = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.c_void_p, ctypes.c_int, doubles, doubles, doubles
    )(("OCTTransform", lgdal))
    quiet = ctypes.cast(lgdal.CPLQuietErrorHandler, ctypes.c_void_p)
    across, up = ((ctypes.c_double * len(xs))(*values) for values in (xs, ys))
    high = None if zs is None else (ctypes.c_double * len(xs))(*zs)
    lgdal.CPLPushErrorHandler(quiet)
    try:
        way = _transformation(definition, from_degrees)  # this can take a while
        with _lock:
            transform(way.ptr, len(xs), across, up, high)
    finally:
        lgdal.CPLPopErrorHandler()
    xs[:], ys[:] = across, up
    if zs is not None and high is not None:
        zs[:] = high
