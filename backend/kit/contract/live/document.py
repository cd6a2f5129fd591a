"""The OpenAPI 2.0 document of a project: its requests and its responses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError, best_match

JSON = "application/json"
# Values for parameters without any in the document: the first that fits type and pattern.
BY_FORMAT = {
    "date": "2020-01-31",
    "date-time": "2020-01-31T12:00:00Z",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "geometry": "POINT(-122.68 45.52)",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
}
TEXTS = ("a", "1", "0/0/0", "2020-01-31")
BOX = (-122.7, 45.5, -122.6, 45.6)
# Members of every GeoJSON response. https://www.rfc-editor.org/rfc/rfc7946
GEOJSON = {
    "type": "object",
    "required": ["type"],
    "properties": {"type": {"enum": ["FeatureCollection", "Feature"]}},
}


@dataclass(frozen=True)
class Operation:
    """``GET path`` as documented. ``path`` includes the base path, and {names}."""

    path: str
    definition: dict[str, Any]
    document: Document

    @property
    def parameters(self) -> list[dict[str, Any]]:
        parameters: list[dict[str, Any]] = self.definition["parameters"]
        return parameters

    @property
    def query(self) -> list[dict[str, Any]]:
        return [each for each in self.parameters if each["in"] == "query"]

    @property
    def needed(self) -> dict[str, str]:
        """A query of all required parameters."""
        return {
            each["name"]: as_sent(each, sample(each)[0])
            for each in self.query
            if each.get("required") and sample(each)[0] is not None
        }

    @property
    def required(self) -> set[str]:
        """The names of all required parameters."""
        return {each["name"] for each in self.query if each.get("required")}

    @property
    def produces(self) -> list[str]:
        return self.definition.get("produces") or self.document.spec.get("produces") or [JSON]

    @property
    def formats(self) -> list[str]:
        """The values of ``?format=``."""
        return next((each.get("enum", []) for each in self.query if each["name"] == "format"), [])

    @property
    def is_open(self) -> bool | None:
        """Whether it is public, or None if only the document's default says so.

        An operation without ``security`` has the default, even if its permissions are unknown.
        """
        security = self.definition.get("security")
        return None if security is None else not security or {} in security

    def response(self, status: int) -> dict[str, Any] | None:
        """The documented response with this status, or None if there is none."""
        responses = self.definition["responses"]
        response = responses.get(str(status)) or responses.get("default")
        return self.document.resolved(response) if response else None

    def concrete(self, row: dict[str, Any]) -> str | None:
        """The path with values from ``row`` or of the names' types. None if a value is missing."""
        path = self.path
        for name in re.findall(r"{(\w+)}", self.path):
            # A Feature calls its key `id`, whatever the column's name is.
            value = row.get(name, row.get("pk") if self.path.count("{") == 1 else None)
            if value is None:
                parameter = next((each for each in self.parameters if each["name"] == name), {})
                value = parameter.get("minimum")
            if value is None or isinstance(value, (dict, list)):
                return None
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        return path

    def examples(self) -> Iterator[tuple[dict[str, str], bool]]:
        """Queries with one parameter each, and whether the document gives the value."""
        for parameter in self.query:
            for value, is_given in samples(parameter):
                yield {**self.needed, parameter["name"]: as_sent(parameter, value)}, is_given

    def choices(self) -> Iterator[list[list[dict[str, str]]]]:
        """Queries for all but the first choice of a list: all of them together, and each alone."""
        for parameter in self.query:
            others = parameter.get("items", {}).get("enum", [])[1:]
            alone = [
                {**self.needed, parameter["name"]: as_sent(parameter, [choice])}
                for choice in others
            ]
            together = {**self.needed, parameter["name"]: as_sent(parameter, others)}
            if others:
                yield [[together], alone] if "maxItems" not in parameter else [alone]

    def mismatch(self, value: Any) -> str:
        """Where a JSON response differs from the document, or "" if it does not."""
        schema = (self.response(200) or {}).get("schema")
        if schema is None:
            return ""
        return mismatch(value, {**self.document.definitions, **as_json_schema(schema)})


class Document:
    """The whole document."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.definitions = {"definitions": as_json_schema(spec.get("definitions", {}))}

    def operations(self, prefix: str = "") -> Iterator[Operation]:
        """The operations that only read data."""
        base = (self.spec.get("basePath") or "").rstrip("/")
        if prefix and not (base + "/").startswith(prefix + "/"):
            base = prefix + base
        for path, item in self.spec["paths"].items():
            if "get" in item:
                shared = item.get("parameters", [])
                definition = {
                    **item["get"],
                    "parameters": [*shared, *item["get"].get("parameters", [])],
                }
                yield Operation(base + path, definition, self)

    def resolved(self, value: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in value:
            _, scope, name = value["$ref"].split("/", 2)
            value = self.spec[scope][name]
        return value


def samples(parameter: dict[str, Any]) -> Iterator[tuple[Any, bool]]:
    """Values of a parameter, and whether the document gives each of them."""
    value, is_given = sample(parameter)
    if value is not None:
        yield value, is_given
    for choice in parameter.get("enum", [])[1:]:
        yield choice, False


def sample(parameter: dict[str, Any]) -> tuple[Any, bool]:
    """One value, or None if none is known, and whether the document gives it."""
    for name in ("x-sample", "x-example", "default"):
        if name in parameter:
            return parameter[name], True
    if parameter.get("enum"):
        return parameter["enum"][0], False
    kind = parameter.get("type")
    if kind == "array":
        value, is_given = sample(parameter.get("items", {}))
        fewest = parameter.get("minItems", 1)
        if fewest in (2, 4) and isinstance(value, (int, float)):
            return list(BOX[:fewest]), False
        return None if value is None else [value] * max(fewest, 1), is_given
    if kind == "boolean":
        return True, False
    if kind in ("integer", "number"):
        return max(parameter.get("minimum", 1), min(1, parameter.get("maximum", 1))), False
    texts = [BY_FORMAT[parameter["format"]]] if parameter.get("format") in BY_FORMAT else TEXTS
    try:
        pattern = re.compile(parameter.get("pattern", ""))
    except re.error:  # JavaScript's syntax
        return None, False
    return next((text for text in texts if pattern.search(text)), None), False


def as_sent(parameter: dict[str, Any], value: Any) -> str:
    if isinstance(value, list):
        return ",".join(as_sent(parameter, each) for each in value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def query(values: dict[str, str]) -> str:
    return f"?{urlencode(values)}" if values else ""


def as_json_schema(value: Any) -> Any:
    """OpenAPI 2.0's schema as JSON Schema, in which null is a type.

    The strings in ``x-not-finite``, for numbers that JSON does not have, are an enum. A value with
    ``x-nested`` can be a list.
    """
    if isinstance(value, list):
        return [as_json_schema(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {name: as_json_schema(each) for name, each in value.items()}
    others: list[dict[str, Any]] = []
    if made.pop("x-nullable", False) is True:
        others.append({"type": "null"})
    if isinstance(texts := made.pop("x-not-finite", None), list):
        others.append({"enum": texts})
    if made.pop("x-nested", False) is True:
        others.append({"type": "array"})
    return {"anyOf": [made, *others]} if others else made


def mismatch(value: Any, schema: dict[str, Any]) -> str:
    error = best_match(Draft4Validator(schema).iter_errors(value))
    return _words(error) if error else ""


def _words(error: ValidationError) -> str:
    place = "/".join(map(str, error.absolute_path)) or "the whole"
    message = error.message if len(error.message) < 150 else f"...{error.message[-150:]}"
    return f"{place}: {message}"
