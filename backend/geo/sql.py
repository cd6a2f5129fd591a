"""The SQL that selects what a serializer shows: one row per feature.

It starts from the viewset's queryset, so that filters, permissions, ordering, and the alias of the
database are those of the ordinary page. It uses the instantiated serializer, so that nothing is
selected that the page would not show. A value that SQL cannot give is an error. It is never
silently left out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.contrib.gis.db.models.fields import BaseSpatialField
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import models, router
from django.db.models import Expression, ExpressionWrapper, F, Func
from django.db.models.functions import Cast
from rest_framework import exceptions, relations, serializers, status
from rest_framework.fields import empty
from rest_framework_gis.fields import GeometryField
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.databases.local_times import ZonedDateTimeField
from backend.databases.stored_types import Stored, result_types, stored_type
from backend.lists.keyset import has_comparable_key, in_full_order, is_chosen, is_composite
from backend.lists.shown import FIELD_HOOKS, definer, hook_of_a_team, of_one_row

if TYPE_CHECKING:
    from django.db.models.expressions import BaseExpression

FORWARD = (models.ForeignKey, models.OneToOneField)
# Methods that turn PostgreSQL's value into another one in Python.
CONVERTERS = ("convert_value", "get_db_converters")
# Fields whose from_db_value is known.
CONVERTED = (models.JSONField, BaseSpatialField, ZonedDateTimeField)


class NotInDatabase(exceptions.APIException):
    """A serializer field, or a method of the serializer, that SQL cannot give.

    A client gets a 406 with the reason: what it asked for is not available in this format.
    """

    status_code = status.HTTP_406_NOT_ACCEPTABLE
    default_code = "not_in_database"

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")
        self.reason, self.remedy = reason, remedy


@dataclass(frozen=True)
class Column:
    """One value of a feature."""

    name: str  # the key in the output
    label: str  # the column of the inner SELECT
    field: Any  # of the serializer, of any class
    path: str  # its lookup in the queryset
    model_field: models.Field[Any, Any]  # of the model, or the output of an annotation
    # The field whose column it is. None for an annotation.
    read_from: models.Field[Any, Any] | None = None
    annotation: Expression | None = None
    stored: Stored | None = None  # the type that PostgreSQL returns, None if it is unknown


@dataclass(frozen=True)
class FeatureColumns:
    """The parts of a feature."""

    id: Column | None
    geometry: Column | None
    properties: tuple[Column, ...]

    @property
    def columns(self) -> list[Column]:
        return [column for column in (self.id, self.geometry) if column] + list(self.properties)


@dataclass(frozen=True)
class FeatureQuery(FeatureColumns):
    """``sql`` with ``params`` returns the columns, geometry as stored, one row per feature."""

    using: str
    sql: str
    params: tuple[Any, ...]


def feature_query(
    serializer: serializers.BaseSerializer[Any],
    queryset: models.QuerySet[Any],
    geometry: str | None = None,
    only: Collection[str] | None = None,
) -> FeatureQuery:
    """What ``serializer`` shows of ``queryset``, as SQL.

    ``geometry`` names the serializer's field for the feature's geometry. The default is
    ``Meta.geo_field``, or the first GeometryField of a plain ModelSerializer. ``only`` names the
    fields for the properties. Identifier and geometry are always included.

    Raises NotInDatabase for what SQL cannot give.
    """
    using = queryset.db
    feature = feature_columns(serializer, queryset, geometry, only, using)
    sql, params = _inner_select(queryset, {each.label: each.path for each in feature.columns})
    # PostgreSQL can return another type than the one that an annotation declares.
    if any(column.annotation is not None for column in feature.columns):
        types = result_types(using, sql, params)
        feature = FeatureColumns(
            feature.id and _as_given(feature.id, types),
            feature.geometry and _as_given(feature.geometry, types),
            tuple(_as_given(column, types) for column in feature.properties),
        )
    return FeatureQuery(
        feature.id,
        feature.geometry,
        feature.properties,
        using=using,
        sql=sql,
        params=tuple(params),
    )


def feature_columns(
    serializer: serializers.BaseSerializer[Any],
    queryset: models.QuerySet[Any],
    geometry: str | None = None,
    only: Collection[str] | None = None,
    using: str | None = None,
) -> FeatureColumns:
    """``feature_query`` without a statement, and so without the types of annotations. If ``using``
    is None, it does not query any database, and so columns have no types either."""
    shown = shown_fields(serializer, queryset.model, geometry, only)
    columns: dict[str | None, Column] = {}
    for number, (name, field) in enumerate(shown.fields.items()):
        source = _source(field, queryset)
        if source[0] == "pk" and is_composite(queryset.model._meta.pk):
            field = serializers.CharField()  # the field writes the key as text
        read_from = source[2]
        stored = stored_type(read_from, using) if using is not None and read_from else None
        columns[name] = Column(name, f"feature_{number}", field, *source, stored)
    return FeatureColumns(
        id=columns.get(shown.id),
        geometry=columns.get(shown.geometry),
        properties=tuple(columns[name] for name in shown.properties),
    )


def _as_given(column: Column, types: dict[str, Stored]) -> Column:
    """With the type that PostgreSQL reports for the annotation."""
    return column if column.annotation is None else replace(column, stored=types[column.label])


@dataclass(frozen=True)
class Shown:
    """The fields of a feature by their names, and the role of each."""

    fields: dict[str, serializers.Field[Any, Any, Any, Any]]
    id: str | None
    geometry: str | None
    properties: list[str]


def shown_fields(
    serializer: serializers.BaseSerializer[Any],
    model: type[models.Model] | None,
    geometry: str | None = None,
    only: Collection[str] | None = None,
) -> Shown:
    """The part of ``feature_columns`` that needs no queryset. Raises NotInDatabase too."""
    serializer = _checked(serializer)
    fields = {name: field for name, field in serializer.fields.items() if not field.write_only}
    geometry_name = _geometry_name(serializer, fields, geometry)
    id_name = _id_name(serializer, fields, model)
    names = [name for name in fields if name not in (geometry_name, id_name)]
    if only is not None:
        missing = set(only) - set(fields)
        # A field that this request leaves out is still known.
        if unknown := missing and missing - set(serializer.get_fields()):
            raise NotInDatabase(
                f"{type(serializer).__name__} does not show a field {sorted(unknown)[0]!r}.",
                f"Choose from: {', '.join(fields)}.",
            )
        names = [name for name in names if name in only]
    chosen = {name: fields[name] for name in (id_name, geometry_name, *names) if name}
    for field in chosen.values():
        _check_hooks(field)
    return Shown(chosen, id_name, geometry_name, names)


def checked_queryset(rows: Any) -> models.QuerySet[Any]:
    """Raises NotInDatabase if a view has turned its queryset into something else."""
    if isinstance(rows, models.QuerySet):
        return rows
    raise NotInDatabase(
        f"filter_queryset() returned a {type(rows).__name__}.",
        "Have it return a QuerySet, or ask for format=json.",
    )


def refuse(
    field: serializers.Field[Any, Any, Any, Any], reason: str, remedy: str = ""
) -> NotInDatabase:
    """The error for a field, with the serializer, the field, and possible solutions."""
    ways = (
        "Leave it out with stream_fields or tile_fields = [...] on the view, or annotate the "
        "queryset with it"
    )
    return NotInDatabase(
        f"{type(field.parent).__name__}.{field.field_name} cannot be read by SQL: {reason}.",
        f"{remedy or ways}.",
    )


def _checked(serializer: serializers.BaseSerializer[Any]) -> serializers.Serializer[Any]:
    checked, changed = of_one_row(serializer)
    if changed:
        raise NotInDatabase(
            f"{type(checked).__name__} cannot be read by SQL: {changed}.",
            "Give the view a serializer without it for this format, in get_serializer_class().",
        )
    meta: Any = getattr(checked, "Meta", None)
    if isinstance(checked, GeoFeatureModelSerializer) and (meta.auto_bbox or meta.bbox_geo_field):
        name = "auto_bbox" if meta.auto_bbox else "bbox_geo_field"
        raise NotInDatabase(
            f"{type(checked).__name__}.Meta.{name} cannot be read by SQL.",
            "Give the view a serializer without it for this format, in get_serializer_class().",
        )
    narrowed: serializers.Serializer[Any] = checked
    return narrowed


def _geometry_name(
    serializer: serializers.Serializer[Any],
    fields: dict[str, serializers.Field[Any, Any, Any, Any]],
    wanted: str | None,
) -> str | None:
    if wanted is not None:
        if not isinstance(fields.get(wanted), GeometryField):
            raise NotInDatabase(
                f"{type(serializer).__name__} does not show a geometry {wanted!r}.",
                "Name one of its GeometryFields.",
            )
        return wanted
    if isinstance(serializer, GeoFeatureModelSerializer):
        return serializer.Meta.geo_field if serializer.Meta.geo_field in fields else None
    return next((name for name, field in fields.items() if isinstance(field, GeometryField)), None)


def _id_name(
    serializer: serializers.Serializer[Any],
    fields: dict[str, serializers.Field[Any, Any, Any, Any]],
    model: type[models.Model] | None,
) -> str | None:
    if isinstance(serializer, GeoFeatureModelSerializer):
        return serializer.Meta.id_field if serializer.Meta.id_field in fields else None
    keys = ("pk", model and model._meta.pk.name)
    return next((name for name, field in fields.items() if field.source in keys), None)


def _check_hooks(field: serializers.Field[Any, Any, Any, Any]) -> None:
    """Raises NotInDatabase if the field's class alone shows that it is not a single column."""
    if isinstance(field, (serializers.BaseSerializer, relations.ManyRelatedField)):
        raise refuse(field, f"{type(field).__name__} contains other objects")
    if field.source == "*":
        raise refuse(field, f"{type(field).__name__} gets the whole object")
    if changed := hook_of_a_team(type(field), FIELD_HOOKS):
        raise refuse(field, changed)


