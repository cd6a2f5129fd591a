"""Fixes for the features of djangorestframework-gis (2.x).

Without them, some features that clients send cause a 500 or change nothing. A list with a field of
a related object (``source="parent.title"``) is a 500 if a row has no such object. The forms of the
browsable API are empty, and would empty the row if they were saved as shown. An empty geometry has
no box, and reading it is an error.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.gis.geos import Polygon
from django.contrib.gis.geos.geometry import GEOSGeometryBase
from rest_framework.exceptions import ValidationError
from rest_framework.fields import Field, SkipField
from rest_framework.renderers import HTMLFormRenderer
from rest_framework.serializers import ModelSerializer
from rest_framework.utils.serializer_helpers import BoundField
from rest_framework_gis.fields import GeometryField
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo import geometry_input

BOX = (
    "Expected four numbers (west, south, east, north) or six, with the lowest and highest altitude."
)

_stock = GeoFeatureModelSerializer.to_internal_value
_stock_bound_field = GeoFeatureModelSerializer.__getitem__
_stock_extent: Any = GEOSGeometryBase.extent  # a property, although the stubs have a method
stock_properties = GeoFeatureModelSerializer.get_properties


def _to_internal_value(self: GeoFeatureModelSerializer, data: Any) -> Any:
    if not isinstance(data, Mapping):
        return ModelSerializer.to_internal_value(self, data)  # its error says what is wrong
    if "properties" in data:
        # A feature without properties has null there: RFC 7946, section 3.2.
        properties = {} if data["properties"] is None else data["properties"]
        if not isinstance(properties, Mapping):
            raise ValidationError({"properties": ["Expected an object or null."]})
        # A copy, because the geometry is added to the properties.
        data = {**data, "properties": {**properties}}
    elif _is_feature(self, data):
        # A PATCH of the geometry alone, or with the fields beside it.
        data = {**data, "properties": {**data}}
    if "properties" in data and "bbox" in data and self.Meta.bbox_geo_field:
        data = _with_box(self, data)
    return _stock(self, data)


def _is_feature(serializer: GeoFeatureModelSerializer, data: Mapping[str, Any]) -> bool:
    """Whether ``geometry`` is the member of a feature, and not a field of the serializer."""
    return (
        serializer.Meta.geo_field is not None
        and "geometry" in data
        and "geometry" not in serializer.fields
    )


def _with_box(serializer: GeoFeatureModelSerializer, data: dict[str, Any]) -> dict[str, Any]:
    """The feature with its ``bbox`` as the stock code accepts it, or moved to the properties.

    RFC 7946, section 5: two numbers for each dimension. Raises ValidationError for others.
    """
    meta = serializer.Meta
    box = data["bbox"]
    data = {name: value for name, value in data.items() if name != "bbox"}
    if meta.bbox_geo_field == meta.geo_field and "geometry" in data:
        return data  # the geometry says more than its box
    if box is None:
        if serializer.fields[meta.bbox_geo_field].allow_null:
            data["properties"] = {**data["properties"], meta.bbox_geo_field: None}
        return data
    if (
        not isinstance(box, (list, tuple))
        or len(box) not in (4, 6)
        or not all(map(_is_number, box))
    ):
        raise ValidationError({"bbox": [BOX]})
    stored = getattr(serializer.instance, meta.bbox_geo_field, None)
    if stored is not None and _extent_shown(serializer, meta.bbox_geo_field) == [*box]:
        # The same as the client was sent, but the stored geometry can be more than its box.
        data["properties"] = {**data["properties"], meta.bbox_geo_field: stored}
        return data
    half = len(box) // 2
    polygon = Polygon.from_bbox((*box[:2], *box[half : half + 2]))
    data["properties"] = {**data["properties"], meta.bbox_geo_field: polygon}
    return data


def _extent_shown(serializer: GeoFeatureModelSerializer, name: str) -> list[float] | None:
    extent = serializer.fields[name].get_attribute(serializer.instance).extent
    return None if extent is None else [*extent]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def attribute(field: Field[Any, Any, Any, Any], instance: Any) -> Any:
    """``field.get_attribute``. None for a value of a related object that does not exist."""
    try:
        return field.get_attribute(instance)
    except SkipField:  # REST framework leaves it out, but all features have the same properties
        return None
    except (AttributeError, KeyError):
        if _ends_before(field, instance):
            return None
        raise


def _ends_before(field: Field[Any, Any, Any, Any], instance: Any) -> bool:
    for step in field.source_attrs[:-1]:
        instance = getattr(instance, step, instance)
        if instance is None:
            return True
    return False


def _properties(
    self: GeoFeatureModelSerializer, instance: Any, fields: Iterable[Field[Any, Any, Any, Any]]
) -> dict[str, Any]:
    properties: dict[str, Any] = OrderedDict()
    for field in fields:
        if not field.write_only:
            value = attribute(field, instance)
            shown = None if value is None else field.to_representation(value)
            name: Any = field.field_name  # a bound field has one
            properties[name] = shown
    return properties


def _bound_field(self: GeoFeatureModelSerializer, name: str) -> BoundField:
    """A field of a form, with the row's value. The stock method uses members of the feature.

    ``type`` of every feature is "Feature", and most fields are not members of it at all.
    """
    bound: BoundField = _stock_bound_field(self, name)
    if self.instance is None or getattr(self, "_errors", None):
        return bound  # an empty form, or one with what was sent
    if not hasattr(self, "_row"):
        self._row = ModelSerializer.to_representation(self, self.instance)
    return type(bound)(self.fields[name], self._row.get(name), bound.errors)


def _extent(self: GEOSGeometryBase) -> tuple[float, float, float, float] | None:
    """xmin, ymin, xmax, ymax. None for an empty geometry, where Django raises a ValueError."""
    return None if self.empty else _stock_extent.fget(self)


def install() -> None:
    """Replace the stock methods, after the applications are loaded."""
    geometry_input.install()
    geometries: Any = GEOSGeometryBase
    geometries.extent = property(_extent)
    GeoFeatureModelSerializer.to_internal_value = _to_internal_value
    GeoFeatureModelSerializer.__getitem__ = _bound_field
    GeoFeatureModelSerializer.get_properties = _properties
    HTMLFormRenderer.default_style.mapping[GeometryField] = {
        "base_template": "textarea.html",
        "placeholder": "WKT or GeoJSON, in degrees: POINT (-122.676 45.523)",
    }
