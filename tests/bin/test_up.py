"""bin/up, in a fresh clone, as a user calls it."""

from __future__ import annotations

import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.containers import free_port, remove_project

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
SUPERUSER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "of-one-test"}


class Up:
    """Calls bin/up in one clone, with a port and a compose project of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.project = f"up-{uuid.uuid4().hex[:12]}"

    def __call__(self, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
        own = {
            "PORT": str(self.port),
            "COMPOSE_PROJECT_NAME": self.project,
            "IMAGE": f"{self.project}-base",
        }
        return subprocess.run(
            ["bin/up", *flags],
            cwd=self.folder,
            env={**os.environ, **own, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def get(self, path: str, host: str = "localhost") -> requests.Response:
        return requests.get(f"http://{host}:{self.port}{path}", timeout=10)


@pytest.fixture(scope="module")
def up(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("user") / "backend-docker-django"
    subprocess.run(["git", "clone", "--quiet", clone, folder], check=True)
    up = Up(folder)
    yield up
    up("--stop", **NO_ENGINE)


def test_without_an_engine_it_serves_the_same_and_data_survives_a_stop(up: Up) -> None:
    first = up(**NO_ENGINE, **SUPERUSER)
    assert first.returncode == 0, first.stderr
    assert "No Docker engine answers" in first.stdout
    assert f"The API serves on http://localhost:{up.port}" in first.stdout
    assert up.get("/health/ready").json()["phase"] == "ready"
    assert up.get("/swagger/").status_code == 200
    # For this machine alone, unless LISTEN asks for more.
    assert f"http://127.0.0.1:{up.port} (" in (up.folder / ".local" / "api.log").read_text()
    assert up("--stop", **NO_ENGINE).returncode == 0
    with pytest.raises(requests.ConnectionError):
        up.get("/health/live")
    # Whether there is an engine or not; and it is asked where it listens.
    second = up("--native", **SUPERUSER, LISTEN="127.0.0.2")
    assert second.returncode == 0, second.stderr
    assert f"The API serves on http://127.0.0.2:{up.port}" in second.stdout
    assert up.get("/health/ready", "127.0.0.2").status_code == 200
    log = (up.folder / ".local" / "api.log").read_text()
    assert "superuser 'ada' exists and is left as it is" in log
    assert "static files are unchanged" in log
    assert up("--stop", **NO_ENGINE).returncode == 0


def test_stop_ends_no_strangers_process_whose_number_a_stale_file_has(up: Up) -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        (up.folder / ".local").mkdir(exist_ok=True)
        (up.folder / ".local" / "gunicorn.pid").write_text(f"{stranger.pid}\n")
        assert up("--stop", **NO_ENGINE).returncode == 0
        assert stranger.poll() is None
        assert not (up.folder / ".local" / "gunicorn.pid").exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_port_in_use_unknown_flag_and_missing_engine_are_told_apart(up: Up) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = up(**NO_ENGINE, PORT=str(port))
    unknown = up("--postgres")
    no_engine = up("--postgis", **NO_ENGINE)
    for done, reason in (
        (busy, f"ERROR: Port {port} is in use by another program."),
        (unknown, "ERROR: bin/up does not know '--postgres'."),
        (no_engine, "ERROR: bin/up --postgis needs a Docker engine, and none answers."),
    ):
        assert done.returncode == 1, done
        assert done.stderr.splitlines()[0] == reason
        assert done.stderr.splitlines()[1].startswith("FIX:   ")


@pytest.mark.engine
def test_with_postgis_data_survives_a_stop(up: Up) -> None:
    try:
        first = up("--postgis")
        assert first.returncode == 0, first.stderr
        listens = ["docker", "compose", "--project-name", up.project, "port", "api", "8000"]
        published = subprocess.check_output(listens, cwd=up.folder, text=True)
        assert published.strip() == f"127.0.0.1:{up.port}"
        made = _manage(
            up, "from django.contrib.auth.models import User as U; U(username='a').save()"
        )
        assert made.returncode == 0, made.stderr
        assert up("--stop").returncode == 0
        assert up("--postgis").returncode == 0
        asked = _manage(
            up,
            "from django.contrib.auth.models import User as U; from django.db import connection; "
            "print(U.objects.count(), connection.ops.postgis_lib_version()[0])",
        )
        assert asked.stdout.strip() == "1 3", asked.stderr
        assert up.get("/health/ready").json()["phase"] == "ready"
    finally:
        remove_project(up.project)


def _manage(up: Up, code: str) -> subprocess.CompletedProcess[str]:
    command = ["python", "manage.py", "shell", "--verbosity", "0", "--command", code]
    return subprocess.run(
        ["docker", "compose", "--project-name", up.project, "exec", "-T", "api", *command],
        cwd=up.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_startproject_writes_a_project_without_an_engine_too(up: Up, tmp_path: Path) -> None:
    done = subprocess.run(
        [up.folder / "bin/startproject", "my-api", "--no-geometry"],
        cwd=tmp_path,
        env={**os.environ, **NO_ENGINE},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "my-api/my_api/models.py").is_file()
