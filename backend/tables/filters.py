"""Filters of a table: by every column, by place, and in any order, under the names of the database.

``ColumnFilterSet`` is for generated code, and the three backends are those of ``TableViewSet``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib.gis.db.models import GeometryField
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db import connections, models
from django.db.models import Func, Model, QuerySet, Value
from django.db.models.constants import LOOKUP_SEP
from django.db.models.expressions import Expression, F
from django.db.models.functions import Cast
from django_filters import filters
from django_filters.constants import EMPTY_VALUES
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from django_filters.utils import verbose_lookup_expr
from rest_framework.request import Request
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.databases.identifiers import column_name
from backend.databases.stored_types import as_written, stored_type
from backend.geo.filters import PARAMETERS, SpatialFilter
from backend.geo.ordering import StableOrderingFilter
from backend.lists.keyset import forward_fields, target
from backend.lists.terms import split, unquoted, written
from backend.tables import values
from backend.tables.fields import JSONField
from backend.tables.reserved import RESERVED

PREFIX = "column_"
LARGEST_REAL = 3.4e38
COMPARED = ("gte", "lte", "gt", "lt")
# Of json, which can contain what jsonb cannot: \u0000, and half a surrogate pair. Such a document
# contains nothing that a client can write.
AS_JSONB = r"""CASE WHEN %(expressions)s::text !~
    '(^|[^\\])(\\\\)*\\u(0000|[dD][89abAB]..(?!\\u[dD][c-fC-F]))|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]'
    THEN %(expressions)s::jsonb END"""
TEXT = (models.CharField, models.TextField)
ORDERED: tuple[type[models.Field[Any, Any]], ...] = (
    *(models.DecimalField, models.FloatField, models.IntegerField),
    *(models.DateField, models.TimeField),
)


class ColumnFilter(filters.Filter):  # type: ignore[misc]  # the library has no types
    """``?column=value``, by a column of any type."""

    def __init__(self, field_name: str, lookup: str, field_class: Any, **options: Any) -> None:
        super().__init__(field_name, lookup, **options)
        self.field_class = field_class

    def filter(self, qs: Any, value: Any) -> Any:
        if value in EMPTY_VALUES:
            return qs
        field: Any = qs.model._meta.get_field(self.field_name.partition(LOOKUP_SEP)[0])
        column = _comparable(field, self.lookup_expr, qs.db)
        if column is None:
            given = value if isinstance(value, list) else [value]
            ends = [end for each in given if (end := values.infinite(each))]
            if ends and self.lookup_expr in ("exact", "in"):
                return qs.filter(**{f"{self.field_name}__in": _typed(field, [*given, *ends])})
            return super().filter(qs, _typed(field, _as_stored(field, value, qs.db)))
        lookup: Any = column.output_field.get_lookup(self.lookup_expr)
        return qs.filter(lookup(column, value))


class SeveralFilter(ColumnFilter):
    """``?column__in=a,b`` and, for an array, ``?column__contains=a,b``."""

    def __init__(self, field_name: str, lookup: str, field_class: Any, **options: Any) -> None:
        several = type(f"Several{field_class.__name__}", (values.Several, field_class), {})
        super().__init__(field_name, lookup, several, **options)


class WordsFilter(ColumnFilter):
    """``?column=words``, by the index of a text search vector."""

    def filter(self, qs: Any, value: Any) -> Any:
        if value in EMPTY_VALUES:
            return qs
        return qs.filter(**{self.field_name: SearchQuery(value, search_type="websearch")})


class ColumnFilterSet(FilterSet):  # type: ignore[misc]  # the library has no types
    """Filters by the columns of ``Meta.fields``, which are names of the model's fields.

    The parameters have the names of the columns in the database: ``Crash_ID__gte``. A column whose
    name is that of another parameter, such as ``limit``, has ``column_`` in front of it.
    """

    base_filters: dict[str, filters.Filter]

    def __init__(self, data: Any = None, *args: Any, **options: Any) -> None:
        # To copy a filter, and to make its form field, takes as long as many queries: a table of 60
        # columns has 320. Only the form of the browsable API needs those that are not asked for.
        renderer = getattr(options.get("request"), "accepted_renderer", None)
        if data is not None and getattr(renderer, "format", None) != "api":
            self.base_filters = {
                name: each
                for name, each in self.base_filters.items()
                if name in data or not isinstance(each, ColumnFilter)
            }
        super().__init__(data, *args, **options)

    @classmethod
    def get_filters(cls) -> dict[str, filters.Filter]:
        model = cls._meta.model
        if model is None:
            return dict(cls.declared_filters)
        names = [name for name in cls.get_fields() if name not in cls.declared_filters]
        chosen = [model._meta.get_field(name) for name in names]
        made = {}
        for field, parameter in parameters(chosen).items():
            for suffix, each in of_field(field):
                # Without one, django-filter writes "Taxlot gid" for a column "TAXLOT_".
                words = verbose_lookup_expr(each.lookup_expr)
                each.label = f"{column_name(str(field.column))} {words}".rstrip()
                made[parameter + suffix] = each
        return {**made, **cls.declared_filters}


class ColumnFilterBackend(DjangoFilterBackend):  # type: ignore[misc]  # the library has no types
    """Filters by the view's ``filterset_class``, if the request has a parameter of it."""

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        filters_of = self.get_filterset_class(view, queryset)
        if filters_of is not None and _is_plain(filters_of):
            given = request.query_params
            if not any(name in given for name in filters_of.base_filters):
                return queryset
        return super().filter_queryset(request, queryset, view)


