"""Migrations of containers that start together, and as a step of a release."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.boot.migrations import LOCK
from tests.conftest import PostGIS
from tests.support.containers import IMAGE, LABEL, Container, Containers, docker, until
from tests.support.migrating import (
    APPLIED,
    MIGRATING,
    WAIT_AT_THE_GATE,
    held,
    project,
)
from tests.support.projects import assert_two_lines

pytestmark = pytest.mark.engine

PGBOUNCER = Path(__file__).parent.parent / "support/pgbouncer"
WAITING = r"boot: waiting for the migration lock of 'default', held since (\S+ \S+) UTC by (\S+), "


def started(
    containers: Containers,
    postgis: PostGIS,
    mounts: dict,
    env: dict[str, str],
    image: str = IMAGE,
) -> Container:
    env = {**env, "WEB_CONCURRENCY": "1", "COLLECTSTATIC": "false"}
    place = ["--network", postgis.network]
    return containers.start(image=image, env=env, mounts=mounts, options=place)


def test_a_container_that_dies_while_migrating_frees_the_lock_for_the_next(
    containers, postgis: PostGIS, tmp_path, image: str
):
    database = postgis.database()
    mounts = project(tmp_path, WAIT_AT_THE_GATE)
    with held(postgis, database):
        first = started(containers, postgis, mounts, postgis.env(database), image)
        first.wait_for_log(MIGRATING)
        second = started(containers, postgis, mounts, postgis.env(database), image)
        second.wait_for_log(WAITING)
        assert re.search(WAITING, second.logs())[2] == first.inspect()["Config"]["Hostname"]
        assert MIGRATING not in second.logs()
        holder = (
            "FROM pg_stat_activity WHERE application_name LIKE 'migrate %' AND state = 'idle in"
        )
        horizon = f"SELECT backend_xmin IS NULL AND backend_xid IS NULL {holder} transaction'"
        assert "f" not in postgis.sql(horizon, database), "it holds VACUUM back"
        assert "t" in postgis.sql(horizon, database)
        docker("kill", first.name)
        second.wait_for_log(MIGRATING)
    second.wait_until_ready()
    assert postgis.sql(APPLIED, database) == "2"


def test_a_failing_migration_stops_every_container_with_its_error_and_leaves_no_lock(
    containers, postgis: PostGIS, tmp_path
):
    containers.may_log("Migrating database 'default' failed")
    database = postgis.database()
    mounts = project(tmp_path, 'migrations.RunSQL("SELECT pg_sleep(0.5); SELECT 1 / 0")')
    both = [started(containers, postgis, mounts, postgis.env(database)) for _ in range(2)]
    for container in both:
        assert container.exit_code() == 1
        error = "ERROR: Migrating database 'default' failed."
        assert re.search(f"{error}.* division by zero", container.logs()), container.logs()
        assert "ready to serve" not in container.logs()
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
    assert postgis.sql(locks, database) == "0"
    assert postgis.sql("SELECT to_regclass('stops_stop') IS NULL", database) == "t"


def test_waiting_for_the_lock_is_bounded_and_says_who_holds_it(
    containers, postgis: PostGIS, tmp_path
):
    database = postgis.database()
    with held(postgis, database, LOCK):
        done = containers.run(
            env=postgis.env(database, MIGRATE_LOCK_TIMEOUT="1"),
            mounts=project(tmp_path, WAIT_AT_THE_GATE),
            options=["--network", postgis.network],
        )
    assert done.returncode == 1
    assert re.search(WAITING, done.stdout)[2] == "gate"
    place = "The migration lock of 'default', held since"
    assert_two_lines(done.stderr, place, "not free within 1 s", "MIGRATE_LOCK_TIMEOUT")


def test_with_migrate_off_ready_says_what_is_pending_and_what_is_missing(
    containers, postgis: PostGIS, tmp_path
):
    containers.may_log("has no table 'stops_stop'")
    database = postgis.database()
    mounts = project(tmp_path, "migrations.RunPython(migrations.RunPython.noop)")
    env = postgis.env(database, MIGRATE="no")
    api = started(containers, postgis, mounts, env).wait_until_serving()
    answer = api.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["status"] == "not ready"
    assert answer.json()["phase"] == "migrations-pending"
    assert answer.json()["checks"] == {"database:default": "migrations pending"}

    release = ["python", "manage.py", "migrate_databases"]
    place = ["--network", postgis.network]
    done = containers.run(*release, env=env, mounts=mounts, options=place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert MIGRATING in done.stdout.splitlines()
    api.wait_until_ready()

    # A start compares the recorded migrations with the existing tables.
    postgis.sql("DROP TABLE stops_stop", database)
    lost = "Database 'default' has no table 'stops_stop' (stops.Stop)"
    start = {**env, "MIGRATE": "yes", "COLLECTSTATIC": "false"}
    done = containers.run(env=start, mounts=mounts, options=place)
    assert done.returncode == 1
    assert_two_lines(done.stderr, lost, "recorded there", "migrate --database default stops zero")
    api = started(containers, postgis, mounts, env).wait_until_serving()
    answer = api.get("/health/ready")
    assert (answer.status_code, answer.json()["phase"]) == (503, "migrations-pending")
    assert answer.json()["checks"] == {"database:default": "tables missing"}
    assert lost in api.logs()
    doctor = api.exec("python", "manage.py", "doctor", check=False)
    assert f"problem  database default: {lost}" in doctor


def test_migrate_databases_fails_if_a_database_does_not_respond(containers, tmp_path):
    nobody = "postgis://api:hush@127.0.0.1/api"
    env = {"DATABASE_URL": nobody, "DJANGO_SECRET_KEY": "k" * 50, "DB_WAIT_TIMEOUT": "1"}
    mounts = project(tmp_path, "migrations.RunPython(migrations.RunPython.noop)")
    done = containers.run("python", "manage.py", "migrate_databases", env=env, mounts=mounts)
    assert done.returncode == 1
    place = "The database 'default' (127.0.0.1:5432/api) did not answer within 1 s"
    assert_two_lines(done.stderr, place, "Connection refused", "DB_WAIT_TIMEOUT")


# ---------------------------------------------------------------------------
# Behind a pooler


@pytest.fixture(scope="module")
def pgbouncer() -> Iterator[str]:
    """Builds PgBouncer's image, and returns its name."""
    name = "backend-docker-django-pgbouncer:test"
    docker("build", "--quiet", "--label", LABEL, "--tag", name, PGBOUNCER)
    yield name
    docker("rmi", "--force", name, check=False)


