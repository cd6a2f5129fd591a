"""An API of spatial viewsets on a real PostGIS, for tests/geo and other folders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests.conftest import PostGIS
from tests.support import logs
from tests.support.containers import IMAGE, Container, Containers

PROJECT = Path(__file__).parent / "places_project"
SURVEY = """
CREATE TABLE survey (id serial PRIMARY KEY, label text NOT NULL, geom geometry);
"""
# Places in Portland, Oregon, in a fixed sequence instead of random().
ROWS = """
INSERT INTO places_stop (name, lines, fare, opened, rating, open_now, geom)
SELECT 'Stop ' || n, n % 7, (n % 500) / 100.0,
       timestamptz '2019-01-01 00:00:00Z' + n * interval '1 hour', n / 7.0, n % 2 = 0,
       ST_SetSRID(ST_MakePoint(
           -122.8 + (n * 7919 % 10000) / 25000.0, 45.4 + (n * 104729 % 10000) / 40000.0), 4326)
FROM generate_series(1, 5000) n;
INSERT INTO places_parcel (owner, use, shape)
SELECT 'Owner ' || n, (ARRAY['park', 'home', 'shop'])[n % 3 + 1],
       ST_Multi(ST_Transform(ST_MakeEnvelope(lon, lat, lon + 0.001, lat + 0.001, 4326), 2913))
FROM (
    SELECT n, -122.7 + (n % 20) / 500.0 AS lon, 45.5 + (n / 20) / 500.0 AS lat
    FROM generate_series(0, 199) n
) grid;
INSERT INTO survey (label, geom)
SELECT 'Plot ' || n, ST_MakePoint(-122.65 + n / 1000.0, 45.52) FROM generate_series(1, 20) n;
ANALYZE;
"""
ROUTES = """
INSERT INTO places_route (number, path)
SELECT n, ST_SetSRID(ST_MakeLine(
    ST_MakePoint(-122.7, 45.5 + n / 1000.0), ST_MakePoint(-122.6, 45.5 + n / 1000.0)), 4326)
FROM generate_series(1, 50) n;
ANALYZE;
"""


@dataclass
class Api:
    """The running API and its databases."""

    container: Container
    postgis: PostGIS
    database: str
    transit: str
    transit_on: PostGIS | None = None

    def get(self, path: str, **options) -> requests.Response:
        return self.container.get(path, **options)

    def url(self, path: str) -> str:
        return self.container.url(path)

    def sql(self, statement: str) -> str:
        return self.postgis.sql(statement, self.database)


def start_api(
    started: Containers,
    postgis: PostGIS,
    transit_on: PostGIS | None = None,
    *,
    image: str = IMAGE,
    **env: str,
) -> Api:
    """Start the project in ``places_project/`` on two new databases with rows. The second one can
    be on another server."""
    other = transit_on or postgis
    database, transit = postgis.database(), other.database()
    postgis.sql(SURVEY, database)
    login = f"{postgis.user}:{quote(postgis.password, safe='')}@{other.host}:5432"
    container = started.start(
        image=image,
        env=postgis.env(
            database,
            TRANSIT_DATABASE_URL=f"postgis://{login}/{transit}",
            **{"WEB_CONCURRENCY": "1", **env},
        ),
        mounts={
            PROJECT / "local_settings": "/code/src_files/local_settings:ro",
            PROJECT / "places": "/code/places:ro",
        },
        options=["--network", postgis.network],
    ).may_log(logs.UNREADABLE)
    container.wait_until_ready()
    postgis.sql(ROWS, database)
    other.sql(ROUTES, transit)
    return Api(container, postgis, database, transit, other)


# For one module of views, because drf-yasg rejects two serializers of the same name in one API.
DOCUMENT = """
import sys
import django
django.setup()
from django.urls import include, path
from drf_yasg import openapi
from drf_yasg.codecs import OpenAPICodecJson
from backend.docs import RelativeSchemaGenerator
name = sys.argv[1]
patterns = [path(f"{name}/", include(f"places.{name}"))]
about = openapi.Info("Places", "1")
generator = RelativeSchemaGenerator(about, url="http://api.example", patterns=patterns)
document = generator.get_schema(None, public=True)
print("DOCUMENT", OpenAPICodecJson([]).encode(document).decode())
"""


def documentation(api: Api, name: str) -> dict:
    """The OpenAPI document of the views in ``places/<name>.py``."""
    settings = "DJANGO_SETTINGS_MODULE=backend.settings"
    output = api.container.exec("env", settings, "python", "-c", DOCUMENT, name)
    (line,) = [line for line in output.splitlines() if line.startswith("DOCUMENT ")]
    return json.loads(line.removeprefix("DOCUMENT "))


def operation(document: dict, path: str) -> dict:
    """``GET path`` in an OpenAPI document."""
    return document["paths"][path.removeprefix(document["basePath"].rstrip("/"))]["get"]


@pytest.fixture(scope="session")
def api(postgis: PostGIS) -> Iterator[Api]:
    """One API for all tests that only read. Other tests start their own."""
    started = Containers()
    yield start_api(started, postgis)
    started.clean()
