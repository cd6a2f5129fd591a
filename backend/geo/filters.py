"""Filters that use the spatial index.

Clients send longitude and latitude. These are converted to the coordinates of the column, never the
column to others, because the index is on the column.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.contrib.gis.db.models.fields import GeometryField
from django.contrib.gis.geos import GEOSGeometry, Point
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.models import (
    BooleanField,
    Case,
    F,
    Func,
    Model,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.template.loader import render_to_string
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.settings import api_settings

from backend.geo import curves, shown, spatial_values
from backend.geo.area_of_use import clipped, half_around, inside
from backend.geo.ordering import StableOrderingFilter, has_field, model_of, page_parameters
from backend.geo.srid import WGS84, Storage, storage
from backend.lists.keyset import as_filter, in_full_order
from backend.lists.parameters import KnownParametersMixin, unwatched
from backend.lists.sparse_fields import SparseFieldsMixin

__all__ = [
    "SparseFieldsMixin",
    "SpatialFilter",
    "SpatialFilterMixin",
    "StableOrderingFilter",
]

DEFAULT_DISTANCE = 1_000  # meters, as in djangorestframework-gis
PIECES = 50  # per width of a shape: an edge that is straight on one map is curved on another
_BOX = {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4}
_LONLAT = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_METERS = {"type": "number", "minimum": 0, "default": DEFAULT_DISTANCE}
_TILE = {"type": "string", "pattern": spatial_values.TILE_PATTERN}
_GEOMETRY = {"type": "string", "format": "geometry"}
PARAMETERS: dict[str, tuple[dict[str, Any], str]] = {
    "in_bbox": (_BOX, f"Rows that lie at least partly in this box: {spatial_values.BBOX}."),
    "tile": (_TILE, f"Rows that lie at least partly in this map tile: {spatial_values.TILE}."),
    "point": (_LONLAT, f"Rows within `{{dist}}` meters of {spatial_values.POINT}."),
    "dist": (_METERS, "Meters from `{point}`."),
    "intersects": (_GEOMETRY, f"Rows that intersect this: {spatial_values.GEOMETRY}."),
    "contains": (_GEOMETRY, f"Rows that contain all of this: {spatial_values.GEOMETRY}."),
    "within": (_GEOMETRY, f"Rows that lie wholly within this: {spatial_values.GEOMETRY}."),
}
# In degrees. A wider place is most of the table, and on the sphere, its box does not surround it.
WIDEST = 45


class SpatialFilter(BaseFilterBackend):
    """``in_bbox``, ``tile``, ``point`` with ``dist``, ``intersects``, ``contains``, ``within``.

    Filters by every geometry field of the model that the view's serializer shows as it is stored,
    or by the fields in the view's ``spatial_filter_fields``, shown or not, because a filter can
    reveal a field's values. If the model, or that list, has several fields, the parameters are
    ``<field>__in_bbox`` and so on. An empty parameter counts as not given.
    """

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> QuerySet[Any]:
        """Raises ValidationError for an invalid place, ImproperlyConfigured without PostGIS."""
        for field, names in self._candidates(queryset.model, view):
            given = {
                name: request.query_params[parameter]
                for name, parameter in names.items()
                if request.query_params.get(parameter)
            }
            if given:
                if not shown.is_open(field, view):
                    raise ValidationError({names[next(iter(given))]: "There is no such filter."})
                if queryset.query.is_sliced:  # it does not accept a filter
                    queryset = as_filter(queryset) or queryset
                queryset = _Given(field, names, given, queryset.db).filter(queryset)
        return queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        model = model_of(view)
        if model is None:
            return []
        return [
            _parameter(parameter, *PARAMETERS[name], names=names)
            for _, names in self._fields(model, view)
            for name, parameter in names.items()
        ]

    def to_html(self, request: Request, queryset: QuerySet[Any], view: Any) -> str:
        """The part for places in the browsable API's filter form."""
        parameters = self.get_schema_operation_parameters(view)
        if not parameters:
            return ""
        others = unwatched(request.query_params)
        fields = [(each, others.pop(each["name"], [""])[-1]) for each in parameters]
        for parameter in page_parameters(view):
            others.pop(parameter, None)
        kept = [(name, value) for name, values in others.lists() for value in values]
        return render_to_string("backend/place_filters.html", {"fields": fields, "kept": kept})

    def closed_parameters(self, view: Any) -> set[str]:
        """The parameters that this request cannot filter by. Messages do not mention them."""
        model = model_of(view)
        fields = () if model is None else self._candidates(model, view)
        closed = (names for field, names in fields if not shown.is_open(field, view))
        return {parameter for names in closed for parameter in names.values()}

    def _fields(
        self, model: type[Model], view: Any
    ) -> Iterator[tuple[GeometryField[Any, Any], dict[str, str]]]:
        """The fields that this request can filter by."""
        return (each for each in self._candidates(model, view) if shown.is_open(each[0], view))

    def _candidates(
        self, model: type[Model], view: Any
    ) -> Iterator[tuple[GeometryField[Any, Any], dict[str, str]]]:
        """All geometry fields, each with its parameters by what they do."""
        fields = _spatial_fields(model, view)
        for field in fields:
            prefix = f"{field.name}__" if len(fields) > 1 else ""
            yield field, {name: prefix + name for name in PARAMETERS}


