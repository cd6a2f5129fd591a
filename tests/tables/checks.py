"""What all tests of published databases use: each relation in turn, and its rows in each format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg2
import requests

from tests.tables import asked, formats
from tests.tables.published import Published
from tests.tables.relations import Relation

FAULTS = (AssertionError, LookupError, ValueError, requests.RequestException, psycopg2.Error)
TIME = re.compile(r"([\d-]+T\d\d:\d\d:)(\d\d\.\d+)(Z?)")


def assert_each(api: Published, check: Callable[[Published, Relation], Iterable[str]]) -> None:
    """Check every relation, and report all faults at once."""
    wrong: list[str] = []
    for relation in api.relations:
        try:
            wrong += [f"{relation.name}: {fault}" for fault in check(api, relation)]
        except FAULTS as error:
            wrong.append(f"{relation.name}: {error!r:.300}")
    assert not wrong, "\n".join(wrong)


def differences(want: list[formats.Row], got: list[formats.Row]) -> Iterator[str]:
    if len(want) != len(got):
        yield f"{len(got)} rows instead of {len(want)}"
        return
    for number, (before, row) in enumerate(zip(want, got, strict=True)):
        for name, value in before.items():
            if row.get(name) != value or type(row.get(name)) is not type(value):
                yield f"row {number}, {name}: {row.get(name)!r:.80} instead of {value!r:.80}"


def read_as(name: str, rows: list[formats.Row]) -> list[formats.Row]:
    """Rows without what readers of a format cannot tell apart.

    Most readers of CSV treat an empty text as null. GDAL reads milliseconds of a FlatGeobuf file.
    """
    if name == "csv":
        # A line without columns is empty, which readers skip.
        rows = [row for row in rows if row]
        return [{name: None if cell == "" else cell for name, cell in row.items()} for row in rows]
    if name == "fgb":
        return [{name: _milliseconds(cell) for name, cell in row.items()} for row in rows]
    return rows


def _milliseconds(cell: Any) -> Any:
    if not isinstance(cell, str) or not (found := TIME.fullmatch(cell)):
        return cell
    return f"{found[1]}{float(found[2]):06.3f}{found[3]}"


def formats_of(relation: Relation) -> dict[str, Callable[..., list[formats.Row]]]:
    if relation.geometry is None:
        return formats.WITHOUT_GEOMETRY
    # A FlatGeobuf file needs a column that declares one type of geometry.
    simple = re.search(r"\((Multi)?(Point|LineString|Polygon)", relation.geometry.declared)
    left = () if simple else ("fgb",)
    return {name: each for name, each in formats.WITH_GEOMETRY.items() if name not in left}


def known_values(
    api: Published, relation: Relation, alike: asked.Alike
) -> Iterator[tuple[asked.Parameter, str]]:
    """The documented parameters, with a valid value."""
    row = next((row for end in api.ends(relation) for row in end), {})
    for parameter in asked.parameters(api, relation, alike):
        value = asked.valid(parameter, row)
        assert value is not None or parameter.column, f"no value for {parameter.name}"
        if value is not None:
            yield parameter, value


def errors(api: Published) -> list[str]:
    """The errors of this database in PostgreSQL's log, since the first request."""
    lines = api.server.container.logs().splitlines()[api.logged :]
    return [line for line in lines if line.startswith(f"{api.database} ") and " ERROR: " in line]
