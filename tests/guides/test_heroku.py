"""A guide for Heroku: DATABASE_URL, $PORT, tests, and a release. Its user is not the image's.

The push to Heroku's registry is left out.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.guides.conftest import Guide, edit
from tests.support.containers import Container

pytestmark = pytest.mark.engine

SETTINGS = """
SECRET_KEY = os.environ.get("SECRET_KEY", default="foo")
DEBUG = int(os.environ.get("DEBUG", default=0))
ALLOWED_HOSTS = ["*"]

DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}
}
DATABASES["default"].update(dj_database_url.config(conn_max_age=500))

MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
"""
TESTS = """from django.test import TestCase


class AdminTest(TestCase):
    def test_login(self):
        self.assertEqual(self.client.get("/admin/login/").status_code, 200)
"""


@pytest.fixture(scope="module")
def guide(follow: Callable[..., Guide]) -> Guide:
    guide = follow("heroku", database="postgres", user="postgres")
    top = "import os\n\nimport dj_database_url\n"
    edit(guide.startproject("hello_django"), top=top, end=SETTINGS)
    (guide.folder / "hello_django/tests.py").write_text(TESTS)
    guide.compose("build")
    guide.compose("up", "--detach", "--wait", "db")
    return guide


@pytest.fixture(scope="module")
def web(guide: Guide) -> Container:
    return guide.start_behind_lock("up", "--detach", "web")


def test_tests_run_in_the_container(guide: Guide):
    output = guide.compose("run", "--rm", "-T", "web", "python", "manage.py", "test")
    assert "Ran 1 test" in output
    assert "\nOK\n" in output


def test_admin_and_its_style_sheet_are_served(web: Container):
    assert web.get("/admin/login/").status_code == 200
    assert web.get("/static/admin/css/base.css").status_code == 200


def test_release(guide: Guide, web: Container):
    procfile = dict(
        line.split(": ", 1) for line in (guide.folder / "Procfile").read_text().splitlines()
    )
    output = guide.compose("run", "--rm", "-T", "web", "sh", "-c", procfile["release"])
    assert "No migrations to apply" in output


def test_health(guide: Guide, web: Container):
    guide.assert_health(web)


def test_doctor(guide: Guide, web: Container):
    guide.assert_doctor(web)


def test_running_request_ends_before_the_container(guide: Guide, web: Container):
    guide.assert_drains(web)
