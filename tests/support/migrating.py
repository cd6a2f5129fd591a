"""A small project to migrate, and a lock that its migration waits for."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import PostGIS
from tests.support.broken import write
from tests.support.containers import until

GATE = 42
MIGRATING = "boot: migrating database 'default'"
FIRST = """
from django.db import migrations, models

class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel("Stop", [("id", models.BigAutoField(primary_key=True))]),
        {operation},
    ]
"""
# CREATE INDEX CONCURRENTLY waits for every transaction that may still see the old table.
SECOND = """
from django.db import migrations

class Migration(migrations.Migration):
    atomic = False
    dependencies = [("stops", "0001_initial")]
    operations = [
        migrations.RunSQL("CREATE INDEX CONCURRENTLY stops_by_id ON stops_stop (id)"),
    ]
"""
WAIT_AT_THE_GATE = f'migrations.RunSQL("SELECT pg_advisory_xact_lock({GATE})")'
APPLIED = "SELECT count(*) FROM django_migrations WHERE app = 'stops'"


def project(folder: Path, operation: str) -> dict[Path, str]:
    """Write it with ``operation`` in its first migration, and return the mounts of a container."""
    files = {
        "stops/__init__.py": "",
        "stops/models.py": "from django.db import models\n\n"
        "class Stop(models.Model):\n    id = models.BigAutoField(primary_key=True)\n",
        "stops/migrations/__init__.py": "",
        "stops/migrations/0001_initial.py": FIRST.format(operation=operation),
        "stops/migrations/0002_index.py": SECOND,
        # Few applications, so that there are few migrations besides the project's own.
        "local_settings/settings.py": "INSTALLED_APPS = "
        '["django.contrib.contenttypes", "django.contrib.auth", "stops"]\n',
        "local_settings/urls.py": "urlpatterns = []\n",
    }
    write(folder, files)
    return {folder / name: f"/code/{name}:ro" for name in ("stops", "local_settings")}


@contextlib.contextmanager
def held(postgis: PostGIS, database: str, lock: int = GATE) -> Iterator[None]:
    """Hold an advisory lock in a session named gate while the body runs."""
    command = ["docker", "exec", "--env", "PGAPPNAME=gate", postgis.host, "psql"]
    hold = f"BEGIN; SELECT pg_advisory_xact_lock({lock}); SELECT pg_sleep(600)"
    session = subprocess.Popen(
        [*command, "--username", postgis.user, "--command", hold, database],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    try:
        until(lambda: postgis.sql(locks, database) != "0", "the gate is closed")
        yield
    finally:
        postgis.end_connections(f"application_name = 'gate' AND datname = '{database}'")
        session.wait()
