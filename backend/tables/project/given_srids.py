"""The spatial reference systems that ``--srid parks.shape=2913`` gives for columns without one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from backend.conf.errors import StartupError
from backend.tables.catalog import Catalog
from backend.tables.catalog.coordinates import Answer, Place, known_systems

REASON = "--srid says so"


def read(
    cursor: Any, texts: Sequence[str], catalog: Catalog, earlier: Collection[str]
) -> dict[Place, Answer]:
    """The system of each column that ``texts`` name.

    Raises StartupError for one that means nothing, unless an earlier run accepted it: since then,
    its column can be gone, or can have a system of its own.
    """
    declared: dict[str, dict[Place, int]] = {}
    for name, place, srid in _columns(catalog):
        declared.setdefault(name, {})[place] = srid
    given: dict[Place, Answer] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if text not in earlier:
            _check(cursor, text, declared)
        given |= {
            place: (int(number), REASON)
            for place, srid in declared.get(name, {}).items()
            if not srid
        }
    return given


def _columns(catalog: Catalog) -> Iterator[tuple[str, Place, int]]:
    """Each geometry column, under its names: parks.shape and city.parks.shape."""
    rows = [*catalog.relations, *(function.rows for function in catalog.functions)]
    for relation in rows:
        for column in relation.columns:
            if column.geometry is not None:
                place = (relation.schema, relation.name, column.name)
                yield ".".join(place[1:]), place, column.geometry.srid
                yield ".".join(place), place, column.geometry.srid


def _check(cursor: Any, text: str, declared: dict[str, dict[Place, int]]) -> None:
    name, _, number = text.rpartition("=")
    if not name or not re.fullmatch("[1-9][0-9]{0,5}", number):
        raise StartupError(
            f"--srid {text}: this is not a column and the number of a system.",
            "Write TABLE.COLUMN=SRID, such as --srid parks.shape=2913.",
        )
    if name not in declared:
        close = difflib.get_close_matches(name, declared)
        raise StartupError(
            f"--srid {text}: there is no geometry column {name}.",
            f"Did you mean {' or '.join(close)}?"
            if close
            else f"Choose from: {', '.join(sorted(declared)) or 'none'}.",
        )
    if other := next((srid for srid in declared[name].values() if srid), 0):
        if other != int(number):
            raise StartupError(
                f"--srid {text}: the column declares EPSG:{other}.",
                "Leave it out, because the database decides.",
            )
    elif not known_systems(cursor, [int(number)]):
        raise StartupError(
            f"--srid {text}: the table spatial_ref_sys has no system {number}.",
            "Correct the number: https://epsg.org",
        )
