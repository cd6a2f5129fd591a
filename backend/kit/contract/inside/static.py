"""Static files: all of them are collected, under hashed names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage

from backend.boot import static
from backend.conf import project
from backend.conf.findings import PROBLEM, WARNING, Finding
from backend.doctor import files


def complete() -> Iterator[Finding]:
    """Every file that {% static %} can name is collected and in the manifest."""
    if settings.STATIC_ROOT and not isinstance(staticfiles_storage, ManifestFilesMixin):
        is_own = project.has_own_settings()
        yield Finding(
            WARNING if is_own else PROBLEM,
            "static files",
            f"{settings.STORAGES['staticfiles']['BACKEND']} does not hash the names of files, so "
            "browsers would keep old files or request each file again.",
            "Set STORAGES['staticfiles'] to {'BACKEND': "
            "'django.contrib.staticfiles.storage.ManifestStaticFilesStorage'}."
            if is_own
            else "Keep the image's STORAGES['staticfiles']. To set other storages, extend "
            "STORAGES: STORAGES['default'] = {...}.",
        )
        return
    for finding in files.static_files():
        if finding.level == PROBLEM and _is_not_collected():
            # Then each start collects them, which is slower, but not an error.
            yield Finding(
                WARNING,
                "static files",
                f"{finding.message} Each new container collects them when it starts.",
                "End your Dockerfile with: RUN python manage.py collectstatic --noinput",
            )
        else:
            yield finding


def _is_not_collected() -> bool:
    return static.kept()[:1] != [static.sources()]


def permissions() -> Iterator[Finding]:
    """The application can write to its data folders, but not to its code."""
    # Without a database server, a container keeps its database there.
    for finding in files.permissions("SQLite's file"):
        yield replace(finding, subject="permissions")


def samples() -> list[str]:
    """Names of a style sheet and a script to request from the server. A team's come first."""
    chosen: dict[str, str] = {}
    names = [name for name, _, _ in static.files_to_collect()]
    ours = ("admin/", "backend/", "drf-yasg/", "gis/", "rest_framework/", "django_")
    for name in sorted(names, key=lambda name: name.startswith(ours)):
        chosen.setdefault(Path(name).suffix, name)
    return [chosen[suffix] for suffix in (".css", ".js") if suffix in chosen]
