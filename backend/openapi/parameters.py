"""Converts the OpenAPI 3 parameters of filters and paginators to Swagger 2.0."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from drf_yasg import openapi
from drf_yasg.inspectors import NotHandled
from drf_yasg.inspectors.query import DrfAPICompatInspector

from backend.openapi import descriptions, omissions

# https://spec.openapis.org/oas/v2.0.html#parameter-object
TYPES = {"string", "number", "integer", "boolean", "array"}
OTHERS = {
    *("format", "default", "enum", "pattern", "collectionFormat", "multipleOf", "uniqueItems"),
    *("maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
    *("maxLength", "minLength", "maxItems", "minItems"),
}
# A value that works. It is not `x-example`, because Swagger UI fills that in, which changes the
# request that "Execute" sends.
SAMPLE = "x-sample"


class DescribedInspector(DrfAPICompatInspector):
    """Replaces drf-yasg's, which passes on or fails on keywords that Swagger 2.0 does not have."""

    def get_filter_parameters(self, filter_backend: Any) -> Any:
        if not hasattr(filter_backend, "get_schema_operation_parameters"):
            return NotHandled
        return super().get_filter_parameters(filter_backend)

    def param_to_schema(self, param: dict[str, Any]) -> openapi.Parameter:
        described = {**param, **(param.get("schema") or {})}
        kind = swagger_2(described)
        if "type" in described and _base(described) not in TYPES and "enum" not in kind:
            omissions.warn(
                omissions.name(type(self.view)),
                f"the parameter {param['name']!r} is documented as {kind['type']}",
                TypeError(f"{described['type']!r} is not a type of Swagger 2.0"),
            )
        if param.get("explode") and kind["type"] == openapi.TYPE_ARRAY:
            kind["collectionFormat"] = "multi"
        made = openapi.Parameter(
            name=param["name"],
            in_=param["in"],
            description=str(param.get("description") or ""),
            required=param.get("required", False),
            **kind,
        )
        if "example" in described:
            made[SAMPLE] = described["example"]
        return made


def swagger_2(schema: dict[str, Any]) -> dict[str, Any]:
    """``schema`` as far as a Swagger 2.0 parameter can express it, or else a string."""
    items = schema.get("items")
    if not isinstance(items, dict):
        items = {}
    kind = _base(schema)
    attributes = {name: value for name, value in schema.items() if name in OTHERS}
    # Numbers in OpenAPI 3.1.
    for name in ("exclusiveMinimum", "exclusiveMaximum"):
        if not isinstance(attributes.get(name, True), bool):
            del attributes[name]
    if kind == openapi.TYPE_ARRAY:
        return {"type": kind, "items": openapi.Items(**swagger_2(items)), **attributes}
    if kind not in TYPES:  # such as "enum" of djangorestframework-gis, whose values are items
        kind = openapi.TYPE_STRING
        attributes |= {"enum": items["enum"]} if "enum" in items else {}
    return {"type": kind, **attributes}


def _base(schema: dict[str, Any]) -> Any:
    """Its type. Of OpenAPI 3.1's ["string", "null"], the one that is not null."""
    kind = schema.get("type")
    return next((each for each in kind if each != "null"), None) if isinstance(kind, list) else kind


def each_once(parameters: Iterable[openapi.Parameter]) -> list[openapi.Parameter]:
    """Merge parameters of the same name and place: several filters can read one value."""
    unique: dict[tuple[str, str], openapi.Parameter] = {}
    for parameter in parameters:
        first = unique.setdefault((parameter.name, parameter.in_), parameter)
        if first is not parameter:
            first.description = descriptions.joined(
                *(each.get("description") or "" for each in (first, parameter))
            )
    return list(unique.values())


def unfilled(parameter: openapi.Parameter) -> openapi.Parameter:
    """Give its default and example in words: Swagger UI would send the default as a filter."""
    if parameter.get("required"):
        return parameter
    default, sample = parameter.pop("default", None), parameter.get(SAMPLE)
    notes = [f"Default: {_as_sent(default)}."] if default is not None else []
    notes += [f"For example: {_as_sent(sample)}."] if sample is not None else []
    if notes:
        parameter.description = descriptions.joined(parameter.get("description") or "", *notes)
    return parameter


def _as_sent(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(map(_as_sent, value))
    return value if isinstance(value, str) else json.dumps(value, default=str)
