"""Checks that the tables of the recorded migrations exist.

``django_migrations`` of a database lists which migrations ran, but not which of their operations.
If ``in_db`` moves a model to a database that is already migrated, its migration is recorded there,
but its table was never created.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, cast

from django.apps import apps
from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import truncate_name
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

from backend.conf.errors import StartupError
from backend.databases import identifiers

# By the name as in a statement, which can include a schema.
ABSENT = "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass(name) IS NULL"


def managed_models(alias: str) -> list[type[models.Model]]:
    """The models whose tables in ``alias`` are created by migrations."""
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.can_migrate(connections[alias]) and router.allow_migrate_model(alias, model)
    ]


def lost(alias: str) -> StartupError | None:
    """An error if tables of recorded migrations are missing in ``alias``.

    No migration is pending there. It takes one query, unless a table is missing.
    """
    missing = _absent(connections[alias], managed_models(alias))
    if not missing:
        return None
    state = MigrationLoader(connections[alias]).project_state()
    missing = [model for model in missing if _is_made(model, state, connections[alias])]
    if not missing:
        return None  # models without a migration, about which the start warns in debug mode
    first = missing[0]._meta
    others = f" and {len(missing) - 1} more" if missing[1:] else ""
    return StartupError(
        f"Database '{alias}' has no table '{first.db_table}' ({first.label}){others}, although the "
        "migrations that create it are recorded there.",
        _fix(alias, first.app_label, missing),
    )


def _fix(alias: str, app_label: str, missing: list[type[models.Model]]) -> str:
    of_app = [model for model in managed_models(alias) if model._meta.app_label == app_label]
    if set(of_app) <= set(missing):
        migrate = f"python manage.py migrate --database {alias} {app_label}"
        return (
            f"If in_db moved the model there, create the table: {migrate} zero --fake && "
            f"{migrate}; its rows stay where they were. Otherwise, restore the table from a "
            "backup."
        )
    return (
        "If in_db moved the model there, create the table in a new migration: "
        "SeparateDatabaseAndState(database_operations=[migrations.CreateModel(...)]). Otherwise, "
        "restore the table from a backup."
    )


def _absent(
    connection: BaseDatabaseWrapper, managed: list[type[models.Model]]
) -> list[type[models.Model]]:
    """The models whose table or view a statement would not find."""
    if connection.vendor == "postgresql":
        names = {model: identifiers.table(model) for model in managed}
        with connection.cursor() as cursor:
            cursor.execute(ABSENT, [list(names.values())])
            absent = {name for (name,) in cursor.fetchall()}
        return [model for model, name in names.items() if name in absent]
    there = {name.lower() for name in connection.introspection.table_names(include_views=True)}
    return [model for model in managed if model._meta.db_table.lower() not in there]


def _is_made(
    model: type[models.Model], state: ProjectState, connection: BaseDatabaseWrapper
) -> bool:
    """Whether the migrations create the table that the model has today."""
    # The stubs say bool. It is the model that created this one, or False.
    owner = cast("type[models.Model] | Literal[False]", model._meta.auto_created)
    if owner:
        made = state.models.get((owner._meta.app_label, owner._meta.model_name))
        return made is not None and any(
            field.name in made.fields for field in _many_to_many(owner, model)
        )
    made = state.models.get((model._meta.app_label, model._meta.model_name))
    if made is None or not made.options.get("managed", True):
        return False
    name = made.options.get("db_table") or truncate_name(
        f"{made.app_label}_{made.name_lower}", connection.ops.max_name_length()
    )
    return name == model._meta.db_table


def _many_to_many(
    owner: type[models.Model], through: type[models.Model]
) -> Iterator[models.ManyToManyField[Any, Any]]:
    for field in owner._meta.local_many_to_many:
        if field.remote_field.through is through:
            yield field
