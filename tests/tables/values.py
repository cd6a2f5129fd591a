"""What the API shows for each type of PostgreSQL, in JSON, CSV, FlatGeobuf, and tiles.

``expression`` is the value in SQL, as JSON. ``canonical`` makes that value, and what the API shows
in JSON, comparable. ``of_text`` and ``of_cell`` read the other formats back.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tests.tables.relations import Column

INTEGERS = ("int2", "int4", "int8", "oid")
FLOATS = ("float4", "float8")
NUMBERS = (*INTEGERS, *FLOATS, "money")
JSON = ("json", "jsonb", "hstore")
TIMES = ("timestamp", "timestamptz", "time")
# In JSON as to_json() writes them. All other types are the text that PostgreSQL prints.
AS_JSON = (*INTEGERS[:3], *FLOATS, *JSON, "bool", "date", "time", "timestamp")
# Types that to_json() writes as a text, although they are numbers.
PLAIN = {"money": "numeric", "oid": "bigint"}
# An array of one of these, or of an enum, is a list. Other arrays are PostgreSQL's text.
LISTED = (*INTEGERS, *FLOATS, "numeric", "bool", "text", "varchar", "bpchar", "name", "citext")
LISTED += ("date", "time", "timestamp", "timestamptz", "uuid")
# The ends of what Python has, which the API shows for infinity.
ENDS = {
    "date": ("9999-12-31", "0001-01-01"),
    "timestamp": ("9999-12-31T23:59:59.999999", "0001-01-01T00:00:00"),
    "timestamptz": ("9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"),
}


def expression(column: Column) -> str:
    """SQL for the value that the API should show, as JSON."""
    name = column.sql
    if column.type in AS_JSON or column.kind == "c" or is_list(column):
        return f"to_json({name})"
    if column.type in PLAIN:
        return f"to_json({name}::{PLAIN[column.type]})"
    if column.type == "timestamptz":
        # RFC 3339, in TIME_ZONE, which is UTC.
        zone = f"CASE WHEN isfinite({name}) THEN 'Z' ELSE '' END"
        return f"to_json((to_json({name} AT TIME ZONE 'UTC') #>> '{{}}') || {zone})"
    # format() prints what the type's output function writes, as a client gets it. A cast of inet
    # to text is another text.
    return f"CASE WHEN num_nulls({name}) = 1 THEN NULL ELSE to_json(format('%s', {name})) END"


def is_list(column: Column) -> bool:
    return column.type[:1] == "_" and (column.type[1:] in LISTED or column.labels is not None)


def is_json(column: Column) -> bool:
    """Whether the value is JSON inside a text in formats that have no lists."""
    return is_document(column) or is_list(column)


def is_document(column: Column) -> bool:
    return column.type in JSON or column.kind == "c"


def canonical(column: Column, value: Any) -> Any:
    """A value in JSON, comparable and hashable. Numbers in a text stay a text."""
    if is_document(column):
        return json.dumps(_numbers(value), sort_keys=True)
    if is_list(column):
        return _leaves(column.type[1:], value)
    return _scalar(column.type, value)


def _leaves(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_leaves(name, each) for each in value)
    if name == "numeric" and isinstance(value, (int, Decimal)):
        return str(value)
    if name == "timestamptz" and isinstance(value, str):
        value = value.replace("+00:00", "Z")
    return _scalar(name, value)


def _scalar(name: str, value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return _moment(name, value) if name in (*TIMES, "date") else value
    return float(value) if name in (*FLOATS, "money") else value


def _moment(name: str, text: str) -> str:
    """A time without zeros at the end, or as PostgreSQL writes it if Python does not have it."""
    if text in ("infinity", "-infinity"):
        text = ENDS[name][text[0] == "-"]
    if "BC" in text or re.match(r"\d{5}", text):
        text = re.sub(r"( BC)?Z$", r"+00\1", text.replace("T", " "))
    # Python writes six decimals of a second.
    return re.sub(r"(\.\d*?)0+(?=Z?$)", r"\1", text)


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return value
    # Python and JavaScript read a number with a point or an exponent as a double.
    if not isinstance(value, int) and math.isinf(float(value)):
        return "Infinity"
    number = value if isinstance(value, int) else repr(float(value))
    return f"the number {Decimal(number).normalize()}"


def of_text(column: Column, text: str) -> Any:
    """The JSON value of a cell in a CSV file. An empty text is null, as SQL's is compared."""
    if text == "":
        return None
    if is_json(column):
        return json.loads(text, parse_float=Decimal)
    if column.type == "bool":
        return {"true": True, "false": False}[text]
    if column.type in NUMBERS and text not in ("NaN", "Infinity", "-Infinity"):
        return int(text) if column.type in INTEGERS else Decimal(text)
    return text


def of_cell(column: Column, value: Any) -> Any:
    """The JSON value of an attribute in a FlatGeobuf file or a tile."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if hasattr(value, "item"):  # of numpy
        value = value.item()
    if is_json(column) and isinstance(value, str):
        return json.loads(value, parse_float=Decimal)
    if column.type in INTEGERS and isinstance(value, float):
        return int(value)
    if column.type == "timestamptz":
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value).replace(" ", "T") if column.type == "timestamp" else value
