"""Text in SQL as the standard has it, whatever a role or a database sets.

With ``standard_conforming_strings = off``, a backslash in a literal is an escape, and statements
of Django, the image, and a team mean something else. psycopg 2 quotes a client's values by what the
server said when it connected, so a later ``SET`` would let such a value end its literal. The option
is therefore part of the connection. One in the team's own OPTIONS wins.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper

from backend.databases import driver

NAME = "standard_conforming_strings"


def install() -> None:
    """Extend Django's own method, before the first connection is opened."""
    stock = DatabaseWrapper.get_new_connection

    def connect(self: BaseDatabaseWrapper, conn_params: dict[str, Any]) -> Any:
        connection = stock(self, conn_params)
        if driver.parameter_status(connection, NAME) != "off":
            return connection
        connection.close()
        # PgBouncer refuses a blank at the end.
        options = f"-c {NAME}=on {conn_params.get('options', '')}".rstrip()
        return stock(self, {**conn_params, "options": options})

    DatabaseWrapper.get_new_connection = connect  # type: ignore[method-assign]  # in its place
