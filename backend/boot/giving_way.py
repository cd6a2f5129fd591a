"""Migrations give way: they wait for a table a moment, and then try again.

``ALTER TABLE`` waits until everybody who reads the table is done, a slow stream for one, and
everybody who comes after it waits behind it. So a migration waits for LOCK_TIMEOUT only; it is
rolled back then, those behind it are served, and it begins again.
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

LOCK_TIMEOUT = 2  # seconds: what those who come after the migration wait at most
# Seconds between two attempts, for those who waited. Uneven: a reader may be regular too.
PAUSE = (1.0, 3.0)
# lock_not_available, deadlock_detected
HELD = ("55P03", "40P01")


def apply(migrate: Callable[[], object], connection: BaseDatabaseWrapper, timeout: int) -> None:
    """Call ``migrate`` until no lock is in its way; ``timeout`` is in seconds.

    Raises StartupError when a table is still in use then, and the migration's own errors at once.
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
    """Let each migration that is one transaction wait for a lock for LOCK_TIMEOUT only.

    One that is not (``atomic = False``) could not be undone, and waits as long as it must. A
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
