"""The real type of a column, and the text of columns that only the model calls text.

``inspectdb`` writes TextField ("This field type is a guess.") for arrays, ranges, JSON, and any
other type that it does not know. psycopg returns them as lists, ranges, and dictionaries. A page
would show these as Python writes them, and a stream as PostgreSQL does. The image's views read them
as the text that PostgreSQL writes. A client can send the same text back.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.models import CharField, F, Field, Func, Model, QuerySet, TextField

from backend.databases import identifiers

LIFETIME = 60  # seconds that a table's types are remembered, as in backend.geo.srid
_tables: dict[tuple[str, str], tuple[float, dict[str, Stored]]] = {}
_statements: dict[tuple[Any, ...], tuple[float, dict[str, Stored]]] = {}
MOST_STATEMENTS = 200  # remembered at a time, because each filter of a client makes a new one

OF_TABLE = """
SELECT attname, atttypid FROM pg_attribute
WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped
"""
# The columns of its type, or the arguments that are OUT, INOUT, or TABLE, or the only value, which
# has the name of the function.
OF_FUNCTION = """
SELECT coalesce(a.attname, r.name, p.proname), coalesce(a.atttypid, r.type, p.prorettype)
FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype
LEFT JOIN LATERAL (
    SELECT * FROM unnest(p.proargnames, p.proallargtypes, p.proargmodes) u (name, type, mode)
    WHERE mode IN ('o', 'b', 't')
) r ON t.typrelid = 0
LEFT JOIN pg_attribute a
    ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
WHERE p.oid = to_regproc(%s)
"""
# The base type of a domain, because PostgreSQL sends the values of a domain as that type.
TYPES = """
WITH RECURSIVE types (attname, oid, is_domain) AS (
    SELECT *, false FROM ({columns}) c
    UNION ALL
    SELECT attname, typbasetype, true FROM types JOIN pg_type USING (oid) WHERE typtype = 'd'
), compared (attname, oid) AS (
    -- PostgreSQL compares arrays by their elements.
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
    ), pg_type.typtype <> 'c' AND NOT (is_domain AND pg_type.typtype = 'e')
        AND (pg_type.typtype <> 'b' OR pg_type_is_visible(pg_type.oid))
        AND pg_type.typname NOT LIKE 'reg%%'
FROM types JOIN pg_type USING (oid) JOIN compared ON compared.attname = types.attname
JOIN pg_type sorted ON sorted.oid = compared.oid AND sorted.typtype <> 'd'
WHERE pg_type.typtype <> 'd'
"""
# https://www.postgresql.org/docs/current/catalog-pg-type.html, "typcategory Codes": arrays,
# booleans, dates and times, numbers, ranges and intervals.
_OBJECTS = frozenset("ABDNRT")
# Arrays of texts that both drivers read as lists.
TEXTS = frozenset({"_text", "_varchar", "_bpchar", "_name", "_char"})
_OBJECTS_OF_USERS = frozenset({"bytea", "hstore", "json", "uuid"})


@dataclass(frozen=True)
class Stored:
    """A type of PostgreSQL, by its name in pg_type: ``int4``, ``timestamptz``, ``_text``."""

    name: str
    category: str
    has_order: bool = True  # false for json, xml, point, and others
    # Whether "=" can compare it with a value. PostgreSQL cannot read one of a composite type, has
    # no "=" for a domain of an enum, does not find that of a type outside the search_path, and
    # looks up the value of a regclass.
    has_equality: bool = True

    @property
    def is_object(self) -> bool:
        """Whether psycopg turns a value into something other than its text."""
        return self.name in _OBJECTS_OF_USERS or (
            self.category in _OBJECTS and self.name != "money"
        )


def stored_types(model: type[Model], using: str) -> dict[str, Stored]:
    """The types of the table's columns, read from the database at most once a minute."""
    connection = connections[using]
    if connection.vendor != "postgresql":
        return {}
    key = (using, model._meta.db_table)
    known = _tables.get(key)
    if known is None or known[0] < time.monotonic():
        with connection.cursor() as cursor:
            cursor.execute(*_columns(model))
            types = {name: Stored(*about) for name, *about in cursor.fetchall()}
        known = (time.monotonic() + LIFETIME, types)
        if types:  # a missing table can be created later
            _tables[key] = known
    return known[1]


