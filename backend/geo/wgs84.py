"""Longitude and latitude (WGS 84) in responses and requests, whatever the table stores.

GeoJSON has no other coordinates (RFC 7946, section 4), and no place to declare others. GDAL, QGIS,
GeoPandas, and every map would read a table in feet as degrees.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from django.contrib.gis.db import models
from django.contrib.gis.geos import GEOSGeometry
from django.core.exceptions import FieldDoesNotExist
from django.db import DEFAULT_DB_ALIAS, router
from rest_framework.fields import Field
from rest_framework.serializers import BaseSerializer
from rest_framework_gis.fields import GeometryField
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo import fast_geojson
from backend.geo.srid import WGS84, Degrees, degrees_of
from backend.lists.shown import definer

if TYPE_CHECKING:
    from rest_framework.generics import GenericAPIView

    _View = GenericAPIView[Any]
else:
    _View = object


class Wgs84Mixin(_View):
    """Shows and accepts geometries in WGS 84. Put it before the viewset's class.

    It applies to each GeometryField of the serializer that has no ``transform`` of its own. Tables
    without a coordinate system (SRID 0) are left alone. ``wgs84 = False`` shows what is stored.
    """

    wgs84 = True

    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer[Any]:
        serializer = super().get_serializer(*args, **kwargs)
        if self.wgs84:
            show_degrees(serializer)
        return serializer


def show_degrees(serializer: BaseSerializer[Any], above: tuple[type, ...] = ()) -> None:
    """Use WGS 84 for the geometries of this one serializer, and of those nested in it."""
    serializer = getattr(serializer, "child", serializer)
    if type(serializer) in above:  # it nests itself
        return
    boxes = _shown_as_box(serializer)
    for name, field in getattr(serializer, "fields", {}).items():
        if isinstance(field, BaseSerializer):
            show_degrees(field, (*above, type(serializer)))
        elif isinstance(field, GeometryField) and field.transform is None:
            _show(field, as_box=name in boxes)


def _shown_as_box(serializer: BaseSerializer[Any]) -> tuple[str | None, ...]:
    """The fields whose values a feature's ``bbox`` is made from directly."""
    if not isinstance(serializer, GeoFeatureModelSerializer):
        return ()
    meta = serializer.Meta
    return (meta.geo_field if meta.auto_bbox else None, meta.bbox_geo_field)


def _show(field: GeometryField, *, as_box: bool) -> None:
    if definer(type(field), "to_representation") is not GeometryField:
        return
    column = _column(field)
    srid = getattr(column, "srid", None)
    if srid is not None and (srid <= 0 or srid == WGS84):
        return
    # For the database, which writes streams, and for geometries that are sent without an SRID.
    field.transform, field.in_degrees = WGS84, True
    model = getattr(column, "model", None) or _model(field)
    using = router.db_for_read(model) if model else DEFAULT_DB_ALIAS
    degrees = functools.partial(_degrees, using, srid)
    if as_box:
        field.get_attribute = functools.partial(_moved, field.get_attribute, degrees)
    else:
        field.to_representation = functools.partial(_represent, field, degrees)


def _column(field: GeometryField) -> Any:
    """The column of the value, also of a related object. None for an annotation."""
    model: Any = _model(field)
    column: Any = None
    for step in field.source_attrs if model else ():
        try:
            column = model._meta.get_field(step)
        except FieldDoesNotExist:
            return None
        model = column.related_model or model
    return column


def _model(field: GeometryField) -> type[models.Model] | None:
    """None if the serializer has no model."""
    return getattr(getattr(field.parent, "Meta", None), "model", None)


def _degrees(using: str, srid: int | None, geometry: GEOSGeometry) -> Degrees | None:
    """The conversion to WGS 84. None if it is not needed, or if the system is unknown."""
    given = geometry.srid or srid
    return None if given in (None, WGS84) else degrees_of(using, given)


def _moved(get_attribute: Any, degrees: Any, instance: Any) -> Any:
    value = get_attribute(instance)
    way = degrees(value) if isinstance(value, GEOSGeometry) else None
    return value if way is None else way.geometry(value)


def _represent(field: Field[Any, Any, Any, Any], degrees: Any, value: Any) -> Any:
    stock = type(field).to_representation
    way = degrees(value) if isinstance(value, GEOSGeometry) else None
    if way is None:
        return stock(field, value)
    late = fast_geojson.late(field, value, way)
    return stock(field, way.geometry(value)) if late is None else late
