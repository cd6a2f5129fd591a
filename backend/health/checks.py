"""The state of each database."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connections, router
from django.db.migrations.executor import MigrationExecutor

logger = logging.getLogger("backend.health")

OK = "ok"
UNREACHABLE = "unreachable"
PENDING = "migrations pending"

# Migrations do not become unapplied, and reading them costs 0.1 s: asked until in.
_migrated: set[str] = set()


@dataclass(frozen=True)
class DatabaseState:
    """What a page may show of a database: no host, no user, no error text of the server."""

    alias: str
    kind: str
    state: str

    @property
    def ok(self) -> bool:
        return self.state == OK


def database_states() -> list[DatabaseState]:
    """The state of every configured database, in the order of DATABASES."""
    return [
        DatabaseState(alias, connections[alias].display_name, _state(alias))
        for alias in settings.DATABASES
    ]


def has_managed_models(alias: str) -> bool:
    """Whether any model's table in ``alias`` is made by migrations."""
    return any(
        model._meta.can_migrate(connections[alias]) and router.allow_migrate_model(alias, model)
        for model in apps.get_models(include_auto_created=True)
    )


def migrations_pending(alias: str) -> bool:
    """Whether a migration on disk is not applied to ``alias``."""
    executor = MigrationExecutor(connections[alias])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _state(alias: str) -> str:
    connection = connections[alias]
    # Django does this at the start and the end of a request, which this is not.
    connection.close_if_unusable_or_obsolete()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if alias not in _migrated:
            if has_managed_models(alias) and migrations_pending(alias):
                return PENDING
            _migrated.add(alias)
        return OK
    except DatabaseError as error:
        logger.warning("database '%s': %s", alias, " ".join(str(error).split()))
        return UNREACHABLE
    finally:
        connection.close_if_unusable_or_obsolete()
