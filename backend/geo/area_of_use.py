"""The part of the earth where the coordinates of a projected system are valid."""

from __future__ import annotations

import ctypes
import functools

from django.contrib.gis.gdal import GDALException, SpatialReference
from django.contrib.gis.geos import GEOSGeometry, Polygon

# Degrees around a system's area of use, where its formulas are still valid. On the other side of
# the world, they give numbers that are places in the area.
MARGIN = 5.0


def clipped(shape: GEOSGeometry, srid: int) -> GEOSGeometry | None:
    """The part of ``shape`` (WGS 84) that ``srid`` can represent. None if there is none."""
    area = _area(srid)
    if area is None or area.covers(shape):
        return shape
    part = shape.intersection(area)
    part.srid = shape.srid
    return None if part.empty else part


def inside(shape: GEOSGeometry, srid: int) -> bool:
    """Whether ``srid`` can represent all of ``shape`` (WGS 84)."""
    area = _area(srid)
    return area is None or area.covers(shape)


def half_around(srid: int) -> float | None:
    """The least width or height in ``srid`` of a geometry with an edge halfway around the earth.

    None if geometries of the system cannot be that large.
    """
    bounds = _bounds(srid)
    if bounds is None:
        return 180.0  # degrees
    west, _, east, _ = bounds
    return 1e7 if east - west >= 180 else None  # meters


@functools.lru_cache(maxsize=256)
def _bounds(srid: int) -> tuple[float, float, float, float] | None:
    """West, south, east, north in degrees. None if the area is the whole earth, or unknown.

    https://gdal.org/en/stable/api/ogr_srs_api.html#_CPPv417OSRGetAreaOfUse20OGRSpatialReferenceHPdPdPdPdPPKc
    """
    from django.contrib.gis.gdal.libgdal import lgdal

    try:
        system = SpatialReference(srid)
    except GDALException:  # a team's own system
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
