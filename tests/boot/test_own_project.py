"""A project with its own settings, as ``django-admin startproject`` writes it, on the image."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import PostGIS
from tests.support.containers import IMAGE, Container, Containers, docker

pytestmark = pytest.mark.engine

ALL = "0.0.0.0"  # noqa: S104  in a container
PLACES = ("/code", "/app", "/project")
DOCKERFILE = "FROM {image}\nWORKDIR {place}\nCOPY . .\nEXPOSE 8000\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A fresh project of Django's own startproject, which belongs to a developer."""
    make = ("-m", "django", "startproject", "mysite", str(tmp_path))
    subprocess.run([sys.executable, *make], check=True, env={"PATH": os.environ["PATH"]})
    give(tmp_path)
    return tmp_path


def give(folder: Path) -> None:
    """Let a developer own the folder."""
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 1000, 1000)


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
    docker("stop", "--time", "30", container.name)
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
        mounts={folder: "/app"},
        env={"PORT": "8000"},
        options=["--workdir", "/app"],
    )
    container.wait_until_ready()
    assert container.get("/health/live").json() == {"status": "live"}
    assert container.get("/static/admin/css/base.css").status_code == 200
    assert_drains(container)


# As scripts for other images end: the first process, or the child of an init, becomes gunicorn.
ENTRY_POINT = """#!/bin/sh
python manage.py collectstatic --noinput
exec gunicorn mysite.wsgi
"""
KEEPS_HASHED = """
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
STATIC_ROOT = BASE_DIR / "collected"
STORAGES = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
"""


@pytest.mark.parametrize("options", [(), ("--init",)], ids=["alone", "below an init"])
def test_entry_point_of_a_team_that_becomes_gunicorn_is_prepared(
    containers: Containers, folder: Path, options: tuple[str, ...]
):
    with (folder / "mysite/settings.py").open("a") as settings:
        settings.write(KEEPS_HASHED)
    (folder / "start.sh").write_text(ENTRY_POINT)
    (folder / "start.sh").chmod(0o755)
    start = 'ENTRYPOINT ["/app/start.sh"]\n'
    (folder / "Dockerfile").write_text(DOCKERFILE.format(image=IMAGE, place="/app") + start)
    container = containers.start(image=containers.build(folder), options=list(options))
    container.may_log("security.W009")
    container.wait_until_ready()
    assert "boot: project /app, settings mysite.settings" in container.logs()
    assert "boot: static files are unchanged since the image was built" in container.logs()
    assert container.get("/health/live").json() == {"status": "live"}
    [css] = re.findall(
        r'"(/static/admin/css/base\.\w{12}\.css)"', container.get("/admin/login/").text
    )
    assert container.get(css).status_code == 200
    workers = [row for row in container.processes() if "docker-init" not in row["args"]]
    assert {row["uid"] for row in workers} == {"1001"}
    assert_drains(container)


CONFIGURATION = """
workers = 1
access_log_format = "seen by the team: %(U)s"

def post_fork(server, worker):
    server.log.info("the team's hook ran")

def when_ready(server):
    server.log.info("the team's other hook ran")
"""


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("gunicorn.conf.py", ("gunicorn", "mysite.wsgi")),
        ("deploy/web.py", ("gunicorn", "-c", "deploy/web.py", "mysite.wsgi", "-b", f"{ALL}:8000")),
        ("web.py", ("sh", "-c", "true && exec gunicorn --config web.py mysite.wsgi -b :8000")),
        ("web.py", ("sh", "-c", "exec gunicorn --config web.py mysite.wsgi --preload")),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_gunicorn_configuration_of_a_team_is_loaded_after_the_images(
    containers: Containers, folder: Path, file: str, command: tuple[str, ...]
):
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(CONFIGURATION)
    give(folder)
    container = containers.start(*command, mounts={folder: "/app"}, options=["--workdir", "/app"])
    container.wait_until_ready()
    assert container.get("/health/live").json() == {"status": "live"}
    assert container.get("/static/admin/css/base.css").status_code == 200
    container.wait_for_log("seen by the team: /static/admin/css/base.css")
    assert container.logs().count("the team's hook ran") == 1
    assert "the team's other hook ran" in container.logs()
    config = container.exec("python", "-P", "-m", "backend.manage", "config", user="1000:0")
    assert re.search(rf"^workers = 1\n    # override: /app/{file}, line 2$", config, re.M), config
    assert_drains(container)


