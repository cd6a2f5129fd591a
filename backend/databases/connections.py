"""The server's connections to PostgreSQL: how it sets them up, and how it checks them."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, cast

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from backend.conf.variables import setting

if TYPE_CHECKING:
    from django.db.backends.postgresql.base import DatabaseWrapper

# Not through a pooler, which reports a process ID that is not the server's: what is set for a
# session there stays for the next client of the connection.
#
# Without parallel workers and JIT, PostgreSQL has one plan for a page, a count, or a tile, whatever
# the sample of the last ANALYZE made it expect. Also, a request leaves the other cores to other
# requests. Values of these two from OPTIONS, a role, or a database win.
#
# Values are written in one way, unless OPTIONS has another. Otherwise, a role or a database could
# round floats, and write intervals in a style that psycopg 2 does not read. PgBouncer keeps the
# first two for each client (track_extra_parameters), and psycopg 2 sets the first itself.
SESSION = """
SELECT set_config(wanted.name, wanted.value, false)
FROM (VALUES ('statement_timeout', %s),
             ('DateStyle', 'ISO'), ('IntervalStyle', 'postgres'), ('extra_float_digits', '1'),
             ('bytea_output', 'hex'),
             ('max_parallel_workers_per_gather', '0'), ('jit', 'off')) wanted (name, value)
JOIN pg_settings ON pg_settings.name = wanted.name
WHERE (pg_backend_pid() = %s OR wanted.name IN ('DateStyle', 'IntervalStyle'))
AND wanted.value IS NOT NULL AND CASE
    WHEN wanted.name IN ('max_parallel_workers_per_gather', 'jit')
    THEN source IN ('default', 'configuration file')
    ELSE source <> 'client' OR wanted.name = 'statement_timeout' END
"""
# Seconds for which a checked connection counts as usable. A balancer or NAT that drops an idle
# connection without telling either end does so after a minute or more.
CHECKED = 5


def prepare() -> None:
    """Set up each connection from now on. For a server, not for commands.

    Migrations can take long and use all cores, which these settings would prevent.
    """
    connection_created.connect(_set_up)


def _set_up(connection: BaseDatabaseWrapper, **_: object) -> None:
    if connection.vendor != "postgresql":
        return
    limit = setting("STATEMENT_TIMEOUT")
    with connection.cursor() as cursor:
        process = connection.connection.info.backend_pid
        cursor.execute(SESSION, [f"{limit}s" if limit else None, process])
    check = _Check(cast("DatabaseWrapper", connection))
    connection.is_usable = check  # type: ignore[method-assign]  # in its place


class _Check:
    """Replaces is_usable(), which Django calls before the first query of a request.

    Django's own check is a round trip to the server for each page. A server that ends a connection
    closes it or sends a message. Either is then in the socket, so this looks there instead.
    """

    def __init__(self, connection: DatabaseWrapper) -> None:
        self._connection = connection
        self._until = time.monotonic() + CHECKED

    def __call__(self) -> bool:
        connection, now = self._connection, time.monotonic()
        if now < self._until and not connection.errors_occurred and is_silent(connection):
            return True
        self._until = now + CHECKED
        return type(connection).is_usable(connection)


def is_silent(connection: DatabaseWrapper) -> bool:
    """Whether the server has neither closed this idle connection nor sent anything."""
    socket = select.poll()
    try:
        socket.register(connection.connection.fileno(), select.POLLIN)
    except connection.Database.Error:  # the driver closed it
        return False
    return not socket.poll(0)
