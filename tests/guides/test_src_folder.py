"""A guide that creates its project through the container in ./src, with nginx in front of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.guides.conftest import DEVELOPER, Guide, edit
from tests.support.containers import Container

pytestmark = pytest.mark.engine

SETTINGS = """
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS += ["uploads"]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        "PASSWORD": os.environ.get("POSTGRES_PASSWORD"),
        "HOST": "db",
        "PORT": 5432,
    }
}

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"
MEDIA_URL = "/media/"
MEDIA_ROOT = BASE_DIR / "media"
"""
MODELS = """from django.db import models


class Upload(models.Model):
    file = models.FileField(upload_to="uploads")
"""
ADMIN = """from django.contrib import admin

from .models import Upload

admin.site.register(Upload)
"""
PASSWORD = "long-and-random-1"


@pytest.fixture(scope="module")
def guide(follow: Callable[..., Guide]) -> Guide:
    guide = follow("src_folder", database="postgres", user="postgres")
    source = guide.folder / "src"
    source.mkdir()
    guide.own()
    guide.compose("build")
    run = ("run", "--rm", "--no-deps", "-T", "web")
    guide.compose(*run, "django-admin", "startproject", "mysite", ".")
    guide.compose(*run, "python", "manage.py", "startapp", "uploads")
    edit(source / "mysite/settings.py", top="import os\n", end=SETTINGS)
    (source / "uploads/models.py").write_text(MODELS)
    (source / "uploads/admin.py").write_text(ADMIN)
    guide.compose("up", "--detach", "--wait", "db")
    guide.compose(*run, "python", "manage.py", "makemigrations", "uploads")
    return guide


@pytest.fixture(scope="module")
def web(guide: Guide) -> Container:
    return guide.start_behind_lock("up", "--detach")


@pytest.fixture(scope="module")
def site(guide: Guide, web: Container) -> str:
    """The address of the proxy."""
    return guide.container("proxy").url(port=80)


def test_files_of_the_new_project_belong_to_the_developer(guide: Guide, web: Container):
    new: list[Path] = [guide.folder / "src" / name for name in ("manage.py", "uploads/apps.py")]
    assert {path.stat().st_uid for path in new} == {DEVELOPER}


def test_superuser_uploads_a_file_that_the_proxy_serves(guide: Guide, web: Container, site: str):
    create = ("createsuperuser", "--noinput", "--username", "admin", "--email", "a@example.org")
    guide.compose(
        *("exec", "-T", "-e", f"DJANGO_SUPERUSER_PASSWORD={PASSWORD}", "web"),
        *("python", "manage.py", *create),
    )
    browser = requests.Session()

    def submit(page: str, data: dict, **options) -> requests.Response:
        form = browser.get(f"{site}{page}", timeout=30).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)[1]
        fields = {**data, "csrfmiddlewaretoken": token}
        return browser.post(f"{site}{page}", data=fields, timeout=30, **options)

    login = submit("admin/login/?next=/admin/", {"username": "admin", "password": PASSWORD})
    assert "Site administration" in login.text
    file = {"file": ("map.txt", b"45.5,-122.6\n")}
    assert "was added successfully" in submit("admin/uploads/upload/add/", {}, files=file).text
    assert requests.get(f"{site}media/uploads/map.txt", timeout=30).text == "45.5,-122.6\n"
    css = requests.get(f"{site}static/admin/css/base.css", timeout=30)
    assert (css.status_code, css.headers["Server"][:5]) == (200, "nginx")


def test_health(guide: Guide, web: Container):
    guide.assert_health(web)


def test_doctor(guide: Guide, web: Container):
    guide.assert_doctor(web)


def test_running_request_ends_before_the_container(guide: Guide, web: Container):
    guide.assert_drains(web)
