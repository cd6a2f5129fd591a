"""How drf-yasg describes an operation: ``SWAGGER_SETTINGS["DEFAULT_AUTO_SCHEMA_CLASS"]``.

drf-yasg reads the parameters of spatial filters and of pages from their own
``get_schema_operation_parameters``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from drf_yasg import openapi
from drf_yasg.inspectors import (
    FieldInspector,
    FileFieldInspector,
    JSONFieldInspector,
    SimpleFieldInspector,
    SwaggerAutoSchema,
)
from drf_yasg.inspectors.field import ReferencingSerializerInspector, get_queryset_from_view
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.chosen import ChosenGeometryMixin, geometries
from backend.geo.shown import as_list
from backend.geo.sql_support import no_streams
from backend.geo.streaming import StreamingMixin
from backend.geo.tiles import TilesMixin
from backend.http.negotiation import GEOJSON, OF_ONE_ROW
from backend.lists.pagination import COUNT_ESTIMATED, COUNT_ESTIMATED_SCHEMA
from backend.lists.sparse_fields import SparseFieldsMixin
from backend.lists.terms import written
from backend.openapi import descriptions, error_responses, logins
from backend.openapi.fields import (
    AbsentFileInspector,
    ComputedFieldInspector,
    PlainFieldInspector,
    before,
)
from backend.openapi.filters import DjangoFilterInspector
from backend.openapi.geojson_schemas import (
    FeatureInspector,
    GeometryFieldInspector,
    with_collections,
)
from backend.openapi.parameters import DescribedInspector, each_once, unfilled
from backend.openapi.serializers import RelatedRowInspector, Role, RoleInspector, as_role

COUNT_HEADER = {
    "X-Count": {
        "type": "string",
        "enum": ["exact", "estimated"],
        "description": "Whether `count` is exact or PostgreSQL's estimate.",
    }
}
# https://github.com/mapbox/tilejson-spec/tree/master/3.0.0
TILEJSON: dict[str, dict[str, Any]] = {
    "tilejson": {"type": "string", "enum": ["3.0.0"]},
    "name": {"type": "string"},
    "tiles": {"type": "array", "items": openapi.Schema(type="string"), "min_items": 1},
    "minzoom": {"type": "integer", "minimum": 0, "maximum": 30},
    "maxzoom": {"type": "integer", "minimum": 0, "maximum": 30},
    "bounds": {
        "type": "array",
        "items": openapi.Schema(type="number"),
        "min_items": 4,
        "max_items": 4,
    },
}


def _with_ours(inspectors: list[type[FieldInspector]]) -> list[type[FieldInspector]]:
    """Put ours where serializers are handled: after the inspectors that change others' results."""
    ours = [FeatureInspector, GeometryFieldInspector, RoleInspector, RelatedRowInspector]
    inspectors = before(ReferencingSerializerInspector, ours, inspectors)
    inspectors = before(SimpleFieldInspector, [PlainFieldInspector], inspectors)
    inspectors = before(FileFieldInspector, [AbsentFileInspector], inspectors)
    inspectors = before(JSONFieldInspector, [ComputedFieldInspector], inspectors)
    return [descriptions.DescriptionInspector, *inspectors]


