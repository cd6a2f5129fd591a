"""A child image from 2019, and pip in child images."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import PostGIS
from tests.support.containers import IMAGE, Container, Containers, docker

pytestmark = pytest.mark.engine

TABLES = """
CREATE SCHEMA django;
CREATE SCHEMA passenger_census;
CREATE TABLE passenger_census.passenger_census (
    id serial PRIMARY KEY, location_id integer, ons integer, geom geometry(Point, 4326)
);
INSERT INTO passenger_census.passenger_census (location_id, ons) VALUES (4711, 12);
"""
LEGACY = Path(__file__).parent / "legacy"


@pytest.fixture(scope="module")
def build() -> Iterator[Callable]:
    """Builds child images, and returns the name and the result. They are removed at the end."""
    names = []

    def run(folder: Path):
        names.append(f"test-{uuid.uuid4().hex[:12]}")
        flags = ("--progress", "plain", "--build-arg", f"BASE={IMAGE}", "--tag", names[-1])
        return names[-1], docker("build", *flags, folder, check=False)

    yield run
    docker("rmi", "--force", *names, check=False)


@pytest.fixture(scope="module")
def legacy(build: Callable, postgis: PostGIS) -> Iterator[Container]:
    """The child image from 2019, started by its own entry point."""
    name, built = build(LEGACY)
    assert built.returncode == 0, built.stderr
    database = postgis.database()
    postgis.sql(TABLES, database)
    started = Containers()
    started.may_log("DeprecationWarning: The `health_check")  # from its package
    started.may_log("gunicorn was started without the image's entry point")
    environment = postgis.env(database, POSTGRES_PORT="5432")
    container = started.start(image=name, env=environment, options=["--network", postgis.network])
    yield container.wait_until_ready(patience=120)
    started.clean()


def test_its_own_pages_and_settings_stay_in_force(legacy: Container):
    assert legacy.get("/api/census/").json()["count"] == 1
    assert legacy.get("/").text == "The team's page for every other URL."
    assert legacy.get("/swagger/").text == "The team's page for every other URL."
    answer = legacy.get("/api/census/", headers={"Origin": "https://anyone.example.net"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_its_own_health_page_is_not_shadowed(legacy: Container):
    page = legacy.get("/health/", headers={"Accept": "text/html"})
    for check in ("DatabaseBackend", "DefaultFileStorageHealthCheck", "Disk(", "Memory("):
        assert check in page.text, page.text


def test_warning_names_the_line_of_its_entry_point_that_starts_the_server(legacy: Container):
    place = "/code/bin/production-docker-entrypoint.sh, line 13: gunicorn was started without the"
    assert legacy.logs().count(place) == 1


def test_live_and_ready_answer_before_its_catch_all(legacy: Container):
    assert legacy.get("/health/live").json() == {"status": "live"}
    ready = legacy.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["checks"] == {
        "database:default": "ok",
        "database:passenger_census": "ok",
    }


@pytest.mark.parametrize("path", ["passenger_census/style.css", "admin/css/base.css"])
def test_static_files_are_served_from_where_it_collects_them(legacy: Container, path: str):
    answer = legacy.get(f"/static/{_hashed(legacy, path)}")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "immutable" in answer.headers["Cache-Control"]


def _hashed(legacy: Container, path: str) -> str:
    code = (
        "from django.contrib.staticfiles.storage import staticfiles_storage as s;"
        f"print('hashed', s.stored_name('{path}'))"
    )
    return re.search(r"hashed (\S+)", legacy.exec("python", "manage.py", "shell", "-c", code))[1]


def test_its_static_url_follows_a_path_prefix(legacy: Container):
    code = "from django.conf import settings; print('url', settings.STATIC_URL)"
    shell = ("env", "PATH_PREFIX=/census", "python", "manage.py", "shell", "-c", code)
    assert "url /census/static/" in legacy.exec(*shell)


def test_model_with_in_db_is_read_from_its_schema(legacy: Container):
    assert legacy.get("/api/census/").json()["results"] == [
        {"id": 1, "location_id": 4711, "ons": 12}
    ]
    code = (
        "from passenger_census.models import PassengerCensus as P;"
        "print('lies in', P.objects.get()._state.db)"
    )
    assert "lies in passenger_census" in legacy.exec("python", "manage.py", "shell", "-c", code)


# --- pip ------------------------------------------------------------------------------


def test_pin_below_the_version_in_the_image_stops_the_build_and_names_both(build, tmp_path: Path):
    (tmp_path / "requirements.txt").write_text("djangorestframework==3.15.0\n")
    (tmp_path / "Dockerfile").write_text(
        "ARG BASE\nFROM ${BASE}\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\n"
    )
    _, built = build(tmp_path)
    assert built.returncode != 0
    assert "The user requested djangorestframework==3.15.0" in built.stderr
    assert re.search(r"requested \(constraint\) djangorestframework<[\d.]+,>=3", built.stderr)


def test_pip_install_works_in_a_childs_build_and_as_the_applications_user(build, tmp_path: Path):
    (tmp_path / "Dockerfile").write_text(
        "ARG BASE\nFROM ${BASE}\n"
        "RUN pip install --no-cache-dir inflection==0.5.1\n"
        "USER 1001\n"
        "RUN pip install --no-cache-dir humanize==4.12.3\n"
    )
    name, built = build(tmp_path)
    assert built.returncode == 0, built.stderr
    # This runs in the image, because a cached layer of the build prints nothing.
    show = "import inflection, humanize; print(humanize.__file__)"
    done = docker("run", "--rm", name, "python", "-c", show)
    assert done.stdout.startswith("/home/app/.local/lib/")


def test_pip_install_works_in_a_running_container(containers: Containers):
    install = "pip install --quiet --no-cache-dir humanize==4.12.3"
    show = "python -c 'import humanize; print(humanize.__file__)'"
    done = containers.run("bash", "-c", f"id -u && {install} && {show}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1001\n/home/app/.local/lib/")
