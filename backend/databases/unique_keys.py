"""Whether a model's primary key identifies the rows of its table.

It does in a table that Django created. A model for an existing table (``managed = False``) can name
any column: Django requires a primary key, but the table may not have one.
"""

from __future__ import annotations

import time
from typing import Any

from django.db import connections
from django.db.models import CompositePrimaryKey, Model

from backend.databases import identifiers
from backend.databases.keyless import is_keyless

LIFETIME = 60  # seconds that a table's key is remembered, as in backend.databases.stored_types
_known: dict[tuple[str, str, tuple[str, ...]], tuple[float, bool]] = {}

# The catalogs do not tell for views and foreign tables, so the model is trusted. The rows of a
# child (INHERITS) are rows of its parent, but not in its index. Those of a partition are in the
# index. NULL is not equal to NULL.
UNIQUE = """
SELECT c.relkind NOT IN ('r', 'p') OR (
    NOT (c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid))
    AND EXISTS (
        SELECT FROM pg_index i
        WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid
            AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (
                SELECT FROM pg_attribute a
                WHERE a.attrelid = c.oid
                    AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
                    AND NOT (a.attnotnull AND a.attname = ANY (%s::text[]))
            )
    )
)
FROM pg_class c WHERE c.oid = to_regclass(%s)
"""


# Of tables and materialized views. The rows of partitions and children have the same places.
STORED = """
SELECT CASE WHEN relkind = 'p' OR relhassubclass THEN '{tableoid,ctid}' ELSE '{ctid}' END::text[]
FROM pg_class WHERE oid = to_regclass(%s) AND relkind IN ('r', 'm', 'p')
"""
_places: dict[tuple[str, str], tuple[float, tuple[str, ...]]] = {}


def key_columns(model: type[Model]) -> tuple[str, ...]:
    """The columns of the model's primary key."""
    pk = model._meta.pk
    parts: Any = pk.fields if isinstance(pk, CompositePrimaryKey) else [pk]
    return tuple(identifiers.column_name(part.column) for part in parts)


def has_unique_key(model: type[Model], using: str) -> bool:
    """Whether no two rows share a primary key, read from the database at most once a minute."""
    connection = connections[using]
    if is_keyless(model):
        return False
    if model._meta.managed or connection.vendor != "postgresql":
        return True
    key = (using, model._meta.db_table, key_columns(model))
    until, unique = _known.get(key, (0.0, True))
    if until < time.monotonic():
        with connection.cursor() as cursor:
            cursor.execute(UNIQUE, [list(key[-1]), identifiers.table(model)])
            row = cursor.fetchone()
        if row is None:  # a missing table can be created later
            return True
        (unique,) = row
        _known[key] = (time.monotonic() + LIFETIME, unique)
    return unique


def places(model: type[Model], using: str) -> tuple[str, ...]:
    """The system columns that tell where a row is stored. Empty for views and foreign tables."""
    key = (using, model._meta.db_table)
    known = _places.get(key)
    if known is None or known[0] < time.monotonic():
        with connections[using].cursor() as cursor:
            cursor.execute(STORED, [identifiers.table(model)])
            row = cursor.fetchone()
        known = (time.monotonic() + LIFETIME, tuple(row[0]) if row else ())
        _places[key] = known
    return known[1]
