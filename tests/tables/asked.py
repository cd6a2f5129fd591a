"""Values for every parameter that the API document names, and the rows that they choose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.tables.published import Published, base
from tests.tables.relations import Column, Relation, literal

EVERYWHERE = "POLYGON((-179 -85, 179 -85, 179 85, -179 85, -179 -85))"
PLACE = {"in_bbox": "-123,45,-122,46", "tile": "0/0/0", "point": "-122.6,45.5"}
PLACE |= dict.fromkeys(("intersects", "contains", "within"), EVERYWHERE)
# Parameters that every list has, with a valid value. {name} is the first column.
OF_LISTS = {"limit": "2", "offset": "1", "count": "exact", "ordering": "{name}", "fields": "{name}"}
OF_LISTS |= {"format": "json", "search": "a"}
OF_LISTS |= {"page_after": "1", "page_before": "9", "cursor": ""}
INVALID = ("nope", "'\"\\;--{[(", "9" * 40, "\x00")
DISTANCES = {"dist": "500&{name}point=-122.6,45.5"}
# SQL for lookups whose rows this file can count.
# The types whose values compare in SQL as in the API.
COUNTED = ("int2", "int4", "int8", "float8", "numeric", "money", "bool", "date", "timestamp")
COUNTED += ("timestamptz", "text", "varchar", "uuid")
COMPARED = {"": "=", "gte": ">=", "lte": "<=", "gt": ">", "lt": "<"}


@dataclass(frozen=True)
class Parameter:
    relation: Relation
    name: str
    about: dict[str, Any]
    column: Column | None
    lookup: str

    def query(self, value: str) -> str:
        """A query string. ``value`` can contain another parameter after an &."""
        value, ampersand, more = value.partition("&")
        return f"{quote(self.name)}={quote(value)}{ampersand}{quote(more, safe='=,-')}"


def parameters(api: Published, relation: Relation) -> Iterator[Parameter]:
    """The query parameters of the list, as the document names them."""
    columns = {each.name: each for each in relation.columns}
    documented = api.operation(f"{base(relation)}/").get("parameters", [])
    # A column whose name is that of another parameter has a prefix.
    names = {about["name"] for about in documented}
    for about in documented:
        if about["in"] != "query":
            continue
        name = about["name"]
        known = name.removeprefix("column_") if name.startswith("column_") else name
        if known in columns and f"column_{name}" not in names:
            yield Parameter(relation, name, about, columns[known], "")
            continue
        column, _, lookup = known.rpartition("__")
        yield Parameter(relation, name, about, columns.get(column), lookup if column else "")


def valid(parameter: Parameter, row: dict[str, Any]) -> str | None:
    """A value that the API should accept. None if this file does not know any."""
    first = parameter.relation.shown[0].name
    name, column, lookup = parameter.name, parameter.column, parameter.lookup
    if column is None:
        if name in DISTANCES:
            return DISTANCES[name].replace("{name}", "")
        if name in OF_LISTS:
            return OF_LISTS[name].replace("{name}", first)
        if enum := parameter.about.get("enum"):
            return str(enum[0])
        return PLACE.get(lookup or name)
    if column.is_spatial and lookup in DISTANCES:
        return DISTANCES[lookup].replace("{name}", f"{column.name}__")
    if column.is_spatial:
        return PLACE.get(lookup, EVERYWHERE)
    if lookup == "isnull":
        return "false"
    if column.name not in row:
        return "word"  # of a search
    value = row[column.name]
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    if lookup == "in" and isinstance(value, str) and "," in value:
        return '"' + value.replace('"', '""') + '"'
    return None if value is None else str(value)


def condition(parameter: Parameter, value: str) -> str | None:
    """SQL for the rows that a value chooses. None if this file does not know it."""
    column = parameter.column
    if column is None or (column.type not in COUNTED and column.kind != "e"):
        return None
    if parameter.lookup == "isnull":
        return f"{column.sql} IS NOT NULL"
    if parameter.lookup == "icontains":
        return f"strpos(lower({column.sql}::text), lower({literal(value)})) > 0"
    if parameter.lookup == "in":
        return f"{column.sql} = {typed(column, value.strip(chr(34)))}"
    if parameter.lookup == "startswith":
        return f"starts_with({column.sql}::text, {literal(value)})"
    if parameter.lookup in COMPARED:
        return f"{column.sql} {COMPARED[parameter.lookup]} {typed(column, value)}"
    return None


def typed(column: Column, value: str) -> str:
    """A literal of the column's type."""
    if column.type == "money":
        return f"{literal(value)}::numeric::money"
    return f"{literal(value)}::{column.declared}"
