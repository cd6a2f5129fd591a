"""Reads functions that return rows."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from backend.conf.errors import StartupError
from backend.tables.catalog import sql
from backend.tables.catalog.column_types import Types
from backend.tables.catalog.relations import Argument, Function, quoted
from backend.tables.catalog.sql import Row, rows

INPUTS, OUTPUTS = "ibv", "obt"  # pg_proc.proargmodes: in, out, inout, variadic, table


def functions_of(
    cursor: Any, schemas: list[int], names: Sequence[str], role: str
) -> tuple[Function, ...]:
    """The functions of these names. Raises StartupError for one that the API cannot call."""
    if not names:
        return ()
    known = rows(cursor, sql.FUNCTIONS, schemas=schemas)
    chosen = [_chosen(name, known, role) for name in names]
    relations = sorted({row["relation"] for row in chosen})
    of_relations = rows(cursor, sql.COLUMNS, relations=relations)
    oids = [oid for row in chosen for oid in row["types"]]
    types = Types(cursor, [*oids, *(column["type"] for column in of_relations)])
    return tuple(_function(row, types, of_relations) for row in chosen)


def _chosen(name: str, known: list[Row], role: str) -> Row:
    matching = [row for row in known if name in (row["name"], f"{row['schema']}.{row['name']}")]
    if not matching:
        raise StartupError(
            f"PUBLISH_FUNCTIONS: the schemas have no function {quoted(name)}.",
            suggested(name, sorted({row["name"] for row in known})),
        )
    if len(matching) > 1:
        raise StartupError(
            f"PUBLISH_FUNCTIONS: {quoted(name)} is the name of several functions: "
            f"{', '.join(row['signature'] for row in matching)}.",
            "Give the one to publish a name of its own: ALTER FUNCTION ... RENAME TO ..., or put "
            "the schema before its name.",
        )
    (row,) = matching
    signature = row["signature"]
    if not row["returns_set"] or not (row["relation"] or set(row["modes"]) & set(OUTPUTS)):
        raise StartupError(
            f"PUBLISH_FUNCTIONS: {signature} does not return rows with columns.",
            "Create it with RETURNS TABLE (...), or RETURNS SETOF and the name of a table.",
        )
    if row["volatility"] == "v":
        raise StartupError(
            f"PUBLISH_FUNCTIONS: {signature} is VOLATILE: PostgreSQL allows it to change data.",
            f"If it only reads, run as its owner: ALTER FUNCTION {signature} STABLE",
        )
    if not row["can_execute"]:
        raise StartupError(
            f"PUBLISH_FUNCTIONS: the role {quoted(role)} may not execute {signature}.",
            f"Run as its owner: GRANT EXECUTE ON FUNCTION {signature} TO {quoted(role)}",
        )
    return row


def _function(row: Row, types: Types, of_relations: list[Row]) -> Function:
    count = len(row["types"])
    names = row["names"] or [""] * count
    modes = row["modes"] or ["i"] * count
    parameters = list(zip(names, row["types"], modes, strict=True))
    inputs = [(name, oid) for name, oid, mode in parameters if mode in INPUTS]
    columns = [{"name": name, "type": oid} for name, oid, mode in parameters if mode in OUTPUTS]
    columns = columns or [
        {key: column[key] for key in ("name", "type", "typmod", "declared", "comment")}
        for column in of_relations
        if column["relation"] == row["relation"]
    ]
    required = len(inputs) - row["defaults"]
    return Function(
        row["schema"],
        row["name"],
        tuple(
            Argument(name, types.declared(oid), has_default=number >= required)
            for number, (name, oid) in enumerate(inputs)
        ),
        returns=tuple(row["returns"]) if row["returns"] else None,
        columns=tuple(types.column(**column) for column in columns),
        is_variadic="v" in modes,
        comment=row["comment"],
    )


def suggested(name: str, known: Sequence[str]) -> str:
    """What to write instead of ``name``."""
    lower = {each.lower(): each for each in known}
    if close := difflib.get_close_matches(name.lower(), lower):
        return f"Did you mean {' or '.join(quoted(lower[each]) for each in close)}?"
    if not known:
        return "There is none."
    return f"Name one of: {', '.join(map(quoted, known[:20]))}."
