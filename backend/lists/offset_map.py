"""Where the n-th row of a table is, by primary key, without reading the rows before it.

Every 1,000th key of a table is kept in memory with its number. A page at offset 990,000 then begins
at the key before it, and skips fewer than 1,000 rows.

A map is valid while PostgreSQL's snapshot is the one that it was built under, because then nothing
was committed. It is also valid while the table's own counters of inserted, deleted, and updated
rows are unchanged. Those counters lag: a session reports within 10 s of the end of its transaction
(PGSTAT_MIN_INTERVAL, PGSTAT_IDLE_INTERVAL in PostgreSQL's pgstat.c). So a page can be shifted by
the rows of the last seconds, like any page by offset while rows are written.
"""

from __future__ import annotations

import bisect
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connections
from django.db.models import Model, QuerySet

from backend.databases import identifiers
from backend.lists.keyset import inner_joins

STEP = 1_000  # rows from one kept key to the next, and the most rows that a page skips
MOST_KEYS = 10_000  # per table; above 10 million rows, the step grows
MOST_MAPS = 64  # tables; the least recently used map is removed first
# While a table is written to, it is mapped again at most this often, and for at most this share of
# the time. Until then, its pages use plain OFFSET.
REST = 10  # seconds
REST_TIMES_BUILD = 20

# There is no map if the counters are not reliable: for views and foreign tables, partitions and
# children (counted elsewhere), row-level security (each user sees different rows), writes of this
# same transaction, and a standby (neither its counters nor its snapshot tell). Nor is there one
# with an INNER JOIN that can leave rows out: each join needs a validated foreign key that is never
# NULL, to a table that shows its rows to every user.
STATE = """
SELECT pg_current_snapshot()::text,
       concat_ws('/', pg_relation_filenode(c.oid),
           pg_stat_get_tuples_inserted(c.oid), pg_stat_get_tuples_deleted(c.oid),
           pg_stat_get_tuples_updated(c.oid) - pg_stat_get_tuples_hot_updated(c.oid),
           pg_stat_get_db_stat_reset_time(d.oid)),
       c.oid, GREATEST(c.reltuples, 0)::bigint
FROM pg_class c JOIN pg_database d ON d.datname = current_database()
WHERE c.oid = to_regclass(%s) AND c.relkind = 'r' AND NOT c.relrowsecurity
      AND NOT c.relhassubclass AND NOT pg_is_in_recovery()
      AND pg_current_xact_id_if_assigned() IS NULL
      AND NOT EXISTS (
          SELECT FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])
               AS joined (source, source_column, target, target_column)
          WHERE NOT EXISTS (
              SELECT FROM pg_constraint k JOIN pg_class t ON t.oid = k.confrelid
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
              JOIN pg_attribute b ON b.attrelid = k.confrelid AND k.confkey = ARRAY[b.attnum]
              WHERE k.conrelid = to_regclass(source) AND a.attname = source_column
                    AND k.confrelid = to_regclass(target) AND b.attname = target_column
                    AND k.contype = 'f' AND k.convalidated AND a.attnotnull
                    AND NOT t.relrowsecurity AND NOT t.relhassubclass
          )
      )
"""

# Each step is an index-only scan. A window function over the table took almost four times as long
# (1 million rows: 172 ms, this: 47 ms).
BUILD = """
WITH RECURSIVE kept (row, key) AS (
    (SELECT %(step)s::bigint, {pk} FROM {table} ORDER BY {pk} OFFSET %(step)s - 1 LIMIT 1)
    UNION ALL
    SELECT row + %(step)s, (SELECT {pk} FROM {table} WHERE {pk} > key
                            ORDER BY {pk} OFFSET %(step)s - 1 LIMIT 1)
    FROM kept WHERE key IS NOT NULL
)
SELECT row, key, NULL::bigint FROM kept WHERE key IS NOT NULL
UNION ALL
SELECT NULL, NULL, row + (SELECT count(*) FROM {table} WHERE {pk} > key)
FROM (SELECT row, key FROM kept WHERE key IS NOT NULL ORDER BY row DESC LIMIT 1) last
"""


