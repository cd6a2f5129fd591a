"""What a database was when its code was generated, and what is different now.

It contains what the code depends on: no numbers of rows, no indexes, and no rights.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from backend.tables.catalog import Column, Relation
from backend.tables.generator.plan import Plan

# By the relation's schema and name, as JSON.
Snapshot = dict[str, dict[str, dict[str, Any]]]
NAMES = {
    "key": "key",
    "unique": "unique columns",
    "references": "foreign keys",
    "arguments": "arguments",  # only of functions
}


def snapshot(plan: Plan) -> Snapshot:
    """The relations and functions that a plan serves."""
    made: Snapshot = {}
    for table in plan.tables:
        relation = table.relation
        made.setdefault(relation.schema, {})[relation.name] = _relation(relation)
    for call in plan.calls:
        function = call.function
        arguments = [
            f"{each.name} {each.type}{' DEFAULT' if each.has_default else ''}"
            for each in function.arguments
        ]
        made.setdefault(function.schema, {})[f"{function.name}()"] = {
            **_relation(function.rows),
            "arguments": arguments,
        }
    return made


def _relation(relation: Relation) -> dict[str, Any]:
    references = [
        f"{', '.join(key.columns)} -> {key.schema}.{key.relation} ({', '.join(key.targets)})"
        for key in relation.foreign_keys
    ]
    return {
        "comment": relation.comment,
        "key": list(relation.key),
        "unique": [list(columns) for columns in relation.unique],
        "references": references,
        "columns": {column.name: _column(column) for column in relation.columns},
    }


def _column(column: Column) -> dict[str, Any]:
    made: dict[str, Any] = {"type": column.declared}
    base = column.element.type if column.element else column.type
    made |= {"base": base} if base not in column.declared else {}
    made |= {"labels": list(column.labels)} if column.labels else {}
    made |= {"null": True} if column.nullable else {}
    made |= {"generated": True} if column.is_generated else {}
    made |= {"comment": column.comment} if column.comment else {}
    return made


def differences(last: Snapshot, now: Snapshot) -> Iterator[str]:
    """A line for each relation and column that was added, removed, or changed."""
    before, after = (dict(_named(each)) for each in (last, now))
    for name in sorted({*before, *after}):
        if name not in after:
            yield f"{name}: it is gone, or the role cannot read it"
        elif name not in before:
            yield f"{name}: new, with {len(after[name]['columns'])} columns"
        else:
            yield from (f"{name}: {line}" for line in _changed(before[name], after[name]))


def _named(relations: Snapshot) -> Iterator[tuple[str, dict[str, Any]]]:
    for schema, tables in relations.items():
        for name, table in tables.items():
            yield f"{schema}.{name}", table


def _changed(last: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if last["comment"] != now["comment"]:
        yield "the comment changed"
    for part, name in NAMES.items():
        if last.get(part) != now.get(part):
            yield f"{name}: {_text(last.get(part, []))} became {_text(now.get(part, []))}"
    before, after = last["columns"], now["columns"]
    for column in _in_order(before, after):
        if column not in after:
            yield f"column {column} is gone, or the role cannot read it"
        elif column not in before:
            yield f"column {column}: new, {after[column]['type']}"
        elif before[column] != after[column]:
            yield f"column {column}: {', '.join(_column_changes(before[column], after[column]))}"
    if list(before) != list(after) and set(before) == set(after):
        yield "the order of the columns changed"


def _in_order(before: Iterable[str], after: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*after, *before]))


def _column_changes(last: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if last["type"] != now["type"]:
        yield f"{last['type']} became {now['type']}"
    elif last.get("base") != now.get("base"):
        yield f"{now['type']} is now another type"
    if last.get("labels") != now.get("labels"):
        yield f"the labels became {_text(now.get('labels', []))}"
    if last.get("null") != now.get("null"):
        yield "it can be null" if now.get("null") else "it cannot be null anymore"
    if last.get("generated") != now.get("generated"):
        yield "it is generated" if now.get("generated") else "it is not generated anymore"
    if last.get("comment") != now.get("comment"):
        yield "the comment changed"


def _text(values: list[Any]) -> str:
    inside = [", ".join(each) if isinstance(each, list) else str(each) for each in values]
    return f"({'; '.join(inside)})" if inside else "nothing"
