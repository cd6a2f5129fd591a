"""Applies migrations, in one container at a time.

Containers that start together take turns with an advisory lock in the database. The lock belongs to
a transaction that stays open while the migrations run on another connection. A pooler assigns a
server's connection for one transaction, so the next client would inherit a lock of the session.
https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS

That transaction is idle and has no snapshot, so it delays neither VACUUM nor CREATE INDEX
CONCURRENTLY.
"""

from __future__ import annotations

import contextlib
import functools
import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from backend.boot import database, lock_waits, postgis, volume, waiting
from backend.conf.environment import current
from backend.conf.errors import StartupError, explain
from backend.databases.needs import Need, aliases, need_of
from backend.health import tables
from backend.health.probes import MISSING, OK, PENDING, has_managed_models, migrations_pending
from backend.http.unavailable import is_outage
from backend.logs.boot import say, warn
from backend.server import phase

if TYPE_CHECKING:
    from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite

# The messages of SQLite, then of the kernel, which PostgreSQL repeats.
DISK_IS_FULL = ("disk is full", "disk I/O error", "No space left on device")

LOCK = int.from_bytes(b"migrate!", "big")
# If the machine or network of a container vanishes, the server notices within 15 + 3 x 5 s.
# Otherwise, it would keep every lock for hours. The last two are for a server that is sending or
# working at that time: it cancels a statement within a second after its client was stopped or
# killed.
VANISHED = {
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "client_connection_check_interval": "1000",
}
# No timeout ends the transaction that holds the lock.
SETTINGS = {
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "transaction_timeout": "0",
    **VANISHED,
}
# Taken from pg_settings, because transaction_timeout is new in PostgreSQL 17, and one of them is an
# error if the server runs on Windows.
SET = """
SELECT set_config(name, %s::json ->> name, %s) FROM pg_settings WHERE name = ANY(%s)
AND (name <> 'client_connection_check_interval' OR version() !~* 'visual c|mingw|windows')
"""
# A pooler owns the server's connection and its name. A role that cannot see other users' activity
# sees neither name nor time.
HOLDER = """
SELECT to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS'), application_name
FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND objsubid = 1
AND classid = %s AND objid = %s
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
IN_TRANSACTION = 2  # libpq's PQTRANS_INTRANS
# Seconds between two attempts, random so that containers do not retry in step.
PAUSE = (0.2, 0.5)
# Seconds between two looks at migrations that somebody else applies. A look reads all of them.
LOOK = 2


def migrate(lock_timeout: int, *, every: bool = False) -> None:
    """Apply migrations to each database that has managed models.

    ``lock_timeout`` is in seconds, for each of them. Skips an optional database that does not
    answer, unless ``every``. Raises StartupError with the migration's own error, or if another
    container holds the lock, or somebody a table, for longer.
    """
    if settings.DEBUG:
        try:
            _warn_about_missing_migrations()
        except Exception as error:
            raise explain(error) from error
    behind = [alias for alias in _managed(every=every) if _is_behind(alias)]
    # Entered after the checks name the databases, so that none with pending migrations is shown as
    # "ok".
    phase.checks.update(dict.fromkeys(behind, PENDING))
    phase.enter(phase.MIGRATING)
    for alias in behind:
        with _failing(alias):
            _migrate(alias, lock_timeout)


def wait(timeout: int) -> None:
    """Return when somebody else has migrated every required database. This changes nothing.

    ``timeout`` is in seconds, for each of them. Afterwards, raises StartupError.
    """
    for alias in filter(has_managed_models, aliases(Need.REQUIRED)):
        with _failing(alias):
            _wait(alias, timeout)


def _wait(alias: str, timeout: int) -> None:
    started, logged_at = time.monotonic(), float("-inf")
    while _are_pending(alias):
        waited = time.monotonic() - started
        if waited >= timeout:
            raise StartupError(
                f"Nobody applied the migrations of database {database.describe(alias)} within "
                f"{timeout} s.",
                "Start the server, which applies them, or run python manage.py migrate_databases. "
                "To wait longer, increase MIGRATE_LOCK_TIMEOUT. To start without them, set "
                "DB_WAIT=false.",
            )
        if waited - logged_at >= waiting.REPEAT:
            logged_at = waited
            say(
                f"waiting until the server migrates database {database.describe(alias)}, "
                f"{waited:.0f} of {timeout} s"
            )
        time.sleep(min(LOOK, timeout - waited))
    say(f"database '{alias}' is up to date")


def _managed(*, every: bool) -> Iterator[str]:
    """The databases that answer and have managed models."""
    for alias in aliases(Need.REQUIRED, Need.OPTIONAL):
        if not has_managed_models(alias):
            say(f"database '{alias}' has no managed models: nothing to migrate")
        elif every or need_of(alias) == Need.REQUIRED or _is_there(alias):
            yield alias


def _is_there(alias: str) -> bool:
    """Whether an optional database answers. It is tried only once per start."""
    seen = phase.checks.get(alias)
    return seen == OK if seen else database.answers(alias)


def _is_behind(alias: str) -> bool:
    with _failing(alias):
        if _are_pending(alias):
            return True
        if _has_its_tables(alias):
            say(f"database '{alias}' is up to date")
    return False


def _are_pending(alias: str) -> bool:
    with waiting.asking(connections[alias]):
        return migrations_pending(alias)


def _has_its_tables(alias: str) -> bool:
    """Whether the tables of recorded migrations exist. Raises StartupError if they must."""
    with waiting.asking(connections[alias]):
        lost = tables.lost(alias)
    if lost is None:
        return True
    phase.checks[alias] = MISSING
    if need_of(alias) == Need.REQUIRED:
        raise lost
    warn(f"{lost.problem} {lost.fix}")
    return False


def _migrate(alias: str, lock_timeout: int) -> None:
    with _locked(alias, lock_timeout):
        if not _are_pending(alias):
            say(f"database '{alias}' was migrated by another container")
        else:
            say(f"migrating database '{alias}'")
            migrate: Callable[[], object] = functools.partial(
                call_command, "migrate", database=alias, interactive=False, skip_checks=True
            )
            if connections[alias].vendor == "postgresql":
                # For the migrating session, whose table locks would also stay.
                _set(connections[alias], VANISHED, local=False)
                migrate = functools.partial(
                    lock_waits.apply, migrate, connections[alias], lock_timeout
                )
            # No limit, because a silent server and a working one look the same.
            with waiting.logged(f"still migrating database '{alias}'"):
                migrate()
    if _has_its_tables(alias):
        phase.checks[alias] = OK


@contextlib.contextmanager
def _locked(alias: str, timeout: int) -> Iterator[None]:
    """Hold the migration lock of a database: in PostgreSQL itself, or beside SQLite's file."""
    connection = connections[alias].copy()
    if connection.vendor == "sqlite" and not cast("SQLite", connection).is_in_memory_db():
        file = Path(connection.settings_dict["NAME"])
        lock, doing = file.with_name(f".{file.name}.lock"), f"migrates '{alias}'"
        with volume.locked(lock, doing, timeout, "increase MIGRATE_LOCK_TIMEOUT"):
            yield
        return
    if connection.vendor != "postgresql":
        yield
        return
    try:
        _acquire(connection, timeout)
        yield
        try:
            _execute(connection, "COMMIT")
        except DatabaseError as error:
            warn(f"the migration lock of '{alias}' was lost while migrating: {error}")
    finally:
        connection.close()


