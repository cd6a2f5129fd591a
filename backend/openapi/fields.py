"""Values of plain fields: what REST framework takes and drf-yasg does not say."""

from __future__ import annotations

import copy
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from drf_yasg import openapi
from drf_yasg.inspectors import (
    FieldInspector,
    FileFieldInspector,
    NotHandled,
    SimpleFieldInspector,
)
from rest_framework import serializers
from rest_framework_gis.fields import GeometryField

NOT_BLANK = r"\S"
# A ModelField is of a column that REST framework has no field for, such as a generated one.
ANYTHING = (serializers.ReadOnlyField, serializers.JSONField, serializers.ModelField)
# Rules for what is sent. What is stored may be older than they are, or came another way.
RULES = (
    *("minLength", "maxLength", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minItems", "maxItems", "uniqueItems"),
)


class PlainFieldInspector(SimpleFieldInspector):
    """Adds the digits of decimals, and that a text of blanks is no text."""

    def field_to_swagger_object(
        self, field: Any, swagger_object_type: type, use_references: bool, **kwargs: Any
    ) -> Any:
        pattern = _pattern(field)
        made = NotHandled
        if pattern:
            made = super().field_to_swagger_object(
                field, swagger_object_type, use_references, **kwargs
            )
        if made is not NotHandled and made.type == openapi.TYPE_STRING and "pattern" not in made:
            made.pattern = pattern
        return made


class ComputedFieldInspector(FieldInspector):
    """What is answered as it is: any value, unless a column or an annotation tells its type.

    drf-yasg calls all of these strings, and JSON an object.
    """

    def field_to_swagger_object(
        self, field: Any, swagger_object_type: type, use_references: bool, **kwargs: Any
    ) -> Any:
        if swagger_object_type is not openapi.Schema or not _may_be_anything(field):
            return NotHandled
        make, _ = self._get_partial_types(field, swagger_object_type, use_references, **kwargs)
        made = make(type=openapi.TYPE_STRING)
        made.pop("type")  # drf-yasg makes no schema without one
        return made


class AbsentFileInspector(FileFieldInspector):
    """Adds that a row without a file shows null, whatever its column allows."""

    def field_to_swagger_object(
        self, field: Any, swagger_object_type: type, use_references: bool, **kwargs: Any
    ) -> Any:
        made = super().field_to_swagger_object(field, swagger_object_type, use_references, **kwargs)
        if made is not NotHandled and swagger_object_type is openapi.Schema:
            made.x_nullable = True
        return made


def _may_be_anything(field: Any) -> bool:
    if isinstance(field, serializers.SerializerMethodField):
        method = getattr(field.parent, field.method_name, None)
        told = getattr(method, "_swagger_serializer", None) is not None
        return not told and "return" not in getattr(method, "__annotations__", {})
    return type(field) in ANYTHING


def _pattern(field: Any) -> str | None:
    if type(field) is serializers.DecimalField:
        if None in (field.max_digits, field.decimal_places) or field.localize:
            return None
        whole = field.max_digits - field.decimal_places
        digits = rf"\d{{1,{whole}}}" if whole else "0?"
        return rf"^-?{digits}(\.\d{{1,{field.decimal_places}}})?$"
    is_text = type(field) is serializers.CharField
    if is_text and not field.read_only and field.trim_whitespace and not field.allow_blank:
        return NOT_BLANK
    return None


def as_answered(schema: Any, field: serializers.Field) -> Any:
    """``schema`` of a serializer's field, as answered: no rules, null where a row may have none.

    REST framework writes what is stored without validating it, and null for whatever is None.
    """
    of_objects = (serializers.BaseSerializer, GeometryField)
    made = schema if isinstance(field, of_objects) else _without_rules(schema)
    if not _may_be_null(field):
        return made
    if "$ref" in made:  # no other member stands beside it
        return openapi.Schema(type=openapi.TYPE_OBJECT, all_of=[made], x_nullable=True)
    made["x-nullable"] = True
    return made


def _without_rules(schema: Any) -> Any:
    """A copy, in which members of lists and objects may be null, too."""
    made = copy.copy(schema)
    for name in RULES:
        made.pop(name, None)
    for name in ("items", "additionalProperties"):
        if isinstance(made.get(name), openapi.Schema):
            made[name] = _without_rules(made[name])
            made[name]["x-nullable"] = True
    return made


def _may_be_null(field: serializers.Field) -> bool:
    """Whether null is allowed, or a column on the way to the value may be null."""
    if field.allow_null:
        return True
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    for name in field.source_attrs if model is not None else ():
        try:
            column = model._meta.get_field(name)
        except FieldDoesNotExist:
            return False
        if column.concrete and column.null:
            return True
        model = column.related_model
        if model is None:
            return False
    return False


def before(
    place: type[FieldInspector], ours: list[type[FieldInspector]], all_: list[type[FieldInspector]]
) -> list[type[FieldInspector]]:
    """``all_`` with ``ours`` just before ``place``, or first of all where a team left it out."""
    index = all_.index(place) if place in all_ else 0
    return [*all_[:index], *ours, *all_[index:]]
