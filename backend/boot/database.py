"""Waits for every database, then migrates those that have managed models."""

from __future__ import annotations

import re
import time

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connections
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from backend.boot.log import say
from backend.errors import StartupError, explain, one_line
from backend.health import phase
from backend.health.checks import OK, PENDING, UNREACHABLE, has_managed_models, migrations_pending

# What waiting does not mend. libpq gives such errors no code, only its text.
REFUSED = re.compile(
    r"password authentication failed|no password supplied|no pg_hba\.conf entry"
    r'|role "[^"]*" does not exist|authentication method',
)


def wait(timeout: int) -> None:
    """Return when every database has answered.

    ``timeout`` is in seconds, for each of them. Raises StartupError with the
    last real error when it is over, and at once when the server refuses the login.
    """
    phase.enter(phase.WAITING)
    for alias in settings.DATABASES:
        _wait_for(alias, timeout)


def _wait_for(alias: str, timeout: int) -> None:
    connection, started, attempt = connections[alias], time.monotonic(), 0
    while True:
        attempt += 1
        try:
            connection.ensure_connection()
            phase.checks[alias] = OK
            say(f"database {_describe(alias)} answers")
            return
        except DatabaseError as error:
            phase.checks[alias] = UNREACHABLE
            reason = one_line(error)
            if not isinstance(error, OperationalError):
                # No connection was tried: an option is wrong, which waiting does not mend.
                raise StartupError(
                    f"The database {_describe(alias)} cannot be opened: {reason}",
                    "Correct its options: OPTIONS in DATABASES, or what follows the question "
                    "mark in its URL.",
                ) from error
        if REFUSED.search(reason):
            raise StartupError(
                f"The database {_describe(alias)} refuses the login: {reason}",
                "Correct the user and the password (POSTGRES_USER, POSTGRES_PASSWORD, or the "
                "database's URL). A PostgreSQL volume keeps the password it was made with.",
            )
        waited = time.monotonic() - started
        if waited >= timeout:
            raise StartupError(
                f"The database {_describe(alias)} did not answer within {timeout} s: {reason}",
                "Check that it runs and that host, port and name are right; DB_WAIT_TIMEOUT "
                "gives it more time.",
            )
        say(f"waiting for database {_describe(alias)}, {waited:.0f} of {timeout} s: {reason}")
        time.sleep(min(0.25 * 2 ** min(attempt, 3), timeout - waited))


def _describe(alias: str) -> str:
    database = settings.DATABASES[alias]
    place = f"{database['HOST']}:{database['PORT'] or 5432}/" if database.get("HOST") else ""
    return f"'{alias}' ({place}{database['NAME']})"


def migrate() -> None:
    """Apply migrations to every alias that has managed models.

    Raises StartupError with the migration's own error.
    """
    phase.enter(phase.MIGRATING)
    if settings.DEBUG:
        try:
            _warn_about_missing_migrations()
        except Exception as error:
            raise explain(error) from error
    for alias in settings.DATABASES:
        try:
            if not has_managed_models(alias):
                say(f"database '{alias}' has no managed models: nothing to migrate")
            elif not migrations_pending(alias):
                say(f"database '{alias}' is up to date")
            else:
                say(f"migrating database '{alias}'")
                phase.checks[alias] = PENDING
                call_command("migrate", database=alias, interactive=False, skip_checks=True)
                phase.checks[alias] = OK
        except Exception as error:
            raise _failed(alias, error) from error


def _failed(alias: str, error: Exception) -> StartupError:
    explained = explain(error)
    fix = "Correct the migration or the data it meets; it was rolled back where the database can."
    if "permission denied" in str(error):
        fix = (
            f"Grant {settings.DATABASES[alias]['USER']} the right to create tables there, or set "
            "MIGRATE=false when somebody else migrates this database."
        )
    return StartupError(f"Migrating database '{alias}' failed. {explained.problem}", fix)


def _warn_about_missing_migrations() -> None:
    """Say which applications have model changes without a migration. Nothing is written."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    detector = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    changes = detector.changes(graph=loader.graph)
    for app_label in sorted(changes.keys() & loader.migrated_apps):
        say(
            f"WARNING: '{app_label}' has model changes without a migration; "
            f"run python manage.py makemigrations {app_label}"
        )
    for app_label in sorted(loader.unmigrated_apps):
        found = apps.get_app_config(app_label).get_models()
        if any(model._meta.managed and not model._meta.proxy for model in found):
            say(
                f"WARNING: '{app_label}' has models and no migrations; "
                f"run python manage.py makemigrations {app_label}"
            )