def _source(
    field: serializers.Field[Any, Any, Any, Any], queryset: models.QuerySet[Any]
) -> tuple[str, models.Field[Any, Any], models.Field[Any, Any] | None, Expression | None]:
    """The lookup of the field's value, the field that describes it, the column's own field, and
    the annotation. The last two can be None."""
    steps = list(field.source_attrs)
    pk = queryset.model._meta.pk
    if steps == ["pk"] and is_composite(pk):
        if not has_comparable_key(queryset.model):
            raise refuse(field, "a part of the key is neither a number nor text nor a UUID")
        return "pk", models.TextField(), None, None
    annotations = queryset.query.annotations
    if steps[0] in annotations:
        if len(steps) > 1:
            raise refuse(field, f"{steps[0]!r} is an annotation")
        return steps[0], _output(field, annotations[steps[0]]), None, annotations[steps[0]]
    if isinstance(field, relations.SlugRelatedField):
        steps += field.slug_field.split("__")
    return *_model_source(field, steps, queryset), None


def _output(
    field: serializers.Field[Any, Any, Any, Any], annotation: Expression
) -> models.Field[Any, Any]:
    for method in CONVERTERS:
        owner = definer(type(annotation), method)
        if owner is not None and not owner.__module__.startswith("django."):
            raise refuse(field, f"{owner.__name__}.{method}() is Python code")
    try:
        output = annotation.output_field
    except FieldError as error:
        raise refuse(field, str(error), "Give the annotation an output_field") from None
    return _unconverted(field, output)


