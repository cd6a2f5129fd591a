"""Makes the geometries that clients send fit their columns.

djangorestframework-gis accepts any geometry, so the database's error would be a 500. Here, it is a
400 that names the field. A client that sends back what it was shown does not change what is stored:
a conversion to other coordinates and back would change the last digits.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from django.contrib.gis.db import models
from django.contrib.gis.geos import GEOSGeometry
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import router
from rest_framework.exceptions import ValidationError
from rest_framework_gis.fields import GeometryField

from backend.geo import srid
from backend.geo.srid import WGS84

CURVE = "This API cannot store curves. Send straight lines instead."
KIND = "Expected a {wanted}, got a {given}."
EMPTY = "The geometry is empty. Send null if there is no geometry."
NUMBERS = "The geometry has a coordinate that is not a finite number."
DEGREES = "Coordinates are longitude (-180 to 180) and latitude (-90 to 90)."
NOWHERE = "The geometry has no place in the coordinate system of the data (SRID {srid})."
UNKNOWN = "The coordinate system with SRID {srid} is unknown. Send WGS 84, SRID 4326."
NO_SYSTEM = "The data has no coordinate system. Send the geometry without an SRID."
# Longitudes from 0 to 360, and geometries across the date line, go beyond 180.
MOST_LONGITUDE = 360
LARGEST = 1e15  # in an unknown system; beyond it, a double has no tenths

_stock = GeometryField.to_internal_value
_is_of_client: ContextVar[bool] = ContextVar("is_of_client", default=False)
# Django logs what GEOS and GDAL say to this logger.
logging.getLogger("django.contrib.gis").addFilter(lambda record: not _is_of_client.get())


def install() -> None:
    """Replace the stock method, for every GeometryField."""
    GeometryField.to_internal_value = _to_internal_value


@contextlib.contextmanager
def of_client() -> Iterator[None]:
    """While a client's text is read, errors of GEOS and GDAL are not logged.

    The response says what is wrong. A client must not be able to fill the log with errors.
    """
    token = _is_of_client.set(True)
    try:
        yield
    finally:
        _is_of_client.reset(token)


def column_of(field: GeometryField) -> models.GeometryField[Any, Any] | None:
    """The model's column behind the serializer's field. None if there is none."""
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    if model is None or field.source is None:
        return None
    try:
        column = model._meta.get_field(field.source)
    except FieldDoesNotExist:
        return None
    return column if isinstance(column, models.GeometryField) else None


def fitted(
    geometry: GEOSGeometry, column: models.GeometryField[Any, Any], *, in_degrees: bool = False
) -> GEOSGeometry:
    """The geometry as ``column`` can store it: with an SRID, and wrapped in a collection if needed.

    Without its own SRID, it gets the column's, or WGS 84 if ``in_degrees``. Raises ValidationError
    if the column cannot store it.
    """
    if geometry.empty:
        raise ValidationError(EMPTY)
    geometry = _of_kind(geometry, column)
    xs, ys, others = _coordinates(geometry)
    if not all(map(math.isfinite, (*xs, *ys, *others))):
        raise ValidationError(NUMBERS)
    if column.srid <= 0:
        if geometry.srid not in (None, 0, -1, WGS84):
            raise ValidationError(NO_SYSTEM)
        if max(map(abs, (*xs, *ys))) > LARGEST:
            raise ValidationError(NOWHERE.format(srid=column.srid))
        geometry.srid = column.srid
        return geometry
    if geometry.srid is None:
        geometry.srid = WGS84 if in_degrees else column.srid
    using = router.db_for_write(column.model)
    _check_place(using, geometry.srid, column, xs, ys)
    if column.geography and geometry.srid != WGS84:
        # PostGIS has no ST_Transform for a geography.
        return srid.degrees_of(using, geometry.srid).geometry(geometry)
    return geometry


def _to_internal_value(self: GeometryField, value: Any) -> Any:
    column = column_of(self)
    if column is not None and (stored := _unchanged(self, column, value)) is not None:
        return stored
    try:
        with of_client():
            geometry = _stock(self, value)
    # Django has no class for a curve, although GEOS can read it.
    except KeyError:
        raise ValidationError(CURVE) from None
    if column is None or not isinstance(geometry, GEOSGeometry):
        return geometry
    return fitted(geometry, column, in_degrees=getattr(self, "in_degrees", False))


def _unchanged(
    field: GeometryField, column: models.GeometryField[Any, Any], value: Any
) -> GEOSGeometry | None:
    """The stored geometry, if ``value`` is what this serializer shows of it."""
    instance = getattr(field.parent, "instance", None)
    stored = getattr(instance, column.attname, None) if isinstance(instance, column.model) else None
    if stored is None or value is stored:
        return stored
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, dict):
        return None
    # A copy, because a field with a transform changes the geometry itself.
    copy = field.get_attribute(instance).clone()
    shown = json.loads(json.dumps(field.to_representation(copy)))
    members = ("type", "coordinates", "geometries")
    same = all(shown.get(name) == value.get(name) for name in members)
    return stored if same and not _has_boolean(value) else None


def _has_boolean(value: Any) -> bool:
    """Whether a coordinate is false or true, which are equal to 0 and 1."""
    if isinstance(value, dict):
        return any(_has_boolean(value.get(name)) for name in ("coordinates", "geometries"))
    if isinstance(value, list):
        return any(map(_has_boolean, value))
    return isinstance(value, bool)


def _of_kind(geometry: GEOSGeometry, column: models.GeometryField[Any, Any]) -> GEOSGeometry:
    wanted = column.geom_class
    if wanted is None or type(geometry) is wanted:
        return geometry
    if not isinstance(geometry, getattr(wanted, "_allowed", ())):
        raise ValidationError(KIND.format(wanted=wanted.__name__, given=geometry.geom_type))
    return wanted(geometry, srid=geometry.srid)


def _coordinates(geometry: GEOSGeometry) -> tuple[list[float], list[float], list[float]]:
    """All x, all y, and all values after them. Raises ValidationError for a curve."""
    shape: Any = geometry  # of a subclass, which has coords
    try:
        points = list(_points(shape.coords))
    except KeyError:  # a curve, within a collection
        raise ValidationError(CURVE) from None
    return (
        [point[0] for point in points],
        [point[1] for point in points],
        [value for point in points for value in point[2:]],
    )


def _points(coordinates: tuple[Any, ...]) -> Iterator[tuple[float, ...]]:
    if coordinates and isinstance(coordinates[0], float):
        yield coordinates
        return
    for part in coordinates:
        yield from _points(part)


def _check_place(
    using: str, given: int, column: models.GeometryField[Any, Any], xs: list[float], ys: list[float]
) -> None:
    """Raises ValidationError for a place that does not exist in one of the two systems."""
    try:
        if given != WGS84:
            srid.to_degrees(using, given, xs, ys)
    except ImproperlyConfigured:  # it is not in spatial_ref_sys
        raise ValidationError(UNKNOWN.format(srid=given)) from None
    if not all(map(math.isfinite, (*xs, *ys))):
        raise ValidationError(NOWHERE.format(srid=given))
    if max(map(abs, xs)) > MOST_LONGITUDE or max(map(abs, ys)) > 90:
        raise ValidationError(DEGREES)
    if column.srid not in (given, WGS84):
        srid.from_degrees(using, column.srid, xs, ys)
        if not all(map(math.isfinite, (*xs, *ys))):
            raise ValidationError(NOWHERE.format(srid=column.srid))