class SpatialFilterMixin(KnownParametersMixin):
    """Adds the filters to the default ones of a view. Put it before the viewset's class.

    Its pages contain every row once, whichever pagination the view has.
    """

    filter_backends: Sequence[Any] = (
        *api_settings.DEFAULT_FILTER_BACKENDS,
        SpatialFilter,
        StableOrderingFilter,
    )

    def paginate_queryset(self, queryset: Any) -> Any:
        if isinstance(queryset, QuerySet):
            queryset = in_full_order(queryset)
        return super().paginate_queryset(queryset)


class _Given:
    """What a client sent for one field."""

    def __init__(
        self,
        field: GeometryField[Any, Any],
        names: dict[str, str],
        given: dict[str, str],
        using: str,
    ) -> None:
        if not hasattr(connections[using].ops, "postgis_version"):
            raise ImproperlyConfigured(
                f"SpatialFilter on {field.model.__name__}.{field.name} needs PostGIS, and the "
                f"database '{using}' is {connections[using].vendor}. Set DATABASE_URL or "
                "POSTGRES_NAME to a PostGIS database."
            )
        self.column = F(field.name)
        self.stored = storage(field, using)
        self.curved = curves.possible(field)
        self.has_edges = field.geom_type not in ("POINT", "MULTIPOINT")
        self.names = names
        self.given = given

    def filter(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for name, text in self.given.items():
            if name in ("in_bbox", "tile"):
                boxes = getattr(spatial_values, "bbox" if name == "in_bbox" else "tile")
                shapes = [spatial_values.shape(box) for box in boxes(self.names[name], text)]
                queryset = queryset.filter(self._any("ST_Intersects", shapes))
            elif name in ("point", "dist"):
                continue
            else:
                shape = spatial_values.geometry(self.names[name], text)
                queryset = queryset.filter(self._shape(name, shape))
        return queryset.filter(self._near()) if {"point", "dist"} & set(self.given) else queryset

    def _shape(self, name: str, shape: GEOSGeometry) -> Q:
        if name == "contains" and not inside(shape, self.stored.srid):
            return Q(pk__in=())  # outside the area of these coordinates
        function = {"intersects": "ST_Intersects", "contains": "ST_Contains"}
        return self._any(function.get(name, "ST_Within"), [shape])

    def _near(self) -> Q:
        if "point" not in self.given:
            raise ValidationError(
                {
                    self.names[
                        "point"
                    ]: f"{self.names['dist']} needs this parameter: {spatial_values.POINT}."
                }
            )
        lonlat = spatial_values.point(self.names["point"], self.given["point"])
        meters = float(DEFAULT_DISTANCE)
        if "dist" in self.given:
            meters = spatial_values.distance(self.names["dist"], self.given["dist"])
        exact = Q(self._measured(Point(*lonlat, srid=WGS84), Value(meters)))
        if self.stored.geography:
            return exact
        # There is no index on the column as a geography. The index on the column finds what is in
        # the box, and only for this, the distance is computed.
        boxes = [spatial_values.shape(box) for box in spatial_values.around(*lonlat, meters)]
        return self._any("&&", boxes) & exact

    def _any(self, function: str, shapes: list[GEOSGeometry]) -> Q:
        condition = Q(pk__in=())
        for shape in filter(None, (clipped(shape, self.stored.srid) for shape in shapes)):
            condition |= self._holds(function, shape)
        return condition

    def _holds(self, function: str, shape: GEOSGeometry) -> Q:
        value = _stored(shape, self.stored)
        if function == "&&" or not (self.stored.geography or self.curved):
            return Q(_holds(function, self.column, value))
        # The index is on the column. It finds candidates, which are then checked.
        exact = Q(_holds(function, self._plane(), value))
        if not self.stored.geography:
            return Q(_holds("&&", self.column, value)) & exact
        box = _geography_box(shape, self.stored)
        return exact if box is None else Q(_holds("&&", self.column, box)) & exact

    def _plane(self) -> Any:
        """The column as lines and polygons, on the plane of longitude and latitude."""
        shape = "%(expressions)s::geometry" if self.stored.geography else "%(expressions)s"
        return Func(self.column, template=curves.straight(shape) if self.curved else shape)

    def _measured(self, point: Point, meters: Value) -> Any:
        """Whether the column is within ``meters`` of ``point``, around the earth."""

        def near(geography: Any) -> Func:
            return _holds("ST_DWithin", geography, _geography(_value(point)), meters)

        if self.stored.geography:
            return near(self.column)
        column = self._plane() if self.curved else self.column
        plane = column
        if self.stored.srid != WGS84:
            template = f"ST_Transform(ST_SetSRID(%(expressions)s, {self.stored.srid:d}), 4326)"
            plane = Func(column, template=template)
        far = half_around(self.stored.srid) if self.has_edges else None
        if far is None:
            return near(_geography(plane))
        # A geography cannot have an edge between opposite places on the earth, which could go any
        # way. The edge on a map follows its straight line, like that of the box of the world.
        sides = ("ST_X{0}(%(expressions)s)", "ST_Y{0}(%(expressions)s)")
        extents = (f"{side.format('Max')} - {side.format('Min')} >= {far:g}" for side in sides)
        wide = Func(column, template=f"({' OR '.join(extents)})", output_field=BooleanField())
        pieces = Func(plane, Value(90), function="ST_Segmentize")
        return Case(
            When(
                Q(wide) & Q(_holds("ST_Intersects", column, _stored(point, self.stored))),
                Value(True),
            ),
            When(Q(wide), near(_geography(pieces))),
            default=near(_geography(plane)),
            output_field=BooleanField(),
        )


def _geography(expression: Any) -> Func:
    return Func(expression, template="%(expressions)s::geography")


def _value(shape: GEOSGeometry) -> Func:
    text = Value(shape.hexewkb.decode("ascii"), output_field=TextField())
    return Func(text, template="%(expressions)s::geometry")


def _stored(shape: GEOSGeometry, stored: Storage) -> Func:
    """``shape`` in the column's coordinates, with the SRID of its values."""
    value = _value(shape)
    if stored.srid != 4326:
        west, south, east, north = shape.extent
        if piece := max(east - west, north - south) / PIECES:
            value = Func(value, Value(piece), function="ST_Segmentize")
        value = Func(value, template=f"ST_Transform(%(expressions)s, {stored.srid:d})")
    if stored.label != stored.srid:
        value = Func(value, template=f"ST_SetSRID(%(expressions)s, {stored.label:d})")
    return value


def _geography_box(shape: GEOSGeometry, stored: Storage) -> Func | None:
    """A geography around ``shape``. None if it is too wide.

    Edges of a geography are great circles. Short ones stay close to the parallels, and what they
    leave out is far less than the margin.
    """
    west, south, east, north = shape.extent
    size = max(east - west, north - south)
    if size > WIDEST:
        return None
    margin = size / 100 + 1e-7
    box = (
        *(max(west - margin, -180.0), max(south - margin, -90.0)),
        *(min(east + margin, 180.0), min(north + margin, 90.0)),
    )
    value = Func(
        _value(spatial_values.shape(box)), Value((size + margin) / 64), function="ST_Segmentize"
    )
    if stored.label != WGS84:
        value = Func(value, template=f"ST_SetSRID(%(expressions)s, {stored.label:d})")
    return _geography(value)


def _holds(function: str, *arguments: Any) -> Func:
    if function == "&&":
        options: dict[str, Any] = {"template": "(%(expressions)s)", "arg_joiner": " && "}
    else:
        options = {"function": function}
    return Func(*arguments, output_field=BooleanField(), **options)


def _spatial_fields(model: type[Model], view: Any) -> list[GeometryField[Any, Any]]:
    chosen = getattr(view, "spatial_filter_fields", None)
    if chosen is None:
        return [field for field in model._meta.concrete_fields if isinstance(field, GeometryField)]
    fields = []
    for name in chosen:
        field: Any = None
        if has_field(model, name):
            field = model._meta.get_field(name)
        if not isinstance(field, GeometryField):
            raise ImproperlyConfigured(
                f"{type(view).__name__}.spatial_filter_fields names {name!r}, which is not a "
                f"geometry field of {model.__name__}. Name fields of the model, or leave the "
                "attribute out to use all of them."
            )
        fields.append(field)
    return fields


def _parameter(
    parameter: str, schema: dict[str, Any], description: str, names: dict[str, str]
) -> dict[str, Any]:
    made = {
        "name": parameter,
        "required": False,
        "in": "query",
        "description": description.format(**names),
        "schema": dict(schema),
    }
    return made | ({"style": "form", "explode": False} if schema["type"] == "array" else {})