class GeoAutoSchema(SwaggerAutoSchema):
    """One operation: its parameters and body, all its responses, and its permissions."""

    field_inspectors: ClassVar = _with_ours(SwaggerAutoSchema.field_inspectors)
    filter_inspectors: ClassVar = [
        DjangoFilterInspector,
        DescribedInspector,
        *SwaggerAutoSchema.filter_inspectors,
    ]
    paginator_inspectors: ClassVar = [DescribedInspector, *SwaggerAutoSchema.paginator_inspectors]

    def get_summary_and_description(self) -> tuple[str | None, str]:
        description = self.overrides.get("operation_description")
        if description is None:
            description = (self._sch.get_description(self.path, self.method) or "").strip()
        summary = self.overrides.get("operation_summary")
        if summary is not None:
            return summary, description
        queryset = getattr(self.view, "queryset", None)
        queryset = get_queryset_from_view(self.view) if queryset is None else queryset
        return descriptions.summarized(self.view, getattr(queryset, "model", None), description)

    # --- Requests

    def get_view_serializer(self) -> Any:
        with as_list(self.view):
            return super().get_view_serializer()

    def get_request_serializer(self) -> Any:
        role = Role.PATCH if self.method.upper() == "PATCH" else Role.BODY
        return as_role(super().get_request_serializer(), role)

    def make_body_parameter(self, schema: Any) -> openapi.Parameter:
        parameter = super().make_body_parameter(schema)
        parameter.required = self.method.upper() != "PATCH"  # which can change nothing
        return parameter

    def get_query_parameters(self) -> list[openapi.Parameter]:
        parameters: list[openapi.Parameter] = super().get_query_parameters()
        if self.method.upper() != "GET":
            return parameters
        if isinstance(self.view, SparseFieldsMixin):
            parameters.append(self._fields_parameter())
        if isinstance(self.view, ChosenGeometryMixin):
            parameters += self._geometry_parameters()
        parameters += self._expand_parameters()
        if formats := self._formats():
            parameters.append(
                openapi.Parameter(
                    "format",
                    openapi.IN_QUERY,
                    description="`json` returns a page. Other formats stream all rows.",
                    type=openapi.TYPE_STRING,
                    enum=["json", *formats],
                    default="json",
                )
            )
        # A team's FilterSet may use any of these names.
        return each_once(parameters)

    def get_filter_parameters(self) -> list[openapi.Parameter]:
        with as_list(self.view):
            return each_once(map(unfilled, super().get_filter_parameters()))

    def get_security(self) -> list[dict[str, list[str]]] | None:
        requirements = super().get_security()
        return (
            logins.requirements(self.view, self.method.upper())
            if requirements is None
            else requirements
        )

    # --- Responses

    def get_produces(self) -> list[str]:
        without = () if self.overrides.get("produces") else self._refused_formats()
        offered = [kind for kind in super().get_produces() if kind not in without]
        # An error of a view of tiles is not a tile, but JSON.
        return list(dict.fromkeys([*offered, error_responses.JSON]))

    def _refused_formats(self) -> set[str]:
        """Media types of the view's renderers that cannot write its rows."""
        if getattr(self.view, "action", None) in OF_ONE_ROW:
            is_feature = isinstance(self.get_view_serializer(), GeoFeatureModelSerializer)
            return set() if is_feature else {GEOJSON}
        if not isinstance(self.view, StreamingMixin):
            return set()
        suited = self._formats()
        streams = self.view.stream_renderer_classes
        return {each.media_type for each in streams if each.format not in suited}

    def get_responses(self) -> openapi.Responses:
        responses = super().get_responses()
        with as_list(self.view):
            refusals = error_responses.refusals(self.view, self.method.upper(), self.components)
        return openapi.Responses(responses={**refusals, **responses})

    def get_default_response_serializer(self) -> Any:
        sparse = self.method.upper() == "GET" and isinstance(self.view, SparseFieldsMixin)
        role = Role.PARTIAL_ANSWER if sparse else Role.ANSWER
        serializer = as_role(super().get_default_response_serializer(), role)
        if self._expands():
            self.view.expand(serializer, self.view.related)
        return serializer

    def get_default_responses(self) -> dict[str, Any]:
        if isinstance(self.view, TilesMixin) and getattr(self.view, "action", None) == "tiles":
            return {"200": openapi.Response("TileJSON 3.0.0", _tilejson())}
        responses: dict[str, Any] = super().get_default_responses()
        (status, schema), *_ = responses.items()
        if getattr(self.view, "action", None) in OF_ONE_ROW:
            return {status: _with_members(schema, getattr(self.view, "row_members", dict)())}
        if not self.has_list_response() or not isinstance(schema, openapi.Schema):
            return responses
        if isinstance(self.get_view_serializer(), GeoFeatureModelSerializer):
            schema = with_collections(schema)
        description = "A page." if self.should_page() else "All rows."
        if formats := self._formats():
            description += f" With format={' or '.join(formats)}: all rows, streamed."
        options: dict[str, Any] = {}
        if hasattr(getattr(self.view, "paginator", None), "count_query_param"):
            options["headers"] = COUNT_HEADER
            schema.properties[COUNT_ESTIMATED] = openapi.Schema(**COUNT_ESTIMATED_SCHEMA)
        if "geojson" in formats:
            schema = _page_or_collection(schema)
        return {status: openapi.Response(description, schema, **options)}

    def _formats(self) -> list[str]:
        """The formats of the view's streams, if it has any."""
        action = getattr(self.view, "action", "list")
        if not self.has_list_response() or action != "list":
            return []
        if not isinstance(self.view, StreamingMixin):
            return []
        queryset = get_queryset_from_view(self.view)
        if queryset is not None:
            return self.view.stream_formats(queryset)
        # The queryset may depend on the request.
        view: Any = type(self.view)  # has streams, and is REST framework's
        known = no_streams(view) is None
        return [each.format for each in self.view.stream_renderer_classes] if known else []

    def _geometry_parameters(self) -> Iterator[openapi.Parameter]:
        known = geometries(type(self.get_view_serializer())())
        if len(known) > 1:
            yield openapi.Parameter(
                self.view.geometry_query_param,
                openapi.IN_QUERY,
                description="Which column is the geometry of a feature.",
                type=openapi.TYPE_STRING,
                enum=known,
            )

    def _expands(self) -> bool:
        """Whether the view adds rows of other tables to this response (backend.tables.related)."""
        if getattr(self.view, "expand_query_param", None) is None:
            return False
        return self.method.upper() == "GET" and self.view.action in ("list", "retrieve")

    def _expand_parameters(self) -> Iterator[openapi.Parameter]:
        if not self._expands():
            return
        closed = []
        if logins.is_open(self.view, "GET"):
            views = {name: self.view.related_view(name)() for name in self.view.related}
            closed = [name for name, view in views.items() if not logins.is_open(view, "GET")]
        if known := [name for name in self.view.related if name not in closed]:
            text = "Adds the rows that these foreign keys refer to, separated by commas."
            text += f" After a login, also: {', '.join(closed)}." if closed else ""
            yield openapi.Parameter(
                self.view.expand_query_param,
                openapi.IN_QUERY,
                description=text,
                type=openapi.TYPE_ARRAY,
                items=openapi.Items(type=openapi.TYPE_STRING, enum=[*map(written, known)]),
            )

    def _fields_parameter(self) -> openapi.Parameter:
        serializer = self.get_view_serializer()
        known = [name for name, field in serializer.fields.items() if not field.write_only]
        return openapi.Parameter(
            self.view.fields_query_param,
            openapi.IN_QUERY,
            description=f"Only these fields, separated by commas: {', '.join(known)}.",
            type=openapi.TYPE_ARRAY,
            items=openapi.Items(type=openapi.TYPE_STRING, enum=known),
        )


