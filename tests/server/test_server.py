"""gunicorn as the image configures it."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from tests.conftest import PostGIS
from tests.support.containers import IMAGE, Container, Containers, docker, until
from tests.support.projects import assert_two_lines

pytestmark = pytest.mark.engine

# Queries the database during its import, as a team's module may.
URLS = """
from django.contrib.auth.models import User
from django.db import connection
from django.http import JsonResponse
from django.urls import path

connection.cursor().execute("SELECT 1")


def state(request):
    count = User.objects.count()
    return JsonResponse({"users": count, "age": connection.settings_dict["CONN_MAX_AGE"]})


urlpatterns = [path("state/", state)]
"""


# Without autovacuum, which connects to every database.
_CLIENTS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND backend_type = 'client backend'"
)


def _local_settings(folder: Path, **files: str) -> Path:
    settings = folder / "local_settings"
    settings.mkdir()
    for name, text in files.items():
        (settings / f"{name}.py").write_text(text)
    return settings


def test_no_connection_is_open_before_the_fork_and_each_worker_keeps_its_own(
    containers: Containers, postgis: PostGIS, tmp_path: Path
) -> None:
    database = postgis.database()
    container = containers.start(
        env=postgis.env(database, WEB_CONCURRENCY="1", WEB_THREADS="1"),
        mounts={_local_settings(tmp_path, urls=URLS): "/code/local_settings:ro"},
        options=["--network", postgis.network],
    ).wait_until_serving()
    query = _CLIENTS.format(database)
    assert postgis.sql(query) == "0"
    for _ in range(5):
        assert container.get("/state/").json() == {"users": 0, "age": 60}
    assert postgis.sql(query) == "1", "one thread keeps one connection"


def test_worker_that_has_just_been_forked_is_stopped_too(
    containers: Containers, tmp_path: Path
) -> None:
    slow = """
import pathlib
import threading


def post_fork(server, worker):
    if worker.age == 2:
        pathlib.Path("/tmp/forked").touch()
        threading.Event().wait()
"""
    container = containers.start(
        env={"WEB_CONCURRENCY": "2"},
        mounts={_local_settings(tmp_path, gunicorn_conf=slow): "/code/local_settings:ro"},
    ).wait_until_ready()
    until(lambda: "forked" in container.exec("ls", "/tmp"), "the second worker is forked")
    docker("stop", "--time", "10", container.name)
    assert container.exit_code() == 0


def test_heartbeat_is_in_memory_and_there_is_no_control_socket(containers: Containers) -> None:
    container = containers.start().wait_until_ready()
    worker = container.exec("bash", "-c", "cat /proc/1/task/1/children").split()[0]
    open_files = container.exec("bash", "-c", f"ls -l /proc/{worker}/fd", user="backend")
    assert "/dev/shm/" in open_files
    assert container.exec("find", "/home", "/run", "/tmp", "/data", "-type", "s") == ""


def test_worker_class_that_the_image_does_not_have_stops_the_start_before_it_migrates(
    containers: Containers,
) -> None:
    for command, env in ((["-k", "gevent"], {}), ([], {"GUNICORN_CMD_ARGS": "-k gevent"})):
        done = containers.run(*command, env=env)
        assert done.returncode == 1
        place = "gunicorn's worker class 'gevent' cannot be loaded"
        assert_two_lines(done.stderr, place, "gevent 24.10.1 or higher", "requirements.txt")
        assert "migrating" not in done.stdout + done.stderr


def test_gevent_works_for_a_team_that_installs_it_and_keeps_no_connections(
    containers: Containers, postgis: PostGIS, tmp_path: Path
) -> None:
    conf = 'worker_class = "gevent"\nworkers = 1\n'
    _local_settings(tmp_path, urls=URLS, gunicorn_conf=conf)
    (tmp_path / "Dockerfile").write_text(
        f"FROM {IMAGE}\nRUN pip install --no-cache-dir gevent\n"
        "COPY local_settings ./local_settings\n"
    )
    tag = containers.build(tmp_path)
    database = postgis.database()
    container = containers.start(
        image=tag, env=postgis.env(database), options=["--network", postgis.network]
    ).wait_until_ready()
    assert "Using worker: gevent" in container.logs()
    assert container.get("/state/").json() == {"users": 0, "age": 0}
    query = _CLIENTS.format(database)
    assert postgis.sql(query) == "0", "a connection outlived its request"


def test_hang_up_reads_the_teams_configuration_again_and_survives_a_broken_one(
    containers: Containers, tmp_path: Path
) -> None:
    containers.may_log(
        "max_requests = 1000 with one worker", "SIGHUP changes nothing", "workers = 'many'"
    )
    folder = _local_settings(tmp_path, gunicorn_conf="workers, max_requests = 1, 1000\n")
    container = containers.start(mounts={folder: "/code/local_settings:ro"}).wait_until_ready()
    warning = "boot: WARNING: max_requests = 1000 with one worker: while the worker"
    assert container.logs().count(warning) == 1
    file = folder / "gunicorn_conf.py"
    file.write_text("workers = 3  # and no max_requests\n")
    docker("kill", "--signal", "HUP", container.name)
    until(lambda: len(container.processes()) == 1 + 3, "three workers")
    file.write_text("workers = 'many'\n")
    docker("kill", "--signal", "HUP", container.name)
    until(lambda: "SIGHUP changes nothing" in container.logs(), "it is refused")
    assert "/code/local_settings/gunicorn_conf.py, line 1: workers = 'many'" in container.logs()
    assert container.get("/health/ready").status_code == 200
    assert len(container.processes()) == 1 + 3


def test_reload_serves_what_was_saved(containers: Containers, tmp_path: Path) -> None:
    containers.may_log("Reloader is on")
    views = (
        "from django.http import HttpResponse\nfrom django.urls import path\n\n"
        "urlpatterns = [path('text/', lambda request: HttpResponse('{}'))]\n"
    )
    conf = "reload, workers = True, 1\n"
    folder = _local_settings(tmp_path, urls=views.format("old"), gunicorn_conf=conf)
    container = containers.start(mounts={folder: "/code/local_settings:ro"}).wait_until_ready()
    assert container.get("/text/").text == "old"
    (folder / "urls.py").write_text(views.format("newer"))
    until(
        lambda: _served_text(container) == "newer", f"the new code is served:\n{container.logs()}"
    )


def _served_text(container: Container) -> str:
    try:
        return container.get("/text/").text
    except requests.ConnectionError:  # while the worker is replaced
        return ""
