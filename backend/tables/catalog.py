"""What a role can read of a database, from PostgreSQL's own catalogs.

``inspectdb`` leaves out partitions' parents, comments, and keys of several columns, and guesses
types. This reads tables, partitioned tables, views, materialized views, and foreign tables of the
given schemas, without those of extensions and without partitions.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from backend.conf.errors import StartupError
from backend.tables import catalog_sql as sql

WGS84 = 4326
KINDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}


@dataclass(frozen=True)
class Geometry:
    """The spatial type of a column."""

    type: str  # GEOMETRY, POINT, MULTIPOLYGON, and so on
    srid: int  # 0 if the column declares none
    dimensions: int = 2  # 2, 3, or 4
    geography: bool = False


@dataclass(frozen=True)
class Column:
    """A column that the role can SELECT."""

    name: str
    declared: str  # as format_type() writes it: "numeric(5,2)", "permit_status", "text[]"
    type: str  # its name in pg_type, behind any domains: numeric, permit_status, _text
    kind: str  # pg_type.typtype of that type: b base, c composite, e enum, m multirange, r range
    category: (
        str  # pg_type.typcategory: https://www.postgresql.org/docs/current/catalog-pg-type.html
    )
    nullable: bool = True
    default: str | None = None  # the expression
    is_generated: bool = False  # GENERATED ALWAYS AS (...) STORED
    is_identity: bool = False
    comment: str = ""
    max_length: int | None = None  # of varchar(n) and char(n)
    digits: tuple[int, int] | None = None  # precision and scale of numeric(p, s)
    labels: tuple[str, ...] = ()  # of an enum, or of the enum in an array
    element: Column | None = None  # of an array: a column of its elements' type
    geometry: Geometry | None = None
    can_insert: bool = False
    can_update: bool = False


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key to another relation of any schema."""

    columns: tuple[str, ...]
    schema: str
    relation: str
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Relation:
    """A table, partitioned table, view, materialized view, or foreign table."""

    schema: str
    name: str
    kind: str  # the words above
    columns: tuple[Column, ...]
    # The columns of the primary key, or else of the first unique index on columns that are not
    # null, without a condition. Empty if there is none.
    key: tuple[str, ...] = ()
    # The columns of every other unique index of that sort.
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexed: tuple[str, ...] = ()  # first columns of its indexes that have no condition
    rows: int = 0  # an estimate; -1 if the table was never analyzed
    comment: str = ""
    unreadable: tuple[str, ...] = ()  # columns that the role cannot SELECT
    has_row_security: bool = False
    is_row_security_active: bool = False  # for this role: not for a superuser, or most owners
    is_owned: bool = False  # whether the role owns it, perhaps as a member of the owning role
    is_populated: bool = True  # false for a materialized view WITH NO DATA, which nobody can read
    can_insert: bool = False
    can_update: bool = False
    can_delete: bool = False

    def column(self, name: str) -> Column:
        """The column of that name. Raises KeyError."""
        return {column.name: column for column in self.columns}[name]


@dataclass(frozen=True)
class Argument:
    """An argument of a function."""

    name: str
    type: str  # as format_type() writes it
    has_default: bool = False


@dataclass(frozen=True)
class Function:
    """A function that returns rows, and changes nothing (STABLE or IMMUTABLE)."""

    schema: str
    name: str
    arguments: tuple[Argument, ...]
    returns: tuple[str, str] | None  # schema and name of the relation whose rows it returns
    columns: tuple[Column, ...]  # of its rows
    comment: str = ""


@dataclass(frozen=True)
class Catalog:
    """The schemas that were asked for."""

    role: str
    is_superuser: bool
    schemas: dict[str, str]  # the comment of each
    relations: tuple[Relation, ...]  # by schema and name
    # Relations in these schemas that the role cannot SELECT at all.
    hidden: tuple[tuple[str, str], ...] = ()
    functions: tuple[Function, ...] = ()


