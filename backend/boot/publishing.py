"""Writes the app of PUBLISH_SCHEMAS, after its databases answer and before Django loads it."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.utils import ConnectionHandler

from backend.boot import database
from backend.conf.environment import Environment
from backend.conf.errors import StartupError
from backend.conf.places import PUBLISHED
from backend.conf.required import POSTGRESQL_ENGINES
from backend.logs.boot import say, warn
from backend.server import phase
from backend.tables import publication, published
from backend.tables.generator import report

# Each of these does nothing without PUBLISH_SCHEMAS.
OTHERS = ("PUBLISH_FUNCTIONS", "PUBLISH_METADATA", "PUBLISH_WRITE")


def publish(env: Environment) -> None:
    """Publish the schemas that PUBLISH_SCHEMAS names. Raises StartupError."""
    schemas = publication.schemas(env)
    if not schemas:
        _check_others(env)
        return
    env["PUBLISH_INTERVAL"]  # raises for a value that only the workers would read
    phase.enter(phase.WAITING)
    for alias in schemas:
        _check(alias)
    with contextlib.ExitStack() as stack:
        aliases = {*schemas, DEFAULT_DB_ALIAS} if _is_postgresql(DEFAULT_DB_ALIAS) else {*schemas}
        cursors = {alias: stack.enter_context(_connected(alias, env)) for alias in aliases}
        made = publication.read(env, cursors)
    written = published.write(made.files(), made.facts(), Path(settings.DATA_DIR))
    os.environ[PUBLISHED] = str(written.folder)
    for name, value in published.changes(written, _in_force()).items():
        setattr(settings, name, value)
    _say(made)


def _in_force() -> dict[str, Any]:
    return {name: getattr(settings, name) for name in dir(settings) if name.isupper()}


def _check_others(env: Environment) -> None:
    for name in OTHERS:
        if env[name]:
            raise StartupError(
                f"{name} is set, but PUBLISH_SCHEMAS is not.",
                f"Set PUBLISH_SCHEMAS to the schemas of the tables, or remove {name}.",
            )


def _check(alias: str) -> None:
    if alias not in settings.DATABASES:
        known = ", ".join(settings.DATABASES)
        raise StartupError(
            f"PUBLISH_SCHEMAS: there is no database '{alias}'.",
            f"Set {alias.upper()}_DATABASE_URL, or name one of: {known}.",
        )
    if not _is_postgresql(alias):
        raise StartupError(
            f"PUBLISH_SCHEMAS: the database '{alias}' is not PostgreSQL.",
            "Set DATABASE_URL to the database of the tables: "
            "postgis://USER:PASSWORD@HOST:5432/NAME",
        )


def _is_postgresql(alias: str) -> bool:
    return settings.DATABASES[alias].get("ENGINE") in POSTGRESQL_ENGINES


@contextlib.contextmanager
def _connected(alias: str, env: Environment) -> Iterator[Any]:
    """A cursor of the driver. Django's engine for PostGIS has models, which need applications."""
    plain = {**settings.DATABASES[alias], "ENGINE": POSTGRESQL_ENGINES[0]}
    connection = ConnectionHandler({alias: plain, DEFAULT_DB_ALIAS: plain})[alias]
    database.wait_until_open(connection, env["DB_WAIT_TIMEOUT"])
    with contextlib.closing(connection), connection.cursor() as cursor:
        yield cursor.cursor


def _say(made: publication.Publication) -> None:
    say(f"published: {report.summary(made.plan)}")
    for note in made.plan.warnings:
        warn(f"{note.problem} {note.sql}")
    if not made.has_accounts:
        say("the role cannot create tables, so there are no accounts: no admin and no logins")
    for line in report.lines(dataclasses.replace(made.plan, warnings=()), details=False):
        say(line)
