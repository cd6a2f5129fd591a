"""Where on earth the coordinates of a projected system mean anything."""

from __future__ import annotations

import ctypes
import functools

from django.contrib.gis.gdal import GDALException, SpatialReference
from django.contrib.gis.geos import GEOSGeometry, Polygon

# Degrees around a system's area of use. Its formulas still hold there; on the other side
# of the world they give numbers that are places in the area.
MARGIN = 5.0


def clipped(shape: GEOSGeometry, srid: int) -> GEOSGeometry | None:
    """The part of ``shape`` (WGS 84) that ``srid`` can say, None when there is none."""
    area = _area(srid)
    if area is None or area.covers(shape):
        return shape
    part = shape.intersection(area)
    part.srid = shape.srid
    return None if part.empty else part


def inside(shape: GEOSGeometry, srid: int) -> bool:
    """Whether all of ``shape`` (WGS 84) can be said in ``srid``."""
    area = _area(srid)
    return area is None or area.covers(shape)


def half_around(srid: int) -> float | None:
    """What a geometry with an edge halfway around the earth is as wide or high as, in ``srid``.

    None where no geometry of the system is.
    """
    bounds = _bounds(srid)
    if bounds is None:
        return 180.0  # degrees
    west, _, east, _ = bounds
    return 1e7 if east - west >= 180 else None  # metres


@functools.lru_cache(maxsize=256)
def _bounds(srid: int) -> tuple[float, float, float, float] | None:
    """West, south, east, north in degrees; None for any place, or where nobody says.

    https://gdal.org/en/stable/api/ogr_srs_api.html#_CPPv417OSRGetAreaOfUse20OGRSpatialReferenceHPdPdPdPdPPKc
    """
    from django.contrib.gis.gdal.libgdal import lgdal

    try:
        system = SpatialReference(srid)
    except GDALException:  # a system of the team's own
        return None
    if system.geographic:
        return None
    number = ctypes.POINTER(ctypes.c_double)
    area_of_use = ctypes.CFUNCTYPE(
        *(ctypes.c_int, ctypes.c_void_p, number, number, number, number),
        ctypes.POINTER(ctypes.c_char_p),
    )(("OSRGetAreaOfUse", lgdal))
    west, south, east, north = sides = [ctypes.c_double() for _ in range(4)]
    if not area_of_use(system.ptr, *map(ctypes.byref, sides), None):
        return None
    if not -180 <= west.value < east.value <= 180:  # across the date line
        return None
    return (
        max(west.value - MARGIN, -180.0),
        max(south.value - MARGIN, -90.0),
        min(east.value + MARGIN, 180.0),
        min(north.value + MARGIN, 90.0),
    )


def _area(srid: int) -> Polygon | None:
    bounds = _bounds(srid)
    if bounds is None:
        return None
    area = Polygon.from_bbox(bounds)
    area.srid = 4326
    return area
