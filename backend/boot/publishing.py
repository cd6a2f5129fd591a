"""Writes the app of PUBLISH_SCHEMAS, after its databases answer and before Django loads it."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from backend.boot import database
from backend.conf.environment import Environment
from backend.conf.errors import StartupError
from backend.conf.required import POSTGRESQL_ENGINES
from backend.logs.boot import say, warn
from backend.server import phase
from backend.tables import catalog, code, plan, published, report

# Whether Django's own tables are there, or can be created.
ACCOUNTS = """
SELECT to_regclass('django_migrations') IS NOT NULL
    OR coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
"""


def publish(env: Environment) -> None:
    """Publish the schemas that PUBLISH_SCHEMAS names. Raises StartupError."""
    schemas = published.requested(env["PUBLISH_SCHEMAS"] or "")
    if not schemas:
        return
    phase.enter(phase.WAITING)
    sources = [_source(alias, names, env) for alias, names in schemas.items()]
    made = plan.plan(sources)
    has_accounts = _has_accounts()
    written = published.write(
        code.files(made, published.APP), has_accounts=has_accounts, data=Path(settings.DATA_DIR)
    )
    for name, value in published.changes(written, vars(settings._wrapped)).items():
        setattr(settings, name, value)
    _say(made, has_accounts)


def _source(alias: str, schemas: list[str], env: Environment) -> plan.Source:
    if alias not in settings.DATABASES:
        known = ", ".join(settings.DATABASES)
        raise StartupError(
            f"PUBLISH_SCHEMAS: there is no database '{alias}'.",
            f"Set {alias.upper()}_DATABASE_URL, or name one of: {known}.",
        )
    if settings.DATABASES[alias]["ENGINE"] not in POSTGRESQL_ENGINES:
        raise StartupError(
            f"PUBLISH_SCHEMAS: the database '{alias}' is not PostgreSQL.",
            "Set DATABASE_URL to the database of the tables: "
            "postgis://USER:PASSWORD@HOST:5432/NAME",
        )
    database.wait_for(alias, env["DB_WAIT_TIMEOUT"])
    with connections[alias].cursor() as cursor:
        return plan.Source(alias, catalog.read(cursor.cursor, schemas))


def _has_accounts() -> bool:
    if settings.DATABASES[DEFAULT_DB_ALIAS]["ENGINE"] not in POSTGRESQL_ENGINES:
        return True
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(ACCOUNTS)
        (has_accounts,) = cursor.fetchone()
    return bool(has_accounts)


def _say(made: plan.Plan, has_accounts: bool) -> None:
    say(f"published: {report.summary(made)}")
    for note in made.warnings:
        warn(f"{note.problem} {note.sql}")
    if not has_accounts:
        say("the role cannot create tables, so there are no accounts: no admin and no logins")
    for line in report.lines(made, details=False):
        say(line)
