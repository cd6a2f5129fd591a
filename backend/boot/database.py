"""Waits for the databases that this API needs, and tries optional databases once."""

from __future__ import annotations

import math
import os
import sqlite3
import time

from django.conf import settings
from django.db import DatabaseError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from backend.boot import waiting
from backend.conf import data_folder, project
from backend.conf.errors import StartupError, one_line
from backend.databases.needs import Need, aliases
from backend.health.probes import OK, UNREACHABLE, sqlite_files
from backend.http.unavailable import Refusal, refusal
from backend.logs.boot import say, warn
from backend.server import phase

# Seconds to wait for an optional database: long for a server, but short for a start.
ONE_LOOK = 2
# Seconds for a required database to answer the queries of a new connection, before a retry.
ATTEMPT = 10
SQLITE_UNWRITABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


def wait(timeout: int) -> None:
    """Return when every required database has answered. Try each optional one once.

    ``timeout`` is in seconds, for each of them. Afterwards, raises StartupError with the last real
    error. Raises it at once if the server refuses the login.
    """
    phase.enter(phase.WAITING)
    for alias in aliases(Need.REQUIRED):
        wait_for(alias, timeout)
    for alias in aliases(Need.OPTIONAL):
        phase.checks[alias] = OK if answers(alias) else UNREACHABLE


def answers(alias: str) -> bool:
    """Whether a database accepts a connection now. If not, the log says why.

    The connection stays open for the next steps of the start.
    """
    connection = connections[alias].copy()
    if connection.vendor == "postgresql":
        connection.settings_dict["OPTIONS"]["connect_timeout"] = ONE_LOOK
    try:
        with waiting.limited(connection, 2 * ONE_LOOK):  # for the connection and its queries
            connection.ensure_connection()
    except DatabaseError as error:
        warn(f"the optional database {describe(alias)} does not answer: {one_line(error)}")
        return False
    connections[alias].close()
    connections[alias] = connection
    say(f"database {describe(alias)} answers")
    return True


def wait_for(alias: str, timeout: int) -> None:
    """Return when one database has answered; as ``wait``."""
    wait_until_open(connections[alias], timeout)


def wait_until_open(connection: BaseDatabaseWrapper, timeout: int) -> None:
    """The same for a connection, which stays open."""
    alias, started, attempt = connection.alias, time.monotonic(), 0
    while True:
        attempt += 1
        left = math.ceil(timeout + started - time.monotonic())
        try:
            with waiting.limited(connection, max(min(ATTEMPT, left), 1)):
                connection.ensure_connection()
            phase.checks[alias] = OK
            say(f"database {describe(alias)} answers")
            return
        except DatabaseError as error:
            phase.checks[alias] = UNREACHABLE
            reason = one_line(error)
            # For these, waiting does not help.
            if refused_error := refused(alias, error) or of_sqlite_file(alias, error):
                raise refused_error from None
        waited = time.monotonic() - started
        if waited >= timeout:
            raise StartupError(
                f"The database {describe(alias)} did not answer within {timeout} s: {reason}",
                "Check that the server is running and that host, port, and name are correct. "
                "To wait longer, set DB_WAIT_TIMEOUT.",
            )
        say(f"waiting for database {describe(alias)}, {waited:.0f} of {timeout} s: {reason}")
        time.sleep(min(0.25 * 2 ** min(attempt, 3), timeout - waited))


def of_sqlite_file(alias: str, error: DatabaseError) -> StartupError | None:
    """The error for an SQLite file that this user cannot open or write."""
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    # The lowest byte of an extended code is the code itself. https://www.sqlite.org/rescode.html
    if code is None or code & 0xFF not in SQLITE_UNWRITABLE or not sqlite_files(alias):
        return None
    file = sqlite_files(alias)[0]
    what = "written" if code & 0xFF == sqlite3.SQLITE_READONLY else "opened"
    return StartupError(
        f"The database '{alias}' ({file}) cannot be {what} by UID {os.geteuid()}: "
        f"{one_line(error)}.",
        data_folder.moved(file, f"NAME of '{alias}'", f"/{file.name}") or data_folder.mounted(),
    )


def refused(alias: str, error: DatabaseError) -> StartupError | None:
    """The error for a server that answers, but not with these options or this login."""
    refused_for = refusal(error)
    # An option is wrong, or requires what the server does not have.
    if refused_for == Refusal.OPTIONS or not isinstance(error, OperationalError):
        return StartupError(
            f"The database {describe(alias)} cannot be opened: {one_line(error)}",
            "Correct its options, such as sslmode: OPTIONS in DATABASES, or what follows "
            "the question mark in its URL.",
        )
    if refused_for == Refusal.LOGIN:
        return StartupError(
            f"The database {describe(alias)} refuses the login: {one_line(error)}",
            f"Correct the user and the password ({given('POSTGRES_USER', 'POSTGRES_PASSWORD')}). A "
            "PostgreSQL volume keeps the password it was created with.",
        )
    return None


def given(*variables: str) -> str:
    """Where a team gives what it says of a database: the image's variables, or its settings."""
    if project.has_own_settings():
        return project.place_of("DATABASES")
    return f"{', '.join(variables)}, or the database's URL"


def describe(alias: str) -> str:
    """The alias and the address for the log, without user and password."""
    database = settings.DATABASES[alias]
    place = f"{database['HOST']}:{database['PORT'] or 5432}/" if database.get("HOST") else ""
    return f"'{alias}' ({place}{database['NAME']})"