@dataclass(frozen=True)
class State:
    """What changes with the rows of a table."""

    snapshot: str
    counters: str
    oid: int
    rows: int  # at the last ANALYZE

    def same_rows(self, other: State) -> bool:
        if self.oid != other.oid:
            return False
        return self.counters == other.counters or self.snapshot == other.snapshot


@dataclass(frozen=True)
class OffsetMap:
    """``keys[n]`` is the key of row ``rows[n]``, counted from 1 in the order of the primary key.

    ``older`` is true if it was built under another snapshot than the current one.
    """

    state: State
    rows: list[int]
    keys: list[Any]
    total: int
    older: bool = False

    def start(self, offset: int, descending: bool) -> tuple[Any | None, int]:
        """The key that a page begins after, and how many rows to skip from there.

        If descending, the page begins *at* the key, and counts down. None means the beginning.
        """
        if not descending:
            place = bisect.bisect_right(self.rows, offset) - 1
            return (None, offset) if place < 0 else (self.keys[place], offset - self.rows[place])
        row = self.total - offset
        place = bisect.bisect_left(self.rows, row)
        if place == len(self.rows):
            return None, offset
        return self.keys[place], self.rows[place] - row


@dataclass
class _Slot:
    lock: threading.Lock = field(default_factory=threading.Lock)
    map: OffsetMap | None = None
    rest_until: float = 0.0


_slots: OrderedDict[tuple[str, str], _Slot] = OrderedDict()
_slots_lock = threading.Lock()


def current(queryset: QuerySet[Any], *, build: bool) -> OffsetMap | None:
    """The map of the queryset's whole table, or None if the page has to use plain OFFSET.

    ``build`` creates a missing map. One thread does this; the others do not wait.
    """
    using, model = queryset.db, queryset.model
    slot = _slot(using, model._meta.db_table)
    if slot.map is None and (not build or time.monotonic() < slot.rest_until):
        return None
    joins = inner_joins(queryset)
    state = None if joins is None else _state(using, model, joins)
    known = slot.map
    if state is None:
        return None
    if known is not None and known.state.same_rows(state):
        return replace(known, older=known.state.snapshot != state.snapshot)
    if not build or time.monotonic() < slot.rest_until or not slot.lock.acquire(blocking=False):
        return None
    try:
        began = time.monotonic()
        slot.map = _build(using, model, state)
        took = time.monotonic() - began
        slot.rest_until = time.monotonic() + max(REST, took * REST_TIMES_BUILD)
        return slot.map
    finally:
        slot.lock.release()


def _slot(using: str, table: str) -> _Slot:
    with _slots_lock:
        slot = _slots.setdefault((using, table), _Slot())
        _slots.move_to_end((using, table))
        while len(_slots) > MOST_MAPS:
            _slots.popitem(last=False)
        return slot


def _state(using: str, model: type[Model], joins: list[tuple[str, str, str, str]]) -> State | None:
    connection = connections[using]
    named, regclass = identifiers.column_name, identifiers.regclass
    joined = [
        (regclass(source), named(source_column), regclass(target), named(target_column))
        for source, source_column, target, target_column in joins
    ]
    columns = [list(column) for column in zip(*joined, strict=True)] or [[]] * 4
    with connection.cursor() as cursor:
        cursor.execute(STATE, [identifiers.table(model), *columns])
        row = cursor.fetchone()
    return State(*row) if row else None


def _build(using: str, model: type[Model], state: State) -> OffsetMap | None:
    """``state`` was read before the rows, so a change in between makes the map outdated."""
    connection = connections[using]
    pk: Any = model._meta.pk  # of a single column, which has a name
    names = {
        "pk": connection.ops.quote_name(pk.column),
        "table": connection.ops.quote_name(model._meta.db_table),
    }
    step = max(STEP, state.rows // MOST_KEYS)
    with connection.cursor() as cursor:
        cursor.execute(BUILD.format(**names), {"step": step})
        *kept, (_, _, total) = cursor.fetchall() or [(None, None, 0)]
    if not kept:
        return None
    kept.sort(key=lambda one: one[0])
    return OffsetMap(state, [row for row, *_ in kept], [key for _, key, _ in kept], total)
