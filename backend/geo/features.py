"""What djangorestframework-gis (2.x) gets wrong around features.

Some that are sent are answered with a 500, and the forms of the browsable API are empty: saved as
they are shown, they would empty the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.renderers import HTMLFormRenderer
from rest_framework.serializers import ModelSerializer
from rest_framework.utils.serializer_helpers import BoundField
from rest_framework_gis.fields import GeometryField
from rest_framework_gis.serializers import GeoFeatureModelSerializer

_stock = GeoFeatureModelSerializer.to_internal_value
_stock_bound_field = GeoFeatureModelSerializer.__getitem__


def _to_internal_value(self: GeoFeatureModelSerializer, data: Any) -> Any:
    if not isinstance(data, Mapping):
        return ModelSerializer.to_internal_value(self, data)  # which refuses it in words
    if "properties" in data:
        # A feature without any has null there: RFC 7946, section 3.2.
        properties = {} if data["properties"] is None else data["properties"]
        if not isinstance(properties, Mapping):
            raise ValidationError({"properties": ["This is an object, or null."]})
        # A copy, because the geometry is put among them.
        data = {**data, "properties": {**properties}}
    return _stock(self, data)


def _bound_field(self: GeoFeatureModelSerializer, name: str) -> BoundField:
    """A field of a form, with the row's value: the stock one takes members of the feature.

    ``type`` of every feature is "Feature", and most fields are no member of it at all.
    """
    bound = _stock_bound_field(self, name)
    if self.instance is None or getattr(self, "_errors", None):
        return bound  # an empty form, or one as it was sent
    if not hasattr(self, "_row"):
        self._row = ModelSerializer.to_representation(self, self.instance)
    return type(bound)(self.fields[name], self._row.get(name), bound.errors)


def install() -> None:
    """Take the place of the stock methods, once the applications are loaded."""
    GeoFeatureModelSerializer.to_internal_value = _to_internal_value
    GeoFeatureModelSerializer.__getitem__ = _bound_field
    HTMLFormRenderer.default_style.mapping[GeometryField] = {
        "base_template": "textarea.html",
        "placeholder": "WKT or GeoJSON, in degrees: POINT (-122.676 45.523)",
    }
