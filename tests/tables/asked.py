"""Values for every parameter that the API document names, and the rows that they choose."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.tables.published import Published, base, term
from tests.tables.relations import Column, Relation, literal
from tests.tables.values import ENDS, JSON

EVERYWHERE = "POLYGON((-179 -85, 179 -85, 179 85, -179 85, -179 -85))"
PLACE = {"in_bbox": "-123,45,-122,46", "tile": "0/0/0", "point": "-122.6,45.5"}
PLACE |= dict.fromkeys(("intersects", "contains", "within"), EVERYWHERE)
# Parameters that every list has, with a valid value.
OF_LISTS = {"limit": "2", "offset": "1", "count": "exact", "format": "json", "search": "a"}
OF_LISTS |= {"cursor": ""}
OF_COLUMNS = ("ordering", "fields")
OF_PAGES = {"page_after": "1", "page_before": "9"}
INVALID = ("nope", "'\"\\;--{[(", "9" * 40, "\x00")
LONGEST = 1000  # characters of a value in an address
MOST_ALIKE = 8  # columns of one type; a table of the census has hundreds
PREFIX = "column_"
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
        """A query string. A distance contains another parameter after an &."""
        value, ampersand, more = value.partition("&") if self.is_distance else (value, "", "")
        return f"{quote(self.name)}={quote(value)}{ampersand}{quote(more, safe='=,-')}"

    @property
    def is_distance(self) -> bool:
        return self.column.is_spatial if self.column else self.name in DISTANCES


class Alike:
    """Counts columns of the same type. The larger file has most of them more often than needed."""

    def __init__(self, api: Published) -> None:
        self._most = None if api.has_few_relations else MOST_ALIKE
        self._seen: Counter[tuple[str, str]] = Counter()

    def is_enough(self, column: Column, lookup: str = "") -> bool:
        """Whether others like it were enough. Each unusual name is one of its own."""
        if self._most is None or not re.fullmatch(r"\w+", column.name):
            return False
        self._seen[column.type, lookup] += 1
        return self._seen[column.type, lookup] > self._most


def parameters(api: Published, relation: Relation, alike: Alike) -> Iterator[Parameter]:
    """The query parameters of the list, as the document names them."""
    columns = {each.name: each for each in relation.columns}
    documented = api.operation(f"{base(relation)}/").get("parameters", [])
    names = {about["name"] for about in documented}
    for about in documented:
        name = about["name"]
        lookup, column = "", column_of(name, names, columns)
        if column is None:
            start, _, lookup = name.rpartition("__")
            column = column_of(start, names, columns)
            lookup = lookup if start else ""
        if about["in"] != "query" or (column and alike.is_enough(column, lookup)):
            continue
        if relation.shown or name not in OF_COLUMNS:
            yield Parameter(relation, name, about, column, lookup)


def column_of(name: str, names: set[str], columns: dict[str, Column]) -> Column | None:
    """The column of a parameter. If its name is that of another parameter, it has a prefix."""
    if name in columns and (name.startswith(PREFIX) or PREFIX + name not in names):
        return columns[name]
    bare = re.sub(f"^({PREFIX})+", "", name)
    return columns.get(bare) if bare != name else None


def valid(parameter: Parameter, row: dict[str, Any]) -> str | None:
    """A value that the API should accept. None if this file does not know any."""
    column, lookup = parameter.column, parameter.lookup
    if column is None:
        return _of_list(parameter, row)
    if column.is_spatial and lookup in DISTANCES:
        return DISTANCES[lookup].replace("{name}", f"{column.name}__")
    if column.is_spatial:
        return PLACE.get(lookup, EVERYWHERE)
    if lookup == "isnull":
        return "false"
    if column.type == "tsvector":
        return "word"
    value = row.get(column.name)
    if isinstance(value, tuple):
        return ",".join(map(listed, leaves(value)))
    if column.type in JSON and value in ("null", '"Infinity"'):
        return None  # this is no filter by a document
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if value is None or len(text) > LONGEST or r"\u0000" in text:
        return None
    return listed(text) if lookup == "in" else text


def _of_list(parameter: Parameter, row: dict[str, Any]) -> str | None:
    """A value of a parameter that every list has."""
    name, relation = parameter.name, parameter.relation
    if name in DISTANCES:
        return DISTANCES[name].replace("{name}", "")
    if name in OF_PAGES:
        key = row.get(relation.key[0]) if len(relation.key) == 1 else None
        return OF_PAGES[name] if key is None else str(key)
    if name in OF_LISTS:
        return OF_LISTS[name]
    if name in OF_COLUMNS:
        return term(relation.shown[0].name)
    if enum := parameter.about.get("enum") or parameter.about.get("items", {}).get("enum"):
        return str(enum[0])
    return PLACE.get(parameter.lookup or name)


def leaves(value: tuple[Any, ...]) -> Iterator[str]:
    """The elements of an array that are not null."""
    for each in value:
        if isinstance(each, tuple):
            yield from leaves(each)
        elif each is not None:
            yield str(each).lower() if isinstance(each, bool) else str(each)


def listed(text: str) -> str:
    """A text in a list of values, in quotation marks if it needs them."""
    needed = "," in text or text.strip() != text or text.startswith('"')
    return '"' + text.replace('"', '""') + '"' if needed else text


def condition(parameter: Parameter, value: str) -> str | None:
    """SQL for the rows that a value chooses. None if this file does not know it."""
    column = parameter.column
    if column is None or (column.type not in COUNTED and column.kind != "e"):
        return None
    if value == "":
        return "true"  # a field of a form that is not filled in
    if parameter.lookup == "isnull":
        return f"{column.sql} IS NOT NULL"
    if parameter.lookup == "icontains":
        return f"strpos(lower({column.sql}::text), lower({literal(value)})) > 0"
    if parameter.lookup == "startswith":
        return f"starts_with({column.sql}::text, {literal(value)})"
    lookup = parameter.lookup
    if lookup == "in":
        value = value[1:-1].replace('""', '"') if value.startswith('"') else value
        lookup = ""
    if column.kind == "e" and not lookup:
        # A domain of an enum has no operators of its own.
        return f"{column.sql}::text = {literal(value)}"
    if lookup not in COMPARED:
        return None
    compared = f"{column.sql} {COMPARED[lookup]} {typed(column, value)}"
    if not lookup and value in ENDS.get(column.type, ()):
        infinity = "-infinity" if value.startswith("0001") else "infinity"
        return f"({compared} OR {column.sql} = '{infinity}')"
    return compared


def typed(column: Column, value: str) -> str:
    """A literal of the column's type."""
    if column.type == "money":
        return f"{literal(value)}::numeric::money"
    return f"{literal(value)}::{column.declared}"
