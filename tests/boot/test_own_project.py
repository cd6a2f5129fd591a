"""A project with its own settings, as ``django-admin startproject`` writes it, on the image."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.containers import IMAGE, Container, Containers

pytestmark = pytest.mark.engine

PLACES = ("/code", "/app", "/project")
DOCKERFILE = "FROM {image}\nWORKDIR {place}\nCOPY . .\nEXPOSE 8000\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh project of Django's own startproject."""
    make = ("-m", "django", "startproject", "mysite", str(tmp_path))
    subprocess.run([sys.executable, *make], check=True, env={"PATH": os.environ["PATH"]})
    return tmp_path


def assert_serves(container: Container, place: str) -> None:
    container.wait_until_ready()
    first = container.logs().splitlines()[0]
    assert first == f"boot: project {place}, settings mysite.settings ({place}/manage.py, line 9)"
    ready = container.get("/health/ready").json()
    assert (ready["phase"], ready["checks"]) == ("ready", {"database:default": "ok"})
    assert "The install worked successfully" in container.get("/").text
    assert container.get("/admin/login/").status_code == 200
    css = container.get("/static/admin/css/base.css")
    assert (css.status_code, css.headers["Content-Type"]) == (200, 'text/css; charset="utf-8"')
    assert container.get("/nowhere/").headers["X-Request-ID"]


def assert_drains(container: Container) -> None:
    container.exec("kill", "-TERM", "1")
    assert container.exit_code() == 0
    assert "Shutting down: Master" in container.logs()


@pytest.mark.parametrize("place", PLACES)
def test_fresh_project_that_is_copied_is_served(containers: Containers, folder: Path, place: str):
    (folder / "Dockerfile").write_text(DOCKERFILE.format(image=IMAGE, place=place))
    image = containers.build(folder)
    container = containers.start(image=image)
    assert_serves(container, place)
    assert {row["uid"] for row in container.processes()} == {"1001"}
    assert_drains(container)


@pytest.mark.parametrize("place", PLACES)
def test_fresh_project_that_is_mounted_is_served(containers: Containers, folder: Path, place: str):
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 1000, 1000)
    container = containers.start(mounts={folder: place}, options=["--workdir", place])
    assert_serves(container, place)
    # The files that it creates belong to the developer.
    assert {row["uid"] for row in container.processes()} == {"1000"}
    assert (folder / "db.sqlite3").stat().st_uid == 1000
    assert_drains(container)


@pytest.mark.parametrize(
    "command",
    [
        ("gunicorn", "mysite.wsgi"),
        ("gunicorn", "--bind", "0.0.0.0:8000", "--workers", "1", "mysite.wsgi:application"),
        ("sh", "-c", "python manage.py migrate && exec gunicorn mysite.wsgi -b 0.0.0.0:$PORT"),
        ("bash", "-c", "gunicorn --preload mysite.wsgi"),
        ("gunicorn", "mysite.wsgi", "--worker-class", "sync"),
        (),
    ],
    ids=" ".join,
)
def test_command_of_a_team_gets_the_layers_of_the_image(
    containers: Containers, folder: Path, command: tuple[str, ...]
):
    container = containers.start(
        *command,
        mounts={folder: "/app:ro"},
        env={"PORT": "8000", "DATA_DIR": "/data"},
        options=["--workdir", "/app"],
    )
    container.wait_until_ready()
    assert container.get("/health/live").json() == {"status": "live"}
    assert container.get("/static/admin/css/base.css").status_code == 200
    assert_drains(container)
