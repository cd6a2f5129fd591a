"""What drf-yasg needs to know to document spatial views: Features, geometry, parameters.

``GeoAutoSchema`` is SWAGGER_SETTINGS["DEFAULT_AUTO_SCHEMA_CLASS"]. The parameters of filters
and pages come from their own ``get_schema_operation_parameters``, which drf-yasg reads.
"""

from __future__ import annotations

from typing import Any

from django.contrib.gis.db.models.fields import GeometryField as GeometryColumn
from django.core.exceptions import FieldDoesNotExist
from drf_yasg import openapi
from drf_yasg.inspectors import FieldInspector, NotHandled, SwaggerAutoSchema
from drf_yasg.inspectors.field import ReferencingSerializerInspector
from drf_yasg.utils import get_serializer_class, get_serializer_ref_name
from rest_framework import serializers
from rest_framework_gis.fields import GeometryField, GeometrySerializerMethodField
from rest_framework_gis.serializers import GeoFeatureModelListSerializer, GeoFeatureModelSerializer

from backend.geo.sparse_fields import SparseFieldsMixin

# How often arrays are nested in the coordinates. https://www.rfc-editor.org/rfc/rfc7946#section-3.1
DEPTH = {
    "Point": 1,
    "LineString": 2,
    "MultiPoint": 2,
    "Polygon": 3,
    "MultiLineString": 3,
    "MultiPolygon": 4,
}
COUNT_HEADER = {
    "X-Count": {
        "type": "string",
        "enum": ["exact", "estimated"],
        "description": "Whether `count` is exact or PostgreSQL's estimate.",
    }
}


class GeometryFieldInspector(FieldInspector):
    """Geometry as a GeoJSON object; in a form it is text."""

    def field_to_swagger_object(
        self, field: Any, swagger_object_type: type, use_references: bool, **kwargs: Any
    ) -> Any:
        if not isinstance(field, (GeometryField, GeometrySerializerMethodField)):
            return NotHandled
        make, _ = self._get_partial_types(field, swagger_object_type, use_references, **kwargs)
        if swagger_object_type is not openapi.Schema:
            return make(type=openapi.TYPE_STRING)
        return make(type=openapi.TYPE_OBJECT, properties=_members(_geometry_type(field)))


class FeatureInspector(ReferencingSerializerInspector):
    """A GeoFeatureModelSerializer as a Feature, many of them as a FeatureCollection."""

    def field_to_swagger_object(
        self, field: Any, swagger_object_type: type, use_references: bool, **kwargs: Any
    ) -> Any:
        if swagger_object_type is not openapi.Schema:
            return NotHandled
        if isinstance(field, GeoFeatureModelListSerializer):
            return collection(
                self.probe_field_inspectors(field.child, openapi.Schema, use_references)
            )
        if not isinstance(field, GeoFeatureModelSerializer):
            return NotHandled
        name = get_serializer_ref_name(field)
        if not name or not use_references:
            return self._feature(field)
        definitions = self.components.with_scope(openapi.SCHEMA_DEFINITIONS)
        known = definitions.setdefault(name, lambda: self._feature(field))
        if getattr(known, "_NP_serializer", None) is not get_serializer_class(field):
            return self._feature(field)  # another of the same name
        return openapi.SchemaRef(definitions, name)

    def _feature(self, serializer: GeoFeatureModelSerializer) -> openapi.Schema:
        flat = _inline(self, serializer)
        meta = serializer.Meta
        properties = dict(flat.properties)
        feature: dict[str, Any] = {"type": _enum("Feature")}
        if meta.id_field:
            feature["id"] = properties.pop(meta.id_field)
        geometry = properties.pop(meta.geo_field, None)
        feature["geometry"] = geometry or openapi.Schema(type=openapi.TYPE_OBJECT, x_nullable=True)
        if meta.auto_bbox or meta.bbox_geo_field:
            properties.pop(meta.bbox_geo_field, None)
            number = openapi.Items(type=openapi.TYPE_NUMBER)
            feature["bbox"] = openapi.Schema(type=openapi.TYPE_ARRAY, items=number)
        required = [name for name in getattr(flat, "required", None) or () if name in properties]
        feature["properties"] = openapi.Schema(
            type=openapi.TYPE_OBJECT, properties=properties, required=required or None
        )
        made = openapi.Schema(
            type=openapi.TYPE_OBJECT,
            properties=feature,
            required=["type", "geometry", "properties"],
        )
        made._NP_serializer = get_serializer_class(serializer)
        return made


def _with_ours(inspectors: list[type[FieldInspector]]) -> list[type[FieldInspector]]:
    """Ours where a serializer's turn is: after those that work on what the others made."""
    serializers_turn = ReferencingSerializerInspector
    place = inspectors.index(serializers_turn) if serializers_turn in inspectors else 0
    return [*inspectors[:place], FeatureInspector, GeometryFieldInspector, *inspectors[place:]]


