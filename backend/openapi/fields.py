"""Values of plain fields: the rules of REST framework that drf-yasg leaves out."""

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

from backend.geo.arrays import NestedListField

NOT_BLANK = r"\S"
ANYTHING = (serializers.ReadOnlyField, serializers.JSONField)
# A nested serializer's members have rules of their own. A geometry's sizes depend on its type.
HAVE_NO_RULES = (
    serializers.BaseSerializer,
    GeometryField,
    serializers.SerializerMethodField,
)
# Rules for request bodies. Stored values can be older than the rules, or come from elsewhere.
RULES = (
    *("minLength", "maxLength", "pattern"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minItems", "maxItems", "uniqueItems"),
)
MEMBERS = ("items", "additionalProperties")
# Pages and streams write these for numbers that JSON does not have. OpenAPI 2.0 cannot describe a
# value of one of two types, so x-not-finite is our own extension, like the common x-nullable.
NOT_FINITE = ("NaN", "Infinity", "-Infinity")


class PlainFieldInspector(SimpleFieldInspector):
    """Adds the digits of decimals, and that a text of only blanks is not valid."""

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
    """A computed value can be anything, unless a column or an annotation gives its type.

    drf-yasg documents all of these as strings, and JSON as an object.
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
    """Adds that a row without a file has null in the response, whatever its column allows."""

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
        has_serializer = getattr(method, "_swagger_serializer", None) is not None
        return not has_serializer and "return" not in getattr(method, "__annotations__", {})
    # A column that REST framework has no field for, such as a generated one.
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
    """``schema`` of a choice, with blank as one of the choices if the field allows it."""
    is_choice = isinstance(field, serializers.ChoiceField) and field.allow_blank
    if is_choice and "" not in schema.get("enum", [""]):
        schema["enum"] = [*schema["enum"], ""]
    return schema


def as_answered(schema: Any, field: serializers.Field[Any, Any, Any, Any]) -> Any:
    """``schema`` of a serializer's field in a response: without rules, with null if a row can have
    no value, with ``x-not-finite`` if a number can be one that JSON does not have, and with
    ``x-nested`` if a member of a list can be a list of such members.

    REST framework writes stored values without validating them, and null for every None.
    Rules that the team sets on the field stay.
    """
    made = copy.copy(schema)
    if not isinstance(field, HAVE_NO_RULES):
        meta = getattr(field, "Meta", None)
        own = map(openapi.make_swagger_name, getattr(meta, "swagger_schema_fields", ()))
        made = _changed(made, functools.partial(_remove, set(RULES) - set(own)))
    if not isinstance(field, (serializers.BaseSerializer, GeometryField)):
        made = _changed(made, _mark_number)
    # REST framework also writes null for a member that is None.
    if isinstance(field, (serializers.ListField, serializers.DictField)):
        made = _changed(made, _mark_members)
    if isinstance(field, NestedListField) and isinstance(made.get("items"), openapi.Schema):
        made["items"]["x-nested"] = True
    if not _may_be_null(field):
        return made
    if "$ref" in made:  # which must be the only member
        return openapi.Schema(type=openapi.TYPE_OBJECT, all_of=[made], x_nullable=True)
    made["x-nullable"] = True
    return made


def _changed(schema: Any, change: Callable[[Any], None]) -> Any:
    """A copy of ``schema`` with ``change`` applied to it and to its members."""
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
    """Whether null is allowed, or a relation on the way to the value can be missing."""
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
        # The other end of a one-to-one relation, or the target of a GenericForeignKey, may not
        # exist.
        if hasattr(column, "ct_field") or (column.null and (column.concrete or column.one_to_one)):
            return True
        model = column.related_model
    return False


def before(
    place: type[FieldInspector], ours: list[type[FieldInspector]], all_: list[type[FieldInspector]]
) -> list[type[FieldInspector]]:
    """``all_`` with ``ours`` just before ``place``, or first if a team removed ``place``."""
    index = all_.index(place) if place in all_ else 0
    return [*all_[:index], *ours, *all_[index:]]
