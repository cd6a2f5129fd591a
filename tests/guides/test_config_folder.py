"""A guide whose project is named config, with Pipenv, runserver, and later gunicorn."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.guides.conftest import Guide, edit
from tests.support.containers import Container

pytestmark = pytest.mark.engine

SETTINGS = """
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", SECRET_KEY)
DEBUG = os.environ.get("DJANGO_DEBUG", "True") == "True"
ALLOWED_HOSTS = [".example.org", "localhost", "127.0.0.1"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        "PASSWORD": "postgres",
        "HOST": "db",
        "PORT": 5432,
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = str(BASE_DIR.joinpath("staticfiles"))
"""


@pytest.fixture(scope="module")
def guide(follow: Callable[..., Guide]) -> Guide:
    guide = follow("config_folder", database="postgres", user="postgres")
    edit(guide.startproject("config"), top="import os\n", end=SETTINGS)
    guide.own()
    guide.compose("build")
    guide.compose("up", "--detach", "--wait", "db")
    return guide


@pytest.fixture(scope="module")
def runserver(guide: Guide) -> Container:
    """The guide's first half."""
    guide.compose("up", "--detach")
    guide.started.append(guide.container())
    return guide.container().wait_until_ready()


@pytest.fixture(scope="module")
def web(guide: Guide, runserver: Container) -> Container:
    """Its second half, with a database of its own."""
    guide.compose("exec", "-T", "web", "python", "manage.py", "collectstatic", "--noinput")
    guide.compose("down", "--volumes")
    guide.started.clear()
    guide.files = ("docker-compose-prod.yml",)
    guide.compose("build")
    guide.compose("up", "--detach", "--wait", "db")
    return guide.start_behind_lock("up", "--detach")


def test_runserver_has_the_health_pages_too(guide: Guide, runserver: Container):
    assert "The install worked successfully" in runserver.get("/").text
    guide.compose("exec", "-T", "web", "python", "manage.py", "migrate")
    guide.assert_health(runserver)
    guide.assert_doctor(runserver)
    # The reloader's process, not only the first.
    (guide.folder / "config/urls.py").touch()
    runserver.wait_until_ready()
    assert "Not Found" not in runserver.logs()


def test_gunicorn_serves_the_admin_and_its_style_sheet(web: Container):
    assert web.get("/admin/login/").status_code == 200
    assert web.get("/static/admin/css/base.css").status_code == 200


def test_health(guide: Guide, web: Container):
    guide.assert_health(web)


def test_doctor(guide: Guide, web: Container):
    guide.assert_doctor(web)


def test_running_request_ends_before_the_container(guide: Guide, web: Container):
    guide.assert_drains(web)
