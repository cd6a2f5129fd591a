"""Parameters of django-filter with the types that their form fields take."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from django import forms
from django.core import validators
from django.db import models
from django_filters import filters
from django_filters.fields import BaseCSVField
from django_filters.filterset import BaseFilterSet
from django_filters.widgets import SuffixedMultiWidget
from drf_yasg import openapi
from drf_yasg.inspectors import FilterInspector, NotHandled

# The first that fits: decimals and floats are integers to Django, moments are dates.
TYPES: tuple[tuple[type[forms.Field] | tuple[type[forms.Field], ...], dict[str, Any]], ...] = (
    ((forms.DecimalField, forms.FloatField), {"type": "number"}),
    (forms.IntegerField, {"type": "integer"}),
    ((forms.NullBooleanField, forms.BooleanField), {"type": "boolean"}),
    (forms.DateTimeField, {"type": "string", "format": "date-time"}),
    (forms.DateField, {"type": "string", "format": "date"}),
    (forms.UUIDField, {"type": "string", "format": "uuid"}),
)
LIMITS = (
    (validators.MinValueValidator, "minimum"),
    (validators.MaxValueValidator, "maximum"),
    (validators.MinLengthValidator, "min_length"),
    (validators.MaxLengthValidator, "max_length"),
)


class DjangoFilterInspector(FilterInspector):
    """The parameters of a FilterSet; drf-yasg's own have the type string, all of them."""

    def get_filter_parameters(self, filter_backend: Any) -> Any:
        if not hasattr(filter_backend, "get_filterset_class"):
            return NotHandled
        queryset = getattr(self.view, "queryset", None)
        filterset = filter_backend.get_filterset_class(self.view, queryset)
        if filterset is None:
            return []
        return list(_parameters(filterset))


def _parameters(filterset: type[BaseFilterSet]) -> Iterator[openapi.Parameter]:
    for name, declared in filterset.base_filters.items():
        options = {
            "in_": openapi.IN_QUERY,
            "description": str(declared.label or ""),
            "required": bool(declared.extra.get("required")),
        }
        if isinstance(declared, filters.QuerySetRequestMixin):
            yield openapi.Parameter(name, **options, **_of_rows(declared))
            continue
        # A filter keeps the field it makes, and every request starts from these.
        field = copy.deepcopy(declared).field
        if isinstance(field.widget, SuffixedMultiWidget) and hasattr(field, "fields"):
            for suffix, part in zip(field.widget.suffixes, field.fields, strict=False):
                full = field.widget.suffixed(name, suffix)
                yield openapi.Parameter(full, **options, **_of_field(part))
        else:
            yield openapi.Parameter(name, **options, **_of_field(field))


def _of_rows(declared: filters.Filter) -> dict[str, Any]:
    """Of a filter by a related row: the type of its key, where the rows are known by now."""
    model = getattr(declared.extra.get("queryset"), "model", None)
    by_key = model is not None and declared.extra.get("to_field_name") in (None, "pk")
    is_number = by_key and isinstance(model._meta.pk, models.IntegerField)
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
    found = next((kind for classes, kind in TYPES if isinstance(field, classes)), None)
    found = dict(found or {"type": "string"})
    numbers = found["type"] in ("number", "integer")
    for validator in field.validators:
        for kind, name in LIMITS:
            fits = name in ("minimum", "maximum") if numbers else name.endswith("length")
            if isinstance(validator, kind) and fits and not callable(validator.limit_value):
                limit = validator.limit_value
                found[name] = limit if isinstance(limit, int) else float(limit)
    return found


def _many(one: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": openapi.Items(**one), "collectionFormat": "multi"}


def _choices(field: forms.ChoiceField) -> list[str]:
    values: list[str] = []
    for value, label in field.choices:
        # A group has its choices where others have their label.
        group = label if isinstance(label, (list, tuple)) else [(value, label)]
        values += [str(each) for each, _ in group if each not in ("", None)]
    return values
