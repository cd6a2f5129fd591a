"""The format of a response: named in the URL, or negotiated with ``Accept``."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import PostGIS
from tests.support.asked import Asked, start_asked
from tests.support.containers import Containers
from tests.support.live import assert_nothing_wrong
from tests.support.published import FEWER, assert_schema_is_true

pytestmark = pytest.mark.engine

JSON, GEOJSON, HTML, CSV = "application/json", "application/geo+json", "text/html", "text/csv"
MVT = "application/vnd.mapbox-vector-tile"
# What clients send: fetch() in MapLibre, browsers, curl and GDAL, an <img>; clients that prefer
# another format, that refuse this one, or that accept nothing; and invalid values.
ACCEPTS = (
    *("application/json", "text/html,application/xhtml+xml,*/*;q=0.8", "*/*", "image/webp"),
    *("application/geo+json", "text/csv;q=0.5", "application/json;q=0, text/csv;q=0", "*/*;q=0"),
    *("application/json; version=v9", "nonsense"),
)
ADDRESSES = {
    "/stops.geojson?limit=3": GEOJSON,
    "/stops/?format=geojson&limit=3": GEOJSON,
    "/stops.geojsonl?limit=3": "application/geo+json-seq",
    "/stops.csv?limit=3": "text/csv; charset=utf-8",
    "/stops/?format=csv&limit=3": "text/csv; charset=utf-8",
    "/stops.fgb?limit=3": "application/vnd.flatgeobuf",
    "/stops.json?limit=3": JSON,
    "/stops/?format=json&limit=3": JSON,
    "/stops.api?limit=3": "text/html; charset=utf-8",
    "/stops/3.geojson": GEOJSON,
    "/stops/3.json": JSON,
    "/stops/tiles/12/652/1465.mvt": MVT,
    "/stops/tiles/12/652/1465/": MVT,
    "/stops/tiles/": JSON,
    "/stops/map/": "text/html; charset=utf-8",
}
# For each Accept header, the media types of a list and of one row.
WEIGHED = {
    "*/*": (JSON, JSON),
    "application/json;q=0.5, text/csv": (CSV, JSON),
    "application/json;q=0.5, text/html;q=0.6": (HTML, HTML),
    "application/json;q=0.50, application/geo+json; q=0.51": (GEOJSON, GEOJSON),
    "text/html;q=0.1, application/json": (JSON, JSON),
    "text/html, application/json;q=0.9": (HTML, HTML),
    "application/geo+json, */*": (GEOJSON, GEOJSON),
    "application/geo+json;q=0.3, */*": (JSON, JSON),
    "application/geo+json;q=0, application/*": (JSON, JSON),
    "application/json;q=0, application/geo+json;q=0.001": (GEOJSON, GEOJSON),
    "application/json;q=0, */*": (HTML, HTML),
    "text/*;q=0.2, application/*;q=0.1": (HTML, HTML),
    "application/*;q=0.2, text/*;q=0.1": (JSON, JSON),
    "application/json; indent=4; q=0.2, text/csv;q=0.1": (JSON, JSON),
    "application/json;Q=0.2, text/csv;q=0.1": (JSON, JSON),
    "text/csv;q=1.000, application/json;q=0.999": (CSV, JSON),
    "text/csv;q=2, application/json;q=nan": (JSON, JSON),  # invalid weights are ignored
}
REFUSED = ("image/png", "*/*;q=0", "application/json;q=0", "application/*;q=0.0, text/*;q=0")
FEATURE = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-122.65, 45.52]},
    "properties": {"name": "New", "lines": 4},
}


@pytest.fixture(scope="module")
def asked(postgis: PostGIS) -> Iterator[Asked]:
    started = Containers()
    yield start_asked(started, postgis)
    started.clean()


def answered(asked: Asked, path: str, accept: str) -> tuple[int, str]:
    answer = asked.get(path, headers={"Accept": accept})
    return answer.status_code, answer.headers["Content-Type"]


def test_address_that_names_a_format_has_it_whatever_accept_says(
    asked: Asked, figures: Callable[[str], None]
) -> None:
    cells = list(itertools.product(ADDRESSES.items(), ACCEPTS))
    different = {
        (path, accept): got
        for (path, expected), accept in cells
        if (got := answered(asked, path, accept)) != (200, expected)
    }
    figures(f"{len(cells)} combinations of a URL and an Accept header; different: {len(different)}")
    assert not different


def test_weights_of_accept_choose_the_format(asked: Asked) -> None:
    different = {}
    for accept, expected in WEIGHED.items():
        for path, kind in zip(("/stops/?limit=1", "/stops/3/"), expected, strict=True):
            status, got = answered(asked, path, accept)
            if (status, got.partition(";")[0]) != (200, kind):
                different[path, accept] = (status, got)
    assert not different


@pytest.mark.parametrize("accept", REFUSED)
def test_none_of_the_accepted_formats_is_406_in_json(asked: Asked, accept: str) -> None:
    for path in ("/stops/?limit=1", "/stops/3/"):
        assert answered(asked, path, accept) == (406, JSON)


def test_unknown_format_in_the_address_is_404(asked: Asked) -> None:
    for path in ("/stops.xml", "/stops/?format=xml", "/stops/3.csv", "/stops/tiles/1/0/0.png"):
        assert asked.get(path).status_code == 404, path


def test_parameters_of_the_accepted_type_are_followed(asked: Asked) -> None:
    indented = asked.get("/stops/3.json", headers={"Accept": "application/json; indent=2; q=0.5"})
    assert indented.text.startswith('{\n  "id"')


def test_one_row_is_a_feature_under_its_media_type(asked: Asked) -> None:
    feature = asked.get("/stops/3/", headers={"Accept": GEOJSON})
    assert feature.content == asked.get("/stops/3/").content
    assert feature.json()["type"] == "Feature"
    missing = asked.get("/stops/999/", headers={"Accept": GEOJSON})
    assert (missing.status_code, missing.headers["Content-Type"]) == (404, JSON)


def test_row_of_a_plain_serializer_is_not_a_feature(asked: Asked) -> None:
    for path in ("/rows/3/", "/rows/3.geojson"):
        answer = asked.get(path, headers={"Accept": GEOJSON})
        assert (answer.status_code, answer.headers["Content-Type"]) == (406, JSON)
        assert "format=json" in answer.json()["detail"]


def test_feature_is_written_as_geojson(asked: Asked) -> None:
    headers = {"Content-Type": GEOJSON, "Accept": GEOJSON}
    made = asked.request("post", "/stops/", json=FEATURE, headers=headers)
    assert (made.status_code, made.headers["Content-Type"]) == (201, GEOJSON)
    one = f"/stops/{made.json()['id']}/"
    moved = {**FEATURE, "properties": {"name": "Moved"}}
    for method in ("put", "patch"):
        answer = asked.request(method, one, json=moved, headers=headers)
        assert (answer.status_code, answer.json()["properties"]["name"]) == (200, "Moved")
    charset = {**headers, "Content-Type": "application/geo+json; charset=utf-8"}
    assert asked.request("put", one, json=moved, headers=charset).status_code == 200
    refused = asked.request("post", "/stops/", data=b"{", headers=headers)
    assert (refused.status_code, refused.headers["Content-Type"]) == (400, JSON)
    assert asked.request("delete", one).status_code == 204


def test_plain_viewset_negotiates_as_rest_framework_does(asked: Asked) -> None:
    assert answered(asked, "/plain.json", "text/csv") == (406, JSON)
    assert answered(asked, "/plain/1/", "application/json;q=0") == (200, JSON)
    sent = asked.request("post", "/plain/", json={}, headers={"Content-Type": GEOJSON})
    assert sent.status_code == 415


def test_team_404_page_is_shown_to_clients_that_do_not_ask_for_json(
    asked: Asked,
) -> None:
    for accept in ("*/*", "text/html", "text/html,*/*;q=0.8", "text/*"):
        answer = asked.get("/nowhere/", headers={"Accept": accept})
        assert (answer.status_code, "no such stop" in answer.text) == (404, True), accept
        assert "Accept" in answer.headers["Vary"]
    for accept in ("application/json", "application/json, */*;q=0.5"):
        answer = asked.get("/nowhere/", headers={"Accept": accept})
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, JSON), accept


def test_response_with_no_transform_is_not_compressed(asked: Asked) -> None:
    def encoding(path: str, **headers: str) -> str | None:
        answer = asked.get(path, headers={"Accept-Encoding": "gzip", **headers})
        assert answer.status_code == 200
        return answer.headers.get("Content-Encoding")

    assert encoding("/stops/?limit=30") == "gzip"
    assert encoding("/kept/?limit=30") is None
    assert encoding("/stops/?limit=30", **{"Cache-Control": "max-age=0, No-Transform"}) is None
    assert encoding("/stops/?limit=30", **{"Cache-Control": "no-transformers"}) == "gzip"


def test_live_check_finds_nothing_wrong(asked: Asked) -> None:
    # These views override list(), which the document cannot know.
    own = ["GET /own/everything/", "GET /own/listing/"]
    assert_nothing_wrong(asked.container, but=own)


# Last, because it writes.
def test_published_schema_is_true(asked: Asked, figures: Callable[[str], None]) -> None:
    without = ("--exclude-path-regex", "^/own/(everything|listing)/")
    figures(f"schemathesis as anonymous: {assert_schema_is_true(asked.base, *FEWER, *without)}")
