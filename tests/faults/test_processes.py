"""Processes that are killed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests

from tests.conftest import PostGIS
from tests.faults.conftest import HUNG, Report, mounts
from tests.support.containers import IMAGE, Container, Containers, docker, free_port, until
from tests.support.load import Load

pytestmark = [pytest.mark.engine, pytest.mark.alone]

CLIENTS = 4


def kill_from_outside(container: Container) -> None:
    """Send SIGKILL to a container's first process, which no process inside can do.

    `docker kill` would count as a manual stop, after which Docker ignores the restart policy.
    """
    pid = container.inspect()["State"]["Pid"]
    outside = ["--pid", "host", "--privileged", "--entrypoint", "bash", "--user", "0"]
    docker("run", "--rm", *outside, IMAGE, "-c", f"kill -9 {pid}")


def test_killed_worker_loses_only_its_requests_in_progress_and_is_replaced(
    api: Container, report: Report
) -> None:
    notes, pid = api.url("/api/notes/"), api.url("/pid")
    until(lambda: len(workers(api)) == 2, "two workers")
    before = workers(api)
    load = Load(lambda: notes)
    with load.running(CLIENTS):
        until(lambda: load.good_answers > 50, "the load is served")
        victim = requests.get(pid, timeout=HUNG).text
        api.exec("bash", "-c", f"kill -9 {victim}")
        killed, served = time.monotonic(), load.good_answers
        until(lambda: len(workers(api) - before) == 1, "a new worker", HUNG)
        recovered = time.monotonic() - killed
        until(lambda: load.good_answers > served + 50, "the load is served")
    assert len(workers(api)) == 2
    assert load.failed == 0, load.bad
    assert load.lost <= CLIENTS, load.bad
    assert api.inspect()["RestartCount"] == 0
    report.add("kill -9 of a worker", "others serve; it is replaced", load, recovered)


def workers(container: Container) -> set[str]:
    """The process IDs, on the host, of the children of the first process."""
    first = str(container.inspect()["State"]["Pid"])
    return {row["pid"] for row in container.processes() if row["ppid"] == first}


def test_killed_master_ends_the_container_and_the_restart_policy_brings_it_back(
    containers: Containers, postgis: PostGIS, project_folder: Path, report: Report
) -> None:
    port = free_port()
    api = containers.start(
        env=postgis.env(postgis.database()),
        mounts=mounts(project_folder),
        options=[
            *("--network", postgis.network, "--restart", "on-failure"),
            *("--publish", f"127.0.0.1:{port}:8000"),
        ],
    ).wait_until_ready()
    notes = f"http://127.0.0.1:{port}/api/notes/"
    written = requests.post(notes, json={"text": "kept"}, timeout=HUNG)
    assert written.status_code == 201
    load = Load(lambda: notes)
    with load.running(CLIENTS):
        until(lambda: load.good_answers > 50, "the load is served")
        kill_from_outside(api)
        killed = time.monotonic()
        until(lambda: load.first_good_since(killed + 0.1), "served again", HUNG)
        recovered = load.first_good_since(killed + 0.1)
    assert load.failed == 0, load.bad
    assert api.inspect()["RestartCount"] == 1
    assert requests.get(notes, timeout=HUNG).json()["results"] == [written.json()]
    report.add("kill -9 of the master", "Docker starts the container again", load, recovered)


def test_second_gunicorn_in_a_container_is_refused_with_a_message(sqlite_api: Container) -> None:
    sqlite_api.exec("bash", "-c", "kill -USR2 1")
    until(lambda: "SIGUSR2 is refused: " in sqlite_api.logs(), "the message")
    masters = [row for row in sqlite_api.processes() if "gunicorn" in row["args"]]
    assert len(masters) == 2  # the first process and its one worker
    assert sqlite_api.get("/api/notes/").status_code == 200


def test_second_gunicorn_below_dockers_own_init_is_refused_too(containers: Containers) -> None:
    containers.may_log("SIGUSR2 is refused")
    api = containers.start(options=["--init"], env={"WEB_CONCURRENCY": "1"}).wait_until_ready()
    api.exec("bash", "-c", "kill -USR2 1")  # Docker's init forwards it
    until(lambda: "SIGUSR2 is refused: " in api.logs(), "the message")
    assert (
        sum("gunicorn" in row["args"] for row in api.processes() if "init" not in row["args"]) == 2
    )
    assert api.get("/health/live").status_code == 200
