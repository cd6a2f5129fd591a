"""System checks for the features that the image adds to Django."""

from __future__ import annotations

import difflib
import socket
from collections.abc import Callable, Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import models

from backend.conf import addresses
from backend.databases import identifiers
from backend.databases.needs import SETTINGS, Need, listed
from backend.router import alias_of, declared_alias
from backend.tables import published


def _models() -> Iterator[type[models.Model]]:
    return (model for model in apps.get_models() if not model._meta.swapped)


@register(Tags.models)
def check_alias_is_known(**kwargs: Any) -> list[CheckMessage]:
    """``in_db`` names a database in DATABASES."""
    messages: list[CheckMessage] = []
    for model in _models():
        alias = declared_alias(model)
        if alias is None or alias in settings.DATABASES:
            continue
        close = difflib.get_close_matches(str(alias), settings.DATABASES, n=1)
        known = ", ".join(f"'{name}'" for name in settings.DATABASES)
        guess = f"Did you mean '{close[0]}'? " if close else ""
        hint = (
            f"{guess}DATABASES contains {known}. To add '{alias}', set "
            f"{str(alias).upper()}_DATABASE_URL."
        )
        messages.append(
            Error(
                f"Meta.in_db is '{alias}', which is not in DATABASES.", hint, model, "backend.E001"
            )
        )
    return messages


@register(Tags.models)
def check_one_table_one_database(**kwargs: Any) -> list[CheckMessage]:
    """A proxy or multi-table child has the same ``in_db`` as the model that it shares rows with."""
    messages: list[CheckMessage] = []
    for model in _models():
        own = getattr(model._meta, "in_db", None)
        for parent in model._meta.all_parents:
            if own and own != alias_of(parent):
                messages.append(
                    Error(
                        f"Meta.in_db is '{own}', but its rows are in '{alias_of(parent)}' with "
                        f"those of {parent._meta.label}.",
                        "Remove in_db here: the model follows its parent.",
                        model,
                        "backend.E002",
                    )
                )
    return messages


@register(Tags.models)
def check_relations_stay_in_one_database(**kwargs: Any) -> list[CheckMessage]:
    """Foreign keys and many-to-many relations stay in one database."""
    messages: list[CheckMessage] = []
    for model in _models():
        for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
            target = field.related_model
            if isinstance(target, type) and alias_of(target) != alias_of(model):
                messages.append(
                    checks.Warning(
                        f"The relation crosses databases: {model._meta.label} is in "
                        f"'{alias_of(model)}', {target._meta.label} in '{alias_of(target)}'.",
                        "The database can neither join nor check it. Keep both models in one "
                        "database, or store the key of the other model in a plain field.",
                        field,
                        "backend.W001",
                    )
                )
    return messages


@register(Tags.models)
def check_names_can_be_written_in_sql(**kwargs: Any) -> list[CheckMessage]:
    """Django can use the names of all PostgreSQL tables and columns in a statement."""
    messages: list[CheckMessage] = []
    for model in _models():
        engine = str(settings.DATABASES.get(alias_of(model), {}).get("ENGINE", ""))
        columns = {field.column: field for field in model._meta.local_concrete_fields}
        for name, place in {model._meta.db_table: model, **columns}.items():
            # Django rejects $ since 5.2.9, and a % looks like the placeholder of a parameter.
            wrong = name and {"$", "%"} & set(name) and not identifiers.is_quoted(name)
            if wrong and engine.endswith(("postgresql", "postgis")):
                messages.append(
                    checks.Warning(
                        f"Django cannot use the name '{name}' in PostgreSQL: it contains a $ or a "
                        "%.",
                        "Write it in quotation marks, with each % doubled: "
                        f"{identifiers.quoted(str(name))!r}.",
                        place,
                        "backend.W012",
                    )
                )
    return messages


@register(Tags.models)
def check_geometry_has_a_spatial_database(**kwargs: Any) -> list[CheckMessage]:
    """A model with a geometry field is in a database that can store geometries."""
    messages: list[CheckMessage] = []
    for model in _models():
        engine = settings.DATABASES.get(alias_of(model), {}).get("ENGINE", "")
        if engine not in ("django.db.backends.sqlite3", "django.db.backends.postgresql"):
            continue
        for field in model._meta.local_fields:
            if not hasattr(field, "geom_type"):
                continue
            messages.append(_no_geometry(field, alias_of(model), engine))
    return messages


