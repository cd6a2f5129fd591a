"""Timestamps without a time zone, of a zone that ``metadata.yml`` names."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pyogrio.raw
import pytest

from backend.conf.errors import StartupError
from backend.tables.generator import metadata
from tests.conftest import PostGIS
from tests.support.containers import Containers
from tests.support.places import Api

pytestmark = pytest.mark.engine

TABLES = """
CREATE TABLE counts (
    at timestamp PRIMARY KEY, ended timestamp, geom geometry(Point, 4326)
);
INSERT INTO counts VALUES
('2024-07-01 12:30', '2024-07-01 12:30:00.25', ST_Point(0, 1, 4326)),
('2024-01-01 00:00', NULL, NULL),
-- In the hour that occurs twice, and around the hour that does not occur.
('2024-11-03 01:30', '2024-11-03 02:00', ST_Point(0, 2, 4326)),
('2024-03-10 02:30', '2024-03-10 01:59:59', ST_Point(0, 3, 4326)),
('2024-03-10 03:15', '2024-03-10 03:00', ST_Point(0, 4, 4326)),
('9999-12-31 23:59:59.999999', 'infinity', NULL),
('0044-03-15 12:00 BC', '-infinity', NULL);
CREATE TABLE elsewhere (id integer PRIMARY KEY, at timestamp);
INSERT INTO elsewhere VALUES (1, '2024-07-01 12:30');
"""
METADATA = """
timezone: America/Los_Angeles
tables:
  elsewhere:
    timezone: Asia/Kathmandu
"""
NOON = "2024-07-01T12:30:00-07:00"
TWICE, NEVER, AFTER = (
    *("2024-11-03T01:30:00-07:00", "2024-03-10T02:30:00-08:00", "2024-03-10T03:15:00-07:00"),
)
LAST, CAESAR = "9999-12-31T23:59:59.999999-08:00", "0044-03-15 12:00:00 BC"
KEYS = [CAESAR, "2024-01-01T00:00:00-08:00", NEVER, AFTER, NOON, TWICE, LAST]


@pytest.fixture(scope="module")
def api(postgis: PostGIS, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    started, database = Containers(), postgis.database()
    postgis.sql(TABLES, database)
    file = tmp_path_factory.mktemp("metadata") / "metadata.yml"
    file.write_text(METADATA)
    started.may_log("The role api is a superuser")
    container = started.start(
        env=postgis.env(
            database,
            WEB_CONCURRENCY="1",
            PUBLISH_SCHEMAS="public",
            PUBLISH_METADATA="/metadata.yml",
        ),
        mounts={file: "/metadata.yml"},
        options=["--network", postgis.network],
    ).wait_until_ready()
    yield Api(container, postgis, database, database)
    started.clean()


def keys(api: Api, **params: str) -> list[str]:
    answer = api.get("/api/counts/", params={"fields": "at", **params})
    assert answer.status_code == 200, answer.text
    return [each["id"] for each in answer.json()["results"]["features"]]


def test_values_have_the_offset_of_the_zone_in_every_format(api: Api) -> None:
    shown = {
        each["id"]: each["properties"]["ended"]
        for each in api.get("/api/counts/?limit=20").json()["results"]["features"]
    }
    assert list(shown) == KEYS
    assert shown[NOON] == "2024-07-01T12:30:00.250000-07:00"
    assert shown[NEVER] == "2024-03-10T01:59:59-08:00"
    assert shown[TWICE] == "2024-11-03T02:00:00-08:00"
    assert shown[LAST] == LAST
    stream = json.loads(api.get("/api/counts.geojson").text)["features"]
    assert {each["id"]: each["properties"]["ended"] for each in stream} == shown
    table = csv.DictReader(io.StringIO(api.get("/api/counts.csv").text))
    assert {row["at"]: row["ended"] or None for row in table} == shown
    meta, _, _, columns = pyogrio.raw.read(
        api.get("/api/counts.fgb?at__gte=2024-02-01T00:00&at__lt=2025-01-01T00:00").content
    )
    read = dict(zip(meta["fields"], columns, strict=True))
    # GDAL keeps the moment, and pyogrio shows it in UTC.
    assert {str(each)[:19] for each in read["at"]} == {
        *("2024-03-10T10:30:00", "2024-03-10T10:15:00", "2024-07-01T19:30:00"),
        *("2024-11-03T08:30:00",),
    }


def test_another_table_has_a_zone_of_its_own(api: Api) -> None:
    assert api.get("/api/elsewhere/1/").json()["at"] == "2024-07-01T12:30:00+05:45"


@pytest.mark.parametrize("key", KEYS)
def test_each_row_is_under_its_key(api: Api, key: str) -> None:
    answer = api.get(f"/api/counts/{key}/")
    assert (answer.status_code, answer.json().get("id")) == (200, key)


def test_filters_take_any_offset_and_without_one_the_zone(api: Api) -> None:
    for value in ("2024-07-01T12:30:00-07:00", "2024-07-01T19:30:00Z", "2024-07-01T12:30"):
        assert keys(api, at=value) == [NOON]
        assert keys(api, at__in=f"{value},2024-01-01T08:00:00Z")[1:] == [NOON]
    assert keys(api, at__gt="2024-07-01T19:30:00Z") == [TWICE, LAST]
    assert keys(api, at=NEVER) == [NEVER]
    assert keys(api, at=CAESAR) == [CAESAR]
    assert keys(api, ended="infinity") == [LAST]
    answer = api.get("/api/counts/?at=noon")
    assert answer.status_code == 400
    assert "2024-07-01T12:30:00-07:00" in answer.json()["at"][0]


@pytest.mark.parametrize("ordering", ["at", "-at"])
def test_pages_have_every_row_once(api: Api, ordering: str) -> None:
    path, seen = f"/api/counts/?limit=1&ordering={ordering}", []
    while path:
        page = api.get(path).json()
        seen += [each["id"] for each in page["results"]["features"]]
        path = page["next"] and page["next"][page["next"].index("/api/") :]
    assert seen == (KEYS if ordering == "at" else KEYS[::-1])


def test_document_says_that_a_value_has_an_offset(api: Api) -> None:
    properties = api.get("/swagger.json").json()["definitions"]["SparseElsewhere"]["properties"]
    assert properties["at"]["format"] == "date-time"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("timezone: America/Los_Angles", "Did you mean America/Los_Angeles?"),
        ("timezone: 7", "Write timezone: text"),
        ("tables: {counts: {timezone: PDT}}", "timezone of counts is 'PDT'"),
    ],
)
def test_unknown_zone_is_an_error_of_two_lines(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "metadata.yml"
    file.write_text(text)
    with pytest.raises(StartupError) as raised:
        metadata.read(file)
    assert expected in f"{raised.value.problem} {raised.value.fix}"
    assert str(file) in raised.value.problem
