"""``?geometry=``: which of several geometries is that of the feature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.exceptions import ValidationError
from rest_framework.serializers import BaseSerializer
from rest_framework_gis.fields import GeometryField
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.lists.parameters import KnownParametersMixin

if TYPE_CHECKING:
    from rest_framework.generics import GenericAPIView

    _View = GenericAPIView[Any]
else:
    _View = object


class ChosenGeometryMixin(KnownParametersMixin, _View):
    """Shows one geometry: that of ``?geometry=``, or the serializer's ``geo_field``.

    The others are not properties of the feature. Put it behind SpatialMixin.
    """

    geometry_query_param = "geometry"

    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer[Any]:
        """Raises ValidationError for a name that is not a geometry of the serializer."""
        serializer = super().get_serializer(*args, **kwargs)
        one: Any = getattr(serializer, "child", serializer)
        chosen = self.chosen_geometry(one)
        if not isinstance(one, GeoFeatureModelSerializer):
            return serializer
        for name in geometries(one):
            if name != chosen:
                one.fields.pop(name)
        if chosen != one.Meta.geo_field:
            one.Meta = type("Meta", (one.Meta,), {"geo_field": chosen})
        return serializer

    def chosen_geometry(self, serializer: Any) -> str | None:
        """The serializer's field of the feature's geometry. Raises ValidationError."""
        request = getattr(self, "request", None)
        given = request and request.query_params.get(self.geometry_query_param)
        leading: str | None = getattr(getattr(serializer, "Meta", None), "geo_field", None)
        if not given:
            return leading
        if given not in (known := geometries(serializer)):
            why = f"{given!r} is not one of {', '.join(known)}." if known else "There is none."
            raise ValidationError({self.geometry_query_param: why})
        chosen: str = given
        return chosen


def geometries(serializer: Any) -> list[str]:
    """The names of the serializer's geometry fields."""
    return [name for name, field in serializer.fields.items() if isinstance(field, GeometryField)]
