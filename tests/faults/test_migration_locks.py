"""A migration that waits for a reader of its table does not block later readers."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.conftest import PostGIS
from tests.faults.conftest import mounts
from tests.support.containers import Container, Containers, until

pytestmark = pytest.mark.engine

LATER = (
    "from django.db import migrations, models\n\n\n"
    "class Migration(migrations.Migration):\n"
    '    dependencies = [("notes", "0001_initial")]\n'
    '    operations = [migrations.AddField("note", "more", models.TextField(null=True))]\n'
)
HOLDING = "SELECT count(*) FROM pg_locks WHERE relation = 'notes_note'::regclass AND granted"
# Seconds: the migration waits for two, and the rest is for slow machines.
SOON = 20


@contextmanager
def slow_reader(postgis: PostGIS, database: str) -> Iterator[None]:
    """A transaction that has read the table and stays open."""
    reader = subprocess.Popen(
        ["docker", "exec", "-i", postgis.host, "psql", "-q", "-U", postgis.user, database],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    reader.stdin.write("BEGIN; SELECT count(*) FROM notes_note;\n")
    reader.stdin.flush()
    until(lambda: postgis.sql(HOLDING, database) != "0", "the table is read")
    try:
        yield
    finally:
        reader.communicate("COMMIT;\n", timeout=SOON)


def test_a_migration_that_waits_for_its_table_does_not_block_readers(
    api: Container,
    own_postgis: PostGIS,
    project_folder: Path,
    containers: Containers,
    tmp_path: Path,
    figures: Callable[[str], None],
) -> None:
    database = api.exec("printenv", "POSTGRES_NAME").strip()
    later = tmp_path / "later"
    shutil.copytree(project_folder, later)
    (later / "notes/migrations/0002_more.py").write_text(LATER)
    for path in [tmp_path, later, *later.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    with slow_reader(own_postgis, database):
        migrating = containers.start(
            "python",
            "manage.py",
            "migrate_databases",
            env=own_postgis.env(database),
            mounts=mounts(later),
            options=["--network", own_postgis.network],
        )
        longest = 0.0
        while migrating.logs().count("is in use: the migration was rolled back") < 2:
            started = time.monotonic()
            answer = requests.get(api.url("/api/notes/"), timeout=SOON)
            assert answer.status_code == 200, answer.text
            longest = max(longest, time.monotonic() - started)
            assert migrating.running, migrating.logs()
    assert migrating.exit_code() == 0, migrating.logs()
    column = "SELECT count(*) FROM information_schema.columns WHERE column_name = 'more'"
    assert own_postgis.sql(column, database) == "1"
    figures(f"a reader waited for {longest:.1f} s at most")
