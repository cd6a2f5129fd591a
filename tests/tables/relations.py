"""A database as its own catalogs describe it, for comparison with the API.

Nothing here comes from backend/tables. The queries run as a superuser, and ask what a role
can read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

import psycopg2

SPATIAL = ("geometry", "geography")
# Columns that no list shows.
HIDDEN = ("bytea", "tsvector")


@dataclass(frozen=True)
class Column:
    name: str
    type: str  # in pg_type, behind domains; an array's begins with "_"
    kind: str  # pg_type.typtype: b base, c composite, e enum, r range, m multirange
    declared: str
    comment: str | None = None
    labels: list[str] | None = None
    srid: int = 0
    given_srid: int | None = None  # what its coordinates are in, whatever its values say
    target: str | None = None  # the relation that a foreign key of this column alone points to

    @property
    def sql(self) -> str:
        return quoted(self.name)

    @property
    def is_spatial(self) -> bool:
        return self.type in SPATIAL

    @property
    def degrees(self) -> str:
        """SQL for its shape in WGS 84. A column without an SRID names it in its comment."""
        named = re.search(r"EPSG:(\d+)", self.comment or "")
        shape = f"{self.sql}::geometry"
        # ST_CurveToLine() does not know surfaces.
        shape = f"CASE WHEN ST_HasArc({shape}) THEN ST_CurveToLine({shape}) ELSE {shape} END"
        if "Polyhedral" in self.declared:  # nor does ST_Intersects()
            shape = f"(SELECT ST_Collect(geom) FROM ST_Dump({shape}))"
        if self.given_srid:
            shape = f"ST_SetSRID({shape}, {self.given_srid})"
        elif not self.srid:
            own = f"CASE ST_SRID({shape}) WHEN 0 THEN {named[1] if named else 4326} "
            shape = f"ST_SetSRID({shape}, {own} ELSE ST_SRID({shape}) END)"
        return f"ST_Transform({shape}, 4326)"

    @property
    def place(self) -> str:
        """SQL for the box around its shape in WGS 84, and one of its vertices, as JSON."""
        edges = ", ".join(f"ST_{edge}(shape)" for edge in ("XMin", "YMin", "XMax", "YMax"))
        vertex = "SELECT json_build_array(ST_X(geom), ST_Y(geom)) FROM ST_DumpPoints(shape) LIMIT 1"
        built = f"json_build_array(json_build_array({edges}), ({vertex}))"
        return (
            f"(SELECT CASE WHEN NOT ST_IsEmpty(shape) THEN {built} END "
            f"FROM (SELECT {self.degrees} AS shape) AS in_degrees)"
        )


@dataclass
class Relation:
    schema: str
    name: str
    kind: str  # pg_class.relkind
    comment: str | None
    columns: list[Column]
    key: list[str] = field(default_factory=list)
    count: int = 0
    route: str = ""  # below /api/

    @property
    def sql(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @cached_property
    def shown(self) -> list[Column]:
        """The columns that are properties of a row."""
        return [each for each in self.columns if each.type not in (*HIDDEN, *SPATIAL)]

    @cached_property
    def geometry(self) -> Column | None:
        """The column that is the row's geometry: the first one that is declared."""
        return next((each for each in self.columns if each.is_spatial), None)

    @property
    def order(self) -> str:
        return ", ".join(quoted(name) for name in self.key)

    def column(self, name: str) -> Column:
        return next(each for each in self.columns if each.name == name)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