def _no_geometry(field: models.Field[Any, Any], alias: str, engine: str) -> Error:
    if engine.endswith("sqlite3"):
        return Error(
            f"The database '{alias}' is plain SQLite, which cannot store a geometry field.",
            "Use PostGIS (set POSTGRES_NAME, POSTGRES_USER, POSTGRES_PASSWORD and POSTGRES_HOST, "
            "or DATABASE_URL), or the development image, which has SpatiaLite.",
            field,
            "backend.E003",
        )
    return Error(
        f"The database '{alias}' uses Django's plain PostgreSQL engine, which cannot store a "
        "geometry field.",
        f"Set ENGINE of '{alias}' to 'django.contrib.gis.db.backends.postgis'. The server needs "
        "PostGIS too, as in the image postgis/postgis.",
        field,
        "backend.E004",
    )


@register()
def check_needs_of_databases(**kwargs: Any) -> list[CheckMessage]:
    """REQUIRED_, OPTIONAL_, and IGNORED_DATABASES name known aliases, each in only one list."""
    messages: list[CheckMessage] = []
    named: dict[str, str] = {}
    for need in Need:
        for alias in listed(need):
            setting = SETTINGS[need]
            if alias not in settings.DATABASES:
                messages.append(_unknown_database(setting, alias))
            elif named.setdefault(alias, setting) != setting:
                messages.append(
                    Error(
                        f"The database '{alias}' is in {named[alias]} and in {setting}.",
                        "Name it in one of them.",
                        id="backend.E006",
                    )
                )
    return messages


def _unknown_database(setting: str, alias: str) -> Error:
    close = difflib.get_close_matches(alias.lower(), settings.DATABASES, n=1)
    known = ", ".join(f"'{name}'" for name in settings.DATABASES)
    guess = f"Did you mean '{close[0]}'? " if close else ""
    return Error(
        f"{setting} names '{alias}', which is not in DATABASES.",
        f"{guess}DATABASES contains {known}. To add '{alias.lower()}', set "
        f"{alias.upper()}_DATABASE_URL.",
        id="backend.E005",
    )


# For settings from a team's file: the image rejects bad values in the environment when it reads it.
COMPARED: dict[str, Callable[[str], str]] = {
    # Django compares them in lowercase.
    "ALLOWED_HOSTS": lambda item: item if addresses.allowed_host(item) else "",
    "CORS_ALLOWED_ORIGINS": addresses.cors_origin,
    "CSRF_TRUSTED_ORIGINS": addresses.trusted_origin,
}


@register(Tags.security)
def check_hosts_and_origins_can_match(**kwargs: Any) -> list[CheckMessage]:
    """Hosts and origins have the form of the headers that Django compares them with."""
    return [
        checks.Warning(
            f"{name} contains {item!r}, which nothing can match.",
            f"Did you mean {instead}?" if instead else "Correct it, or remove it.",
            id="backend.W011",
        )
        for name, parse in COMPARED.items()
        for item in getattr(settings, name, ())
        # The image itself adds the container's host name, which can have an underscore.
        if item != socket.gethostname() and (instead := _instead(item, parse)) is not None
    ]


def _instead(item: object, parse: Callable[[str], str]) -> str | None:
    """A suggestion for an item that cannot match, or None if it can."""
    if not isinstance(item, str):
        return ""
    try:
        fitting = parse(item)
    except addresses.UnfitError as error:
        return error.instead
    return None if fitting == item else fitting


@register(Tags.urls)
def check_streams_and_tiles_can_be_read(**kwargs: Any) -> list[CheckMessage]:
    """SQL can read everything that a view of streams or tiles shows."""
    if not apps.is_installed("rest_framework"):
        return []
    from rest_framework.schemas.generators import EndpointEnumerator

    classes = {callback.cls for _, _, callback in EndpointEnumerator().get_api_endpoints()}
    # Found without importing those modules, because only projects that use them need them.
    views = [
        view for view in classes if hasattr(view, "stream_fields") or hasattr(view, "tile_fields")
    ]
    if not views:
        return []
    from backend.geo import sql_support

    views.sort(key=lambda view: f"{view.__module__}.{view.__qualname__}")
    return [message for view in views for message in sql_support.warnings(view)]


@register(Tags.models, Tags.security)
def check_published_tables_are_of_no_other_model(**kwargs: Any) -> list[CheckMessage]:
    """PUBLISH_SCHEMAS does not serve a table that an application of the project writes."""
    models_of: dict[tuple[str, str], type[models.Model]] = {
        (alias_of(model), identifiers.table_name(model)): model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and model._meta.app_label != published.APP
    }
    messages: list[CheckMessage] = []
    for model in apps.get_models():
        other = models_of.get((alias_of(model), identifiers.table_name(model)))
        if model._meta.app_label == published.APP and other is not None:
            messages.append(
                Error(
                    f"PUBLISH_SCHEMAS would serve the table '{identifiers.table_name(model)}' of "
                    f"{other._meta.label}.",
                    "Keep Django's tables in another schema (search_path), or leave this one out: "
                    f"'{identifiers.table_name(model)}: {{serve: false}}' in metadata.yml.",
                    id="backend.E007",
                )
            )
    return messages
