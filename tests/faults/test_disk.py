"""Full disks."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import requests

from tests.conftest import start_postgis
from tests.faults.conftest import HUNG, Report, mounts
from tests.support import logs
from tests.support.containers import Container, Containers, until
from tests.support.load import Load

pytestmark = pytest.mark.engine

FILL = (
    "dd if=/dev/zero of={folder}/fill bs=64k 2>/dev/null; "
    "dd if=/dev/zero of={folder}/fill2 bs=512 2>/dev/null"
)


def fill(container: Container, folder: str) -> None:
    """Fill every block of the disk, as the container's user."""
    container.exec("bash", "-c", FILL.format(folder=folder), check=False)


def survives(api: Container, report: Report, fault: str, disk: Container, folder: str) -> None:
    """Reading still works, and writing gets a 503 with the reason until there is space again."""
    notes = api.url("/api/notes/")
    assert requests.post(notes, json={"text": "before"}, timeout=HUNG).status_code == 201
    load = Load(lambda: notes)
    with load.running():
        fill(disk, folder)
        refused = until(lambda: refusals(notes), "writing is refused")[0]
        assert refused.status_code == 503, refused.text
        assert "disk" in refused.json()["detail"]
        assert refused.headers["Retry-After"]
        assert requests.get(api.url("/health/live"), timeout=HUNG).status_code == 200
        seen = load.good_answers
        until(lambda: load.good_answers > seen + 50, "reading still works")
        disk.exec("bash", "-c", f"rm {folder}/fill {folder}/fill2")
        freed = time.monotonic()
        until(lambda: not refusals(notes), "writing is possible again", HUNG)
        recovered = time.monotonic() - freed
    assert (load.failed, load.lost, load.refused) == (0, 0, 0), load.bad
    report.add(fault, "reading still works, writing is 503", load, recovered)


def refusals(notes: str) -> list[requests.Response]:
    """The response to a note of 1 MB if it could not be written, or else nothing."""
    answer = requests.post(notes + "?format=json", json={"text": "x" * 1_000_000}, timeout=HUNG)
    if answer.status_code != 201:
        return [answer]
    requests.delete(f"{notes}{answer.json()['id']}/", timeout=HUNG)
    return []


def test_api_survives_a_full_disk_of_sqlite(
    containers: Containers, project_folder: Path, report: Report
) -> None:
    containers.may_log(*logs.OUTAGE, "No directory at: /small/static/")
    api = containers.start(
        env={"WEB_CONCURRENCY": "1", "DATA_DIR": "/small", "COLLECTSTATIC": "false"},
        mounts=mounts(project_folder),
        options=["--tmpfs", "/small:size=8m,mode=1777"],
    ).wait_until_ready()
    survives(api, report, "disk of SQLite full", api, "/small")


def test_full_temporary_folder_does_not_affect_a_running_api(
    containers: Containers, project_folder: Path, report: Report
) -> None:
    api = containers.start(
        env={"WEB_CONCURRENCY": "1"},
        mounts=mounts(project_folder),
        options=["--tmpfs", "/tmp:size=64k,mode=1777"],
    ).wait_until_ready()
    notes, pid = api.url("/api/notes/"), api.url("/pid")
    before = requests.get(pid, timeout=HUNG).text
    fill(api, "/tmp")
    load = Load(lambda: notes)
    with load.running():
        until(lambda: load.good_answers > 100, "the load is served")
    large = {"text": (None, "x" * 10_000)}
    assert requests.post(notes, files=large, timeout=HUNG).status_code == 201
    assert (load.failed, load.lost, load.refused) == (0, 0, 0), load.bad
    assert requests.get(pid, timeout=HUNG).text == before
    report.add("/tmp full", "nobody notices", load)


def test_start_on_a_full_disk_stops_and_says_so(containers: Containers) -> None:
    done = containers.run(
        env={"DATA_DIR": "/small", "COLLECTSTATIC": "false"},
        options=["--tmpfs", "/small:size=16k,mode=1777"],
    )
    assert done.returncode == 1
    error, fix = done.stderr.splitlines()[-2:]
    assert error.startswith("ERROR: ")
    assert "disk" in error
    assert fix.startswith("FIX:   Free disk space on the database server")
    assert "Traceback" not in done.stderr


def test_api_survives_a_full_disk_of_postgresql(
    containers: Containers, network: str, project_folder: Path, report: Report
) -> None:
    containers.may_log(*logs.OUTAGE)
    server = start_postgis(
        containers, network, options=["--tmpfs", "/small:size=64m,mode=1777,uid=999,gid=999"]
    )
    server.sql("CREATE TABLESPACE small LOCATION '/small'")
    database = server.database()
    server.sql(f"ALTER DATABASE {database} SET default_tablespace = small")
    api = containers.start(
        env=server.env(database, WEB_CONCURRENCY="1"),
        mounts=mounts(project_folder),
        options=["--network", network],
    ).wait_until_ready()
    survives(api, report, "disk of PostgreSQL full", server.container, "/small")
