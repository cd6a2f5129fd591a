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
# pg_proc.prokind
KINDS = {"p": "a procedure", "a": "an aggregate function", "w": "a window function"}
EXAMPLE = "CREATE FUNCTION ... RETURNS TABLE (name text, visits bigint) STABLE ..."


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
    oids = [oid for row in chosen for oid in (*row["types"], row["result"])]
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
    if refusal := _refusal(row, role):
        problem, fix = refusal
        raise StartupError(f"PUBLISH_FUNCTIONS: {row['signature']} {problem}.", fix)
    return row


def _refusal(row: Row, role: str) -> tuple[str, str] | None:
    """Why the API cannot call a function, and what would change that."""
    signature = row["signature"]
    outputs = [name for name, _, mode in _parameters(row) if mode in OUTPUTS]
    if row["kind"] != "f":
        problem = f"is {KINDS[row['kind']]}, which returns no rows"
        return problem, f"Create a function that reads: {EXAMPLE}"
    if row["pseudo_arguments"]:
        pseudo = " and ".join(row["pseudo_arguments"])
        problem = f"is polymorphic: only a call decides which type {pseudo} is"
        return problem, "Create a function with plain types that calls it."
    if not (row["relation"] or outputs) and (row["is_pseudo"] or not row["returns_set"]):
        return "does not return rows with columns", f"Name its columns: {EXAMPLE}"
    if not row["relation"] and "" in outputs:
        return "returns columns without a name", f"Name them: {EXAMPLE}"
    if row["volatility"] == "v":
        problem = "is VOLATILE: PostgreSQL allows it to change data"
        return problem, f"If it only reads, run as its owner: ALTER FUNCTION {signature} STABLE"
    if not row["can_execute"]:
        grant = f"GRANT EXECUTE ON FUNCTION {signature} TO {quoted(role)}"
        return f"cannot be executed by the role {quoted(role)}", f"Run as its owner: {grant}"
    return None


def _parameters(row: Row) -> list[tuple[str, int, str]]:
    """Name, type, and mode of the arguments and of the columns that are declared like them."""
    count = len(row["types"])
    names = row["names"] or [""] * count
    modes = row["modes"] or ["i"] * count
    return list(zip(names, row["types"], modes, strict=True))


def _function(row: Row, types: Types, of_relations: list[Row]) -> Function:
    parameters = _parameters(row)
    inputs = [(name, oid) for name, oid, mode in parameters if mode in INPUTS]
    columns = (
        [
            {key: column[key] for key in ("name", "type", "typmod", "declared", "comment")}
            for column in of_relations
            if column["relation"] == row["relation"]
        ]
        or [{"name": name, "type": oid} for name, oid, mode in parameters if mode in OUTPUTS]
        or [{"name": row["name"], "type": row["result"]}]
    )
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
        is_variadic=any(mode == "v" for *_, mode in parameters),
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
