"""How long a start waits for an answer, and what it logs meanwhile.

libpq waits forever for a server that accepts the connection and is then silent: one that is frozen,
or a pooler without a server. Keepalives detect a machine that is gone, but not such a server, and
signal handlers do not run meanwhile. So another thread watches the clock.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from backend.conf.environment import current
from backend.logs.boot import say

REPEAT = 10  # seconds after which the log repeats what the start is waiting for


@contextlib.contextmanager
def logged(
    what: str, limit: float = math.inf, give_up: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Log every REPEAT seconds what the body waits for.

    After ``limit`` seconds, call ``give_up`` every second instead, until the body ends.
    """
    over = threading.Event()

    def watch() -> None:
        started = time.monotonic()
        waited = 0.0
        while not over.wait(min(REPEAT, max(limit - waited, 1))):
            waited = time.monotonic() - started
            if waited >= limit:
                give_up()
            else:
                say(f"{what}, {waited:.0f} {'s' if limit == math.inf else f'of {limit:.0f} s'}")

    thread = threading.Thread(target=watch, name="patience", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def limited(connection: BaseDatabaseWrapper, seconds: int) -> Iterator[None]:
    """Let the body wait for one answer of a PostgreSQL server, for at most ``seconds``.

    Then close the connection, which raises OperationalError. libpq limits the time to connect
    (connect_timeout); this limits the queries that Django sends on a new connection.
    """
    if connection.vendor != "postgresql":
        yield
        return
    gave_up = False

    def give_up() -> None:
        nonlocal gave_up
        if connection.connection is not None:
            gave_up = True
            _hang_up(connection)

    try:
        with logged(f"waiting for an answer from database '{connection.alias}'", seconds, give_up):
            yield
    except OperationalError as error:
        if not gave_up:
            raise
        # Otherwise, Django treats it as open.
        connection.close()
        text = f"the server accepts connections, but did not answer for {seconds} s"
        raise OperationalError(text) from error.__cause__


def _hang_up(connection: Any) -> None:
    """Make libpq, in any thread, see a connection that the server has closed."""
    with contextlib.suppress(OSError, connection.Database.Error):
        number = os.dup(connection.connection.fileno())
        with socket.socket(fileno=number) as other:
            other.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def asking(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let each statement of the body wait at most DB_WAIT_TIMEOUT for its answer."""
    limit = current()["DB_WAIT_TIMEOUT"]

    def execute(run: Callable[..., Any], *statement: Any) -> Any:
        with limited(connection, limit):
            return run(*statement)

    with limited(connection, limit):
        connection.ensure_connection()
    with connection.execute_wrapper(execute):
        yield
