"""Parameters of django-filter, with the types that their form fields accept."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from typing import Any, cast

from django import forms
from django.core import validators
from django.db import models
from django_filters import filters
from django_filters.fields import BaseCSVField
from django_filters.filterset import BaseFilterSet
from django_filters.widgets import SuffixedMultiWidget
from drf_yasg import openapi
from drf_yasg.inspectors import FilterInspector, NotHandled
from drf_yasg.inspectors.field import get_queryset_from_view

from backend.openapi import descriptions, filter_schemas, omissions

# The first that fits. Decimals and floats are subclasses of IntegerField, so they come first.
TYPES: tuple[tuple[type[forms.Field] | tuple[type[forms.Field], ...], dict[str, Any]], ...] = (
    ((forms.DecimalField, forms.FloatField), {"type": "number"}),
    (forms.IntegerField, {"type": "integer"}),
    ((forms.NullBooleanField, forms.BooleanField), {"type": "boolean"}),
    (forms.DateTimeField, {"type": "string", "format": "date-time"}),
    (forms.DateField, {"type": "string", "format": "date"}),
    (forms.UUIDField, {"type": "string", "format": "uuid"}),
)
TEXT = {"type": "string"}
LIMITS = (
    (validators.MinValueValidator, "minimum"),
    (validators.MaxValueValidator, "maximum"),
    (validators.MinLengthValidator, "min_length"),
    (validators.MaxLengthValidator, "max_length"),
)


class DjangoFilterInspector(FilterInspector):
    """The parameters of a FilterSet. drf-yasg documents all of them as strings."""

    def get_filter_parameters(self, filter_backend: Any) -> Any:
        # drf-yasg's next inspector handles a team's backend that describes itself.
        described = getattr(type(filter_backend), "get_schema_operation_parameters", None)
        if described not in (None, filter_schemas.parameters):
            return NotHandled
        if not hasattr(filter_backend, "get_filterset_class"):
            return NotHandled
        return of_view(filter_backend, self.view)


def of_view(filter_backend: Any, view: Any) -> list[openapi.Parameter]:
    """The parameters of the FilterSet that a django-filter backend uses for a view."""
    queryset = get_queryset_from_view(view)
    filterset = filter_backend.get_filterset_class(view, queryset)
    if filterset is None:
        return []
    model = getattr(queryset, "model", None) or filterset._meta.model
    return list(_parameters(filterset, model, omissions.name(type(view))))


def _parameters(
    filterset: type[BaseFilterSet], model: type[models.Model] | None, view: str
) -> Iterator[openapi.Parameter]:
    """Parameters of every filter. Warnings name ``view`` if the type of one is unknown."""
    for name, declared in filterset.base_filters.items():
        options = {
            "in_": openapi.IN_QUERY,
            "description": _description(declared, model),
            "required": bool(declared.extra.get("required")),
        }
        try:
            kinds = dict(_kinds(name, declared, model))
        # A team's own filter raises, or its choices come from a database that is down.
        except Exception as error:  # noqa: BLE001
            omissions.warn(view, f"the filter {name!r} is documented as text", error)
            kinds = {name: TEXT}
        for full, kind in kinds.items():
            yield openapi.Parameter(full, **options, **kind)


def _kinds(
    name: str, declared: filters.Filter, model: type[models.Model] | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The types of a filter's parameters. A range has two parameters."""
    if isinstance(declared, filters.AllValuesMultipleFilter):
        yield name, _many(TEXT)  # any value that the column contains now
    elif isinstance(declared, filters.AllValuesFilter):
        yield name, TEXT
    elif isinstance(declared, filters.QuerySetRequestMixin):
        yield name, _of_rows(declared)
    else:
        field = _field(declared, model)
        if isinstance(field.widget, SuffixedMultiWidget) and hasattr(field, "fields"):
            for suffix, part in zip(field.widget.suffixes, field.fields, strict=False):
                yield field.widget.suffixed(name, suffix), _of_field(part)
        else:
            yield name, _of_field(field)


def _field(declared: filters.Filter, model: type[models.Model] | None) -> forms.Field:
    field: forms.Field = _bound(declared, model).field
    return field


def _bound(declared: filters.Filter, model: type[models.Model] | None) -> filters.Filter:
    """A copy for rows of ``model``, as a FilterSet makes it for a request."""
    # A filter caches its field, and every request copies the declared filters.
    own = copy.deepcopy(declared)
    own.model = model
    return own


def _description(declared: filters.Filter, model: type[models.Model] | None) -> str:
    """Its label, which django-filter makes from the column's name, and the column's description."""
    label = str(_bound(declared, model).label or "") if model else str(declared.label or "")
    column = descriptions.of_column(descriptions.of_path(model, declared.field_name or ""))
    return descriptions.joined(label, column)


def _of_rows(declared: filters.Filter) -> dict[str, Any]:
    """The type of the key of a filter by a related row, if its queryset is known."""
    model = getattr(declared.extra.get("queryset"), "model", None)
    by_key = declared.extra.get("to_field_name") in (None, "pk")
    is_number = by_key and model is not None and isinstance(model._meta.pk, models.IntegerField)
    one = {"type": "integer" if is_number else "string"}
    return _many(one) if isinstance(declared, filters.MultipleChoiceFilter) else one


def _of_field(field: forms.Field) -> dict[str, Any]:
    if isinstance(field, BaseCSVField):
        return {"type": "array", "items": openapi.Items(**_of_value(field))}
    if isinstance(field, forms.MultipleChoiceField):
        return _many({"type": "string", "enum": _choices(field)})
    return _of_value(field)


def _of_value(field: forms.Field) -> dict[str, Any]:
    if isinstance(field, forms.ChoiceField):
        return {"type": "string", "enum": _choices(field)}
    schema = next((kind for classes, kind in TYPES if isinstance(field, classes)), None)
    schema = dict(schema or TEXT)
    numbers = schema["type"] in ("number", "integer")
    for validator in field.validators:
        for kind, name in LIMITS:
            fits = name in ("minimum", "maximum") if numbers else name.endswith("length")
            if isinstance(validator, kind) and fits and not callable(validator.limit_value):
                if abs(validator.limit_value) >= descriptions.NO_LIMIT:
                    continue
                limit = validator.limit_value
                schema[name] = limit if isinstance(limit, int) else float(limit)
    return schema


def _many(one: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": openapi.Items(**one), "collectionFormat": "multi"}


def _choices(field: forms.ChoiceField) -> list[str]:
    values: list[str] = []
    # Django has made pairs of them, whatever form they were declared in.
    for value, label in cast("Iterable[tuple[Any, Any]]", field.choices):
        # A group has a list of choices in place of a label.
        group = label if isinstance(label, (list, tuple)) else [(value, label)]
        values += [str(each) for each, _ in group if each not in ("", None)]
    return values
