"""GeoJSON for drf-yasg: geometry, Features, and collections of them."""

from __future__ import annotations

from typing import Any

from django.contrib.gis.db.models.fields import GeometryField as GeometryColumn
from django.core.exceptions import FieldDoesNotExist
from drf_yasg import openapi
from drf_yasg.inspectors import FieldInspector, NotHandled
from rest_framework import serializers
from rest_framework_gis.fields import GeometryField, GeometrySerializerMethodField
from rest_framework_gis.serializers import GeoFeatureModelListSerializer, GeoFeatureModelSerializer

from backend.openapi.serializers import Role, RoleInspector, role_of

# Levels of arrays in the coordinates. https://www.rfc-editor.org/rfc/rfc7946#section-3.1
DEPTH = {
    "Point": 1,
    "LineString": 2,
    "MultiPoint": 2,
    "Polygon": 3,
    "MultiLineString": 3,
    "MultiPolygon": 4,
}
# The fewest positions of a line or a ring: RFC 7946, sections 3.1.4 and 3.1.6.
LEAST = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}


class GeometryFieldInspector(FieldInspector):
    """Geometry as a GeoJSON object, or as text in a form."""

    def field_to_swagger_object(
        self, field: Any, swagger_object_type: type, use_references: bool, **kwargs: Any
    ) -> Any:
        if not isinstance(field, (GeometryField, GeometrySerializerMethodField)):
            return NotHandled
        make, _ = self._get_partial_types(field, swagger_object_type, use_references, **kwargs)
        if swagger_object_type is not openapi.Schema:
            return make(type=openapi.TYPE_STRING)
        options: dict[str, Any] = {}
        if not field.write_only and not role_of(field).is_sent:
            options["x_nullable"] = True  # whatever the column allows: a method can return None
        column = _column(field)
        properties, required = _members(column, sent=role_of(field).is_sent)
        return make(type=openapi.TYPE_OBJECT, properties=properties, required=required, **options)


class FeatureInspector(RoleInspector):
    """A GeoFeatureModelSerializer as a Feature, and several rows as a FeatureCollection."""

    def field_to_swagger_object(
        self, field: Any, swagger_object_type: type, use_references: bool, **kwargs: Any
    ) -> Any:
        many = isinstance(field, GeoFeatureModelListSerializer)
        if many and swagger_object_type is openapi.Schema:
            return collection(
                self.probe_field_inspectors(field.child, openapi.Schema, use_references)
            )
        return super().field_to_swagger_object(field, swagger_object_type, use_references, **kwargs)

    def is_mine(self, field: Any) -> bool:
        return isinstance(field, GeoFeatureModelSerializer)

    def members(
        self, serializer: GeoFeatureModelSerializer
    ) -> tuple[dict[str, openapi.Schema], list[str]]:
        meta, role = serializer.Meta, role_of(serializer)
        properties, required = super().members(serializer)
        feature: dict[str, Any] = {"type": _enum("Feature")}
        if meta.id_field and meta.id_field in properties:
            feature["id"] = properties.pop(meta.id_field)
        shape = properties.pop(meta.geo_field, None)
        feature["geometry"] = shape or openapi.Schema(type=openapi.TYPE_OBJECT, x_nullable=True)
        if role is Role.PARTIAL_ANSWER:
            feature["geometry"].x_nullable = True
        if meta.auto_bbox or meta.bbox_geo_field:
            properties.pop(meta.bbox_geo_field, None)
            if not role.is_sent:
                number = openapi.Items(type=openapi.TYPE_NUMBER)
                # null for an empty or missing geometry
                feature["bbox"] = openapi.Schema(
                    type=openapi.TYPE_ARRAY, items=number, x_nullable=True
                )
        feature["properties"] = openapi.Schema(
            type=openapi.TYPE_OBJECT,
            properties=properties,
            required=[name for name in required if name in properties] or None,
        )
        if not role.is_sent:
            return feature, ["type", "geometry", "properties"]
        if role is Role.PATCH:
            return feature, []
        return feature, [
            "type",
            "properties",
            *(["geometry"] if meta.geo_field in required else []),
        ]


def collection(feature: Any) -> openapi.Schema:
    """The schema of a FeatureCollection."""
    return openapi.Schema(
        type=openapi.TYPE_OBJECT,
        required=["type", "features"],
        properties={
            "type": _enum("FeatureCollection"),
            "features": openapi.Schema(type=openapi.TYPE_ARRAY, items=feature),
        },
    )


def with_collections(schema: openapi.Schema) -> openapi.Schema:
    """``schema`` with a FeatureCollection in place of REST framework's array."""
    if schema.type == openapi.TYPE_ARRAY:
        return collection(schema["items"])
    results = schema.properties.get("results")
    if getattr(results, "type", None) == openapi.TYPE_ARRAY:
        schema.properties["results"] = collection(results["items"])
    return schema


def _column(field: serializers.Field[Any, Any, Any, Any]) -> GeometryColumn[Any, Any] | None:
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    try:
        column = model._meta.get_field(field.source) if model else None
    except FieldDoesNotExist:
        return None
    return column if isinstance(column, GeometryColumn) else None


def _members(
    column: GeometryColumn[Any, Any] | None, *, sent: bool
) -> tuple[dict[str, openapi.Schema], list[str]]:
    """The members of a geometry object, of any type if the column or method allows any."""
    kind = {name.upper(): name for name in DEPTH}.get(column.geom_type) if column else None
    if column is None or kind is None:
        anything = openapi.Schema(type=openapi.TYPE_STRING, enum=[*DEPTH, "GeometryCollection"])
        return {"type": anything}, ["type"]
    # A response can have an empty geometry, which has no positions.
    least = {"min_items": 2} if sent else {}
    coordinates = openapi.Schema(
        type=openapi.TYPE_ARRAY,
        items=openapi.Schema(type=openapi.TYPE_NUMBER),
        max_items=column.dim,
        **least,
    )
    for level in range(2, DEPTH[kind] + 1):
        fewest = LEAST.get(kind, 1) if level == 2 else 1
        coordinates = openapi.Schema(
            type=openapi.TYPE_ARRAY, items=coordinates, **({"min_items": fewest} if sent else {})
        )
    return {"type": _enum(kind), "coordinates": coordinates}, ["type", "coordinates"]


def _enum(value: str) -> openapi.Schema:
    return openapi.Schema(type=openapi.TYPE_STRING, enum=[value])
