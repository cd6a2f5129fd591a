"""Names of tables and columns for Django's models, whatever characters they contain.

Django puts quotation marks around a name, unless it already has them, but does not escape what is
inside: https://code.djangoproject.com/ticket/34262. And it sends every statement with parameters,
in which a % begins a placeholder.
"""

from __future__ import annotations


def quoted(name: str) -> str:
    """A name as SQL for a statement with parameters."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def db_table(schema: str, name: str) -> str:
    """``Meta.db_table`` for a relation of a schema, independent of the ``search_path``."""
    return f"{quoted(schema)}.{quoted(name)}"


def db_column(name: str) -> str:
    """``db_column`` for a column. The name itself, if Django quotes it correctly."""
    return quoted(name) if set(name) & set('"%') else name


def column_name(db_column: str) -> str:
    """The name of a model's column in the catalogs of PostgreSQL."""
    if len(db_column) > 1 and db_column[0] == db_column[-1] == '"':
        return db_column[1:-1].replace("%%", "%").replace('""', '"')
    return db_column