def _with_members(schema: Any, members: dict[str, Any]) -> Any:
    """A row with members that its definition does not have."""
    if not members:
        return schema
    more = openapi.Schema(type=openapi.TYPE_OBJECT, properties=members)
    return openapi.Schema(type=openapi.TYPE_OBJECT, all_of=[schema, more])


def _page_or_collection(page: openapi.Schema) -> openapi.Schema:
    """A page, or with format=geojson a FeatureCollection: OpenAPI 2.0 has one schema for both.

    Only the description names the members of a FeatureCollection. In the schema, they would put
    `results` and `type` side by side in each generated sample, which no response has.
    """
    if page.type != openapi.TYPE_OBJECT:
        made = openapi.Schema(openapi.TYPE_OBJECT, description="All rows, or a FeatureCollection.")
        made.pop("type")
        return made
    return openapi.Schema(
        type=openapi.TYPE_OBJECT,
        description="A page. With format=geojson, a FeatureCollection: `type` and `features`.",
        properties=page.properties,
    )


def _tilejson() -> openapi.Schema:
    layer = {
        "id": openapi.Schema(type="string"),
        "fields": openapi.Schema(type="object", additional_properties={"type": "string"}),
    }
    layers = openapi.Schema(type="object", required=["id", "fields"], properties=layer)
    members = {name: openapi.Schema(**schema) for name, schema in TILEJSON.items()}
    return openapi.Schema(
        type=openapi.TYPE_OBJECT,
        required=["tilejson", "tiles", "vector_layers"],
        properties={**members, "vector_layers": openapi.Schema(type="array", items=layers)},
    )