def _columns(model: type[Model]) -> tuple[str, list[str]]:
    if function := identifiers.function_of(model._meta.db_table):
        return TYPES.format(columns=OF_FUNCTION), [identifiers.regclass(function)]
    return TYPES.format(columns=OF_TABLE), [identifiers.table(model)]


def stored_type(field: Field[Any, Any], using: str) -> Stored | None:
    """The type of a model field's column. None if the database does not know it."""
    if field.column is None:
        return None
    return stored_types(field.model, using).get(identifiers.column_name(field.column))


def result_types(using: str, sql: str, params: Sequence[Any]) -> dict[str, Stored]:
    """The types of a statement's columns, read at most once a minute, without reading a row."""
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
    """SQL for the text that PostgreSQL writes. A cast adds a mask to an inet, and trims a char."""
    # A composite value of only NULLs is not NULL, although it is not IS NOT NULL either.
    return f"CASE WHEN {sql} IS DISTINCT FROM NULL THEN concat({sql}) END"


class StoredTextMixin:
    """Reads fields that the model calls text as text, whatever the type of the column."""

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        filtered = super().filter_queryset(queryset)  # type: ignore[misc]  # it is a view's
        as_texts: QuerySet[Any] = as_text(filtered)
        return as_texts


def as_text(queryset: Any) -> Any:
    """``queryset`` with the text of such columns. Anything but a plain queryset is unchanged."""
    loaded = list(_loaded(queryset))
    names = _texts(loaded)
    arrays = _arrays(loaded)
    if not (names or arrays):
        return queryset
    queryset = queryset.defer(*names, *(field.name for field in arrays))
    for name in names:
        text = Func(F(name), template=as_written("%(expressions)s"), output_field=TextField())
        # The model takes the value from here, because the column of the same name is deferred.
        queryset.query.add_annotation(text, name)
    for field in arrays:
        texts = Func(F(field.name), template="%(expressions)s::text[]", output_field=field)
        queryset.query.add_annotation(texts, field.name)
    return queryset


def read_as_text(queryset: Any) -> list[str]:
    """The fields to read as text, because only the model calls them text."""
    return _texts(_loaded(queryset))


def _texts(loaded: Iterable[tuple[Field[Any, Any], Stored]]) -> list[str]:
    return [
        field.name
        for field, stored in loaded
        if isinstance(field, (CharField, TextField)) and stored.is_object
    ]


def _arrays(loaded: Iterable[tuple[Field[Any, Any], Stored]]) -> list[Field[Any, Any]]:
    """The arrays that the driver does not read as lists, such as those of an enum."""
    return [
        field
        for field, stored in loaded
        if isinstance(getattr(field, "base_field", None), (CharField, TextField))
        and stored.category == "A"
        and stored.name not in TEXTS
    ]


def _loaded(queryset: Any) -> Iterator[tuple[Field[Any, Any], Stored]]:
    """The columns that the rows of a plain queryset have, with their types."""
    if not isinstance(queryset, QuerySet):
        return
    query = queryset.query
    fields = queryset._fields  # type: ignore[attr-defined]  # those of values(), else None
    if fields is not None or query.combinator or query.group_by is not None:
        return
    deferred, excluded = query.deferred_loading
    for field in queryset.model._meta.local_concrete_fields:
        if (field.name in deferred) is excluded or field.name in query.annotations:
            continue
        stored = stored_type(field, queryset.db)
        if stored is not None:
            yield field, stored
