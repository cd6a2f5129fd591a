"""Migrations match the models, in every database."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

from backend.boot.migrations import missing
from backend.conf.findings import OK, PROBLEM, Finding
from backend.router import alias_of


def migrations() -> Iterator[Finding]:
    """The check of `makemigrations --check`, but without a database."""
    wrong = False
    for app_label, leaves in (
        MigrationLoader(None, ignore_no_migrations=True).detect_conflicts().items()
    ):
        wrong = True
        yield Finding(
            PROBLEM,
            "migrations",
            f"'{app_label}' has conflicting migrations: {', '.join(sorted(leaves))}.",
            f"Run python manage.py makemigrations --merge {app_label}, and commit the migration.",
        )
    for app_label, lacks, operations in missing():
        wrong = True
        yield Finding(
            PROBLEM,
            "migrations",
            f"'{app_label}' {lacks} ({'; '.join(operations)}).",
            f"Run python manage.py makemigrations {app_label} next to your code, and commit the "
            "migration.",
        )
    if not wrong:
        yield Finding(OK, "migrations", f"match the models, {_by_alias()}")


def _by_alias() -> str:
    counts = dict.fromkeys(settings.DATABASES, 0)
    for model in apps.get_models():
        if model._meta.managed and not model._meta.proxy and alias_of(model) in counts:
            counts[alias_of(model)] += 1
    return ", ".join(f"{alias}: {count}" for alias, count in counts.items()) + " managed models"
