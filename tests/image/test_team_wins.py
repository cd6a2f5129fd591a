"""What a team sets is in force in the built image: logs, mail, the admin, origins, error pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.broken import write
from tests.support.containers import Container, Containers

SECRET = "of-the-store-7Zx"
SETTINGS = f"""
from backend.hacko_settings import *

INSTALLED_APPS += ["local_settings.stops"]
ADMINS = [("Ada", "ada@example.org")]
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
CORS_ALLOWED_ORIGINS = ["https://map.example.org"]
CORS_ALLOW_CREDENTIALS = True
STOPS_TOKEN = {SECRET!r}
"""
URLS = """
import logging

from django.conf import settings
from django.http import HttpResponse
from django.urls import path


def boom(request):
    raise ValueError(f"postgis://ada:pw-of-ada@db/census {settings.STOPS_TOKEN}")


def tell(request):
    logging.getLogger("stops.views").debug("a detail of the team")
    return HttpResponse()


urlpatterns = [path("boom/", boom), path("tell/", tell)]
"""
ADMIN = """
from django.contrib import admin

admin.site.site_header = "Stops of the team"
"""
FILES = {
    "settings.py": SETTINGS,
    "urls.py": URLS,
    "stops/__init__.py": "",
    "stops/admin.py": ADMIN,
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("local_settings")
    write(folder, FILES)
    folder.chmod(0o755)
    started = Containers()
    mounts = {folder: "/code/local_settings:ro"}
    yield started.start(env={"LOG_LEVEL": "DEBUG"}, mounts=mounts).wait_until_ready()
    started.clean()


def test_error_of_production_is_mailed_to_the_admins(api: Container):
    assert api.get("/boom/").status_code == 500
    log = api.logs()
    assert "Subject: [Django] ERROR (EXTERNAL IP): Internal Server Error: /boom/" in log
    assert "To: ada@example.org" in log


def test_loggers_of_the_team_follow_the_level(api: Container):
    api.get("/tell/")
    assert "DEBUG stops.views" in api.logs()
    assert "a detail of the team" in api.logs()


def test_header_of_the_admin_is_the_teams_and_its_title_the_projects(api: Container):
    page = api.get("/admin/login/").text
    assert "Stops of the team" in page
    assert "| Django REST API</title>" in page


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://map.example.org", "https://map.example.org"), ("https://evil.example", None)],
)
def test_only_the_origins_of_the_team_may_read(api: Container, origin: str, allowed: str | None):
    preflight = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    answer = api.session.options(api.url("/tell/"), headers=preflight, timeout=30)
    assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    assert ("Access-Control-Allow-Credentials" in answer.headers) is (allowed is not None)
