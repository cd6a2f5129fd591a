"""Places in a query, which clients write as longitude and latitude (WGS 84).

Anything that cannot be a place is a 400 that names the parameter and its form.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

from django.contrib.gis.gdal import GDALException
from django.contrib.gis.geos import GEOSException, GEOSGeometry, LineString, Point, Polygon
from rest_framework.exceptions import ValidationError

from backend.geo.geometry_input import of_client

Box = tuple[float, float, float, float]  # west, south, east, north in degrees

WORLD: Box = (-180.0, -90.0, 180.0, 90.0)
BBOX = "west,south,east,north in degrees, such as -122.7,45.5,-122.6,45.6"
POINT = "longitude,latitude in degrees, such as -122.68,45.52"
DISTANCE = "a number of meters from 0, such as 500"
TILE = "zoom/x/y, such as 12/652/1465"
TILE_PATTERN = r"^[0-9]{1,2}/[0-9]{1,10}/[0-9]{1,10}$"
GEOMETRY = "GeoJSON or WKT in degrees, longitude first, such as POINT(-122.68 45.52)"
MOST_CHARACTERS = 100_000
MOST_VERTICES = 5_000
DEEPEST_ZOOM = 30
# The nearer to a pole, the more degrees a meter is. This is a degree of latitude at the equator,
# the shortest one. https://en.wikipedia.org/wiki/Latitude#Length_of_a_degree_of_latitude
METERS_PER_DEGREE = 110_574
# float() accepts 1_0, and the digits of every script.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_WKT = re.compile(r"\s*(SRID=4326;)?\s*[A-Z]+[\sA-Z]*\(", re.IGNORECASE)


def bbox(parameter: str, text: str) -> list[Box]:
    """One box, or two if it crosses the date line."""
    west, south, east, north = _numbers(parameter, text, 4, BBOX)
    if not -90 <= south <= north <= 90:
        raise _wrong(parameter, BBOX, "latitudes go up from south to north, within -90 and 90")
    if max(abs(west), abs(east)) > 540:
        raise _wrong(parameter, BBOX, "longitudes lie within -180 and 180")
    if east - west >= 360:
        return [(-180.0, south, 180.0, north)]
    # A map that was dragged around the world asks for longitudes beyond 180.
    west, east = _turned(west), _turned(east)
    if west <= east:
        return [(west, south, east, north)]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def tile(parameter: str, text: str) -> list[Box]:
    """The box of a tile of the web map, counted from the northwest corner."""
    # Not "$", which also matches before a final line feed.
    if not re.fullmatch(TILE_PATTERN.strip("^$"), text):
        raise _wrong(parameter, TILE)
    zoom, x, y = map(int, text.split("/"))
    if zoom > DEEPEST_ZOOM or max(x, y) >= 2**zoom:
        raise _wrong(parameter, TILE, f"x and y are below 2^zoom, zoom is up to {DEEPEST_ZOOM}")
    west, east = (column / 2**zoom * 360 - 180 for column in (x, x + 1))
    north, south = (
        math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / 2**zoom)))) for row in (y, y + 1)
    )
    return [(west, south, east, north)]


def point(parameter: str, text: str) -> tuple[float, float]:
    """Longitude and latitude."""
    longitude, latitude = _numbers(parameter, text, 2, POINT)
    if abs(longitude) > 180 or abs(latitude) > 90:
        raise _wrong(parameter, POINT, "longitude is within -180 and 180, latitude -90 and 90")
    return longitude, latitude


def distance(parameter: str, text: str) -> float:
    """A distance in meters."""
    (meters,) = _numbers(parameter, text, 1, DISTANCE)
    if meters < 0:
        raise _wrong(parameter, DISTANCE)
    return meters


@of_client()
def geometry(parameter: str, text: str) -> GEOSGeometry:
    """A valid geometry with SRID 4326 that is not empty."""
    if len(text) > MOST_CHARACTERS:
        raise _wrong(parameter, GEOMETRY, f"at most {MOST_CHARACTERS} characters")
    read = _read(parameter, text)
    if read.empty:
        raise _wrong(parameter, GEOMETRY, "it is empty")
    if read.num_coords > MOST_VERTICES:
        raise _wrong(parameter, GEOMETRY, f"at most {MOST_VERTICES} vertices")
    shape: Any = read  # of a subclass, which has coords
    for longitude, latitude in _vertices(shape.coords):
        # Written so that NaN fails.
        if not (abs(longitude) <= 180 and abs(latitude) <= 90):
            raise _wrong(parameter, GEOMETRY, "longitudes within 180, latitudes within 90")
    if not read.valid:
        raise _wrong(parameter, GEOMETRY, f"it is not valid: {read.valid_reason}")
    return read


def around(longitude: float, latitude: float, meters: float) -> list[Box]:
    """The boxes that contain every place within ``meters``."""
    high = min(meters * 1.01 / METERS_PER_DEGREE, 180.0)
    south, north = max(latitude - high, -90.0), min(latitude + high, 90.0)
    widest = max(abs(south), abs(north))
    wide = high / math.cos(math.radians(widest)) if widest < 89.9 else 360.0
    if wide >= 180:
        return [(-180.0, south, 180.0, north)]
    west, east = _turned(longitude - wide), _turned(longitude + wide)
    if west <= east:
        return [(west, south, east, north)]
    return [(west, south, 180.0, north), (-180.0, south, east, north)]


def shape(box: Box) -> GEOSGeometry:
    """A box as a geometry with SRID 4326. Without width or height, it is a line or a point."""
    west, south, east, north = box
    if west == east and south == north:
        return Point(west, south, srid=4326)
    if west == east or south == north:
        return LineString((west, south), (east, north), srid=4326)
    polygon = Polygon.from_bbox(box)
    polygon.srid = 4326
    return polygon


def _turned(longitude: float) -> float:
    while longitude > 180:
        longitude -= 360
    while longitude < -180:
        longitude += 360
    return longitude


def _numbers(parameter: str, text: str, count: int, form: str) -> list[float]:
    parts = [part.strip(" ") for part in text.split(",")]
    if not all(map(_NUMBER.fullmatch, parts)):
        raise _wrong(parameter, form)
    numbers = list(map(float, parts))
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise _wrong(parameter, form)
    return numbers


def _read(parameter: str, text: str) -> GEOSGeometry:
    is_json = text.lstrip().startswith("{")
    if not is_json and not _WKT.match(text):
        raise _wrong(parameter, GEOMETRY)
    try:
        if is_json:
            json.loads(text)
        read = GEOSGeometry(text.strip())
    # Django raises KeyError for a curve, because it has no class for it, although GEOS reads it.
    except (GEOSException, GDALException, ValueError, TypeError, KeyError, RecursionError):
        raise _wrong(parameter, GEOMETRY) from None
    if read.srid not in (None, 4326):
        raise _wrong(parameter, GEOMETRY, f"it says that its coordinates have SRID {read.srid}")
    read.srid = 4326
    return read


def _vertices(coordinates: tuple[Any, ...]) -> Iterator[tuple[float, float]]:
    if coordinates and isinstance(coordinates[0], float):
        yield coordinates[:2]
        return
    for part in coordinates:
        yield from _vertices(part)


def _wrong(parameter: str, form: str, why: str = "") -> ValidationError:
    return ValidationError({parameter: f"Write it as {form}{f' ({why})' if why else ''}."})