@functools.lru_cache(maxsize=512)
def _is_plain(filters_of: type[FilterSet]) -> bool:
    """Whether it leaves all rows alone if a request has none of its parameters."""
    names = ("__init__", "is_valid", "qs", "filter_queryset", "form", "get_form_class")
    return all(
        getattr(filters_of, each) is getattr(ColumnFilterSet, each) for each in names
    ) and all(
        isinstance(each, ColumnFilter) and not each.extra["required"]
        for each in filters_of.base_filters.values()
    )


def parameters(columns: Iterable[models.Field[Any, Any]]) -> dict[models.Field[Any, Any], str]:
    """The parameter for each model field: the name of its column, unless that is taken."""
    named = {field: column_name(str(field.column)) for field in columns}
    made: dict[models.Field[Any, Any], str] = {}
    taken: set[str] = set()
    # The filters of one column can have the name of another: a__gte.
    for field in sorted(
        named, key=lambda each: (_is_reserved(each, named[each]), len(named[each]))
    ):
        parameter = named[field]
        suffixes = [suffix for suffix, _ in of_field(field)]
        while _is_reserved(field, parameter) or not taken.isdisjoint(
            (parameter, *(parameter + suffix for suffix in suffixes))
        ):
            parameter = PREFIX + parameter
        taken |= {parameter, *(parameter + suffix for suffix in suffixes)}
        made[field] = parameter
    return {field: made[field] for field in named}


def _is_reserved(field: models.Field[Any, Any], name: str) -> bool:
    # ?search= of a column to search in is what everyone expects.
    if name == "search" and isinstance(field, SearchVectorField):
        return False
    return name in RESERVED


def of_field(field: models.Field[Any, Any]) -> Iterator[tuple[str, ColumnFilter]]:
    """The filters of a column, each with what its parameter has after the column's name."""
    column: Any = target(field)
    # The key of a related row, for which Django does not join its table.
    name = field.name if column is field else f"{field.name}{LOOKUP_SEP}{column.name}"
    if isinstance(column, models.GeneratedField):
        column = column.output_field
    if isinstance(column, ArrayField):
        kind, options = values.of(column.base_field)
        yield "__contains", SeveralFilter(name, "contains", kind, **options)
    elif isinstance(column, values.DOCUMENTS) and not isinstance(column, values.OBJECTS):
        yield "__contains", ColumnFilter(name, "contains", values.Json)
    elif isinstance(column, SearchVectorField):
        yield "", WordsFilter(name, "exact", values.Text)
    elif not isinstance(column, (GeometryField, models.BinaryField)):
        kind, options = values.of(column)
        yield "", ColumnFilter(name, "exact", kind, **options)
        if kind is not values.Flag:
            yield "__in", SeveralFilter(name, "in", kind, **options)
        if isinstance(column, ORDERED):
            for lookup in COMPARED:
                yield f"__{lookup}", ColumnFilter(name, lookup, kind, **options)
        elif kind is values.Text:
            yield "__icontains", ColumnFilter(name, "icontains", kind)
            yield "__startswith", ColumnFilter(name, "startswith", kind)
        if isinstance(column, values.OBJECTS):
            yield "__contains", ColumnFilter(name, "contains", values.Json)
    yield "__isnull", ColumnFilter(field.name, "isnull", values.Flag)


