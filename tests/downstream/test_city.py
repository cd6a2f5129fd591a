"""A city's database, read by two replicas of an API with a role that cannot read everything.

``city/handover.sql`` is such a database, and ``city/records`` is a team's code for it. Requests
alternate between the replicas, which have two workers each.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests

from tests.conftest import PostGIS
from tests.support import mvt
from tests.support.containers import Container, Containers, docker

pytestmark = pytest.mark.engine

HERE = Path(__file__).parent / "city"
CLIENTS = Path(__file__).parent.parent / "clients"
PROGRAMS = "backend-docker-django-clients:local"
OF_THE_READER = "of-the-tests"
HOST = {"Host": "city.example"}  # the same for both replicas, as behind a proxy
PLACE = "9/81/183"  # a tile with all rows that the role may see
HIDDEN_PLACE = "/".join(map(str, mvt.tile_at(-119.69, 45.58, 9)))
BOX = "-123,45,-122,46"
HIDDEN = re.compile(rb"hidden (?:complaint|call|pay|inspector) \d+|payroll|permission denied")


@dataclass(frozen=True)
class Table:
    """A relation, its key, and a text that identifies rows, in SQL. ``label`` is its field."""

    relation: str
    key: str
    text: str
    label: str
    geometry: str = "geom"
    has_one_type: bool = True  # of geometry, as a FlatGeobuf requires


TABLES = {
    "lots": Table('"Tax Lots"', "gid", '"Owner\'s Name"', "owner"),
    "signals": Table("signals", "corridor", "pole", "pole"),
    "assets": Table("assets", "id", "name", "name"),
    "tickets": Table(
        "tickets", "json_build_array(number::text, city)", "amount::text", label="amount"
    ),
    "inspections": Table("inspections", "id", "place", "place"),
    "shapes": Table('"Odd Shapes"', '"Shape ID"', '"select"', "select", '"geo m"', False),
    "complaints": Table("complaints", "id", "body", "body"),
    "invoked": Table("complaints_invoked", "id", "body", "body"),
    "membercomplaints": Table("complaints_of_members", "id", "body", "body"),
    "calls": Table("calls_of_members", "id", "body", "body"),
    "hundreds": Table("complaints_by_hundred", "hundred", "name", "name"),
    "stops": Table("stops", "stop_id", '"Stop Name"', "name", "loc"),
}
RESTRICTED = ("complaints", "invoked", "membercomplaints", "calls")
Row = tuple[str, str, tuple[float, float] | None]


@dataclass
class City:
    """The replicas, and the database as the API's role sees it."""

    replicas: list[Container]
    postgis: PostGIS
    database: str
    reader: str
    _turns: Iterator[str] = field(init=False)
    _session: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self._turns = itertools.cycle([each.url("") for each in self.replicas])

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request to the next replica. ``path`` can be a link from the other one."""
        parts = urlsplit(path)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return self._session.request(method, next(self._turns) + path, timeout=60, **options)

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.request("GET", path, headers=headers)

    def get_ok(self, path: str) -> requests.Response:
        answer = self.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
        return answer

    def features(self, path: str) -> list[dict]:
        return self.get_ok(path).json()["results"]["features"]

    def walk(self, path: str, link: str = "next") -> Iterator[dict]:
        """The rows of all pages, which come from the replicas in turn."""
        while path:
            page = self.get_ok(path).json()
            yield from page["results"]["features"]
            path = page[link]

    def rows(self, name: str) -> list[Row]:
        """The rows that the API's role sees in SQL."""
        table = TABLES[name]
        shape = f"ST_Force2D(ST_CurveToLine({table.geometry}::geometry))"
        shape = f"ST_AsText(ST_Transform({shape}, 4326))"
        row = f"json_build_array(({table.key})::text, {table.text}, {shape})"
        asked = f"SELECT json_agg({row}) FROM {table.relation}"  # noqa: S608
        as_reader = f'SET ROLE "{self.reader}"; SET search_path = city, public; '
        printed = self.postgis.sql(as_reader + asked, self.database)
        return [(key, text, corner_of_wkt(shape)) for key, text, shape in json.loads(printed)]


@pytest.fixture(scope="module")
def city(postgis: PostGIS) -> Iterator[City]:
    started, own, database = Containers(), postgis.database(), postgis.database()
    # A name that Django cannot use, tables that its role cannot read, and json in a JSONField.
    started.may_log("(backend.W0", "permission denied for table", "/masts/")
    reader = f"reader_{database}"
    postgis.sql(f"\\set reader {reader}\n" + (HERE / "handover.sql").read_text(), database)
    url = f"postgis://{reader}:{OF_THE_READER}@{postgis.host}:5432/{database}"
    replicas = [
        started.start(
            env=postgis.env(
                own,
                WEB_CONCURRENCY="2",
                CITY_DATABASE_URL=f"{url}?options=-c%20search_path%3Dcity,public",
                ALLOWED_HOSTS="*",
                # Higher counts of unrestricted tables are estimates.
                EXACT_COUNT_LIMIT="20",
            ),
            mounts={
                HERE / "local_settings": "/code/src_files/local_settings:ro",
                HERE / "records": "/code/records:ro",
            },
            options=["--network", postgis.network],
        )
        for _ in range(2)
    ]
    yield City([each.wait_until_ready() for each in replicas], postgis, database, reader)
    started.clean()