def _model_source(
    field: serializers.Field[Any, Any, Any, Any], steps: list[str], queryset: models.QuerySet[Any]
) -> tuple[str, models.Field[Any, Any], models.Field[Any, Any]]:
    """The path, the field that describes the values at its end, and the field of that column."""
    model, path = queryset.model, []
    for step in steps[:-1]:
        relation = _model_field(field, model, step)
        if not isinstance(relation, FORWARD) or step != relation.name:
            raise refuse(field, f"{step!r} is not a foreign key of {model.__name__}")
        model = relation.related_model
        # Not by db_for_read, which can choose another replica each time. A replica has the tables
        # of its original.
        if router.db_for_write(model) != router.db_for_write(queryset.model):
            raise refuse(field, f"{model.__name__} is in another database")
        # If the relation is empty, the page shows null only for these, and otherwise the default.
        shows_null = isinstance(field, relations.SlugRelatedField) and len(steps) == 2
        if relation.null and field.default is not empty and not shows_null:
            reason = f"{step!r} can be empty, and a page then shows the default"
            raise refuse(field, reason, "Give the field allow_null=True instead")
        path.append(step)
    column = _model_field(field, model, steps[-1])
    last: Any = column
    path.append(last.name)
    if isinstance(last, FORWARD):
        key = isinstance(field, relations.PrimaryKeyRelatedField) or steps[-1] == last.attname
        if not key:
            raise refuse(field, f"{last.name!r} is a related object")
        while isinstance(last, FORWARD):
            last = last.target_field
    if isinstance(last, models.GeneratedField):
        last = last.output_field
    return "__".join(path), _unconverted(field, last), column


