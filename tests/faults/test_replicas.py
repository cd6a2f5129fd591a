"""Replicas that start together on an empty database."""

from __future__ import annotations

import functools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from backend.boot import migrations
from tests.conftest import PostGIS
from tests.faults.conftest import Report
from tests.support.containers import Container, Containers, docker, until
from tests.support.migrating import APPLIED, MIGRATING, WAIT_AT_THE_GATE, held, project

ROUNDS = int(os.environ.get("ROUNDS", "20"))
REPLICAS = 4


def is_ready(address: str) -> bool:
    """Without a docker command, of which four replicas at a time would ask too many."""
    try:
        return requests.get(address, timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


def test_of_four_replicas_on_an_empty_database_exactly_one_migrates_and_all_become_ready(
    postgis: PostGIS, tmp_path, report: Report
):
    # Half a second of work, so that the others come while it is done.
    mounts = project(tmp_path, 'migrations.RunSQL("SELECT pg_sleep(0.5)")')
    waited, times = 0, []
    # A copy of it takes less than CREATE EXTENSION postgis.
    empty = postgis.database()
    for number in range(ROUNDS):
        database, containers = f"{empty}_{number}", Containers()
        postgis.sql(f"CREATE DATABASE {database} TEMPLATE {empty}")
        env = postgis.env(database, WEB_CONCURRENCY="1", COLLECTSTATIC="false")
        options = ["--network", postgis.network]

        def replica(_: int) -> Container:
            container = containers.start(env=env, mounts=mounts, options=options)  # noqa: B023
            until(functools.partial(is_ready, container.url("/health/ready")), container.name)
            return container

        started = time.monotonic()
        try:
            with ThreadPoolExecutor(REPLICAS) as pool:
                replicas = list(pool.map(replica, range(REPLICAS)))
                times.append(time.monotonic() - started)
            logs = [container.logs() for container in replicas]
            assert [MIGRATING in log for log in logs].count(True) == 1, "\n\n".join(logs)
            assert postgis.sql(APPLIED, database) == "2"
            waited += sum("waiting for the migration lock" in log for log in logs)
        finally:
            with ThreadPoolExecutor(REPLICAS) as pool:
                list(pool.map(Container.remove, containers.started))
    promised = f"one migrates, all become ready ({waited} waited for the lock)"
    counts = {"sent": ROUNDS * REPLICAS, "failed": 0, "lost": 0}
    report.add(
        f"{REPLICAS} replicas at once, {ROUNDS} rounds", promised, None, max(times), **counts
    )


# Seconds, for the test, of what takes 30 in earnest; see VANISHED in backend.boot.migrations.
QUICKER = {
    "tcp_keepalives_idle": "1",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "3000",
    "client_connection_check_interval": "1000",
}


def quicker(folder: Path) -> dict[Path, str]:
    """The image's own module with those seconds; what a container mounts."""
    text = Path(migrations.__file__).read_text()
    for name, value in migrations.VANISHED.items():
        line = f'"{name}": "{value}"'
        assert line in text
        text = text.replace(line, f'"{name}": "{QUICKER[name]}"')
    file = folder / "migrations.py"
    file.write_text(text)
    return {file: "/code/backend/boot/migrations.py:ro"}


def test_a_machine_that_vanishes_while_it_migrates_leaves_its_locks_to_the_next(
    containers: Containers, postgis: PostGIS, tmp_path: Path, report: Report
) -> None:
    """Its network is cut, and no packet says that it is gone."""
    database = postgis.database()
    mounted = {**project(tmp_path, WAIT_AT_THE_GATE), **quicker(tmp_path)}
    env = postgis.env(database, WEB_CONCURRENCY="1", COLLECTSTATIC="false")
    start = functools.partial(
        containers.start, env=env, mounts=mounted, options=["--network", postgis.network]
    )
    with held(postgis, database):
        first = start()
        until(lambda: MIGRATING in first.logs(), "the first one migrates")
        second = start()
        until(lambda: "held since" in second.logs(), "the second one waits, and says since when")
        address = first.inspect()["NetworkSettings"]["Networks"][postgis.network]["IPAddress"]
        its = f"FROM pg_stat_activity WHERE client_addr = '{address}'"
        assert postgis.sql(f"SELECT count(*) {its}") == "2"  # the lock's, and the migration's
        docker("network", "disconnect", postgis.network, first.name)
        cut = time.monotonic()
        until(lambda: MIGRATING in second.logs(), "the second one migrates")
        recovered = time.monotonic() - cut
        until(lambda: postgis.sql(f"SELECT count(*) {its}") == "0", "nothing of it is left")
    second.wait_until_ready()
    assert postgis.sql(APPLIED, database) == "2"
    report.add("network of a migrating container cut", "its locks are freed", None, recovered)