def _acquire(connection: BaseDatabaseWrapper, timeout: int) -> None:
    started, logged_at = time.monotonic(), float("-inf")
    while not _try(connection):
        held = _held(connection)
        _execute(connection, "ROLLBACK")
        waited = time.monotonic() - started
        if waited >= timeout:
            raise StartupError(
                f"The migration lock of '{connection.alias}', {held}, was not free within "
                f"{timeout} s.",
                "If that migration is still running, increase MIGRATE_LOCK_TIMEOUT. If it hangs, "
                "see in pg_stat_activity what it is waiting for.",
            )
        if time.monotonic() - logged_at >= waiting.REPEAT:
            logged_at = time.monotonic()
            say(
                f"waiting for the migration lock of '{connection.alias}', {held}, "
                f"{waited:.0f} of {timeout} s"
            )
        time.sleep(min(random.uniform(*PAUSE), timeout - waited))  # noqa: S311  no secret


def _try(connection: BaseDatabaseWrapper) -> bool:
    """Begin a transaction, and return whether it has the lock now."""
    try:
        _execute(connection, "BEGIN ISOLATION LEVEL READ COMMITTED")
        in_transaction = connection.connection.info.transaction_status == IN_TRANSACTION
    except OperationalError:
        # PgBouncer with statement pooling closes the connection, and says why only in its own log.
        connection.close()
        if not _is_pooler(connection):
            raise
        in_transaction = False
    if not in_transaction:
        raise StartupError(
            f"The database '{connection.alias}' is behind a pooler with pool_mode = "
            "statement, so the image can neither lock migrations nor roll them back.",
            "Set its pool_mode to transaction or session, or connect to PostgreSQL directly.",
        )
    names = {**SETTINGS, "application_name": f"migrate {socket.gethostname()}"[:63]}
    _set(connection, names, local=True)
    (row,) = _execute(connection, "SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
    return bool(row[0])


def _set(connection: BaseDatabaseWrapper, values: dict[str, str], *, local: bool) -> None:
    """Set those of ``values`` that the server knows, for this transaction or for the session."""
    _execute(connection, SET, [json.dumps(values), local, list(values)])


def _is_pooler(connection: BaseDatabaseWrapper) -> bool:
    """Whether another process answers than the one that accepted the connection."""
    (row,) = _execute(connection, "SELECT pg_backend_pid()")
    return bool(row[0] != connection.connection.info.backend_pid)


def _held(connection: BaseDatabaseWrapper) -> str:
    """Since when and by whom the lock is held, as far as the server reports it."""
    rows = _execute(connection, HOLDER, [LOCK >> 32, LOCK & 0xFFFFFFFF])
    since, name = rows[0] if rows else (None, None)
    by = name.removeprefix("migrate ") if name else "somebody unknown"
    return f"held since {since} UTC by {by}" if since else f"held by {by}"


def _execute(
    connection: BaseDatabaseWrapper, statement: str, params: list[Any] | None = None
) -> list[tuple[Any, ...]]:
    limit = current()["DB_WAIT_TIMEOUT"]
    with waiting.limited(connection, limit), connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else []


@contextlib.contextmanager
def _failing(alias: str) -> Iterator[None]:
    """Turn errors of a database's migrations into errors that stop the start."""
    try:
        yield
    except StartupError:
        raise
    except Exception as error:
        raise _failed(alias, error) from error


def _failed(alias: str, error: Exception) -> StartupError:
    explained = explain(error)
    fix = (
        "Correct the migration, or the data that it fails on. It was rolled back if the database "
        "supports that."
    )
    if for_postgis := postgis.fix_for(alias, error):
        fix = for_postgis
    elif "permission denied" in str(error):
        fix = (
            f"Grant {settings.DATABASES[alias]['USER']} the right to create tables there, or set "
            "MIGRATE=false if something else migrates this database."
        )
    elif any(text in str(error) for text in DISK_IS_FULL):
        fix = "Free disk space on the database server, or enlarge its volume, and start again."
    elif is_outage(error):
        fix = "Start again when the database answers. It rolled back the unfinished migration."
    return StartupError(f"Migrating database '{alias}' failed. {explained.problem}", fix)


def _warn_about_missing_migrations() -> None:
    """Name the applications with model changes without a migration. This writes nothing."""
    for app_label, lacks, _ in missing():
        warn(f"'{app_label}' {lacks}; run python manage.py makemigrations {app_label}")


def missing() -> Iterator[tuple[str, str, list[str]]]:
    """Yields an application, what it lacks, and what a migration would do. Queries no database."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    changes = detector.changes(graph=loader.graph)
    for app_label in sorted(changes.keys() & loader.migrated_apps):
        operations = [
            operation.describe()
            for migration in changes[app_label]
            for operation in migration.operations
        ]
        yield app_label, "has model changes without a migration", operations
    for app_label in sorted(loader.unmigrated_apps):
        models = apps.get_app_config(app_label).get_models()
        made = [model for model in models if model._meta.managed and not model._meta.proxy]
        if made:
            operations = [f"Create model {model.__name__}" for model in made]
            yield app_label, "has models but no migrations", operations
