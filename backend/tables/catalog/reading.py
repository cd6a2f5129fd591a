"""Reads relations: rows of PostgreSQL's catalogs, put together by oid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backend.tables.catalog import sql
from backend.tables.catalog.column_types import Types
from backend.tables.catalog.relations import Column, ForeignKey, Relation
from backend.tables.catalog.sql import Row, rows
from backend.tables.catalog.view_definitions import parsed

KINDS = {
    "r": "table",
    "p": "partitioned table",
    "v": "view",
    "m": "materialized view",
    "f": "foreign table",
}


class Reader:
    """Reads the relations of some schemas."""

    def __init__(self, cursor: Any, schemas: list[int]) -> None:
        self._cursor = cursor
        found = rows(cursor, sql.RELATIONS, schemas=schemas)
        self._readable = [row for row in found if row.pop("can_select")]
        readable = {row["oid"] for row in self._readable}
        self.hidden = tuple(
            (row["schema"], row["name"]) for row in found if row["oid"] not in readable
        )
        views = rows(cursor, sql.VIEWS, relations=sorted(readable))
        self._views = {
            row["oid"]: parsed(row["query"], is_simple=row["is_simple"]) for row in views
        }
        # What a view reads can be in another schema.
        self._oids = sorted(readable.union(*(row["reads"] for row in views)))
        self._columns = self._by_relation(sql.COLUMNS)
        self._numbered = {
            (oid, row["number"]): row for oid, found in self._columns.items() for row in found
        }
        self._types = Types(cursor, (row["type"] for row in self._numbered.values()))
        self._keys = self._by_relation(sql.KEYS)
        for oid, found in self._keys.items():
            for row in found:
                row["is_reliable"] = all(self._is_never_null(oid, n) for n in row["columns"])
        self._indexed = self._by_relation(sql.INDEXED)
        self._foreign_keys = self._by_relation(sql.FOREIGN_KEYS)
        self._checks = self._by_relation(sql.CHECKS)
        self._refused = self._by_relation(sql.REFUSED)

    def _by_relation(self, statement: str) -> dict[int, list[Row]]:
        grouped: dict[int, list[Row]] = {}
        for row in rows(self._cursor, statement, relations=self._oids):
            grouped.setdefault(row.pop("relation"), []).append(row)
        return grouped

    def relations(self) -> tuple[Relation, ...]:
        """Those that the role can SELECT."""
        return tuple(self._relation(**row) for row in self._readable)

    def _relation(self, oid: int, kind: str, **about: Any) -> Relation:
        columns = self._columns.get(oid, [])
        names = {row["number"]: row["name"] for row in columns if row["can_select"]}
        keys: dict[bool, list[tuple[str, ...]]] = {True: [], False: []}
        for row in self._of(oid, self._keys):
            if names.keys() >= set(row["columns"]):
                keys[row["is_reliable"]].append(tuple(names[number] for number in row["columns"]))
        return Relation(
            kind=KINDS[kind],
            columns=tuple(self._column(oid, row) for row in columns if row["can_select"]),
            key=keys[True][0] if keys[True] else (),
            unique=tuple(keys[True][1:]),
            nullable_keys=tuple(keys[False]),
            foreign_keys=tuple(
                ForeignKey(
                    tuple(names[number] for number in row["columns"]),
                    row["schema"],
                    row["name"],
                    tuple(row["targets"]),
                )
                for row in self._of(oid, self._foreign_keys)
                if names.keys() >= set(row["columns"])
            ),
            indexed=tuple(
                names[number]
                for row in self._of(oid, self._indexed)
                for number in row["columns"]
                if number in names
            ),
            refused=tuple(
                (row["owner"], row["schema"], row["name"]) for row in self._refused.get(oid, [])
            ),
            unreadable=tuple(row["name"] for row in columns if not row["can_select"]),
            **about,
        )

    def _column(self, oid: int, row: Row) -> Column:
        about = {key: value for key, value in row.items() if key not in ("number", "can_select")}
        about["comment"] = self._comment(oid, row["number"])
        checks = [
            check["definition"]
            for check in self._checks.get(oid, [])
            if check["column"] == row["number"]
        ]
        return self._types.column(**about, checks=checks)

    def _of(self, oid: int, facts: dict[int, list[Row]]) -> Iterable[Row]:
        """Facts about columns of a relation. A simple view has those of the table behind it."""
        view = self._views.get(oid)
        if view is None or not view.is_simple or view.table is None:
            return facts.get(oid, [])
        behind = self._of(view.table, facts)
        return [
            {**row, "columns": columns}
            for row in behind
            if (columns := view.selected(row["columns"])) is not None
        ]

    def _is_never_null(self, oid: int, number: int) -> bool:
        if not self._numbered[oid, number]["nullable"]:
            return True
        view = self._views.get(oid)
        if view is None or number not in view.as_null:
            return False
        return self._is_never_null(*view.origins[number])

    def _comment(self, oid: int, number: int) -> str:
        """Its own, or that of the column that the view selects."""
        row = self._numbered.get((oid, number), {"comment": ""})
        view = self._views.get(oid)
        if row["comment"] or view is None or number not in view.origins:
            comment: str = row["comment"]
            return comment
        return self._comment(*view.origins[number])
