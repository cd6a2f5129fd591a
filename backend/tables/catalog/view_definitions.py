"""Which columns of a table the columns of a view are.

PostgreSQL remembers for each column of a view the column that it selects without a change, so that
clients can ask for it: https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQFTABLE
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# What matters of a query in the catalogs' notation for trees. A brace, parenthesis, or space in a
# name has a backslash before it.
TOKEN = re.compile(
    r"\\.|\{QUERY|[{}]|:resno (?P<number>\d+)"
    r"|:resorigtbl (?P<table>\d+) :resorigcol (?P<column>\d+)"
    r"|:varnullingrels \(b(?P<joins>[ \d]*)\)|(?P<outer>:jointype [1-9])|(?P<sets>:groupingSets \()"
    r"|(?P<grouped>:hasGroupRTE true)",
    re.DOTALL,
)


@dataclass(frozen=True)
class View:
    """The definition of a view or a materialized view."""

    # Whether its rows are rows of one table, each at most once.
    is_simple: bool
    origins: dict[int, tuple[int, int]]  # its column: the table's oid, and the column there
    # Its columns that are null only where the table's are. An outer join makes others.
    as_null: frozenset[int]

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
    origins: dict[int, tuple[int, int]] = {}
    nulls: dict[int, bool] = {}  # whether an outer join of the query itself adds nulls to a column
    queries: list[int] = []  # the depths of the query, and of those inside it
    depth = number = 0
    adds_nulls = is_outer = is_grouped = False
    joins: str | None = None  # that add nulls to the current column, from PostgreSQL 16 on
    for token in TOKEN.finditer(query):
        is_inside = len(queries) > 1
        if token[0].startswith("{"):
            depth += 1
            queries += [depth] if token[0] == "{QUERY" else []
        elif token[0] == "}":
            queries = [each for each in queries if each < depth]
            depth -= 1
        elif token["sets"] or (token["outer"] and is_inside):
            adds_nulls = True
        elif token["outer"]:
            is_outer = True
        elif token["grouped"]:
            is_grouped = True
        elif token["joins"] is not None and depth == 3:
            joins = token["joins"]
        elif token["number"] and depth == 2:  # a column of the query itself
            number = int(token["number"])
        elif token["table"] and depth == 2 and int(token["column"]):
            origins[number] = (int(token["table"]), int(token["column"]))
            nulls[number] = joins != ""
    # From PostgreSQL 18 on, a column of GROUP BY does not tell the joins below.
    adds_nulls = adds_nulls or (is_outer and is_grouped)
    as_null = [each for each in origins if not (adds_nulls or (is_outer and nulls[each]))]
    return View(is_simple, origins, frozenset(as_null))
