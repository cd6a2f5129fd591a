"""Migrations give way: they wait for a table only a moment, and then retry.

``ALTER TABLE`` waits until all readers of the table are done, such as a slow stream, and all later
queries wait behind it. So a migration waits only for LOCK_TIMEOUT. Then PostgreSQL rolls it back,
the queries behind it run, and the migration starts again.
https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-LOCK-TIMEOUT
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from backend.conf.errors import StartupError
from backend.databases.server_errors import sqlstate
from backend.logs.boot import say

LOCK_TIMEOUT = 2  # seconds: the longest wait of queries behind the migration
# Seconds between two attempts, for the queries that waited. Random, because readers can be
# periodic.
PAUSE = (1.0, 3.0)
# lock_not_available, deadlock_detected
HELD = ("55P03", "40P01")


def apply(migrate: Callable[[], object], connection: BaseDatabaseWrapper, timeout: int) -> None:
    """Call ``migrate`` until no lock blocks it; ``timeout`` is in seconds.

    Raises StartupError if a table is still in use then, and the migration's own errors at once.
    """
    started = time.monotonic()
    with _impatient(connection):
        while True:
            try:
                migrate()
                return
            except DatabaseError as error:
                if sqlstate(error) not in HELD or connection.in_atomic_block:
                    raise
                waited = time.monotonic() - started
                if waited >= timeout:
                    raise StartupError(
                        f"The migration of database '{connection.alias}' was rolled back: a "
                        f"table was in use for {timeout} s.",
                        "Look for the oldest transaction in pg_stat_activity, or increase "
                        "MIGRATE_LOCK_TIMEOUT.",
                    ) from error
                say(
                    f"a table of '{connection.alias}' is in use: the migration was rolled back and "
                    f"is retried, {waited:.0f} of {timeout} s"
                )
                time.sleep(min(random.uniform(*PAUSE), timeout - waited))  # noqa: S311  no secret


@contextlib.contextmanager
def _impatient(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let each migration in one transaction wait for a lock only for LOCK_TIMEOUT.

    A migration with ``atomic = False`` cannot be rolled back, so it waits as long as necessary. A
    migration that sets its own ``lock_timeout`` keeps it.
    """
    stock = connection.SchemaEditorClass

    class Impatient(stock):  # type: ignore[valid-type, misc]  # of each backend another one
        def __enter__(self) -> Impatient:
            editor: Impatient = super().__enter__()
            if self.atomic_migration:
                with self.connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'")
            return editor

    connection.SchemaEditorClass = Impatient
    try:
        yield
    finally:
        del connection.SchemaEditorClass  # the class's own again