def _comparable(field: models.Field[Any, Any], lookup: str, using: str) -> Func | None:
    """The column as a type that ``lookup`` works for. None if it is one."""
    if isinstance(field, values.OBJECTS):
        # A composite value with a NULL in it is neither IS NULL nor IS NOT NULL.
        is_text = lookup not in ("contains", "isnull")
        template = as_written("%(expressions)s") if is_text else "to_jsonb(%(expressions)s)"
        kind = models.TextField() if is_text else models.JSONField()
        return Func(F(field.name), template=template, output_field=kind)
    if lookup == "isnull":
        return None
    if isinstance(field, JSONField):
        return Func(F(field.name), template=AS_JSONB, output_field=field)
    if isinstance(field, ArrayField):
        # Of varchar[], or an array of an enum. For text[], this does nothing.
        declared = field.cast_db_type(connections[using])
        return Func(F(field.name), template=f"%(expressions)s::{declared}", output_field=field)
    stored = stored_type(field, using)
    if stored is None or not isinstance(field, TEXT):
        return None
    # Without an order, there is no equality either, such as for xml.
    if stored.has_order and stored.has_equality:
        return None
    text = as_written("%(expressions)s")
    return Func(F(field.name), template=text, output_field=models.TextField())


def _typed(field: models.Field[Any, Any], value: Any) -> Any:
    """The value, or values of the column's type if an expression is one of them.

    Django guesses the type of the others: a timestamp would get a time zone.
    """
    if not isinstance(value, list) or not any(isinstance(each, Expression) for each in value):
        return value
    return [
        each if isinstance(each, Expression) else Value(each, output_field=field) for each in value
    ]


def _as_stored(field: models.Field[Any, Any], value: Any, using: str) -> Any:
    """The value, or the values, in the precision of a column of four bytes: 0.1 is not in eight."""
    stored = stored_type(field, using) if isinstance(field, models.FloatField) else None
    if stored is None or stored.name != "float4":
        return value
    if isinstance(value, list):
        return [_as_stored(field, each, using) for each in value]
    if isinstance(value, (bool, Cast)) or abs(value) > LARGEST_REAL:
        return value
    number = Value(float(value), output_field=models.FloatField())
    return Func(number, template="%(expressions)s::real", output_field=models.FloatField())


class ColumnOrderingFilter(StableOrderingFilter):
    """``ordering`` by the names that are shown: ``ordering=-Crash_ID,"Total, all"``."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        terms = [term for term in split(request.query_params.get(self.ordering_param, "")) if term]
        if not terms:
            return self.get_default_ordering(view)
        valid = self.remove_invalid_fields(queryset, terms, view, request)
        return [by_value(queryset.model, term) for term in valid]

    def written(self, name: str, view: Any) -> str:
        field = forward_fields(view.queryset.model).get(name)
        return written(_shown(view).get(field.name if field else name, name))

    def term(self, text: str, view: Any) -> str:
        sources = {name: source for source, name in _shown(view).items()}
        # Of two columns, `x` and `-x`, the second one is written in quotation marks.
        if text[:1] == "-" and (source := sources.get(unquoted(text[1:]))):
            return f"-{source}"
        return sources.get(unquoted(text), "")  # which is none of them


def by_value(model: type[Model], term: str) -> str:
    """A term of ``order_by()`` by the value of a foreign key, not by the rows of the other table.

    Django joins that table to order by it, and so leaves out rows whose row there the role cannot
    see.
    """
    field: Any = forward_fields(model).get(term.removeprefix("-"))
    return term if field is None else "-" * term.startswith("-") + field.attname


class ColumnSpatialFilter(SpatialFilter):
    """Places, in the geometry of the feature: that of ``?geometry=``, or the first one.

    With several geometries, there are also filters by each: ``centroid__in_bbox``.
    """

    def _candidates(self, model: type[Model], view: Any) -> Iterator[Any]:
        every = list(super()._candidates(model, view))
        shown = _shown(view)
        chosen = chosen_geometry(view)
        for field, _ in every:
            name = shown.get(field.name)
            if name == chosen or len(every) == 1:
                yield field, {each: each for each in PARAMETERS}
            if name is not None and len(every) > 1:
                yield field, {each: f"{name}__{each}" for each in PARAMETERS}


def _shown(view: Any) -> dict[str, str]:
    """The names of the fields that the view's serializer shows, by those of the model."""
    return _shown_by(view.get_serializer_class())


@functools.lru_cache(maxsize=512)
def _shown_by(serializer: type[Any]) -> dict[str, str]:
    return {field.source: name for name, field in serializer().fields.items()}


def chosen_geometry(view: Any) -> str | None:
    """The name of the feature's geometry."""
    serializer = instance(view.get_serializer_class())
    if not isinstance(serializer, GeoFeatureModelSerializer):
        return None
    chosen: str | None = view.chosen_geometry(serializer)
    return chosen


@functools.lru_cache(maxsize=512)
def instance(serializer: Any) -> Any:
    """A serializer of the class, to look at its fields and not to change them."""
    return serializer()
