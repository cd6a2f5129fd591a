"""The state of each database."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from django.db import DatabaseError, connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from backend.conf.errors import one_line
from backend.databases.needs import Need, aliases, need_of
from backend.databases.test_runs import tests_run
from backend.health import tables
from backend.http.unavailable import Refusal, is_read_only, refusal

logger = logging.getLogger("backend.health")

OK = "ok"
UNREACHABLE = "unreachable"
PENDING = "migrations pending"
MISSING = "tables missing"
READ_ONLY = "read-only"
# The reason for a missing connection, as far as the server reports it.
LOGIN_REFUSED = "login refused"
NO_SLOT = "no free connection"
REASONS: dict[Refusal | None, str] = {Refusal.LOGIN: LOGIN_REFUSED, Refusal.SLOTS: NO_SLOT}
# Seconds that a page waits for a database. Probes give up after 1 to 3 seconds. The wait is shorter
# for a database that failed the last check, so that an optional database behind dropped packets
# does not delay every probe.
PATIENCE = 2.0
PATIENCE_WITH_THE_SICK = 0.25


@dataclass(frozen=True)
class DatabaseState:
    """What a page can show of a database: no host, no user, no error message of the server."""

    alias: str
    kind: str
    state: str
    required: bool = True

    @property
    def ok(self) -> bool:
        return self.state == OK


def database_states() -> list[DatabaseState]:
    """The state of every database that is not ignored, in the order of DATABASES.

    All are checked at the same time, for at most PATIENCE, because a paused database answers
    neither yes nor no.
    """
    asked = aliases(Need.REQUIRED, Need.OPTIONAL)
    probes = [_probe(alias) for alias in asked]
    for probe in probes:
        probe.ask()
    started = time.monotonic()
    return [
        DatabaseState(
            probe.alias,
            probe.connection.display_name,
            probe.answer(started),
            need_of(probe.alias) == Need.REQUIRED,
        )
        for probe in probes
    ]


def has_managed_models(alias: str) -> bool:
    """Whether migrations create the table of any model in ``alias``."""
    return bool(tables.managed_models(alias))


def migrations_pending(alias: str) -> bool:
    """Whether a migration on disk is not applied to ``alias``."""
    executor = MigrationExecutor(connections[alias])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def sqlite_files(alias: str) -> list[Path]:
    """The files of an SQLite database: its own, and the temporary ones beside it."""
    file = str(connections[alias].settings_dict["NAME"])
    if connections[alias].vendor != "sqlite" or file.startswith((":memory:", "file:")):
        return []
    return [Path(f"{file}{suffix}") for suffix in ("", "-wal", "-shm", "-journal")]


def unwritable_files(alias: str) -> list[Path]:
    """The existing SQLite files that this user cannot write to."""
    # In this order, because files appear and disappear.
    return [file for file in sqlite_files(alias) if not os.access(file, os.W_OK) and file.exists()]


class Probe:
    """Checks one database, in a separate thread and connection, one check at a time.

    However many pages ask, and however long the database is silent, no thread of the server waits
    longer than PATIENCE.
    """

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.connection = connections[alias].copy()
        # Each check runs in a new thread.
        self.connection.inc_thread_sharing()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._state = OK
        # The driver's connection that last saw all migrations applied, and what was recorded then.
        self._migrated_over: object = None
        self._recorded: Set[tuple[str, str]] | None = None

    def ask(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                name = f"health of {self.alias}"
                thread = threading.Thread(target=self._ask, name=name, daemon=True)
                # Before others can see it: they may wait only for a thread that has started.
                thread.start()
                self._thread = thread

    def answer(self, started: float) -> str:
        """The state, within PATIENCE of the time ``started`` (in seconds, monotonic)."""
        thread = self._thread
        assert thread is not None, "it is asked first"
        patience = PATIENCE if self._state == OK else PATIENCE_WITH_THE_SICK
        thread.join(max(0.0, started + patience - time.monotonic()))
        if thread.is_alive():
            if self._state == OK:
                logger.warning("database '%s': no answer within %s s", self.alias, patience)
            self._state = UNREACHABLE
        return self._state

    def _ask(self) -> None:
        state = UNREACHABLE
        # Django does this at the start and the end of a request, but this is not a request.
        self.connection.close_if_unusable_or_obsolete()
        try:
            with self.connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            state = self._migrations()
            if state == OK and self._is_read_only() and has_managed_models(self.alias):
                state = READ_ONLY
        except DatabaseError as error:
            logger.warning("database '%s': %s", self.alias, one_line(error))
            state = REASONS.get(refusal(error), UNREACHABLE)
        finally:
            self._state = state
            if tests_run():
                # A test database cannot be dropped while a connection is open.
                self.connection.close()
            self.connection.close_if_unusable_or_obsolete()

    def _is_read_only(self) -> bool:
        """Whether statements cannot write: a standby since a failover, or another user's file."""
        if self.connection.vendor == "sqlite":
            refuses_writes = bool(unwritable_files(self.alias))
        else:
            refuses_writes = bool(is_read_only(self.connection.connection))
        if not refuses_writes:
            return False
        # By now, the name can lead to another server, or this user can own the file. The next check
        # uses a new connection.
        self.connection.close()
        return True

    def _migrations(self) -> str:
        # A new connection can lead to another server: an empty one, or an older copy.
        if self.connection.connection is self._migrated_over:
            return OK
        # Django reads the migrations table through the thread's connection, not the given one:
        # another connection to open, and with gevent that of another greenlet.
        of_thread = connections[self.alias]
        connections[self.alias] = self.connection
        try:
            if has_managed_models(self.alias):
                if self._is_behind():
                    return PENDING
                if lost := tables.lost(self.alias):
                    if self._state != MISSING:
                        logger.error("%s %s", lost.problem, lost.fix)
                    return MISSING
        finally:
            connections[self.alias] = of_thread
        self._migrated_over = self.connection.connection
        return OK

    def _is_behind(self) -> bool:
        """Whether migrations are pending. Reads those on disk once, which takes 0.1 s."""
        recorder = MigrationRecorder(self.connection)
        if self._recorded is not None and self._recorded <= recorder.applied_migrations().keys():
            return False
        if migrations_pending(self.alias):
            return True
        self._recorded = recorder.applied_migrations().keys()
        return False


# Per process and database, because forks must not share them.
_probes: dict[tuple[int, str], Probe] = {}


def _probe(alias: str) -> Probe:
    key = os.getpid(), alias
    # If two threads are first at the same time, both get the same probe.
    return _probes.get(key) or _probes.setdefault(key, Probe(alias))
