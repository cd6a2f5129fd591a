"""A guide with one .env for an app on the reader's machine and for containers, and with pgAdmin.

Its pgAdmin stays off, because its image needs a registry.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from tests.guides.conftest import DEVELOPER, Guide, edit
from tests.support.containers import Container
from tests.support.projects import run

pytestmark = pytest.mark.engine

SETTINGS = """
env = environ.Env()
env.read_env(BASE_DIR / ".env")

SECRET_KEY = env("SECRET_KEY")
DEBUG = env.bool("DEBUG")
ALLOWED_HOSTS = ["*"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": env("POSTGRES_DB"),
        "USER": env("POSTGRES_USER"),
        "PASSWORD": env("POSTGRES_PASSWORD"),
        "HOST": env("POSTGRES_HOST"),
        "PORT": env("POSTGRES_PORT"),
    }
}
"""
MODELS = """from django.db import models


class Place(models.Model):
    name = models.CharField(max_length=100)
"""


@pytest.fixture(scope="module")
def guide(follow: Callable[..., Guide]) -> Guide:
    guide = follow("one_env", database="places", user="places")
    shutil.copy(guide.folder / ".env.example", guide.folder / ".env")
    edit(guide.startproject("mysite"), top="import environ\n", end=SETTINGS)
    guide.own()
    guide.compose("up", "--detach", "--wait", "db")
    return guide


@pytest.fixture(scope="module")
def web(guide: Guide) -> Container:
    guide.compose("build")
    return guide.start_behind_lock("up", "--detach", "web")


def test_migrate_as_a_one_off_serves_containers_and_the_local_app(guide: Guide, web: Container):
    one_off = ("run", "--rm", "-T", "web", "python", "manage.py")
    guide.compose(*one_off, "startapp", "places")
    settings = guide.folder / "mysite/settings.py"
    settings.write_text(settings.read_text() + 'INSTALLED_APPS += ["places"]\n')
    (guide.folder / "places/models.py").write_text(MODELS)
    guide.compose(*one_off, "makemigrations", "places")
    assert (guide.folder / "places/migrations/0001_initial.py").stat().st_uid == DEVELOPER
    assert "Applying places.0001_initial... OK" in guide.compose(*one_off, "migrate")
    # The port that the test's copy of the guide publishes.
    port = guide.container("db").url("", port=5432).rpartition(":")[2]
    code = "from places.models import Place; print(Place.objects.create(name='Ankeny').pk)"
    local = run(guide.folder, "manage.py", "shell", "-v0", "-c", code, POSTGRES_PORT=port)
    assert local.stdout == "1\n", local.stderr
    assert guide.sql("SELECT name FROM places_place") == "Ankeny"
    guide.compose("restart", "web")
    restarted = guide.container().wait_until_ready()
    assert restarted.get("/admin/login/").status_code == 200
    assert restarted.get("/static/admin/css/base.css").status_code == 200


def test_health(guide: Guide, web: Container):
    guide.assert_health(guide.container())


def test_doctor(guide: Guide, web: Container):
    guide.assert_doctor(guide.container())


def test_running_request_ends_before_the_container(guide: Guide, web: Container):
    guide.assert_drains(guide.container())
