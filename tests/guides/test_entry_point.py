"""A guide for gunicorn and PostgreSQL, whose Dockerfile has an entry point of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.guides.conftest import Guide, edit
from tests.support.containers import Container

pytestmark = pytest.mark.engine

SETTINGS = """
SECRET_KEY = os.environ.get("SECRET_KEY")
DEBUG = bool(int(os.environ.get("DEBUG", default=0)))
ALLOWED_HOSTS = os.environ.get("DJANGO_ALLOWED_HOSTS").split(" ")

DATABASES = {
    "default": {
        "ENGINE": os.environ.get("SQL_ENGINE", "django.db.backends.sqlite3"),
        "NAME": os.environ.get("SQL_DATABASE", BASE_DIR / "db.sqlite3"),
        "USER": os.environ.get("SQL_USER", "user"),
        "PASSWORD": os.environ.get("SQL_PASSWORD", "password"),
        "HOST": os.environ.get("SQL_HOST", "localhost"),
        "PORT": os.environ.get("SQL_PORT", "5432"),
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
"""


@pytest.fixture(scope="module")
def guide(follow: Callable[..., Guide]) -> Guide:
    guide = follow("entry_point", database="hello_django_prod", user="hello_django")
    edit(guide.startproject("hello_django", "app"), top="import os\n", end=SETTINGS)
    return guide


@pytest.fixture(scope="module")
def web(guide: Guide) -> Container:
    guide.compose("build")
    guide.compose("up", "--detach", "--wait", "db")
    return guide.start_behind_lock("up", "--detach", "web")


def test_admin_and_its_style_sheet_are_served(web: Container):
    assert "Waiting for postgres...\nPostgreSQL started\n" in web.logs()
    assert web.get("/admin/login/").status_code == 200
    assert web.get("/static/admin/css/base.css").status_code == 200


def test_health(guide: Guide, web: Container):
    guide.assert_health(web)


def test_doctor(guide: Guide, web: Container):
    guide.assert_doctor(web)


def test_running_request_ends_before_the_container(guide: Guide, web: Container):
    guide.assert_drains(web)