def quoted(*names: str) -> str:
    """The names as SQL writes them, such as "city"."Parks"."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def read(cursor: Any, schemas: Sequence[str], functions: Sequence[str] = ()) -> Catalog:
    """Read these schemas, and these functions of them (``name`` or ``schema.name``).

    Raises StartupError for a schema or a function that is missing, or that the role may not use.
    """
    cursor.execute(sql.ROLE)
    role, is_superuser = cursor.fetchone()
    named = _schemas(cursor, schemas, role)
    reader = _Reader(cursor, [oid for oid, _ in named.values()])
    relations, hidden = reader.relations()
    return Catalog(
        role=role,
        is_superuser=is_superuser,
        schemas={name: comment for name, (_, comment) in named.items()},
        relations=relations,
        hidden=hidden,
        functions=reader.functions(functions, role),
    )


def _schemas(cursor: Any, names: Sequence[str], role: str) -> dict[str, tuple[int, str]]:
    """The oid and the comment of each schema."""
    cursor.execute(sql.SCHEMAS)
    known = {name: (oid, comment, is_usable) for oid, name, comment, is_usable in cursor.fetchall()}
    for name in names:
        if name.startswith("pg_") or name == "information_schema":
            raise StartupError(
                f"PUBLISH_SCHEMAS: {quoted(name)} contains PostgreSQL's own tables.",
                "Name the schemas of your own tables.",
            )
        if name not in known:
            raise StartupError(
                f"PUBLISH_SCHEMAS: the database has no schema {quoted(name)}.",
                _suggested(name, [each for each in known if not each.startswith("pg_")]),
            )
        if not known[name][2]:
            raise StartupError(
                f"PUBLISH_SCHEMAS: the role {quoted(role)} may not use the schema {quoted(name)}.",
                f"Run as its owner: GRANT USAGE ON SCHEMA {quoted(name)} TO {quoted(role)}",
            )
    return {name: known[name][:2] for name in names}


def _suggested(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name.lower(), {each.lower(): each for each in known}, n=3)
    meant = [each for each in known if each.lower() in close]
    return (
        f"Did you mean {' or '.join(map(quoted, meant))}?"
        if meant
        else (f"Name one of: {', '.join(map(quoted, known))}.")
    )


# PostGIS's numbers of geometry types in a typmod:
# https://github.com/postgis/postgis/blob/3.5.0/liblwgeom/liblwgeom.h.in#L104
GEOMETRY_TYPES = (
    "GEOMETRY POINT LINESTRING POLYGON MULTIPOINT MULTILINESTRING MULTIPOLYGON GEOMETRYCOLLECTION "
    "CIRCULARSTRING COMPOUNDCURVE CURVEPOLYGON MULTICURVE MULTISURFACE POLYHEDRALSURFACE TRIANGLE "
    "TIN"
).split()


def _geometry(typmod: int, geography: bool) -> Geometry:
    """The bits of https://github.com/postgis/postgis/blob/3.5.0/liblwgeom/liblwgeom.h.in#L184"""
    if typmod < 0:
        return Geometry("GEOMETRY", WGS84 if geography else 0, geography=geography)
    srid = ((typmod & 0x0FFFFF00) - (typmod & 0x10000000)) >> 8
    dimensions = 2 + (typmod >> 1 & 1) + (typmod & 1)
    return Geometry(GEOMETRY_TYPES[typmod >> 2 & 0x3F], srid, dimensions, geography)


def _digits(typmod: int) -> tuple[int, int] | None:
    """Precision and scale of a numeric. The scale can be negative, or more than the precision."""
    if typmod < 0:
        return None
    return (typmod - 4) >> 16 & 0xFFFF, ((typmod - 4 & 0x7FF) ^ 1024) - 1024


@dataclass(frozen=True)
class _Type:
    declared: str
    name: str
    kind: str
    category: str
    base: int  # of a domain
    base_typmod: int
    element: int  # of an array, else 0
    labels: tuple[str, ...]
    modifier: str  # the function that reads its modifiers


