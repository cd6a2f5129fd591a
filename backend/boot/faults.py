"""Errors of ``manage.py`` that its user can correct, as two lines.

A traceback of Django's own code does not help with a database that is down, or a missing table.
Errors of any other kind keep theirs.
"""

from __future__ import annotations

import os
import re
import traceback
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.migrations.exceptions import MigrationSchemaMissing

from backend.boot import database, postgis
from backend.conf import data_folder
from backend.conf.errors import NOT_ALLOWED, StartupError, is_of_the_team, is_unreadable, one_line
from backend.conf.required import LONG_RANDOM_TEXT
from backend.databases.server_errors import sqlstate
from backend.health import tables
from backend.health.probes import migrations_pending
from backend.http.error_sources import frames
from backend.http.unavailable import Refusal, is_outage, refusal

# Commands that write a project's code.
WRITE_CODE = ("makemigrations", "squashmigrations", "optimizemigration", "startapp", "makemessages")
# Commands that change tables: one that is missing there is a mistake in a migration.
CHANGE_TABLES = ("migrate", "migrate_databases")
# https://www.postgresql.org/docs/current/errcodes-appendix.html
UNDEFINED_TABLE, UNDEFINED_COLUMN = "42P01", "42703"
NO_DATABASE = re.compile(r'database "[^"]*" does not exist')


def of(error: BaseException, command: str) -> StartupError | None:
    """The error of a command as two lines; None if its traceback says more."""
    if isinstance(error, OSError):
        return _of_file(error, command)
    if isinstance(error, ImproperlyConfigured) and "SECRET_KEY setting must not" in str(error):
        return StartupError(
            f"{os.environ['DJANGO_SETTINGS_MODULE']} has no SECRET_KEY.",
            f"Set SECRET_KEY, or the variable that it is read from, to {LONG_RANDOM_TEXT}",
        )
    if isinstance(error, MigrationSchemaMissing):
        error = error.__context__ or error  # raised without "from"
    if not isinstance(error, DatabaseError) or (alias := _alias(error)) is None:
        return None
    return (
        _of_connection(alias, error)
        or database.of_sqlite_file(alias, error)
        or _of_postgis(alias, error)
        or _of_schema(alias, error, command)
    )


def unwritable_code(error: OSError) -> StartupError:
    """For a command that writes code, in a container that has only a copy of it."""
    return StartupError(
        _unwritable(error),
        "Run the command where your project is mounted and belongs to you, as in "
        "docs/first-evening.md: docker compose run --rm api python manage.py ...",
    )


def _unwritable(error: OSError) -> str:
    return f"{error.filename} cannot be written by UID {os.geteuid()}: {error.strerror}."


def _of_file(error: OSError, command: str) -> StartupError | None:
    # Settings that cannot be loaded cannot be asked, either.
    if not apps.ready or error.errno not in NOT_ALLOWED or error.filename is None:
        return None
    if command in WRITE_CODE:
        return unwritable_code(error)
    file = Path(os.fsdecode(error.filename))
    if is_unreadable(file):
        return None
    is_upload = bool(settings.MEDIA_ROOT) and file.is_relative_to(settings.MEDIA_ROOT)
    name = "MEDIA_ROOT" if is_upload else "its path"
    fix = data_folder.moved(file, name, "/media" if is_upload else f"/{file.name}")
    return StartupError(_unwritable(error), fix or data_folder.mounted())


def _alias(error: DatabaseError) -> str | None:
    """The database that the error came from, or None if it is unknown."""
    for frame in frames(error):
        owner = frame.f_locals.get("self")
        wrapper = owner.db if isinstance(owner, CursorWrapper) else owner
        # Tests create their database on a connection with another alias.
        if isinstance(wrapper, BaseDatabaseWrapper) and wrapper.alias in settings.DATABASES:
            return str(wrapper.alias)
    return None


def _of_connection(alias: str, error: DatabaseError) -> StartupError | None:
    # Only the words tell why libpq refuses to connect. Of a statement, they can mean anything.
    if not is_outage(error) and (sqlstate(error) or refusal(error) is None):
        return None
    if refused := database.refused(alias, error):
        return refused
    reason = one_line(error)
    if NO_DATABASE.search(reason):
        return StartupError(
            f"The database {database.describe(alias)} does not exist: {reason}",
            f"Correct the name ({database.given('POSTGRES_NAME')}), or create the database. A "
            "PostgreSQL volume keeps the databases it was created with.",
        )
    if refusal(error) == Refusal.SLOTS:
        return StartupError(
            f"The database {database.describe(alias)} has no free connection: {reason}",
            "Try again when other programs have closed theirs, or raise max_connections.",
        )
    return StartupError(
        f"The database {database.describe(alias)} does not answer: {reason}",
        "Check that the server is running and that host, port, and name are correct. "
        "To wait for it, run python manage.py wait_for_db.",
    )


def _of_postgis(alias: str, error: DatabaseError) -> StartupError | None:
    if fix := postgis.fix_for(alias, error):
        problem = f"The database {database.describe(alias)} has no PostGIS: {one_line(error)}"
        return StartupError(problem, fix)
    return None


def _of_schema(alias: str, error: DatabaseError, command: str) -> StartupError | None:
    """For a table or a column that is missing, as long as migrations can create it."""
    code, message = sqlstate(error), one_line(error)
    is_table = code == UNDEFINED_TABLE or message.startswith("no such table")
    if not is_table and code != UNDEFINED_COLUMN and not message.startswith("no such column"):
        return None
    stack = reversed(traceback.extract_tb(error.__traceback__))
    frame = next((each for each in stack if is_of_the_team(each.filename)), None)
    place = f"{frame.filename}, line {frame.lineno}: " if frame else ""
    kind = type(error).__name__
    problem = f"{place}{kind} in database {database.describe(alias)}: {message}"
    if frame and (frame.name == "<module>" or not apps.ready):
        return StartupError(
            problem,
            "That line queries the database while Django loads the project, so it runs before the "
            "migrations do. Move the query into a function that a request or a command calls.",
        )
    if command in CHANGE_TABLES:
        return None
    connections[alias].close()  # the transaction may be aborted
    if migrations_pending(alias):
        option = "" if alias == "default" else f" --database {alias}"
        return StartupError(problem, f"Apply the migrations: python manage.py migrate{option}")
    if not is_table:
        return None
    return tables.lost(alias) or StartupError(
        problem,
        "If it is the table of a model, create its migration (python manage.py makemigrations), "
        "and apply it (python manage.py migrate).",
    )
