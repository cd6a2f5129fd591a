"""What the variables PUBLISH_... ask for, read from the databases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from backend.conf.environment import Environment
from backend.conf.errors import StartupError
from backend.conf.required import POSTGRESQL_ENGINES
from backend.tables import catalog, published
from backend.tables.catalog import coordinates
from backend.tables.generator import code, metadata, plan, planner

# Whether the role can write Django's own tables, or create them.
ACCOUNTS = """
SELECT CASE
    WHEN to_regclass('django_migrations') IS NULL
        THEN coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)
    ELSE has_table_privilege(to_regclass('django_migrations'), 'SELECT')
        AND has_table_privilege(to_regclass('django_migrations'), 'INSERT')
END
"""
NOBODY = (
    "PUBLISH_WRITE: nobody could log in to write, because the role of DATABASE_URL cannot create "
    "Django's own tables."
)
LOGINS = (
    "Give the role a schema for them: CREATE SCHEMA accounts AUTHORIZATION ROLE; "
    "ALTER ROLE ROLE SET search_path = accounts, public;"
)


@dataclass(frozen=True)
class Publication:
    """An API to publish, and what its settings depend on."""

    plan: plan.Plan
    has_accounts: bool
    title: str

    def files(self) -> dict[str, str]:
        """The files of its app."""
        return code.files(self.plan, published.APP)

    def facts(self) -> dict[str, Any]:
        """What ``published.changes`` needs to know."""
        return {"has_accounts": self.has_accounts, "title": self.title}


def schemas(env: Environment) -> dict[str, list[str]]:
    """The schemas to publish, by the alias of their database. Raises StartupError."""
    return published.requested(env["PUBLISH_SCHEMAS"] or "")


def read(env: Environment, cursors: Mapping[str, Any]) -> Publication:
    """Read the catalogs through cursors of the driver, by alias.

    Without a cursor for ``default``, that database is the image's own. Raises StartupError.
    """
    functions = published.requested(env["PUBLISH_FUNCTIONS"] or "", "PUBLISH_FUNCTIONS")
    for alias in functions.keys() - schemas(env).keys():
        raise StartupError(
            f"PUBLISH_FUNCTIONS: no schema of the database '{alias}' is published.",
            f"Name the schema of the function in PUBLISH_SCHEMAS: {alias}:SCHEMA",
        )
    about = metadata.read(env["PUBLISH_METADATA"])
    sources = []
    for alias, names in schemas(env).items():
        read_catalog = catalog.read(cursors[alias], names, functions.get(alias, ()))
        coordinates.check_search_path(cursors[alias], read_catalog)
        srids = coordinates.infer(cursors[alias], read_catalog)
        writes = env["PUBLISH_WRITE"]
        sources.append(plan.Source(alias, read_catalog, srids=srids, metadata=about, write=writes))
    about.check([source.catalog for source in sources])
    has_accounts = _has_accounts(cursors.get(DEFAULT_DB_ALIAS))
    if env["PUBLISH_WRITE"] and not has_accounts:
        raise StartupError(NOBODY, LOGINS)
    comments = (comment for source in sources for comment in source.catalog.schemas.values())
    return Publication(
        planner.plan(sources),
        has_accounts=has_accounts,
        title=about.title or next(filter(None, comments), ""),
    )


def read_now(env: Environment) -> Publication:
    """The same while Django runs, through its connections. Raises StartupError, DatabaseError."""
    aliases = {*schemas(env)}
    if settings.DATABASES[DEFAULT_DB_ALIAS]["ENGINE"] in POSTGRESQL_ENGINES:
        aliases.add(DEFAULT_DB_ALIAS)
    return read(env, {alias: connections[alias].cursor().cursor for alias in aliases})


def _has_accounts(cursor: Any) -> bool:
    if cursor is None:
        return True
    cursor.execute(ACCOUNTS)
    return bool(cursor.fetchone()[0])