@pytest.fixture(scope="module")
def ogr2ogr(city: City) -> Iterator[Callable[..., list[dict]]]:
    """A function that reads features from the next replica with GDAL."""
    docker("build", "--tag", PROGRAMS, CLIENTS, timeout=1800)
    started = Containers()
    options = ["--network", city.postgis.network]
    beside = started.start("sleep", "infinity", image=PROGRAMS, options=options)
    names = itertools.cycle([each.name for each in city.replicas])

    def read(before: str, path: str) -> list[dict]:
        source = f"{before}http://{next(names)}:8000{path}"
        output = ("-f", "GeoJSONSeq", "/vsistdout/", "-lco", "COORDINATE_PRECISION=9")
        # With Arrow, GDAL 3.10 mixes up the geometries of rows if some rows have none.
        plain = ("--config", "OGR2OGR_USE_ARROW_API", "NO")
        printed = docker("exec", beside.name, "ogr2ogr", *plain, *output, source).stdout
        return [json.loads(line) for line in printed.splitlines()]

    yield read
    started.clean()


# --- Rows as this test compares them


def corner(numbers: list[float]) -> tuple[float, float] | None:
    """The southwest corner of a 2D shape. No value is where rounding could go either way."""
    return (round(min(numbers[::2]), 5), round(min(numbers[1::2]), 5)) if numbers else None


def corner_of_wkt(text: str | None) -> tuple[float, float] | None:
    vertices = re.findall(r"[(,]\s*(-?[\d.]+) (-?[\d.]+)", text or "")
    return corner([float(number) for vertex in vertices for number in vertex])


def corner_of_geojson(geometry: dict | None) -> tuple[float, float] | None:
    return corner(list(_numbers((geometry or {}).get("coordinates", []))))


def _numbers(coordinates: list) -> Iterator[float]:
    if coordinates and isinstance(coordinates[0], (int, float)):
        yield from coordinates[:2]
        return
    for part in coordinates:
        yield from _numbers(part)


def of_features(features: list[dict], label: str) -> list[Row]:
    return [
        (str(each["id"]), each["properties"][label], corner_of_geojson(each["geometry"]))
        for each in features
    ]


def of_csv(text: str, label: str, geometry: str) -> list[Row]:
    header, *lines = csv.reader(io.StringIO(text))
    columns = header.index(geometry), header.index(label)
    return [(line[0], line[columns[1]], corner_of_wkt(line[columns[0]])) for line in lines]


def formats(city: City, name: str) -> Iterator[tuple[str, list[Row]]]:
    """The rows of a table in each format."""
    label, geometry = TABLES[name].label, TABLES[name].geometry.replace('"geo m"', "geo_m")
    yield "walk", of_features([*city.walk(f"/{name}/?limit=7")], label)
    yield "list", of_features(city.features(f"/{name}/?limit=1000"), label)
    yield "geojson", of_features(city.get_ok(f"/{name}.geojson").json()["features"], label)
    sequence = city.get_ok(f"/{name}.geojsonl").content.decode().split("\x1e")[1:]
    yield "geojsonl", of_features([json.loads(record) for record in sequence], label)
    yield "csv", of_csv(city.get_ok(f"/{name}.csv").content.decode(), label, geometry)


def places(city: City, name: str) -> Iterator[tuple[str, list[str]]]:
    """The texts of the rows that each spatial query finds."""
    label = TABLES[name].label
    features = city.features(f"/{name}/?in_bbox={BOX}&limit=1000")
    yield "in_bbox", [each["properties"][label] for each in features]
    (layer,) = mvt.layers(city.get_ok(f"/{name}/tiles/{PLACE}.mvt").content).values()
    yield "tile", [each.properties[label] for each in layer]
    tiles = city.get_ok(f"/{name}.csv?tile={PLACE}").content.decode()
    columns = csv.DictReader(io.StringIO(tiles))
    yield "csv of a tile", [line[label] for line in columns]


