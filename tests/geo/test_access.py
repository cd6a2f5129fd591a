"""Who sees what: no page shows more than REST framework's own view of the same rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import PostGIS
from tests.geo.conftest import Api
from tests.support.containers import Containers

PROJECT = Path(__file__).parent / "access_project"
USERS = ("anonymous", "session", "basic", "token")
PASSWORD = "of-the-tests"
MAKE_USERS = """
from django.contrib.auth import get_user_model
from rest_framework.authtoken.models import Token
for name in ("session", "basic", "token", "other"):
    user = get_user_model().objects.create_superuser(name, password="of-the-tests")
    Token.objects.create(user=user, key=f"token-of-{name}")
"""
ROWS = """
INSERT INTO access_place (name, owner, secret, area, home)
SELECT 'Place ' || n, (ARRAY[NULL, 'basic', 'token', 'session'])[n % 4 + 1], 'secret ' || n,
       ST_MakeEnvelope(-122.7 + n / 1000.0, 45.5, -122.6995 + n / 1000.0, 45.501, 4326),
       ST_SetSRID(ST_MakePoint(-122.61, 45.6 + n / 1000.0), 4326)
FROM generate_series(1, 40) n;
"""
# Of a viewset: every page that shows its rows, and every way to ask for them.
PAGES = {
    "list": "?format=json",
    "browsable": "?format=api",
    "detail": "1/",
    "filter": "?in_bbox=-122.7,45.4,-122.6,45.6",
    "ordering": "?ordering=-name",
    "fields": "?fields=name",
    "count": "?count=exact",
    "deep page": "?limit=5&offset=30",
    "geojson": "?format=geojson",
    "geojsonl": "?format=geojsonl",
    "csv": "?format=csv",
    "fgb": "?format=fgb",
    "tile": "tiles/10/163/366.mvt",
    "tilejson": "tiles/",
    "map": "map/",
}


def start_access_api(started: Containers, postgis: PostGIS, database: str, **env: str) -> Api:
    """The project in ``access_project/`` on ``database``."""
    container = started.start(
        env=postgis.env(database, WEB_CONCURRENCY="1", **env),
        mounts={
            PROJECT / "local_settings": "/code/src_files/local_settings:ro",
            PROJECT / "access": "/code/access:ro",
        },
        options=["--network", postgis.network],
    ).wait_until_ready()
    return Api(container, postgis, database, database)


@pytest.fixture(scope="module")
def database(postgis: PostGIS) -> str:
    return postgis.database()


@pytest.fixture(scope="module")
def access(postgis: PostGIS, database: str) -> Iterator[Api]:
    started = Containers()
    api = start_access_api(started, postgis, database)
    api.container.exec("python", "manage.py", "shell", "--command", MAKE_USERS)
    postgis.sql(ROWS, database)
    yield api
    started.clean()


@pytest.fixture(scope="module")
def development(postgis: PostGIS, access: Api) -> Iterator[Api]:
    """The same with DEBUG=true."""
    started = Containers()
    yield start_access_api(started, postgis, access.database, DEBUG="true")
    started.clean()


def client(api: Api, user: str) -> requests.Session:
    """Somebody who asks ``api``: ``user`` is one of USERS."""
    session = requests.Session()
    if user == "basic":
        session.auth = (user, PASSWORD)
    elif user == "token":
        session.headers["Authorization"] = "Token token-of-token"
    elif user != "anonymous":
        log_in(session, api.url("/admin/login/"), user)
    return session


def log_in(session: requests.Session, url: str, user: str) -> None:
    """As a person does, in the admin."""
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', session.get(url).text).group(1)
    form = {"username": user, "password": PASSWORD, "csrfmiddlewaretoken": token}
    answer = session.post(url, form, headers={"Referer": url}, allow_redirects=False)
    assert answer.status_code == 302, answer.text


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("mode", ["access", "development"])
def test_every_page_answers_every_kind_of_user(mode: str, user: str, request):
    api = request.getfixturevalue(mode)
    session = client(api, user)
    answers = {page: session.get(api.url(f"/places/{path}")) for page, path in PAGES.items()}
    assert {page: answer.status_code for page, answer in answers.items()} == dict.fromkeys(
        PAGES, 200
    )