# A table's key is no key if other tables inherit from the table, because their rows can repeat it.
RELATIONS = r"""
WITH RECURSIVE behind AS (
    SELECT oid, oid AS base FROM pg_type WHERE typtype <> 'd'
    UNION ALL SELECT t.oid, b.base FROM pg_type t JOIN behind b ON t.typbasetype = b.oid
        AND t.typtype = 'd'
), columns AS (
    SELECT a.attrelid, a.attnum, json_build_object(
        'name', a.attname, 'type', t.typname, 'kind', t.typtype,
        'declared', format_type(a.atttypid, a.atttypmod),
        'comment', col_description(a.attrelid, a.attnum),
        'labels', (SELECT json_agg(enumlabel ORDER BY enumsortorder)
                   FROM pg_enum WHERE enumtypid IN (t.oid, t.typelem)),
        'srid', CASE WHEN t.typname IN ('geometry', 'geography')
                THEN postgis_typmod_srid(a.atttypmod) ELSE 0 END,
        'target', (SELECT r.relname FROM pg_constraint f JOIN pg_class r ON r.oid = f.confrelid
                   WHERE f.contype = 'f' AND f.conrelid = a.attrelid AND f.conkey = ARRAY[a.attnum]
                   LIMIT 1)
    ) AS described
    FROM pg_attribute a JOIN behind b ON b.oid = a.atttypid JOIN pg_type t ON t.oid = b.base
    WHERE a.attnum > 0 AND NOT a.attisdropped
      AND has_column_privilege({role}, a.attrelid, a.attnum, 'SELECT')
), keys AS (
    SELECT DISTINCT ON (i.indrelid) i.indrelid,
        (SELECT json_agg(a.attname ORDER BY k.place) FROM unnest(i.indkey::int2[])
            WITH ORDINALITY k (number, place)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
            WHERE k.place <= i.indnkeyatts) AS names
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
      AND i.indexprs IS NULL AND NOT (c.relkind = 'r' AND c.relhassubclass)
      AND (SELECT bool_and(a.attnotnull AND has_column_privilege(
               {role}, a.attrelid, a.attnum, 'SELECT'))
           FROM pg_attribute a WHERE a.attrelid = i.indrelid
           AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]))
    ORDER BY i.indrelid, NOT i.indisprimary, i.indnkeyatts, i.indexrelid
)
SELECT json_agg(json_build_object(
    'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
    'comment', obj_description(c.oid, 'pg_class'),
    'columns', COALESCE((SELECT json_agg(described ORDER BY attnum) FROM columns
                         WHERE attrelid = c.oid), '[]'::json),
    'key', COALESCE((SELECT names FROM keys WHERE indrelid = c.oid), '[]'::json)
) ORDER BY c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = {schema} AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
                  WHERE c.relispartition AND i.inhrelid = c.oid AND p.relnamespace IN (
                      SELECT oid FROM pg_namespace WHERE nspname = ANY ({schemas})))
  AND has_any_column_privilege({role}, c.oid, 'SELECT')
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e');
"""


def relations(
    cursor: Any, schemas: Sequence[str], role: str, srids: Mapping[str, int]
) -> list[Relation]:
    """What ``role`` can read of the schemas, with the number of rows.

    A view whose rows PostgreSQL refuses to the role, or cannot compute, is not one of them.
    """
    readable = []
    for schema in schemas:
        asked = RELATIONS.replace("{role}", literal(role)).replace("{schema}", literal(schema))
        asked = asked.replace("{schemas}", f"ARRAY[{', '.join(map(literal, schemas))}]")
        cursor.execute(f"RESET ROLE; {asked}")
        found = cursor.fetchone()[0] or []
        prefix = "" if schema == schemas[0] else f"{route(schema)}/"
        names = routes([each["name"] for each in found])
        for each in found:
            columns = [
                Column(**column, given_srid=srids.get(f"{each['name']}.{column['name']}"))
                for column in each.pop("columns")
            ]
            relation = Relation(**each, columns=columns, route=prefix + names[each["name"]])
            if columns and (rows := counted(cursor, relation, role)) is not None:
                relation.count = rows
                readable.append(relation)
    return readable


def counted(cursor: Any, relation: Relation, role: str) -> int | None:
    row = ", ".join(each.sql for each in relation.columns)
    try:
        cursor.execute(f"SET ROLE {quoted(role)}; SELECT count(ROW({row})) FROM {relation.sql}")
    except psycopg2.Error:
        return None
    return int(cursor.fetchone()[0])


def route(name: str) -> str:
    """The part of an address for a name."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "table"


def routes(names: Sequence[str]) -> dict[str, str]:
    """The routes of a schema's relations. Those of the names that are routes come first."""
    taken: dict[str, str] = {"functions": ""}
    for name in sorted(names, key=lambda each: (route(each) != each, each)):
        made, number = route(name), 2
        while made in taken:
            made, number = f"{route(name)}-{number}", number + 1
        taken[made] = name
    return {name: made for made, name in taken.items()}


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def select(relation: Relation, values: Sequence[str], tail: str = "") -> str:
    """A statement that prints rows as a JSON array of arrays, in the order of the key."""
    order = f" ORDER BY {relation.order}" if relation.key else ""
    named = ", ".join(f"{value} AS c{number}" for number, value in enumerate(values))
    return (
        f"SELECT coalesce(json_agg(row_to_json(one)), '[]') "
        f"FROM (SELECT {named} FROM {relation.sql}{order} {tail}) AS one"
    )


def read(text: str) -> Any:
    """JSON with exact numbers."""
    return json.loads(text, parse_float=Decimal)
