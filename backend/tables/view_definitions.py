"""Which columns of a table the columns of a view are.

PostgreSQL remembers for each column of a view the column that it selects without a change, so that
clients can ask for it: https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQFTABLE
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# What matters of a query in the catalogs' notation for trees. A brace, parenthesis, or space in a
# name has a backslash before it.
TOKEN = re.compile(r"\\.|[{}]|:resno (\d+)|:resorigtbl (\d+) :resorigcol (\d+)", re.DOTALL)
# An outer join, or GROUPING SETS: a column that is never null in its table can be null.
ADDS_NULLS = re.compile(r":jointype [1-9]|:groupingSets \(")


@dataclass(frozen=True)
class View:
    """The definition of a view or a materialized view."""

    # Whether its rows are rows of one table, each at most once.
    is_simple: bool
    adds_nulls: bool
    origins: dict[int, tuple[int, int]]  # its column: the table's oid, and the column there

    @property
    def table(self) -> int | None:
        """The table of a simple view, unless it selects none of its columns."""
        return next((table for table, _ in self.origins.values()), None) if self.is_simple else None

    def selected(self, columns: tuple[int, ...]) -> tuple[int, ...] | None:
        """The view's columns that are these columns of the table. None if one is missing."""
        own = {column: number for number, (_, column) in reversed(self.origins.items())}
        return tuple(own[column] for column in columns) if own.keys() >= set(columns) else None


def parsed(query: str, *, is_simple: bool) -> View:
    """Read ``pg_rewrite.ev_action``."""
    origins = {}
    depth = number = 0
    for token in TOKEN.finditer(query):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
        elif depth == 2 and token[1]:  # a column of the query itself, not of a query inside it
            number = int(token[1])
        elif depth == 2 and token[2] and int(token[3]):
            origins[number] = (int(token[2]), int(token[3]))
    return View(is_simple, ADDS_NULLS.search(query) is not None, origins)
