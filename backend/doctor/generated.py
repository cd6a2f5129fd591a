"""Whether generated code is as its database is: that of PUBLISH_SCHEMAS, and of ``inspectapi``."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connections

from backend.conf.environment import Environment
from backend.conf.findings import OK, WARNING, Finding
from backend.tables import publication, published
from backend.tables.project import generated_app, inspect, snapshot

SUBJECT = "generated code"


def changes(env: Environment, answering: Collection[str]) -> Iterator[Finding]:
    """What has changed since the code was written, in the databases that are ``answering``."""
    yield from _published(env, answering)
    for config in apps.get_app_configs():
        kept = generated_app.read_kept(Path(config.path))
        if kept is None:
            continue
        options = inspect.Options(**kept.options)
        if options.database not in answering:
            continue
        with connections[options.database].cursor() as cursor:
            inspected = inspect.inspect(cursor.cursor, options, config.name, options)
        lines = list(snapshot.differences(kept.tables, snapshot.snapshot(inspected.plan)))
        fix = f"Run manage.py inspectapi {config.label}, and commit what it changes."
        yield from _findings(config.label, lines, fix)


def _published(env: Environment, answering: Collection[str]) -> Iterator[Finding]:
    found = published.find(Path(settings.DATA_DIR))
    if (
        not env["PUBLISH_SCHEMAS"]
        or found is None
        or not {*publication.schemas(env)} <= {*answering}
    ):
        return
    made = publication.read_now(env)
    lines = published.difference(found.models(), made.files()[published.MODELS])
    seconds = env["PUBLISH_INTERVAL"]
    wait = f"Wait {seconds} s (PUBLISH_INTERVAL), or restart" if seconds else "Restart"
    yield from _findings("PUBLISH_SCHEMAS", lines, f"{wait} the container.")


def _findings(name: str, lines: Collection[str], fix: str) -> Iterator[Finding]:
    for line in lines:
        message = f"{name}: the database has changed since the code was written: {line}"
        yield Finding(WARNING, SUBJECT, message, fix)
    if not lines:
        yield Finding(OK, SUBJECT, f"{name} is as the database is")
