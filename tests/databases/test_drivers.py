"""Streams, tiles, and pages are the same with psycopg 3, in an image that has no psycopg 2.

Other tests run with both drivers through the fixture ``image``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import requests

from tests.conftest import PostGIS
from tests.support.containers import Containers, until
from tests.support.places import Api, start_api

pytestmark = pytest.mark.engine

FORMATS = ("geojson", "geojsonl", "csv", "fgb")
PATHS = [
    *(f"/streams/stops.{suffix}" for suffix in FORMATS),
    *(f"/streams/allkinds.{suffix}?lines=3" for suffix in FORMATS),
    *("/streams/parcels.fgb", "/streams/storedparcels.geojson", "/streams/surveys.csv"),
    "/streams/routes.geojson",  # of another database
    "/streams/stops.geojson?lines=3&ordering=-rating&limit=5&offset=10",
    *("/streams/stops.csv?lines=12345", "/streams/latestofsome.geojson?limit=3"),
    *("/streams/stops/?lines=3", "/streams/allkinds/?lines=3", "/streams/parcels/"),
    *("/tiles/stops/tiles.json", "/tiles/stops/tiles/8/40/91.mvt?lines=3"),
    *("/tiles/samples/tiles/0/0/0.mvt", "/tiles/parcels/tiles/13/1304/2930.mvt?use=park"),
    *("/tiles/routes/tiles/9/81/183.mvt", "/tiles/surveys/tiles/0/0/0.mvt"),
    *("/tiles/first/tiles/0/0/0.mvt", "/tiles/oneofeach/tiles/0/0/0.mvt"),
    "/pages/stops/?in_bbox=-122.7,45.5,-122.6,45.6",
    "/pages/stops/?dist=500&point=-122.65,45.52",
    *("/pages/stops/1/", "/pages/features/?limit=7", "/pages/named/?offset=4000"),
    "/http/withroutes/?lines=3",
    # Errors of the client
    *("/streams/stops.geojson?lines=x", "/streams/stops.geojson?lines=99999999999999999999"),
    *("/streams/stops/?lines=%00", "/tiles/stops/tiles/8/40/91.mvt?name=a%00b"),
    *("/pages/stops/?in_bbox=1,2,3", "/pages/stops/99999999999999999999/"),
    *("/pages/cursor/?cursor=cD1x", "/tiles/stops/tiles/99/0/0.mvt"),
    *("/streams/withmethod.geojson", "/streams/surveys.fgb"),
]


@pytest.fixture(scope="module")
def other(postgis: PostGIS, psycopg_3: str) -> Iterator[Api]:
    """The API of the fixture ``api``, with psycopg 3."""
    started = Containers()
    started.may_log(
        *("broke off after", "division by zero", "no row within"),
        *("Service Unavailable: /streams/", "Internal Server Error: /streams/"),
    )
    yield start_api(started, postgis, image=psycopg_3)
    started.clean()


def answer(api: Api, path: str) -> tuple[int, str | None, bytes]:
    # Links contain the host that the client asked.
    got = api.get(path, headers={"Host": "localhost"})
    return got.status_code, got.headers.get("Content-Type"), got.content


@pytest.mark.parametrize("path", PATHS)
def test_response_is_the_same_with_both(api: Api, other: Api, path: str) -> None:
    expected = answer(api, path)
    assert expected[0] < 500
    assert answer(other, path) == expected


def test_pages_of_a_cursor_are_the_same_with_both(api: Api, other: Api) -> None:
    path = "/streams/latest/?lines=3&limit=100"
    pages = 0
    while path:
        expected = answer(api, path)
        assert answer(other, path) == expected
        pages += 1
        path = (json.loads(expected[2])["next"] or "").removeprefix("http://localhost")
    assert pages == 8


def test_stream_that_fails_breaks_off_with_the_reason(other: Api) -> None:
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        other.get("/streams/broken.geojsonl?row=4000")
    line = r"broke off after \d{4,} rows: division by zero"
    until(lambda: re.search(line, other.container.logs()), "the log has the reason")
    assert other.get("/streams/broken.geojsonl?row=1").status_code == 500
    assert other.get("/streams/nofirstrow.geojson").status_code == 503


def test_client_that_leaves_ends_the_query(other: Api) -> None:
    running = (
        f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{other.database}' "
        "AND query LIKE '%COPY (%' AND state <> 'idle' AND pid <> pg_backend_pid()"
    )
    slow = other.url("/streams/slowforever.geojson")
    with requests.get(slow, stream=True, timeout=30) as response:
        assert response.status_code == 200, response.text
        assert next(response.iter_content(None))
        assert other.sql(running) == "1"
    until(lambda: other.sql(running) == "0", "the query has ended", 20)


def test_infinity_and_curves_are_read_as_in_a_stream(other: Api) -> None:
    other.sql(
        "INSERT INTO places_stop (name, lines, opened, open_now) "
        "VALUES ('Ever', 55, 'infinity', true), ('Never', 55, '-infinity', true);"
        "INSERT INTO survey (label, geom) VALUES ('Bend', 'CIRCULARSTRING(0 0,1 1,2 0)')"
    )
    rows = other.get("/streams/stops/?lines=55").json()["results"]["features"]
    moments = [row["properties"]["opened"] for row in rows]
    assert moments == ["9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z"]
    assert other.get("/streams/stops.geojson?lines=55").json()["features"] == rows
    bend = other.get("/streams/surveys/?limit=50").json()["results"]["features"][-1]
    assert bend["geometry"]["type"] == "LineString"