def test_every_row_comes_once_in_every_format_from_both_replicas_as_sql_says(city, figures):
    cells, count, differ = 0, 0, []
    for name in TABLES:
        rows = city.rows(name)
        compared = [(rows, *each) for each in formats(city, name)]
        placed = [text for _, text, corner in rows if corner]
        compared += [(placed, *each) for each in places(city, name)]
        for wanted, way, got in compared:
            cells, count = cells + 1, count + len(got)
            if more := Counter(map(str, wanted)) - Counter(map(str, got)):
                differ.append(f"{name}, {way}: {len(more)} are missing, such as {next(iter(more))}")
            if more := Counter(map(str, got)) - Counter(map(str, wanted)):
                differ.append(
                    f"{name}, {way}: {len(more)} are unexpected, such as {next(iter(more))}"
                )
    figures(f"{len(TABLES)} tables, 2 replicas, {cells} cells, {count} rows, {len(differ)} differ")
    assert not differ
    assert cells == len(TABLES) * 8


def test_gdal_reads_the_same_rows_from_both_replicas(city, ogr2ogr, figures):
    differ, cells = [], 0
    for name, table in TABLES.items():
        rows = [(text, corner) for _, text, corner in city.rows(name)]
        ways = [("", ".geojson"), ("/vsicurl_streaming/", ".geojsonl")]
        ways += [("/vsicurl_streaming/", ".fgb")] * table.has_one_type
        for before, suffix in ways:
            cells += 1
            got = [
                (each["properties"][table.label], corner_of_geojson(each["geometry"]))
                for each in ogr2ogr(before, f"/{name}{suffix}")
            ]
            if Counter(map(str, got)) != Counter(map(str, rows)):
                differ.append(f"{name}{suffix}: {len(got)} of {len(rows)} rows, {got[:1]}")
    figures(f"GDAL: {cells} cells, {len(differ)} differ")
    assert not differ


def test_values_are_the_same_on_a_page_and_in_a_stream(city):
    for name in TABLES:
        # 4.0 equals 4.
        page = city.get_ok(f"/{name}/?limit=1000").json(parse_int=float)["results"]["features"]
        stream = city.get_ok(f"/{name}.geojson").json(parse_int=float)["features"]
        assert values(page) == values(stream), name


def values(features: list[dict]) -> Counter[str]:
    return Counter(json.dumps([each["id"], sorted(each["properties"].items())])
                   for each in features)  # fmt: skip


def test_cursors_of_one_replica_work_at_the_other_forward_and_backward(city):
    for name in ("bylocal", "byat", "byscore"):
        there = [each["id"] for each in city.walk(f"/{name}/?limit=7")]
        assert sorted(there) == [int(key) for key, *_ in sorted(city.rows("inspections"), key=int_)]
        last = f"/{name}/?limit=7"
        while following := city.get_ok(last).json()["next"]:
            last = following
        pages = []
        while last:
            page = city.get_ok(last).json()
            pages.append([each["id"] for each in page["results"]["features"]])
            last = page["previous"]
        assert list(itertools.chain(*reversed(pages))) == there, name


def int_(row: Row) -> int:
    return int(row[0])


def test_row_is_found_by_a_time_without_zone_as_it_is_shown(city):
    shown = Counter(each["properties"]["local"] for each in city.walk("/inspections/?limit=7"))
    # In the hour that occurs twice, Python means the first one, and PostgreSQL the second.
    once = {text: rows for text, rows in shown.items() if "T01:" not in text}
    assert len(once) > 20
    for text, rows in once.items():
        assert city.get_ok(f"/inspections/?local={quote(text)}").json()["count"] == rows, text


# --- Rows that the role cannot see ------------------------------------------------------------


def test_nothing_hidden_is_counted_estimated_bounded_or_drawn(city):
    for name in RESTRICTED:
        rows = len(city.rows(name))
        for query in ("limit=1", "limit=1&count=exact", "limit=5&offset=10", f"in_bbox={BOX}"):
            page = city.get_ok(f"/{name}/?{query}").json()
            assert (page["count"], page.get("count_estimated")) == (rows, None), (name, query)
        assert city.get_ok(f"/{name}/tiles/").json()["bounds"][2] < -121, name
        assert city.get(f"/{name}/tiles/{HIDDEN_PLACE}.mvt").status_code == 204, name
    for path in ("/complaints/?district=hidden", "/calls/?body=hidden%20call%2031"):
        assert city.get_ok(path).json()["count"] == 0
    hidden = city.postgis.sql("SELECT id FROM city.complaints WHERE district <> 'north' LIMIT 1",
                              city.database)  # fmt: skip
    for name in RESTRICTED[:3]:
        assert city.get(f"/{name}/{hidden}/").status_code == 404


PAGES = ("/", "/?format=api", "/?limit=1&offset=100", "/?fields=nothing", "/?unknown=1", ".geojson")
PAGES += (".csv", ".fgb", "/tiles/", f"/tiles/{HIDDEN_PLACE}.mvt", "/map/", "/?ordering=-id")
PAGES += ("/1/", "/?in_bbox=-121,39,-119,47", "/?home__in_bbox=-121,39,-119,47")


