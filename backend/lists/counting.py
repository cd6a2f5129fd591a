"""How many rows a queryset has, without reading millions of them."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import OperationalError, connections
from django.db.models import QuerySet
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from backend.conf.variables import setting
from backend.databases import sessions
from backend.databases.identifiers import function_of
from backend.databases.server_errors import QUERY_CANCELED, sqlstate
from backend.lists.keyset import copied, has_values, order_multiplies

# An estimate depends on the last ANALYZE, so each page of a walk does not need a new one. Exact
# counts are never kept.
LIFETIME = 5  # seconds
EVERY_ROW = 2**62  # as the end of a slice
MOST_ESTIMATES = 256  # statements, each with its parameters
OLDER = "_goes_by_older_rows"  # of a request

# By statement, then by what decides in a session which rows it sees: the snapshot and the rows.
_estimates: OrderedDict[Hashable, tuple[float, dict[Hashable, tuple[str, int]]]] = OrderedDict()
_lock = threading.Lock()


class CountTooSlow(APIException):
    """An exact count took longer than STATEMENT_TIMEOUT."""

    status_code = 503
    default_code = "count_too_slow"


@dataclass(frozen=True)
class Count:
    """A number of rows. ``exact`` is False for PostgreSQL's estimate. ``older`` is True if the
    estimate was kept from another snapshot."""

    rows: int
    exact: bool = True
    older: bool = False


def count(queryset: QuerySet[Any], *, exact: bool = False) -> Count:
    """The rows of ``queryset``: counted up to EXACT_COUNT_LIMIT, estimated above.

    ``exact`` counts all rows within STATEMENT_TIMEOUT, and otherwise raises CountTooSlow. Databases
    other than PostgreSQL have no such estimate, so their rows are counted. So are those of tables
    that show different rows to different users, because an estimate includes the rows of all, and
    the rows of functions.
    """
    query = queryset.query
    if query.distinct and not query.is_sliced and has_values(queryset):
        # DISTINCT also compares the columns that rows are ordered by, and count() keeps only the
        # order of a slice.
        queryset = queryset[:EVERY_ROW]
    if query.combinator:  # the order does not change the number, and Django cannot count with one
        queryset = copied(queryset)
        queryset.query.clear_ordering(force=True)
    if connections[queryset.db].vendor != "postgresql":
        return Count(queryset.count())
    if exact:
        return Count(_all(queryset))
    limit = setting("EXACT_COUNT_LIMIT")
    # If the order repeats a row for each value that it is ordered by, each of them counts.
    ordered = queryset.query.is_sliced or order_multiplies(queryset)
    unordered = queryset if ordered else queryset.order_by()
    sql, params = _statement(unordered)
    # The planner expects 1,000 rows of every function.
    if sessions.is_restricted(queryset.db, sql) or function_of(query.get_meta().db_table):
        return Count(_all(queryset))
    key = _key(queryset.db, sql, params)
    if (known := _known(queryset.db, key)) is not None:
        return known
    rows = unordered[: limit + 1].count()
    if rows <= limit:
        return Count(rows)
    state = _state(queryset.db)  # before the estimate: a change in between then makes it older
    estimated = max(estimate(unordered), rows)
    _remember(key, state, estimated)
    return Count(estimated, exact=False)


def mark_as_older(request: Request) -> None:
    """Leave the ETag off the response to ``request``, because it has data of an older snapshot."""
    setattr(request, OLDER, True)


def is_marked_as_older(request: Request) -> bool:
    """Whether ``mark_as_older`` was called."""
    return getattr(request, OLDER, False)


def estimate(queryset: QuerySet[Any]) -> int:
    """The number of rows that PostgreSQL's planner expects of ``queryset``, without reading any.

    For a whole table, it scales ``pg_class.reltuples`` by the table's present size, and adds up the
    partitions of a partitioned table. If ANALYZE never ran, it uses only the size.
    https://www.postgresql.org/docs/17/row-estimation-examples.html
    """
    rows: int = json.loads(queryset.explain(format="json"))[0]["Plan"]["Plan Rows"]
    return rows


def _statement(queryset: QuerySet[Any]) -> tuple[str, tuple[Any, ...]]:
    statement: tuple[str, tuple[Any, ...]]
    try:
        statement = queryset.query.get_compiler(queryset.db).as_sql()
    except EmptyResultSet:
        return "", ()
    return statement


def _key(using: str, sql: str, params: tuple[Any, ...]) -> Hashable | None:
    """The statement itself. None if it has no rows, or if one of its parameters is a list."""
    key = (using, sql, tuple(params))
    try:
        hash(key)
    except TypeError:
        return None
    return key if sql else None


def _state(using: str) -> tuple[str, tuple[Any, ...]]:
    """The snapshot, and what decides which rows this thread's session sees."""
    snapshot, *state = sessions.state(using, "pg_current_snapshot()::text")
    return snapshot, tuple(state)


def _known(using: str, key: Hashable | None) -> Count | None:
    with _lock:
        until, estimates = _estimates.get(key, (0.0, {}))
    # Query the session's state only if there is an estimate for any session.
    if time.monotonic() >= until:
        return None
    snapshot, state = _state(using)
    if state not in estimates:
        return None
    then, rows = estimates[state]
    return Count(rows, exact=False, older=then != snapshot)


def _remember(key: Hashable | None, at: tuple[str, tuple[Any, ...]], rows: int) -> None:
    if key is None:
        return
    (snapshot, state), now = at, time.monotonic()
    with _lock:
        until, estimates = _estimates.get(key, (0.0, {}))
        if until < now:
            until, estimates = now + LIFETIME, {}
        _estimates[key] = (until, {**estimates, state: (snapshot, rows)})
        _estimates.move_to_end(key)
        while len(_estimates) > MOST_ESTIMATES:
            _estimates.popitem(last=False)


def _all(queryset: QuerySet[Any]) -> int:
    """Counts every row. STATEMENT_TIMEOUT, which backend.wsgi sets on each connection, ends it."""
    try:
        return queryset.count()
    except OperationalError as error:
        if sqlstate(error) != QUERY_CANCELED:
            raise
        seconds = setting("STATEMENT_TIMEOUT")
        raise CountTooSlow(
            {
                "count": f"Counting took longer than {seconds} s. Add a filter, or leave out "
                "count=exact."
            }
        ) from error
