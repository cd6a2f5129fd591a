"""A container that is suspended for a while, by `docker pause` or with its machine."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.conftest import PostGIS
from tests.faults.conftest import HUNG, Report, mounts
from tests.faults.test_processes import workers
from tests.support.broken import write
from tests.support.containers import Containers, docker, until
from tests.support.load import Load

pytestmark = [pytest.mark.engine, pytest.mark.alone]

TIMEOUT = 2  # seconds after which gunicorn kills a worker that does not report; 30 by default
STILL = 7  # seconds


def test_suspended_container_resumes_with_every_worker_and_loses_nothing(
    containers: Containers,
    postgis: PostGIS,
    project_folder: Path,
    tmp_path: Path,
    report: Report,
) -> None:
    containers.may_log("The container was suspended for")
    write(tmp_path, {"gunicorn_conf.py": f"timeout = {TIMEOUT}\n"})
    local = "/code/src_files/local_settings"
    files = {
        project_folder / "local_settings" / name: f"{local}/{name}:ro"
        for name in ("settings.py", "urls.py")
    }
    api = containers.start(
        env=postgis.env(postgis.database(), WEB_CONCURRENCY="2"),
        mounts={
            **files,
            tmp_path / "gunicorn_conf.py": f"{local}/gunicorn_conf.py:ro",
            project_folder / "notes": mounts(project_folder)[project_folder / "notes"],
        },
        options=["--network", postgis.network],
    ).wait_until_ready()
    until(lambda: len(workers(api)) == 2, "both workers run")
    notes, before = api.url("/api/notes/"), workers(api)
    load = Load(lambda: notes)
    with load.running():
        until(lambda: load.good_answers > 50, "the load is served")
        docker("pause", api.name)
        time.sleep(STILL)  # the fault itself
        docker("unpause", api.name)
        woke = time.monotonic()
        until(lambda: load.first_good_since(woke), "served again", HUNG)
        recovered = load.first_good_since(woke)
        # Long enough for gunicorn to check its workers again.
        until(lambda: time.monotonic() - woke > 2 * TIMEOUT, "gunicorn has checked its workers")
    assert workers(api) == before, api.logs()
    assert "The container was suspended for" in api.logs()
    assert "WORKER TIMEOUT" not in api.logs()
    assert (load.failed, load.lost, load.refused) == (0, 0, 0), load.bad
    report.add("the container is suspended (docker pause)", "late, not lost", load, recovered)
