"""A team's settings apply in the built image: logs, mail, the admin, origins, error pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.support.broken import write
from tests.support.containers import Container, Containers

pytestmark = pytest.mark.engine

SECRET = "of-the-store-7Zx"
SETTINGS = f"""
from backend.hacko_settings import *

INSTALLED_APPS += ["local_settings.stops"]
ADMINS = [("Ada", "ada@example.org")]
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
CORS_ALLOWED_ORIGINS = ["https://map.example.org"]
CORS_ALLOW_CREDENTIALS = True
STOPS_TOKEN = {SECRET!r}
SECURE_REFERRER_POLICY = "no-referrer"
X_FRAME_OPTIONS = "SAMEORIGIN"
MIDDLEWARE += ["local_settings.stops.Policy"]
"""
URLS = """
import logging

from django.conf import settings
from django.http import HttpResponse
from django.urls import path


def boom(request):
    options = {"db": {"PASSWORD": "pw-in-a-dict"}, "list": ["redis://:pw-in-a-list@cache/0"]}
    raise ValueError(f"postgis://ada:pw-of-ada@db/census {settings.STOPS_TOKEN}")


def log(request):
    logging.getLogger("stops.views").debug("a detail of the team")
    return HttpResponse()


urlpatterns = [path("boom/", boom), path("log/", log)]
"""
ADMIN = """
from django.contrib import admin

admin.site.site_header = "Stops of the team"
"""
STOPS = """
def Policy(get_response):
    def middleware(request):
        response = get_response(request)
        response["Permissions-Policy"] = "geolocation=()"
        return response
    return middleware
"""
FILES = {
    "settings.py": SETTINGS,
    "urls.py": URLS,
    "stops/__init__.py": STOPS,
    "stops/admin.py": ADMIN,
}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    folder = tmp_path_factory.mktemp("local_settings")
    write(folder, FILES)
    folder.chmod(0o755)
    started = Containers()
    started.may_log("/boom/", "Traceback", "'ERROR', 'filters'", "Subject: ")
    mounts = {folder: "/code/local_settings:ro"}
    yield started.start(env={"LOG_LEVEL": "DEBUG"}, mounts=mounts).wait_until_ready()
    started.clean()


def test_error_of_production_is_mailed_to_the_admins(api: Container):
    assert api.get("/boom/").status_code == 500
    log = api.logs()
    assert "Subject: [Django] ERROR (EXTERNAL IP): Internal Server Error: /boom/" in log
    assert "To: ada@example.org" in log


def test_loggers_of_the_team_follow_the_level(api: Container):
    api.get("/log/")
    api.wait_for_log("DEBUG stops.views")
    api.wait_for_log("a detail of the team")


def test_admin_has_the_header_of_the_team_and_the_title_of_the_project(api: Container):
    page = api.get("/admin/login/").text
    assert "Stops of the team" in page
    assert "| Django REST API</title>" in page


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [("https://map.example.org", "https://map.example.org"), ("https://evil.example", None)],
)
def test_only_the_origins_of_the_team_may_read(api: Container, origin: str, allowed: str | None):
    preflight = {"Origin": origin, "Access-Control-Request-Method": "GET"}
    answer = api.session.options(api.url("/log/"), headers=preflight, timeout=30)
    assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    assert ("Access-Control-Allow-Credentials" in answer.headers) is (allowed is not None)


# ---------------------------------------------------------------------------
# Responses that do not come from a view

CHUNKS = [b"x" * 2**20] * 11
NO_VIEW = {
    "413 by length": (413, "POST", "/log/", {"data": b"".join(CHUNKS)}),
    "413 of chunks": (413, "POST", "/log/", {"data": "chunks"}),
    "413 of no URL": (413, "POST", "/absent", {"data": b"".join(CHUNKS)}),
    "foreign host": (400, "GET", "/log/", {"headers": {"Host": "evil.example.net"}}),
    "foreign host's file": (400, "GET", "/favicon.ico", {"headers": {"Host": "evil.example.net"}}),
    "no URL": (404, "GET", "/absent/", {}),
    "error": (500, "GET", "/boom/", {}),
}


@pytest.mark.parametrize("case", NO_VIEW)
def test_answer_that_no_view_gives_has_the_headers_of_any_answer(api: Container, case: str):
    status, method, path, options = NO_VIEW[case]
    headers = {"Origin": "https://map.example.org", "Content-Type": "application/json"}
    headers |= options.get("headers", {})
    data = iter(CHUNKS) if options.get("data") == "chunks" else options.get("data")
    answer = requests.request(method, api.url(path), data=data, headers=headers, timeout=60)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "https://map.example.org"
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Permissions-Policy"] == "geolocation=()"
    assert "detail" in answer.json()


# ---------------------------------------------------------------------------
# Pages with a traceback

# Variables of the server. runserver passes its environment to the view.
HIDDEN = {
    "LAND_DATABASE_URL": "postgis://ada:pw%2Fof-ada@nowhere.example/census",
    "SENTRY_DSN": "https://key-of-sentry@sentry.example/7",
    "MAP_PASSWORD": "pw-of-the-map-x",
    "DJANGO_SECRET_KEY": "key-of-the-tests-and-long-enough-for-django-1234567",
}
SECRETS = (
    *("pw%2Fof-ada", "pw/of-ada", "pw-of-ada", "key-of-sentry", "pw-of-the-map-x"),
    *("key-of-the-tests", SECRET, "pw-in-a-dict", "pw-in-a-list", "asked-for", "pw-of-the-client"),
)
SERVERS = {
    "runserver": ("python", "manage.py", "runserver", "--noreload", "0.0.0.0:8000"),
    "gunicorn": (),
}


@pytest.mark.parametrize("server", SERVERS)
def test_page_with_a_traceback_shows_no_secret_and_is_not_for_every_origin(
    containers: Containers, tmp_path, server: str
):
    containers.may_log("This is a development server", "/boom/")
    settings = SETTINGS.replace("CORS_", "NO_")
    write(tmp_path / "local_settings", {**FILES, "settings.py": settings})
    env = {**HIDDEN, "DEBUG": "true", "IGNORED_DATABASES": "land"}
    mounts = {tmp_path / "local_settings": "/code/local_settings:ro"}
    api = containers.start(*SERVERS[server], env=env, mounts=mounts).wait_until_serving()
    origin = {"Origin": "https://evil.example"}
    for accept in ("text/html", "application/json"):
        headers = {"Accept": accept, **origin, "Authorization": "Token pw-of-the-client"}
        page = api.get("/boom/?access_token=asked-for", headers=headers)
        assert page.status_code == 500
        assert "ValueError" in page.text
        assert "raise ValueError" in page.text
        assert "/code/local_settings/urls.py" in page.text
        assert "nowhere.example" in page.text
        assert [secret for secret in SECRETS if secret in page.text] == []
        assert "Access-Control-Allow-Origin" not in page.headers
    assert api.get("/log/", headers=origin).headers["Access-Control-Allow-Origin"] == "*"


def test_mail_of_an_error_has_no_secret(api: Container):
    api.get("/boom/?access_token=asked-for")
    mails = api.logs().partition("Subject: ")[2]
    assert "Exception Value: " in mails
    parts = mails.split("\nSubject: ")
    texts = [part.partition("-----------------------")[0] for part in parts]
    for text in texts:
        assert [secret for secret in SECRETS if secret in text] == []
