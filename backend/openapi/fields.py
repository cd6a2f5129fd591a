"""Values of plain fields: what REST framework takes and drf-yasg does not say."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
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
ANYTHING = (serializers.ReadOnlyField, serializers.JSONField)
# A nested serializer's members have rules of their own; a geometry's sizes are those of its type.
HAVE_NO_RULES = (
    serializers.BaseSerializer,
    GeometryField,
    serializers.SerializerMethodField,
)
# Rules for what is sent. What is stored may be older than they are, or came another way.
RULES = (
    *("minLength", "maxLength", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minItems", "maxItems", "uniqueItems"),
)
MEMBERS = ("items", "additionalProperties")
# What pages and streams write where JSON has no number. OpenAPI 2.0 has no words for either of two
# types, so that this is a word of ours, as x-nullable is one of its users'.
NOT_FINITE = ("NaN", "Infinity", "-Infinity")


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
    # Of a column that REST framework has no field for, such as a generated one.
    if type(field) is serializers.ModelField:
        return field.read_only
    return type(field) in ANYTHING


def _pattern(field: Any) -> str | None:
    if type(field) is serializers.DecimalField:
        most, places = field.max_digits, field.decimal_places
        if most is None or places is None or field.localize:
            return None
        whole = most - places
        digits = rf"\d{{1,{whole}}}" if whole else "0?"
        return rf"^-?{digits}(\.\d{{1,{places}}})?$"
    is_text = type(field) is serializers.CharField
    if is_text and not field.read_only and field.trim_whitespace and not field.allow_blank:
        return NOT_BLANK
    return None


def with_blank(schema: Any, field: serializers.Field[Any, Any, Any, Any]) -> Any:
    """``schema`` of a choice that may be left blank: then that is one of the choices."""
    is_choice = isinstance(field, serializers.ChoiceField) and field.allow_blank
    if is_choice and "" not in schema.get("enum", [""]):
        schema["enum"] = [*schema["enum"], ""]
    return schema


def as_answered(schema: Any, field: serializers.Field[Any, Any, Any, Any]) -> Any:
    """``schema`` of a serializer's field as answered: no rules, null where a row may have none,
    ``x-not-finite`` where a number may be none of JSON's.

    REST framework writes what is stored without validating it, and null for whatever is None.
    What the team itself says of the field stays.
    """
    made = copy.copy(schema)
    if not isinstance(field, HAVE_NO_RULES):
        meta = getattr(field, "Meta", None)
        own = map(openapi.make_swagger_name, getattr(meta, "swagger_schema_fields", ()))
        made = _changed(made, functools.partial(_remove, set(RULES) - set(own)))
    if not isinstance(field, (serializers.BaseSerializer, GeometryField)):
        made = _changed(made, _mark_number)
    # REST framework writes null for a member that is None.
    if isinstance(field, (serializers.ListField, serializers.DictField)):
        made = _changed(made, _mark_members)
    if not _may_be_null(field):
        return made
    if "$ref" in made:  # no other member stands beside it
        return openapi.Schema(type=openapi.TYPE_OBJECT, all_of=[made], x_nullable=True)
    made["x-nullable"] = True
    return made


def _changed(schema: Any, change: Callable[[Any], None]) -> Any:
    """A copy of ``schema`` after ``change``, and so of its members."""
    made = copy.copy(schema)
    change(made)
    for name in MEMBERS:
        if isinstance(made.get(name), openapi.Schema):
            made[name] = _changed(made[name], change)
    return made


def _remove(rules: set[str], schema: Any) -> None:
    for name in rules:
        schema.pop(name, None)


def _mark_number(schema: Any) -> None:
    if schema.get("type") == openapi.TYPE_NUMBER:
        schema["x-not-finite"] = list(NOT_FINITE)


def _mark_members(schema: Any) -> None:
    for name in MEMBERS:
        if isinstance(schema.get(name), openapi.Schema):
            schema[name] = copy.copy(schema[name])
            schema[name]["x-nullable"] = True


def _may_be_null(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    """Whether null is allowed, or something on the way to the value may be missing."""
    if field.allow_null:
        return True
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    steps = list(field.source_attrs)
    if isinstance(field, serializers.SlugRelatedField):
        steps += field.slug_field.split("__")
    for name in steps:
        if not (isinstance(model, type) and issubclass(model, Model)):
            return False
        try:
            column = model._meta.get_field(name)
        except FieldDoesNotExist:
            return False
        # The other end of a one-to-one relation may not be there; what a GenericForeignKey
        # refers to may be gone.
        if hasattr(column, "ct_field") or (column.null and (column.concrete or column.one_to_one)):
            return True
        model = column.related_model
    return False


def before(
    place: type[FieldInspector], ours: list[type[FieldInspector]], all_: list[type[FieldInspector]]
) -> list[type[FieldInspector]]:
    """``all_`` with ``ours`` just before ``place``, or first of all where a team left it out."""
    index = all_.index(place) if place in all_ else 0
    return [*all_[:index], *ours, *all_[index:]]
