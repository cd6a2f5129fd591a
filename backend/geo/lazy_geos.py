"""Geometries of PostGIS that become geometries of GEOS only when something uses them.

A list of features is written from the bytes that PostGIS sent (``backend.geo.wkb``). Reading them
into GEOS, and out of it again, would be most of the work. ``install`` lets GeoDjango's converter
keep the bytes until the geometry's pointer is first needed. From then on, and so before any change
to it, the geometry is an ordinary one.
"""

from __future__ import annotations

import struct
import threading
from typing import Any

from django.contrib.gis.db.backends.postgis.operations import PostGISOperations
from django.contrib.gis.geos.geometry import GEOSGeometry, GEOSGeometryBase
from django.contrib.gis.geos.prototypes.io import wkb_r
from django.contrib.gis.ptr import CPointerBase

from backend.geo import curves

_HEADER = struct.Struct("<BI")
_WITH_SRID = struct.Struct("<BIi")
_SRID = 0x20000000
_HIGHER = 0xC0000000  # Z, M
_FLAGS = _HIGHER | _SRID

stock_converter = curves.stock_converter
# Properties, for which the stubs have the types of their values.
stock_ptr: Any = CPointerBase.ptr
stock_srid: Any = GEOSGeometryBase.srid
# Untyped, because most of what is replaced here is private.
_Base: Any = GEOSGeometryBase

# Several threads can use a geometry at once, if it is in a cache or a module.
_reading = threading.Lock()


def unread(geometry: GEOSGeometryBase) -> bytes | None:
    """The EWKB of a geometry that nothing has used yet. None for all others."""
    return geometry.__dict__.get("_ewkb")


def install() -> None:
    """Replace the converter, and the attributes that read a geometry.

    One of them is its SRID, which a model reads from every geometry that it is given.
    """
    operations: Any = PostGISOperations
    operations.get_geometry_converter = _get_geometry_converter
    _Base.ptr = property(_pointer, stock_ptr.fset)
    _Base.srid = property(_srid, stock_srid.fset)
    _Base._cs = _CoordinateSequence()


def _get_geometry_converter(self: PostGISOperations, expression: Any) -> curves.Converter:
    stock = curves.get_geometry_converter(self, expression)
    geom_class = expression.output_field.geom_class

    def converter(value: Any, expression: Any, connection: Any) -> GEOSGeometry | None:
        if not isinstance(value, (memoryview, bytes)):
            return stock(value, expression, connection)
        data = bytes(value)
        order, kind = _HEADER.unpack_from(data)
        known = _classes().get(kind & ~_FLAGS)
        if order != 1 or known is None:
            return stock(value, expression, connection)
        made: Any = GEOSGeometryBase.__new__(geom_class or known)
        made._ewkb = data
        geometry: GEOSGeometry = made
        if kind & _HIGHER:
            curves.keep(geometry, data)
        return geometry

    return converter


def _classes() -> dict[int, type[GEOSGeometry]]:
    """The classes by their numbers in WKB, which are not those of GEOS."""
    if not _CLASSES:
        # Imported late, as in GeoDjango, because these modules import its base class.
        from django.contrib.gis.geos import (
            LineString,
            MultiLineString,
            MultiPoint,
            MultiPolygon,
            Point,
            Polygon,
        )

        kinds = (Point, LineString, Polygon, MultiPoint, MultiLineString, MultiPolygon)
        _CLASSES.update(enumerate(kinds, start=1))
    return _CLASSES


_CLASSES: dict[int, type[GEOSGeometry]] = {}


def _pointer(self: Any) -> Any:
    if not self._ptr and "_ewkb" in self.__dict__:
        with _reading:
            if not self._ptr:
                # PostGIS's own data is trusted, as in GeoDjango's converter.
                data = memoryview(self._ewkb)
                self._ptr = wkb_r().read(data, max_geom_collections=None)
                # Only now: without both, another thread would find no geometry.
                del self._ewkb
    return stock_ptr.fget(self)


def _srid(self: GEOSGeometryBase) -> int | None:
    if (data := unread(self)) is None:
        srid: int | None = stock_srid.fget(self)
        return srid
    _, kind = _HEADER.unpack_from(data)
    return (_WITH_SRID.unpack_from(data)[2] or None) if kind & _SRID else None


class _CoordinateSequence:
    """Stands in for the attribute that ``_post_init`` sets, until it is set."""

    def __get__(self, geometry: Any, owner: type) -> Any:
        if geometry is None:
            return self
        geometry._post_init()
        return geometry.__dict__["_cs"]
