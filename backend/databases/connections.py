"""What the server does with its connections to PostgreSQL: how it sets them up, and checks them."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, cast

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from backend.conf.defaults import setting

if TYPE_CHECKING:
    from django.db.backends.postgresql.base import DatabaseWrapper

# Not through a pooler, which answers with the number of a process that is not the server's:
# what is set for a session there stays with whoever is lent the connection next.
#
# Without processes to help and without compiling, PostgreSQL has one plan for a page, a count or
# a tile, whatever the sample of the last ANALYZE made it expect; and a request leaves the other
# cores to other requests. What OPTIONS, a role or a database say of these two wins.
SESSION = """
SELECT set_config(wanted.name, wanted.value, false)
FROM (VALUES ('statement_timeout', %s),
             ('max_parallel_workers_per_gather', '0'), ('jit', 'off')) wanted (name, value)
JOIN pg_settings ON pg_settings.name = wanted.name
WHERE pg_backend_pid() = %s AND wanted.value IS NOT NULL
      AND (wanted.name = 'statement_timeout' OR source IN ('default', 'configuration file'))
"""
# Seconds for which a connection that was checked is asked nothing. Who forgets a silent connection
# on the way, without a word to either end, does so after a minute or more (a balancer, a NAT).
CHECKED = 5


def prepare() -> None:
    """Have each connection from now on set up; for a server, not for commands.

    Migrations may take their time and all cores, which DATABASES would not let them.
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
    """Whether a connection can be used, as Django asks it before the first query of a request.

    That is a way to the server and back for each page. A server that has ended a connection, has
    closed it or said so; the answer is in its socket then, and that is looked at instead.
    """

    def __init__(self, connection: DatabaseWrapper) -> None:
        self._connection = connection
        self._until = time.monotonic() + CHECKED

    def __call__(self) -> bool:
        connection, now = self._connection, time.monotonic()
        if now < self._until and not connection.errors_occurred and self._is_silent():
            return True
        self._until = now + CHECKED
        return type(connection).is_usable(connection)

    def _is_silent(self) -> bool:
        socket = select.poll()
        try:
            socket.register(self._connection.connection.fileno(), select.POLLIN)
        except self._connection.Database.Error:  # the driver has closed it
            return False
        return not socket.poll(0)
