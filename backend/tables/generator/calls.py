"""What the API makes of functions: lists of the rows that they return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backend.tables.catalog import Function, Relation
from backend.tables.catalog.relations import quoted
from backend.tables.generator import names
from backend.tables.generator.maker import Maker, cannot_serve
from backend.tables.generator.metadata import TableMetadata
from backend.tables.generator.plan import Call, Note, Plan, Skipped, Source, Table

PREFIX = "functions/"  # before their routes


def with_calls(plan: Plan, sources: Sequence[Source]) -> Plan:
    """The plan with the functions of the sources."""
    calls: list[Call] = []
    skipped: list[Skipped] = []
    for source in sources:
        for function in source.catalog.functions:
            note = _cannot_call(function, source)
            if note is None:
                calls.append(_call(function, source, plan.tables, calls))
            else:
                skipped.append(Skipped(function.schema, function.name, note))
    return replace(plan, calls=tuple(calls), skipped=(*plan.skipped, *skipped))


def _cannot_call(function: Function, source: Source) -> Note | None:
    name = quoted(function.schema, function.name)
    for rows in _rows(function):
        if note := cannot_serve(rows, source.metadata):
            return note
    if function.is_variadic:
        return Note("It has a VARIADIC argument.", f"CREATE FUNCTION {name} (NAME TYPE[], ...) ...")
    if not all(argument.name for argument in function.arguments):
        return Note(
            "It has arguments without a name, so no parameter can give their values.",
            f"CREATE OR REPLACE FUNCTION {name} (NAME TYPE, ...) ...",
        )
    return None


def _call(
    function: Function, source: Source, tables: Sequence[Table], others: Sequence[Call]
) -> Call:
    taken = [each.model for each in tables] + [each.model for each in others]
    model = names.model(function.name, taken)
    route = names.route(function.name, [each.route.removeprefix(PREFIX) for each in others])
    table = _returned(function, source, tables) or replace(
        Maker(function.rows, source, (), _about(function, source)).table(""),
        model=model,
        route=PREFIX + route,
    )
    return Call(function, table, model, PREFIX + route)


def _returned(function: Function, source: Source, tables: Sequence[Table]) -> Table | None:
    """The table whose rows it returns, if a key of one column identifies them."""
    if _names(function, source):
        return None
    for table in tables:
        relation = table.relation
        is_same = (relation.schema, relation.name) == function.returns
        if table.alias == source.alias and is_same and len(table.key) == 1:
            return table
    return None


def _names(function: Function, source: Source) -> bool:
    """Whether metadata.yml describes the function."""
    qualified = f"{function.schema}.{function.name}"
    return not source.metadata.tables.keys().isdisjoint((qualified, function.name))


def _about(function: Function, source: Source) -> TableMetadata:
    """What metadata.yml says about it. What hides the table also hides the rows of a function."""
    about, *others = map(source.metadata.of, _rows(function))
    for table in others:
        about = replace(
            about,
            hidden=about.hidden | table.hidden,
            login=about.login or table.login,
            srid={**table.srid, **about.srid},
            timezone=about.timezone or table.timezone,
        )
    return about


def _rows(function: Function) -> list[Relation]:
    """Its rows, under its own name and under that of the table that they are from."""
    if function.returns is None:
        return [function.rows]
    schema, name = function.returns
    return [function.rows, replace(function.rows, schema=schema, name=name)]