def test_nothing_hidden_is_in_any_page_or_error(city):
    names = [*RESTRICTED, "inspections", "pay", "whole"]
    paths = [f"/{name}{page}" for name in names for page in PAGES] + ["/", "/swagger.json"]
    shown = {path: HIDDEN.findall(city.get(path).content) for path in paths}
    assert not {path: values for path, values in shown.items() if values}
    assert HIDDEN.search(b"hidden complaint 1")


def test_table_without_permission_is_an_error_and_others_still_work(city):
    refused = ["/pay/", "/pay.geojson", "/pay.csv", f"/pay/tiles/{PLACE}.mvt", "/pay/1/"]
    refused += ["/whole/", "/whole.csv", "/whole/?inspector=x", "/whole/1/"]
    for path in refused:
        answer = city.get(path)
        assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error."})
    # The model is wrong, whatever the client sends. Django's code that converts a row also contains
    # such small numbers, but the client is not at fault.
    assert [city.get(f"/masts/?limit={n}").status_code for n in range(1, 4)] == [500] * 3
    # Columns that the role may read are enough.
    assert city.get_ok("/whole/?fields=place").json()["count"] == 60
    assert len(city.get_ok("/whole.csv?fields=place").text.splitlines()) > 60


DIAGNOSES = """
records.Pay: The role '{reader}' cannot read the table 'payroll'.
Run GRANT SELECT ON "payroll" TO "{reader}"; as the table's owner, or remove the model.
records.WholeInspection: The role '{reader}' cannot read 'inspector', 'home' of the table
Run GRANT SELECT ("inspector", "home") ON "inspections" TO "{reader}"; as the table's owner,
records.KeylessSignal: The table 'signals' has no column 'id'.
Set primary_key on the field whose values are unique, or name several in a CompositePrimaryKey.
records.Gone: No schema of the search_path has a table 'gone'.
records.Signal: The table 'signals' has no unique index on its primary key ('corridor')
records.Asset: The table 'assets' has no unique index on its primary key ('id')
records.District: Some rows of 'complaints_invoked' have the same primary key ('district')
records.ShapeInFeet: The field 'geo_m' has srid=0, but its rows have 2913:
Set srid=2913 on the field.
the name 'Net Worth ($)' in PostgreSQL: it contains a $ or a %. (backend.W012)
Timestamps without time zone ('records.Inspection.local') are shown in TIME_ZONE
Set DATABASES["city"]["TIME_ZONE"] = "America/Los_Angeles".
"""


def test_doctor_names_what_cannot_be_read_and_what_to_do(city):
    command = ("env", "CITY_TIME_ZONE=UTC", "python", "manage.py", "doctor")
    output = city.replicas[0].exec(*command, check=False)
    wanted = DIAGNOSES.format(reader=city.reader).strip().splitlines()
    assert [line for line in wanted if line not in output] == []
    of_models = re.findall(r"database city: records\.(\w+):", output)
    named = ["Asset", "District", "Gone", "KeylessSignal", "Mast", "Pay", "ShapeInFeet", "Signal"]
    assert sorted(of_models) == [*named, "WholeInspection"]


# --- Two replicas of one API --------------------------------------------------------------------


def test_both_replicas_return_the_same_etag(city):
    paths = [f"/{name}{page}" for name in ("lots", "complaints", "signals")
             for page in ("/", ".csv", ".geojson", "/tiles/", f"/tiles/{PLACE}.mvt")]  # fmt: skip
    for path in [*paths, "/lots/5/", "/stops/S5/"]:
        etag = city.get(path, **HOST).headers["ETag"]
        again = [city.get(path, **HOST, **{"If-None-Match": etag}).status_code for _ in range(4)]
        assert again == [304] * 4, path


def test_what_is_written_at_one_replica_is_seen_and_compared_at_the_other(city):
    path = "/stops/S7/"
    read = [city.get(path, **HOST).headers["ETag"] for _ in range(2)]
    statuses = [
        city.request(
            "PATCH",
            path,
            json={"properties": {"name": f"renamed {number}"}},
            headers={**HOST, "If-Match": etag},
        ).status_code
        for number, etag in enumerate(read)
    ]
    assert statuses == [200, 412]
    for _ in range(2):
        answer = city.get(path, **HOST, **{"If-None-Match": read[0]})
        assert answer.json()["properties"]["name"] == "renamed 0"
    assert city.request("DELETE", path, headers=HOST).status_code == 500  # the role can only update
    assert ("S7", "renamed 0") in [row[:2] for row in city.rows("stops")]
