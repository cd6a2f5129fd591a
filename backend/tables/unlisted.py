"""What lists do not show, and therefore do not read: bytes, and geometries that do not lead."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from django.db.models import BinaryField, QuerySet
from rest_framework.permissions import SAFE_METHODS
from rest_framework.serializers import BaseSerializer, ModelField
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.chosen import geometries
from backend.lists.sparse_fields import unshown
from backend.tables.filters import chosen_geometry, instance

if TYPE_CHECKING:
    from rest_framework.generics import GenericAPIView

    _View = GenericAPIView[Any]
else:
    _View = object


class UnlistedMixin(_View):
    """Shows bytes only on the page of a row, and reads no column that the response does not show.

    Put it behind SpatialMixin, and before ChosenGeometryMixin.
    """

    def get_serializer(self, *args: Any, **kwargs: Any) -> BaseSerializer[Any]:
        serializer = super().get_serializer(*args, **kwargs)
        if self._is_of_many_rows():
            one: Any = getattr(serializer, "child", serializer)
            cls: Any = type(one)
            for name in _bytes(cls):
                one.fields.pop(name)
        return serializer

    def row_members(self) -> dict[str, dict[str, Any]]:
        """For the API document: what the page of a row has beside the columns of lists."""
        cls: Any = self.get_serializer_class()
        shown = {"type": "string", "format": "byte", "readOnly": True, "x-nullable": True}
        members = dict.fromkeys(_bytes(cls), shown)
        if members and issubclass(cls, GeoFeatureModelSerializer):
            return {"properties": {"type": "object", "properties": members}}
        return members

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        queryset = super().filter_queryset(queryset)
        if self.request.method not in SAFE_METHODS or not isinstance(queryset, QuerySet):
            return queryset
        if queryset.query.combinator or queryset.query.values_select:
            return queryset
        serializer: Any = self.get_serializer_class()
        chosen = chosen_geometry(self)
        return queryset.defer(*_unread(serializer, chosen, self._is_of_many_rows()))

    def _is_of_many_rows(self) -> bool:
        """Whether the response is a list, a stream, a tile, or anything else of several rows."""
        name = getattr(self, "lookup_url_kwarg", None) or getattr(self, "lookup_field", None)
        return name not in getattr(self, "kwargs", {})


@functools.lru_cache(maxsize=512)
def _bytes(serializer: Any) -> list[str]:
    return [
        name
        for name, field in instance(serializer).fields.items()
        if isinstance(field, ModelField) and isinstance(field.model_field, BinaryField)
    ]


@functools.lru_cache(maxsize=512)
def _unread(serializer: Any, chosen: str | None, of_many_rows: bool) -> list[str]:
    """The columns of the model that the response does not show."""
    one = serializer()
    hidden = [name for name in geometries(one) if name != chosen]
    for name in [*hidden, *(_bytes(serializer) if of_many_rows else ())]:
        one.fields.pop(name)
    return unshown(one, one.Meta.model)
