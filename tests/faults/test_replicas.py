"""Replicas that start together on an empty database."""

from __future__ import annotations

import functools
import os
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.conftest import PostGIS
from tests.faults.conftest import Report
from tests.support.containers import Container, Containers, until
from tests.support.migrating import APPLIED, MIGRATING, project

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
