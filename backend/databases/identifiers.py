"""Names of tables and columns for Django's models, whatever characters they contain.

Django puts quotation marks around a name, unless it already has them, but does not escape what is
inside: https://code.djangoproject.com/ticket/34262. It sends every statement with parameters, in
which a % begins a placeholder. And since 5.2.9, it refuses a $.
"""

from __future__ import annotations

import re
from typing import Any

from django.db import models
from django.db.models.expressions import Col

ESCAPED = frozenset('"%$')
CALL = "()"  # after the name of a function
LAST = re.compile(r'"((?:[^"]|"")*)"$')


def quoted(name: str) -> str:
    """A name as SQL for a statement with parameters."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def db_table(schema: str, name: str) -> str:
    """``Meta.db_table`` for a relation of a schema, independent of the ``search_path``."""
    return f"{quoted(schema)}.{quoted(name)}"


def db_function(schema: str, name: str) -> str:
    """``Meta.db_table`` for the rows that a function of a schema returns."""
    return f"{db_table(schema, name)}{CALL}"


def function_of(db_table: str) -> str | None:
    """The function with its schema, as SQL for a statement with parameters. None for a table."""
    return db_table.removesuffix(CALL) if db_table.endswith(f'"{CALL}') else None


def db_column(name: str) -> str:
    """``db_column`` for a column. The name itself, if Django quotes it correctly."""
    return quoted(name) if set(name) & ESCAPED else name


def is_quoted(name: str) -> bool:
    """Whether Django uses a ``db_table`` or ``db_column`` as it is."""
    return len(name) > 1 and name[0] == '"' and name.removesuffix(CALL)[-1] == '"'


def column_name(db_column: str) -> str:
    """The name of a model's column in the catalogs of PostgreSQL."""
    if is_quoted(db_column):
        return db_column[1:-1].replace("%%", "%").replace('""', '"')
    return db_column


def table(model: type[models.Model]) -> str:
    """The model's table as SQL for a statement without parameters, or as to_regclass() reads it."""
    return regclass(model._meta.db_table)


def regclass(db_table: str) -> str:
    """``table`` for the name of a table in Django's form."""
    return (db_table if is_quoted(db_table) else f'"{db_table}"').replace("%%", "%")


def table_name(model: type[models.Model]) -> str:
    """The model's table in the catalogs of PostgreSQL, without its schema."""
    name = LAST.search(table(model))
    return name[1].replace('""', '"') if name else model._meta.db_table


class _Joined(Col):
    """A column in the condition of a join, which Django formats once more than other SQL."""

    def as_sql(self, *args: Any) -> tuple[str, Any]:
        sql, params = super().as_sql(*args)
        return sql.replace("%", "%%"), params


def install() -> None:
    """Let Django use names with a $ that have quotation marks of their own, and join by a %.

    It refuses a $ for the sake of column aliases, which cannot contain quotation marks.
    """
    from django.db.backends.base.operations import BaseDatabaseOperations
    from django.db.backends.postgresql.compiler import SQLCompiler
    from django.db.models.sql.compiler import SQLCompiler as Base

    def prepare_join_on_clause(
        self: BaseDatabaseOperations, lhs_table: str, lhs_field: Any, rhs_table: str, rhs_field: Any
    ) -> tuple[Col, Col]:
        return _Joined(lhs_table, lhs_field), _Joined(rhs_table, rhs_field)

    operations: Any = BaseDatabaseOperations
    operations.prepare_join_on_clause = prepare_join_on_clause

    stock = SQLCompiler.quote_name_unless_alias
    of_any_database: Any = Base.quote_name_unless_alias

    def quote_name_unless_alias(self: SQLCompiler, name: str) -> str:
        return of_any_database(self, name) if is_quoted(name) else stock(self, name)

    SQLCompiler.quote_name_unless_alias = quote_name_unless_alias  # type: ignore[method-assign]
