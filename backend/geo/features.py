"""GeoJSON features that djangorestframework-gis (2.x) answers with a 500 when they are sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.serializers import ModelSerializer
from rest_framework_gis.serializers import GeoFeatureModelSerializer

_stock = GeoFeatureModelSerializer.to_internal_value


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


def install() -> None:
    """Take the place of the stock method, once the applications are loaded."""
    GeoFeatureModelSerializer.to_internal_value = _to_internal_value
