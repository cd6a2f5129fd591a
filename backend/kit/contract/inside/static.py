"""Static files: collected, all of them, under hashed names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage

from backend.boot import static
from backend.conf.findings import PROBLEM, WARNING, Finding
from backend.doctor import files


def complete() -> Iterator[Finding]:
    """Every file that {% static %} can name is collected, and the manifest leads to it."""
    if settings.STATIC_ROOT and not isinstance(staticfiles_storage, ManifestFilesMixin):
        yield Finding(
            PROBLEM,
            "static files",
            f"{settings.STORAGES['staticfiles']['BACKEND']} does not hash their names: browsers "
            "would keep old files, or ask for each file again.",
            "Leave STORAGES['staticfiles'] to the image. For other storages, extend STORAGES: "
            "STORAGES['default'] = {...}.",
        )
        return
    for finding in files.static_files():
        if finding.level == PROBLEM and _is_not_collected():
            # A start does it then, which is slower and no fault.
            yield Finding(
                WARNING,
                "static files",
                f"{finding.message} Each start of a new container collects them.",
                "End your Dockerfile with: RUN python manage.py collectstatic --noinput",
            )
        else:
            yield finding


def _is_not_collected() -> bool:
    return static.kept()[:1] != [static.sources()]


def permissions() -> Iterator[Finding]:
    """The application writes where its data goes, and not where its code is."""
    # Where nobody names a database, a container keeps one there.
    for finding in files.permissions("SQLite's file"):
        yield replace(finding, subject="permissions")


def samples() -> list[str]:
    """Plain names of two files to ask the server for, a style and a script; the team's first."""
    chosen: dict[str, str] = {}
    names = [name for name, _, _ in static.found()]
    ours = ("admin/", "backend/", "drf-yasg/", "gis/", "rest_framework/", "django_")
    for name in sorted(names, key=lambda name: name.startswith(ours)):
        chosen.setdefault(Path(name).suffix, name)
    return [chosen[suffix] for suffix in (".css", ".js") if suffix in chosen]
