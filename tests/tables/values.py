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

INTEGERS = ("int2", "int4", "int8")
FLOATS = ("float4", "float8")
NUMBERS = (*INTEGERS, *FLOATS, "money")
JSON = ("json", "jsonb", "hstore")
TIMES = ("timestamp", "timestamptz", "time")
# In JSON as to_json() writes them. All other types are the text that PostgreSQL prints.
AS_JSON = (*INTEGERS, *FLOATS, *JSON, "bool", "date", "time", "timestamp")
# An array of one of these, or of an enum, is a list. Other arrays are PostgreSQL's text.
LISTED = (*INTEGERS, *FLOATS, "numeric", "bool", "text", "varchar", "date", "timestamptz", "uuid")


def expression(column: Column) -> str:
    """SQL for the value that the API should show, as JSON."""
    name = column.sql
    if column.type in AS_JSON or column.kind == "c" or is_list(column):
        return f"to_json({name})"
    if column.type == "money":
        return f"to_json({name}::numeric)"
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
        # Python writes six decimals of a second, and PostgreSQL no zeros at the end.
        return re.sub(r"(\.\d*?)0+(?=Z?$)", r"\1", value) if name in TIMES else value
    if name in FLOATS:
        return float(value)
    if name == "money":
        return Decimal(str(value)).normalize()
    return value


def _numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _numbers(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_numbers(each) for each in value]
    is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    return f"the number {Decimal(str(value)).normalize()}" if is_number else value


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
