"""Models of the rows that a function returns. Their ``db_table`` is ``'"city"."stops_near"()'``.

A statement reads ``(SELECT ... FROM "city"."stops_near"("lon" => %s))`` where others have a table.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import models
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable

from backend.databases.identifiers import function_of

ALIAS = "called"  # of the rows in a statement
# A row's own spatial reference system can differ from that of the field. Without one, it counts as
# that of the field.
IN_SYSTEM = (
    "ST_Transform(CASE ST_SRID({column}) WHEN 0 THEN ST_SetSRID({column}, {srid}) "
    "ELSE {column} END, {srid}) AS {column}"
)


class FunctionTable(BaseTable):
    """A call of the function, in the place of a table."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        query = compiler.query
        quote = connection.ops.quote_name
        columns = ", ".join(
            _read(field, quote(field.column)) for field in query.get_meta().local_concrete_fields
        )
        call = f"{function_of(self.table_name)}({query.arguments})"
        sql = f"(SELECT {columns} FROM {call}) {self.table_alias}"  # noqa: S608  all are quoted
        return sql, query.values


def _read(field: models.Field[Any, Any], column: str) -> str:
    # Without an import of GeoDjango, which only projects with geometries need.
    spatial: Any = field if hasattr(field, "geom_type") else None
    if spatial is None or spatial.geography:
        return column
    return IN_SYSTEM.format(column=column, srid=spatial.srid)


class FunctionQuery(Query):
    """Reads what the function returns for these arguments."""

    arguments = ""  # SQL with a placeholder for each value
    values: tuple[Any, ...] = ()

    def get_initial_alias(self) -> str:
        if not self.alias_map:
            table = self.get_meta().db_table
            self.alias_map[ALIAS] = FunctionTable(table, ALIAS)
            self.table_map[table] = [ALIAS]
            self.alias_refcount[ALIAS] = 0
        return super().get_initial_alias()


class FunctionQuerySet(models.QuerySet[Any, Any]):
    """The rows of a call. A team can filter them like those of a table."""

    def called(self, arguments: str, values: Iterable[Any]) -> FunctionQuerySet:
        """With these arguments of the function: SQL, and the values of its placeholders."""
        made: FunctionQuerySet = self._chain()  # type: ignore[attr-defined]  # private
        query: Any = made.query
        query.arguments, query.values = arguments, tuple(values)
        return made


class FunctionManager(models.Manager[Any]):
    """Of models whose rows a function returns."""

    def get_queryset(self) -> FunctionQuerySet:
        return FunctionQuerySet(self.model, FunctionQuery(self.model), self._db)
