"""Of which type a column really is, and text for those that a model only calls text.

``inspectdb`` writes TextField ("This field type is a guess.") for arrays, ranges, json and
whatever else it does not know. psycopg makes lists, ranges and dictionaries of these, which a
page would show as Python writes them and a stream as PostgreSQL does. A view of ours reads
them as the text that PostgreSQL writes; the same text may be sent back.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models import CharField, F, Func, Model, QuerySet, TextField

LIFETIME = 60  # seconds that the look at a table is believed, as in backend.geo.srid
_tables: dict[tuple[str, str], tuple[float, dict[str, Stored]]] = {}
_statements: dict[tuple[Any, ...], tuple[float, dict[str, Stored]]] = {}
MOST_STATEMENTS = 200  # that are remembered; each filter of a client's makes one of its own

# The type at the bottom of a domain: PostgreSQL sends a domain's values as that one's.
TYPES = """
WITH RECURSIVE types (attname, oid) AS (
    SELECT attname, atttypid FROM pg_attribute
    WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
    UNION ALL
    SELECT attname, typbasetype FROM types JOIN pg_type USING (oid) WHERE typtype = 'd'
), compared (attname, oid) AS (
    -- An array is compared by its elements.
    SELECT attname, CASE WHEN typcategory = 'A' AND typelem <> 0 THEN typelem ELSE oid END
    FROM types JOIN pg_type USING (oid) WHERE typtype <> 'd'
    UNION ALL
    SELECT attname, typbasetype FROM compared JOIN pg_type USING (oid) WHERE typtype = 'd'
)
SELECT types.attname, pg_type.typname, pg_type.typcategory,
    sorted.typtype IN ('c', 'e', 'm', 'r') OR EXISTS (
        SELECT FROM pg_opclass JOIN pg_am ON pg_am.oid = opcmethod AND amname = 'btree'
        WHERE opcdefault AND (opcintype = sorted.oid OR EXISTS (
            SELECT FROM pg_cast WHERE castsource = sorted.oid AND casttarget = opcintype
            AND castmethod = 'b' AND castcontext = 'i'
        ))
    )
FROM types JOIN pg_type USING (oid) JOIN compared ON compared.attname = types.attname
JOIN pg_type sorted ON sorted.oid = compared.oid AND sorted.typtype <> 'd'
WHERE pg_type.typtype <> 'd'
"""
# https://www.postgresql.org/docs/current/catalog-pg-type.html, "typcategory Codes": arrays,
# booleans, dates and times, numbers, ranges and intervals.
_OBJECTS = frozenset("ABDNRT")
_OBJECTS_OF_USERS = frozenset({"bytea", "hstore", "json", "uuid"})


@dataclass(frozen=True)
class Stored:
    """A type of PostgreSQL's, by its name in pg_type: ``int4``, ``timestamptz``, ``_text``."""

    name: str
    category: str
    has_order: bool = True  # json, xml, point and others have none

    @property
    def is_object(self) -> bool:
        """Whether psycopg makes anything else than its text of a value."""
        return self.name in _OBJECTS_OF_USERS or (
            self.category in _OBJECTS and self.name != "money"
        )


def stored_types(model: type[Model], using: str) -> dict[str, Stored]:
    """The types of the table's columns; the table is asked once a minute."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return {}
    key = (using, model._meta.db_table)
    known = _tables.get(key)
    if known is None or known[0] < time.monotonic():
        with connection.cursor() as cursor:
            cursor.execute(TYPES, [connection.ops.quote_name(model._meta.db_table)])
            types = {name: Stored(*about) for name, *about in cursor.fetchall()}
        known = (time.monotonic() + LIFETIME, types)
        if types:  # a table that is not there may come
            _tables[key] = known
    return known[1]


def result_types(using: str, sql: str, params: Sequence[Any]) -> dict[str, Stored]:
    """The types of a statement's columns; the server is asked once a minute, and reads no row."""
    key = (using, sql, tuple(type(param) for param in params))
    known = _statements.get(key)
    if known is None or known[0] < time.monotonic():
        with connections[using].cursor() as cursor:
            cursor.execute(f"SELECT * FROM ({sql}) described LIMIT 0", params)  # noqa: S608
            oids = {column.name: column.type_code for column in cursor.description}
            cursor.execute(
                "SELECT oid, typname, typcategory FROM pg_type WHERE oid = ANY(%s)",
                [list(oids.values())],
            )
            types = {oid: Stored(*about) for oid, *about in cursor.fetchall()}
        if len(_statements) >= MOST_STATEMENTS:
            _statements.clear()
        known = (time.monotonic() + LIFETIME, {name: types[oid] for name, oid in oids.items()})
        _statements[key] = known
    return known[1]


def as_written(sql: str) -> str:
    """What PostgreSQL writes of a value; a cast adds a mask to an address, and cuts blanks off."""
    return f"CASE WHEN {sql} IS NOT NULL THEN concat({sql}) END"


class StoredTextMixin:
    """Reads as text what the model calls text, whatever the column is."""

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found = super().filter_queryset(queryset)  # type: ignore[misc]  # it is a view's
        as_texts: QuerySet[Any] = as_text(found)
        return as_texts


def as_text(queryset: Any) -> Any:
    """``queryset`` with the text of such columns; what is no plain queryset stays as it is."""
    names = read_as_text(queryset)
    if not names:
        return queryset
    queryset = queryset.defer(*names)
    for name in names:
        text = Func(F(name), template=as_written("%(expressions)s"), output_field=TextField())
        # A model takes the value from it, since the column of the same name is deferred.
        queryset.query.add_annotation(text, name)
    return queryset


def read_as_text(queryset: Any) -> list[str]:
    """The fields that are read as text: those that the model only calls so."""
    if not isinstance(queryset, QuerySet):
        return []
    fields = queryset._fields  # type: ignore[attr-defined]  # those of values(), else None
    if fields is not None:
        return []
    query = queryset.query
    if query.combinator or query.group_by is not None:
        return []
    return [name for name in _called_text(queryset) if name not in query.annotations]


def _called_text(queryset: QuerySet[Any]) -> list[str]:
    types = stored_types(queryset.model, queryset.db)
    deferred, excluded = queryset.query.deferred_loading
    return [
        field.name
        for field in queryset.model._meta.local_concrete_fields
        if isinstance(field, (CharField, TextField))
        and field.column in types
        and types[field.column].is_object
        and (field.name in deferred) is not excluded
    ]
