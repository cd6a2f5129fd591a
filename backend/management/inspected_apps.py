"""The apps that ``inspectapi`` writes: where they are, and what a project needs to use them."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import DatabaseError, connections

from backend.boot.database import describe
from backend.conf import overrides, project
from backend.conf.errors import NOT_ALLOWED, StartupError, one_line
from backend.management import app_folders
from backend.tables.project.generated_app import DATABASE, KEPT


def find(name: str | None) -> tuple[Path, str]:
    """The folder and the module of an app, which need not exist. Raises StartupError."""
    if name is None:
        return _only_one()
    with contextlib.suppress(LookupError):
        config = apps.get_app_config(name.rpartition(".")[2])
        return Path(config.path), config.name
    if not name.isidentifier():
        raise StartupError(
            f"'{name}' is not a valid name for an app.", "Use letters, digits, and underscores."
        )
    folder = app_folders.folder_for(name)
    if not folder.exists() and importlib.util.find_spec(name) is not None:
        raise StartupError(
            f"'{name}' is the name of a Python module that exists.", "Choose another name."
        )
    return folder, app_folders.module_of(folder)


def _only_one() -> tuple[Path, str]:
    generated = [
        config for config in apps.get_app_configs() if Path(config.path, KEPT, DATABASE).exists()
    ]
    if len(generated) == 1:
        return Path(generated[0].path), generated[0].name
    names = ", ".join(config.label for config in generated)
    raise StartupError(
        f"Several apps have code from inspectapi: {names}."
        if names
        else "No installed app has code from inspectapi.",
        "Name one of them: manage.py inspectapi APP"
        if names
        else "Name the new app: manage.py inspectapi APP",
    )


def not_generated(folder: Path) -> StartupError:
    """The error for an app without code from inspectapi."""
    return StartupError(
        f"{folder} has no code from inspectapi.",
        f"Run manage.py inspectapi {folder.name} first, and commit its folder {KEPT}.",
    )


def check_free(folder: Path, names: Iterable[str]) -> None:
    """Raises StartupError if a first run would overwrite a file."""
    if taken := [name for name in names if (folder / name).exists()]:
        raise StartupError(
            f"{folder} already has {', '.join(taken)}, which inspectapi did not write. Nothing was "
            "changed.",
            "Give the name of a new app: manage.py inspectapi APP",
        )


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say who can write there if this user cannot. Raises StartupError."""
    try:
        yield
    except StartupError as error:
        reason = error.__cause__
        if isinstance(reason, OSError) and reason.errno in NOT_ALLOWED:
            raise app_folders.unwritable(folder, reason) from None
        raise


@contextlib.contextmanager
def cursor(alias: str) -> Iterator[Any]:
    """A cursor of the driver for a database of the project. Raises StartupError."""
    if alias not in connections:
        raise StartupError(
            f"There is no database '{alias}'.",
            f"Set {alias.upper()}_DATABASE_URL, or name one of: {', '.join(connections)}.",
        )
    connection = connections[alias]
    if connection.vendor != "postgresql":
        raise StartupError(
            f"The database '{alias}' is {connection.display_name}.",
            "Name a PostgreSQL database: --database ALIAS",
        )
    try:
        with connection.cursor() as opened:
            yield opened.cursor
    except DatabaseError as error:
        raise StartupError(
            f"The database {describe(alias)} cannot be read: {one_line(error)}",
            "Correct the cause, and run the command again.",
        ) from None


def next_steps(folder: Path, module: str) -> Iterator[str]:
    """The lines to add to the settings and to the URLs."""
    needs = [] if apps.is_installed("django.contrib.postgres") else ["django.contrib.postgres"]
    yield from app_folders.next_steps(folder, module, needs=needs)
    yield f"And to {_urls(folder)}:"
    yield "    from django.urls import include, path"
    yield f'    urlpatterns += [path("api/", include("{module}.urls"))]'
    yield f"Commit {folder.name}/{KEPT} too: the next run needs it."


def _urls(folder: Path) -> Path:
    """The file of the project's URLs, which can be missing for the image's own project."""
    if project.has_own_settings():
        spec = importlib.util.find_spec(settings.ROOT_URLCONF)
        return Path(spec.origin or "") if spec else Path(settings.ROOT_URLCONF)
    location = overrides.find("urls")
    return location[1] if location else folder.parent / "local_settings/urls.py"
