"""What psycopg 2 and psycopg 3 do differently. Everything else asks this module.

The image has psycopg 2. If a child image installs psycopg 3, Django uses that, and psycopg 2 may be
missing.
"""

from __future__ import annotations

from typing import Any, Protocol

from django.db import InterfaceError
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.backends.postgresql.psycopg_any import errors, is_psycopg3, mogrify

__all__ = ["Error", "errors", "mogrify"]

Error: type[Exception] = DatabaseWrapper.Database.Error
BROKEN = 2  # psycopg 2: the server, or the network, ended the connection


class Rows(Protocol):
    """What receives the rows of a COPY statement."""

    def write(self, row: bytes) -> None: ...


def copy(connection: Any, statement: str, rows: Rows, *, before: str = "", after: str = "") -> None:
    """Write the output of ``COPY ... TO STDOUT`` to ``rows``, between two other statements.

    psycopg 2 sends all of them in one message, and so in one round trip. psycopg 3 refuses a COPY
    with other statements. After an error, the connection cannot be used anymore.
    """
    with connection.cursor() as cursor:
        if not is_psycopg3:
            cursor.copy_expert("; ".join(filter(None, (before, statement, after))), rows)
            return
        if before:
            cursor.execute(before)
        with cursor.copy(statement) as copied:
            for row in copied:
                try:
                    rows.write(row)
                except BaseException:
                    # Otherwise, psycopg would connect again to cancel the query, and read the rest.
                    connection.close()
                    raise
        if after:
            cursor.execute(after)


def show_last_result(cursor: Any) -> None:
    """After several statements in one message, psycopg 3 shows the result of the first."""
    if is_psycopg3:
        while cursor.nextset():
            pass


def sent(cursor: Any) -> str:
    """The last statement of a cursor as the server got it, or empty if it got none."""
    # Django's last_executed_query reads the same attributes.
    query = (cursor._query and cursor._query.query) if is_psycopg3 else cursor.query
    return (query or b"").decode(errors="replace")


def is_lost(connection: Any, error: BaseException) -> bool:
    """Whether the server or the network ended the connection, as far as ``error`` depends on it.

    If a project closes a connection and uses it again, psycopg 2 raises an InterfaceError, and
    psycopg 3 an OperationalError.
    """
    if is_psycopg3:
        return bool(getattr(connection, "broken", False))
    closed = getattr(connection, "closed", 0)
    return closed == BROKEN if isinstance(error, InterfaceError) else bool(closed)


def parameter_status(connection: Any, name: str) -> str | None:
    """What the server last reported of one of its settings. None without such a connection."""
    if getattr(connection, "info", None) is None or connection.closed:
        return None
    status: str | None = connection.info.parameter_status(name)
    return status


def install() -> None:
    """Let Django's connections do the same with psycopg 3 as with psycopg 2."""
    if is_psycopg3:
        from backend.databases import psycopg3

        psycopg3.install()
    else:
        from backend.databases import psycopg2

        psycopg2.install()