def _unconverted(
    field: serializers.Field[Any, Any, Any, Any], source: models.Field[Any, Any]
) -> models.Field[Any, Any]:
    if hasattr(source, "from_db_value") and not isinstance(source, CONVERTED):
        raise refuse(field, f"{type(source).__name__}.from_db_value() is Python code")
    return source


def _model_field(
    field: serializers.Field[Any, Any, Any, Any], model: type[models.Model], name: str
) -> models.Field[Any, Any]:
    try:
        model_field: Any = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        raise refuse(field, f"{model.__name__}.{name} is not a field of the model") from None
    if not getattr(model_field, "concrete", False) or model_field.many_to_many:
        raise refuse(field, f"{model.__name__}.{name} is not a column")
    column: models.Field[Any, Any] = model_field
    return column


def expression(queryset: models.QuerySet[Any], path: str) -> F | Func:
    """The value at a path. Of a composite key, a text."""
    pk = queryset.model._meta.pk
    if path != "pk" or not is_composite(pk):
        return F(path)
    # As CompositePrimaryKey.value_to_string() writes it, which the page shows.
    parts = [Cast(F(part.attname), models.TextField()) for part in pk.fields]
    return Func(*parts, template="json_build_array(%(expressions)s)::text")


class _AsItIs(ExpressionWrapper):  # type: ignore[type-arg]  # it accepts none at run time
    """Keeps Django from selecting a geometry as bytes."""

    def get_group_by_cols(self) -> list[BaseExpression]:
        # Django's own method passes its field to the expression, which some aggregates refuse.
        if self.contains_aggregate:
            return Expression.get_group_by_cols(self)
        return super().get_group_by_cols()


def _inner_select(
    queryset: models.QuerySet[Any], paths: dict[str, str]
) -> tuple[str, tuple[Any, ...]]:
    query = queryset.query
    if query.combinator:
        raise NotInDatabase(
            f"The image cannot read a {query.combinator}() of querysets with its own SQL.",
            "Give the view a queryset without it, such as filter(Q(...) | Q(...)).",
        )
    if is_chosen(queryset):
        # Which of equal rows are selected must not depend on the plan: they are those of the page.
        queryset = in_full_order(queryset)
    wrapped = {
        label: _AsItIs(expression(queryset, path), output_field=models.TextField())
        for label, path in paths.items()
    }
    selected = list(wrapped)
    if query.distinct and not query.distinct_fields:
        # Rows that differ only in what is not shown are still two features.
        selected += ["pk", *query.annotation_select]
    only_these = queryset.annotate(**wrapped).values_list(*selected).query
    statement: tuple[str, tuple[Any, ...]]
    statement = only_these.get_compiler(using=queryset.db, elide_empty=False).as_sql()
    return statement
