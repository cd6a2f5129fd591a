"""Only the fields that a client asks for: ``?fields=name,geom``."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.lists.parameters import KnownParametersMixin
from backend.lists.terms import split, unquoted, written

# Fields and serializers of these are known to need no other column for a value.
LIBRARIES = ("rest_framework.", "rest_framework_gis.", "backend.geo.")


class SparseFieldsMixin(KnownParametersMixin):
    """Restricts what a view reads and sends to ``?fields=``. Put it before the viewset's class.

    Other fields are not sent. A GeoJSON Feature keeps its id, type, and geometry, as RFC 7946
    requires. The geometry is null unless ``?fields=`` includes its field, or ``geometry``. Columns
    that the response does not need are not loaded. Writes work as before.
    """

    fields_query_param = "fields"
    # True while backend.lists.shown checks what the view can show to this request.
    with_all_fields = False

    def get_serializer(self, *args: Any, **kwargs: Any) -> serializers.BaseSerializer[Any]:
        """Raises ValidationError for a name that is not a field of the serializer."""
        serializer = super().get_serializer(*args, **kwargs)
        names = self._names()
        if names:
            one: Any = getattr(serializer, "child", serializer)
            self._restrict(one, names)
        return serializer

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        queryset = super().filter_queryset(queryset)
        if not self._names() or not isinstance(queryset, QuerySet):
            return queryset
        serializer: Any = self.get_serializer()
        return queryset.defer(*_unused(serializer, queryset))

    def _names(self) -> list[str]:
        request = getattr(self, "request", None)
        fake = getattr(self, "swagger_fake_view", False)
        if self.with_all_fields or request is None or fake or request.method not in SAFE_METHODS:
            return []
        given = split(request.query_params.get(self.fields_query_param, ""))
        return [unquoted(name) for name in given if name]

    def _restrict(self, serializer: serializers.Serializer[Any], names: list[str]) -> None:
        known = [name for name, field in serializer.fields.items() if not field.write_only]
        kept = set(names)
        # A view of tiles names the field that it cannot do without.
        if drawn := getattr(self, "drawn_field", lambda _: None)(serializer):
            kept.add(drawn)
        if isinstance(serializer, GeoFeatureModelSerializer):
            kept = _restrict_feature(serializer, kept)
        if unknown := kept - {*known, None}:
            raise ValidationError(
                {
                    self.fields_query_param: f"Unknown: {', '.join(map(repr, sorted(unknown)))}. "
                    f"Choose from {', '.join(map(written, known))}."
                }
            )
        for name in set(serializer.fields) - kept:
            serializer.fields.pop(name)


def _restrict_feature(serializer: GeoFeatureModelSerializer, names: set[str]) -> set[str]:
    """The fields to keep. Removes geometry and box from the Meta of this one serializer."""
    meta = serializer.Meta
    if "geometry" in names and "geometry" not in serializer.fields:
        names = names - {"geometry"} | {meta.geo_field}
    changes: dict[str, Any] = {}
    if meta.geo_field not in names:
        changes = {"geo_field": None, "auto_bbox": False}
    if meta.bbox_geo_field not in names:
        changes["bbox_geo_field"] = None
    serializer.Meta = type("Meta", (meta,), changes)
    return names | ({meta.id_field} if meta.id_field else set())


def _unused(serializer: serializers.Serializer[Any], queryset: QuerySet[Any]) -> list[str]:
    """The columns to defer."""
    values = queryset._fields  # type: ignore[attr-defined]  # private: names of values(), or None
    if values is not None or queryset.query.combinator:
        return []
    ordering = queryset.query.order_by or queryset.model._meta.ordering
    needed = {term.removeprefix("-") for term in ordering if isinstance(term, str)}
    return [name for name in unshown(serializer, queryset.model) if name not in needed]


def unshown(serializer: serializers.Serializer[Any], model: type[Model]) -> list[str]:
    """The columns of the model that the serializer does not read.

    Empty if it may need any of them, because each would then be read by a query per row.
    """
    columns = {field.name: field for field in model._meta.concrete_fields}
    fields = [field for field in serializer.fields.values() if not field.write_only]
    plain = (_comes_from_libraries(serializer, "to_representation", "get_properties")) and all(
        field.source in columns
        and not isinstance(field, serializers.BaseSerializer)
        and _comes_from_libraries(field, "get_attribute")
        for field in fields
    )
    if not plain:
        return []
    needed = {field.source for field in fields}
    # Keep relations: select_related may follow one, which fails if it is deferred.
    return [
        name
        for name, column in columns.items()
        if name not in needed and not column.is_relation and not column.primary_key
    ]


def _comes_from_libraries(instance: Any, *methods: str) -> bool:
    functions = [getattr(type(instance), method, None) for method in methods]
    return all(each is None or each.__module__.startswith(LIBRARIES) for each in functions)