class GeoAutoSchema(SwaggerAutoSchema):
    """Adds ``fields``, the formats of a stream, the collection in a page and its header."""

    field_inspectors = _with_ours(SwaggerAutoSchema.field_inspectors)

    def get_query_parameters(self) -> list[openapi.Parameter]:
        parameters = super().get_query_parameters()
        for parameter in parameters:
            # djangorestframework-gis writes the word of OpenAPI 3, which Swagger 2.0 forbids here.
            if "example" in parameter:
                parameter["x-example"] = parameter.pop("example")
        if self.method.upper() != "GET":
            return parameters
        if isinstance(self.view, SparseFieldsMixin):
            parameters.append(self._fields_parameter())
        if formats := self._formats():
            parameters.append(
                openapi.Parameter(
                    "format",
                    openapi.IN_QUERY,
                    description="A page as JSON; or with one of the others all rows, as a stream.",
                    type=openapi.TYPE_STRING,
                    enum=["json", *formats],
                    default="json",
                )
            )
        return parameters

    def get_default_responses(self) -> dict[str, Any]:
        responses = super().get_default_responses()
        (status, schema), *_ = responses.items()
        if not self.has_list_response() or not isinstance(schema, openapi.Schema):
            return responses
        if isinstance(self.get_view_serializer(), GeoFeatureModelSerializer):
            schema = _with_collections(schema)
        description = "A page." if self.should_page() else "All rows."
        if formats := self._formats():
            description += f" With format={' or '.join(formats)}: all rows, streamed."
        options: dict[str, Any] = {}
        if hasattr(getattr(self.view, "paginator", None), "count_query_param"):
            options["headers"] = COUNT_HEADER
        if "geojson" in self._formats():
            empty = {"type": "FeatureCollection", "features": []}
            options["examples"] = {"application/geo+json": empty}
        return {status: openapi.Response(description, schema, **options)}

    def _formats(self) -> list[str]:
        """Of the streams that backend.geo.streaming gives, where the view has them."""
        if not self.has_list_response():
            return []
        return [each.format for each in getattr(self.view, "stream_renderer_classes", ())]

    def _fields_parameter(self) -> openapi.Parameter:
        serializer = self.get_view_serializer()
        known = [name for name, field in serializer.fields.items() if not field.write_only]
        return openapi.Parameter(
            self.view.fields_query_param,
            openapi.IN_QUERY,
            description=f"Only these, with commas between: {', '.join(known)}.",
            type=openapi.TYPE_ARRAY,
            items=openapi.Items(type=openapi.TYPE_STRING, enum=known),
        )


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


def _with_collections(schema: openapi.Schema) -> openapi.Schema:
    """``schema`` with a FeatureCollection where REST framework's own would have an array."""
    if schema.type == openapi.TYPE_ARRAY:
        return collection(schema["items"])
    results = schema.properties.get("results")
    if getattr(results, "type", None) == openapi.TYPE_ARRAY:
        schema.properties["results"] = collection(results["items"])
    return schema


def _inline(inspector: Any, serializer: serializers.Serializer) -> openapi.Schema:
    """The flat schema of the serializer's fields, without a definition of its own."""
    properties, required = {}, []
    for name, child in serializer.fields.items():
        options = {"read_only": True} if child.read_only else {}
        properties[name] = inspector.probe_field_inspectors(child, openapi.Schema, True, **options)
        if child.required and not child.read_only:
            required.append(name)
    return openapi.Schema(
        type=openapi.TYPE_OBJECT, properties=properties, required=required or None
    )


def _geometry_type(field: serializers.Field) -> str | None:
    """GeoJSON's name of it, None where the column or the method may give any."""
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    try:
        column = model._meta.get_field(field.source) if model else None
    except FieldDoesNotExist:
        return None
    if not isinstance(column, GeometryColumn):
        return None
    names = {name.upper(): name for name in DEPTH}
    return names.get(column.geom_type)


def _members(kind: str | None) -> dict[str, openapi.Schema]:
    if kind is None:
        anything = openapi.Schema(type=openapi.TYPE_STRING, enum=[*DEPTH, "GeometryCollection"])
        return {"type": anything}
    coordinates = openapi.Schema(type=openapi.TYPE_NUMBER)
    for _ in range(DEPTH[kind]):
        coordinates = openapi.Schema(type=openapi.TYPE_ARRAY, items=coordinates)
    return {"type": _enum(kind), "coordinates": coordinates}


def _enum(value: str) -> openapi.Schema:
    return openapi.Schema(type=openapi.TYPE_STRING, enum=[value])