class _Types:
    """The types of the database that columns and arguments have."""

    def __init__(self, cursor: Any, oids: Iterable[int]) -> None:
        cursor.execute(sql.TYPES, {"types": sorted(set(oids))})
        self._known = {
            oid: _Type(*about, tuple(labels), modifier)  # type: ignore[call-arg]
            for oid, *about, labels, modifier in cursor.fetchall()
        }

    def declared(self, oid: int) -> str:
        return self._known[oid].declared

    def column(self, name: str, declared: str, oid: int, typmod: int, **more: Any) -> Column:
        """A column of this type, or of the type behind its domains."""
        stored = self._known[oid]
        while stored.kind == "d":
            oid, typmod, stored = stored.base, stored.base_typmod, self._known[stored.base]
        element = None
        if stored.element:
            of = self._known[stored.element].declared
            element = self.column(name, of, stored.element, typmod)
        is_text = stored.name in ("varchar", "bpchar") and typmod >= 4
        is_spatial = stored.modifier in ("geometry_typmod_in", "geography_typmod_in")
        return Column(
            name,
            declared,
            stored.name,
            stored.kind,
            stored.category,
            max_length=typmod - 4 if is_text else None,
            digits=_digits(typmod) if stored.name == "numeric" else None,
            labels=element.labels if element else stored.labels,
            element=element,
            geometry=_geometry(typmod, stored.name == "geography") if is_spatial else None,
            **more,
        )