def pooled(
    containers: Containers, postgis: PostGIS, image: str, folder: Path, mode: str
) -> Container:
    """PgBouncer in front of the server, with one pool mode."""
    (folder / "test.ini").write_text(
        f"[databases]\n* = host={postgis.host} user={postgis.user} password={postgis.password}\n"
        "[pgbouncer]\nlisten_addr = *\nlisten_port = 5432\nauth_type = any\n"
        f"pool_mode = {mode}\ndefault_pool_size = 4\n"
    )
    container = containers.start(
        image=image,
        mounts={folder / "test.ini": "/etc/pgbouncer/test.ini:ro"},
        options=["--network", postgis.network],
    )
    until(lambda: "process up" in container.logs(), "pgbouncer is up")
    return container


def test_behind_a_transaction_pooler_one_container_migrates_and_no_timeout_leaks(
    containers, postgis: PostGIS, tmp_path, pgbouncer
):
    pooler = pooled(containers, postgis, pgbouncer, tmp_path, "transaction")
    database = postgis.database()
    mounts = project(tmp_path, WAIT_AT_THE_GATE)
    env = postgis.env(database, POSTGRES_HOST=pooler.name)
    with held(postgis, database):
        first = started(containers, postgis, mounts, env)
        first.wait_for_log(MIGRATING)
        second = started(containers, postgis, mounts, env)
        second.wait_for_log(WAITING)
        assert re.search(WAITING, second.logs())[2] == first.inspect()["Config"]["Hostname"]
    for container in (first, second):
        container.wait_until_ready()
        assert f"boot: {pooler.name}:5432 is a pooler" in container.logs()
    assert MIGRATING not in second.logs()
    assert postgis.sql(APPLIED, database) == "2"
    # This uses every connection that the pooler keeps to the server.
    shown = ["psql", "--no-align", "--tuples-only", "--host", pooler.name, "--username"]
    shown += [postgis.user, "--command", "SHOW statement_timeout", database]
    assert {first.exec(*shown).strip() for _ in range(8)} == {"0"}


def test_migrations_behind_a_statement_pooler_are_refused(
    containers, postgis: PostGIS, tmp_path, pgbouncer
):
    containers.may_log("transaction blocks not allowed in statement pooling mode")
    pooler = pooled(containers, postgis, pgbouncer, tmp_path, "statement")
    done = containers.run(
        env=postgis.env(postgis.database(), POSTGRES_HOST=pooler.name),
        mounts=project(tmp_path, "migrations.RunPython(migrations.RunPython.noop)"),
        options=["--network", postgis.network],
    )
    assert done.returncode == 1
    place = "The database 'default' is behind a pooler with pool_mode = statement"
    assert_two_lines(done.stderr, place, "", "Set its pool_mode to transaction or session")
