"""What a role can read of a database, from PostgreSQL's own catalogs.

``inspectdb`` leaves out partitions' parents, comments, and keys of several columns, and guesses
types. This reads tables, partitioned tables, views, materialized views, and foreign tables of the
given schemas, without those of extensions and without partitions.

relations      what a catalog consists of
reading        how relations are read. sql, column_types, view_definitions, functions
coordinates    the spatial reference systems of columns that declare none
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.conf.errors import StartupError
from backend.tables.catalog import sql
from backend.tables.catalog.functions import functions_of, suggested
from backend.tables.catalog.reading import Reader
from backend.tables.catalog.relations import (
    Argument,
    Catalog,
    Column,
    ForeignKey,
    Function,
    Geometry,
    Relation,
    quoted,
)
from backend.tables.catalog.sql import Row, rows

__all__ = [
    "Argument",
    "Catalog",
    "Column",
    "ForeignKey",
    "Function",
    "Geometry",
    "Relation",
    "quoted",
    "read",
]


def read(cursor: Any, schemas: Sequence[str], functions: Sequence[str] = ()) -> Catalog:
    """Read these schemas, and these functions of them (``name`` or ``schema.name``).

    ``cursor`` is one of psycopg 2 or 3. Raises StartupError for a schema or a function that is
    missing, or that the role may not use.
    """
    (about,) = rows(cursor, sql.ROLE)
    named = _schemas(cursor, schemas, about["role"])
    oids = [row["oid"] for row in named]
    reader = Reader(cursor, oids)
    return Catalog(
        **about,
        schemas={row["name"]: row["comment"] for row in named},
        relations=reader.relations(),
        hidden=reader.hidden,
        functions=functions_of(cursor, oids, functions, about["role"]),
    )


def _schemas(cursor: Any, names: Sequence[str], role: str) -> list[Row]:
    known = {row["name"]: row for row in rows(cursor, sql.SCHEMAS)}
    own = [name for name in known if not _is_system(name)]
    for name in names:
        if _is_system(name):
            raise StartupError(
                f"PUBLISH_SCHEMAS: {quoted(name)} contains PostgreSQL's own tables.",
                "Name the schemas of your own tables.",
            )
        if name not in known:
            raise StartupError(
                f"PUBLISH_SCHEMAS: the database has no schema {quoted(name)}.",
                suggested(name, own),
            )
        if not known[name]["is_usable"]:
            raise StartupError(
                f"PUBLISH_SCHEMAS: the role {quoted(role)} may not use the schema {quoted(name)}.",
                f"Run as its owner: GRANT USAGE ON SCHEMA {quoted(name)} TO {quoted(role)}",
            )
    return [known[name] for name in dict.fromkeys(names)]


def _is_system(schema: str) -> bool:
    return schema.startswith("pg_") or schema == "information_schema"