class _Reader:
    """Reads the relations and functions of some schemas."""

    def __init__(self, cursor: Any, schemas: list[int]) -> None:
        self._cursor = cursor
        self._schemas = schemas

    def _rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        self._cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = self._cursor.fetchall()
        return rows

    def _by_relation(self, statement: str, oids: list[int]) -> dict[int, list[tuple[Any, ...]]]:
        grouped: dict[int, list[tuple[Any, ...]]] = {}
        for oid, *rest in self._rows(statement, relations=oids):
            grouped.setdefault(oid, []).append(tuple(rest))
        return grouped

    def relations(self) -> tuple[tuple[Relation, ...], tuple[tuple[str, str], ...]]:
        """Those that the role can SELECT, and the names of those that it cannot."""
        rows = self._rows(sql.RELATIONS, schemas=self._schemas)
        readable = [row for row in rows if row[10]]
        oids = [row[0] for row in readable]
        columns, unreadable, numbers = self._columns(oids)
        keys, indexed, foreign = (
            self._by_relation(statement, oids)
            for statement in (sql.KEYS, sql.INDEXED, sql.FOREIGN_KEYS)
        )
        relations = []
        for oid, schema, name, kind, comment, count, *flags in readable:
            names = numbers.get(oid, {})
            unique = [
                tuple(names[number] for number in key)
                for (key,) in keys.get(oid, [])
                if names.keys() >= set(key)
            ]
            relations.append(
                Relation(
                    schema,
                    name,
                    KINDS[kind],
                    tuple(columns.get(oid, ())),
                    key=unique[0] if unique else (),
                    unique=tuple(unique[1:]),
                    foreign_keys=tuple(
                        ForeignKey(tuple(names[number] for number in own), *target, tuple(targets))
                        for own, *target, targets in foreign.get(oid, [])
                        if names.keys() >= set(own)
                    ),
                    indexed=tuple(
                        names[number] for (number,) in indexed.get(oid, []) if number in names
                    ),
                    rows=count,
                    comment=comment,
                    unreadable=tuple(unreadable.get(oid, ())),
                    is_populated=flags[0],
                    has_row_security=flags[1],
                    is_row_security_active=flags[2],
                    is_owned=flags[3],
                    can_insert=flags[5],
                    can_update=flags[6],
                    can_delete=flags[7],
                )
            )
        return tuple(relations), tuple((row[1], row[2]) for row in rows if not row[10])

    def _columns(
        self, oids: list[int]
    ) -> tuple[dict[int, list[Column]], dict[int, list[str]], dict[int, dict[int, str]]]:
        """By relation: its columns, those that the role cannot SELECT, and their numbers."""
        rows = self._rows(sql.COLUMNS, relations=oids)
        types = _Types(self._cursor, (row[4] for row in rows))
        columns: dict[int, list[Column]] = {}
        unreadable: dict[int, list[str]] = {}
        numbers: dict[int, dict[int, str]] = {}
        for relation, number, name, *about in rows:
            declared, oid, typmod, not_null, default, generated, identity, comment, *can = about
            if not can[0]:
                unreadable.setdefault(relation, []).append(name)
                continue
            numbers.setdefault(relation, {})[number] = name
            columns.setdefault(relation, []).append(
                types.column(
                    name,
                    declared,
                    oid,
                    typmod,
                    nullable=not not_null,
                    default=default,
                    is_generated=generated,
                    is_identity=identity,
                    comment=comment,
                    can_insert=can[1],
                    can_update=can[2],
                )
            )
        return columns, unreadable, numbers

    def functions(self, names: Sequence[str], role: str) -> tuple[Function, ...]:
        """Raises StartupError for one that cannot be an endpoint."""
        if not names:
            return ()
        rows = self._rows(sql.FUNCTIONS, schemas=self._schemas)
        chosen = [self._function(name, rows, role) for name in names]
        result_columns = self._by_relation(sql.COLUMNS, [row[11] for row in chosen if row[11]])
        oids = [oid for row in chosen for oid in row[7]]
        oids += [about[3] for rows in result_columns.values() for about in rows]
        types = _Types(self._cursor, oids)
        return tuple(_function(row, types, result_columns.get(row[11], [])) for row in chosen)

    def _function(self, name: str, rows: list[tuple[Any, ...]], role: str) -> tuple[Any, ...]:
        matching = [row for row in rows if name in (row[1], f"{row[0]}.{row[1]}")]
        if not matching:
            raise StartupError(
                f"PUBLISH_FUNCTIONS: the schemas have no function {quoted(name)}.",
                _suggested(name, [row[1] for row in rows]),
            )
        if len(matching) > 1:
            raise StartupError(
                f"PUBLISH_FUNCTIONS: {quoted(name)} is the name of several functions: "
                f"{', '.join(row[2] for row in matching)}.",
                "Give one of them its own name: ALTER FUNCTION ... RENAME TO ...",
            )
        (row,) = matching
        returns_rows = row[4] and (row[11] or any(mode in "tob" for mode in row[8]))
        if not returns_rows:
            raise StartupError(
                f"PUBLISH_FUNCTIONS: {row[2]} does not return rows with columns.",
                "Create it with RETURNS TABLE (...), or RETURNS SETOF and the name of a table.",
            )
        if row[3] == "v":
            raise StartupError(
                f"PUBLISH_FUNCTIONS: {row[2]} is VOLATILE, so it may change data.",
                f"If it only reads, run as its owner: ALTER FUNCTION {row[2]} STABLE",
            )
        if not row[5]:
            raise StartupError(
                f"PUBLISH_FUNCTIONS: the role {quoted(role)} may not execute {row[2]}.",
                f"Run as its owner: GRANT EXECUTE ON FUNCTION {row[2]} TO {quoted(role)}",
            )
        return row


def _function(row: tuple[Any, ...], types: _Types, result: list[tuple[Any, ...]]) -> Function:
    schema, name, _, _, _, _, comment, oids, modes, names, defaults, _, kind, *returned = row
    names = names or [""] * len(oids)
    modes = modes or ["i"] * len(oids)
    parameters = list(zip(names, oids, modes, strict=True))
    inputs = [(each, oid) for each, oid, mode in parameters if mode in "ibv"]
    required = len(inputs) - defaults
    outputs = [
        (each, types.declared(oid), oid, -1) for each, oid, mode in parameters if mode in "obt"
    ]
    outputs = outputs or [tuple(about[1:5]) for about in result]
    return Function(
        schema,
        name,
        tuple(
            Argument(each, types.declared(oid), number >= required)
            for number, (each, oid) in enumerate(inputs)
        ),
        returns=(returned[0], returned[1]) if kind and kind != "c" else None,
        columns=tuple(types.column(*about) for about in outputs),
        comment=comment,
    )