@pytest.fixture(scope="module")
def with_asgi_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    started = Containers()
    folder = tmp_path_factory.mktemp("asgi")
    (folder / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN pip install uvicorn daphne hypercorn\n")
    yield started.build(folder)
    started.clean()


@pytest.mark.parametrize(
    "command",
    [
        ("uvicorn", "mysite.asgi:application", "--host", ALL, "--port", "8000"),
        ("sh", "-c", "exec uvicorn mysite.asgi:application --host=0.0.0.0 --port $PORT"),
        ("daphne", "-b", ALL, "-p", "8000", "mysite.asgi:application"),
        ("hypercorn", "--bind", "0.0.0.0:8000", "mysite.asgi:application"),
        ("gunicorn", "mysite.asgi:application", "--worker-class", "uvicorn.workers.UvicornWorker"),
    ],
    ids=lambda command: command[-1] if command[0] == "sh" else command[0],
)
def test_asgi_server_of_a_team_has_phases_health_pages_and_static_files(
    containers: Containers, with_asgi_servers: str, folder: Path, command: tuple[str, ...]
):
    # Django's ASGI application does not support this part of the protocol.
    containers.may_log("without Lifespan support")
    container = containers.start(
        *command,
        image=with_asgi_servers,
        mounts={folder: "/app"},
        env={"PORT": "8000"},
        options=["--workdir", "/app"],
    )
    container.wait_until_ready()
    assert container.get("/health/live").json() == {"status": "live"}
    assert container.get("/health/ready").json()["checks"] == {"database:default": "ok"}
    assert container.get("/static/admin/css/base.css").status_code == 200
    assert "The install worked successfully" in container.get("/").text
    docker("stop", "--time", "30", container.name)
    assert container.exit_code() in {0, 143}


def test_doctor_and_check_name_lines_of_the_teams_settings(containers: Containers, folder: Path):
    (folder / "Dockerfile").write_text(DOCKERFILE.format(image=IMAGE, place="/app"))
    image = containers.build(folder)
    container = containers.start(image=image).wait_until_ready()
    doctor = ("python", "-P", "-m", "backend.manage", "doctor")
    texts = {
        container.exec(*doctor, user="1001:0", check=False): [
            "SECRET_KEY",
            "DEBUG",
            "ALLOWED_HOSTS",
        ],
        containers.run("check", image=image).stdout: ["SECRET_KEY", "DEBUG"],
    }
    lines = (folder / "mysite/settings.py").read_text().splitlines()
    at = {text.split(" = ")[0]: number for number, text in enumerate(lines, start=1)}
    for text, names in texts.items():
        for name in names:
            assert f"/app/mysite/settings.py, line {at[name]}: " in text, text
        # Of the image's own project.
        for name in ("DJANGO_SECRET_KEY", "BEHIND_PROXY", "POSTGRES_", "local_settings"):
            assert name not in text


SETTINGS = """
INSTALLED_APPS += ["django.contrib.gis", "airports"]
DATABASES = {"default": {
    "ENGINE": "django.contrib.gis.db.backends.postgis",
    "NAME": os.environ["SQL_DATABASE"], "USER": os.environ["SQL_USER"],
    "PASSWORD": os.environ["SQL_PASSWORD"], "HOST": os.environ["SQL_HOST"],
}}
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
"""
MODELS = """
from django.contrib.gis.db import models

class Airport(models.Model):
    name = models.TextField()
    place = models.PointField()
"""
URLS = """
from django.http import HttpResponse
from django.urls import path
from django.contrib.gis.geos import Point
from airports.models import Airport

def nearest(request):
    Airport.objects.create(name="PDX", place=Point(-122.6, 45.6, srid=4326))
    metric = Airport.objects.first().place.transform(3857, clone=True)
    return HttpResponse(f"{metric.x:.0f} {metric.y:.0f}")

def broken(request):
    raise RuntimeError("the view's own error")

urlpatterns = [path("nearest/", nearest), path("broken/", broken)]
"""


def test_geodjango_project_needs_no_setting_of_the_image(
    containers: Containers, postgis: PostGIS, folder: Path
):
    (folder / "airports").mkdir()
    (folder / "airports/__init__.py").touch()
    (folder / "airports/models.py").write_text(MODELS)
    (folder / "mysite/urls.py").write_text(URLS)
    with (folder / "mysite/settings.py").open("a") as settings:
        settings.write(f"import os\n{SETTINGS}")
    # Names of the image, which a project can have too.
    (folder / "bin").mkdir()
    (folder / "bin/docker-entrypoint.sh").write_text("#!/bin/sh\nexit 1\n")
    (folder / "Dockerfile").write_text(DOCKERFILE.format(image=IMAGE, place="/code"))
    give(folder)
    database = postgis.database()
    env = {
        "SQL_DATABASE": database,
        "SQL_USER": postgis.user,
        "SQL_PASSWORD": postgis.password,
        "SQL_HOST": postgis.host,
    }
    network = ["--network", postgis.network]
    made = containers.run(
        *("python", "manage.py", "makemigrations", "airports"),
        env=env,
        mounts={folder: "/code"},
        options=[*network, "--workdir", "/code"],
    )
    assert made.returncode == 0, made.stderr
    image = containers.build(folder)
    container = containers.start(image=image, env=env, options=network)
    container.may_log("the view's own error", "docker-entrypoint.sh does not run", "security.W009")
    container.wait_until_ready()
    assert container.get("/nearest/").text == "-13647770 5716479"
    assert container.get("/broken/").status_code == 500
    container.wait_for_log("RuntimeError: the view's own error")
    assert container.logs().count("RuntimeError: the view's own error") == 1
    assert "/code/bin/docker-entrypoint.sh does not run: the image's" in container.logs()
    doctor = container.exec(
        "python", "-P", "-m", "backend.manage", "doctor", user="1001:0", check=False
    )
    assert "the view" not in doctor
    assert "database default" in doctor
    config = container.exec("python", "-P", "-m", "backend.manage", "config", user="1001:0")
    assert postgis.password not in config


def test_settings_that_ignore_the_database_of_a_variable_stop_the_start(
    containers: Containers, folder: Path
):
    done = containers.run(
        env={"DATABASE_URL": "postgis://api:secret@db/census"},
        mounts={folder: "/app"},
        options=["--workdir", "/app"],
    )
    assert done.returncode == 1
    line = (folder / "mysite/settings.py").read_text().split("DATABASES = ")[0].count("\n") + 1
    problem = f"ERROR: /app/mysite/settings.py, line {line}: DATABASES['default'] is SQLite, but "
    assert f"{problem}DATABASE_URL names 'census' on db." in done.stderr
    assert "secret" not in done.stdout + done.stderr
