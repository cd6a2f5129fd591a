"""Every kind of geometry, dimension and coordinate system, shown, filtered, sent and sent back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import PostGIS
from tests.geo.shapes import KINDS, SYSTEMS, tables
from tests.support.containers import Container, Containers

PROJECT = Path(__file__).parent / "geometry_project"
SQUARE = [
    [[-122.68, 45.52], [-122.67, 45.52], [-122.67, 45.53], [-122.68, 45.53], [-122.68, 45.52]]
]
POLYGON = {"type": "Polygon", "coordinates": SQUARE}
TYPED = [
    f"{kind}{system}{'Z' * (dimension == 3)}".lower()
    for kind in KINDS
    for system in SYSTEMS
    for dimension in (2, 3)
]
ANY = [f"any{system}".lower() for system in SYSTEMS]


class Shapes:
    """The running API, at an address that is looked up once, and its database."""

    def __init__(self, container: Container, postgis: PostGIS, database: str) -> None:
        self.container, self.postgis, self.database = container, postgis, database
        self.session, self.base = container.session, container.url("")

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.base + path, timeout=30, **options)

    def send(self, method: str, path: str, body: Any) -> requests.Response:
        data = body if isinstance(body, str) else json.dumps(body)
        headers = {"Content-Type": "application/json"}
        return self.session.request(
            method, self.base + path, data=data, headers=headers, timeout=30
        )

    def sql(self, statement: str) -> str:
        return self.postgis.sql(statement, self.database)


@pytest.fixture(scope="module")
def shapes(postgis: PostGIS) -> Iterator[Shapes]:
    started = Containers()
    database = postgis.database()
    container = started.start(
        env=postgis.env(
            database,
            WEB_CONCURRENCY="1",
            DJANGO_SUPERUSER_USERNAME="root",
            DJANGO_SUPERUSER_PASSWORD="of-the-tests",
            DJANGO_SUPERUSER_EMAIL="root@example.org",
        ),
        mounts={
            PROJECT / "local_settings": "/code/src_files/local_settings:ro",
            PROJECT / "shapes": "/code/shapes:ro",
        },
        options=["--network", postgis.network],
    ).wait_until_ready()
    postgis.sql(tables(), database)
    yield Shapes(container, postgis, database)
    started.clean()


def post(api: Shapes, table: str, geometry: Any, **members: Any) -> requests.Response:
    feature = {"type": "Feature", "geometry": geometry, "properties": {"name": "new"}, **members}
    return api.send("POST", f"/{table}/", feature)


def stored(api: Shapes, table: str, row: int = 1, column: str = "geom") -> str:
    """The bytes of a geometry, its SRID among them."""
    shown = f"encode(ST_AsEWKB({column}::geometry), 'hex')"
    return api.sql(f"SELECT {shown} FROM shapes_{table} WHERE id = {row}")


def everything(api: Shapes) -> dict[tuple[str, int], str]:
    """The bytes of all geometries of all tables of the column ``geom``."""
    tables = [*TYPED, *ANY, "curved", "box"]
    selects = [
        f"SELECT '{table}', id, coalesce(encode(ST_AsEWKB(geom::geometry), 'hex'), '') "
        f"FROM shapes_{table} WHERE name NOT IN ('new', 'moved')"
        for table in tables
    ]
    rows = api.sql(" UNION ALL ".join(selects)).splitlines()
    return {(table, int(row)): data for table, row, data in (line.split("|") for line in rows)}


def text(api: Shapes, table: str, row: int, column: str = "geom") -> str:
    """The geometry in degrees, to the centimetre, as WKT."""
    degrees = f"ST_Transform({column}::geometry, 4326)" if "0" not in table else column
    return api.sql(f"SELECT ST_AsText({degrees}, 7) FROM shapes_{table} WHERE id = {row}")


# --- What clients send


def test_patch_of_a_features_geometry_without_properties_changes_it(shapes: Shapes) -> None:
    moved = {"type": "Point", "coordinates": [-122.5, 45.5]}
    new = post(shapes, "point4326", {"type": "Point", "coordinates": [1, 2]}).json()["id"]
    for body in (
        {"type": "Feature", "geometry": moved},
        {"geometry": {**moved, "coordinates": [-122.4, 45.5]}},
        {"geometry": moved, "name": "moved"},
    ):
        answer = shapes.send("PATCH", f"/point4326/{new}/", body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["geometry"]["coordinates"] == body["geometry"]["coordinates"]
    assert answer.json()["properties"] == {"name": "moved"}
    assert text(shapes, "point4326", new) == "POINT(-122.5 45.5)"
    answer = shapes.send("PATCH", f"/point4326/{new}/", {"type": "Feature", "geometry": None})
    assert answer.json()["geometry"] is None


@pytest.mark.parametrize("box", [[1, 2, 3, 4], [1, 2, 0, 3, 4, 9], None])
def test_bbox_of_four_or_six_numbers_or_null_is_taken(shapes: Shapes, box: list | None) -> None:
    for path in ("as-box", "with-boxes"):
        answer = post(shapes, path, POLYGON, bbox=box)
        assert answer.status_code == 201, answer.text
    shown = post(shapes, "as-box", None, bbox=box).json()["bbox"]
    assert shown == ([1.0, 2.0, 3.0, 4.0] if box else None)


@pytest.mark.parametrize("box", [[], [1, 2, 3], [1, 2, 3, "4"], [1, 2, 3, None], "1,2,3,4", {}, 5])
def test_bbox_that_is_none_is_answered_with_400_naming_it(shapes: Shapes, box: Any) -> None:
    answer = post(shapes, "as-box", None, bbox=box)
    assert (answer.status_code, list(answer.json())) == (400, ["bbox"])


def test_features_with_a_box_of_an_empty_geometry_are_shown(shapes: Shapes) -> None:
    for path in ("with-boxes", "as-box"):
        features = shapes.get(f"/{path}/?limit=3").json()["results"]["features"]
        assert features[0]["bbox"] == [-122.68, 45.52, -122.67, 45.53]
        assert features[1]["bbox"] is None
    rows = shapes.get("/with-box-of-field/?limit=3").json()["results"]
    assert [row["geom"] and row["geom"]["bbox"] for row in rows] == [
        features[0]["bbox"],
        None,
        None,
    ]


@pytest.mark.parametrize(
    ("table", "geometry"),
    [
        ("multipolygon", POLYGON),
        ("multipoint", {"type": "Point", "coordinates": [-122.68, 45.52]}),
        ("multilinestring", {"type": "LineString", "coordinates": SQUARE[0]}),
        ("geometrycollection", POLYGON),
    ],
)
@pytest.mark.parametrize("system", SYSTEMS)
def test_single_geometry_is_wrapped_for_a_column_of_many(
    shapes: Shapes, table: str, system: str, geometry: dict
) -> None:
    table += system.lower()
    answer = post(shapes, table, geometry)
    assert answer.status_code == 201, answer.text
    kind = text(shapes, table, answer.json()["id"]).partition("(")[0]
    assert kind == table.removesuffix(system.lower()).upper()


MISFITS = {
    "CIRCULARSTRING(0 0,1 1,2 0)": "Curves",
    "GEOMETRYCOLLECTION(CIRCULARSTRING(0 0,1 1,2 0))": "",
    "TIN(((0 0,1 0,1 1,0 0)))": "",
    "SRID=999999;POINT(1 2)": "SRID",
    "SRID=99999999999999999999;POINT(1 2)": "SRID",
    "POINT(nan 1)": "finite",
    "POINT(1 inf)": "",
    "POINT EMPTY": "empty",
    '{"type": "Point", "coordinates": [1e999, 1]}': "finite",
    '{"type": "Point", "coordinates": [1, -1e999]}': "finite",
    '{"type": "Point", "coordinates": [1, 1e308]}': "",
    '{"type": "Point", "coordinates": []}': "",
    '{"type": "Point"}': "",
    '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}': "",
    "{}": "",
    "[1, 2]": "",
    "5": "",
}


@pytest.mark.parametrize("table", ["point", "stock-point", "any", "multipoint"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_geometry_that_cannot_be_stored_is_answered_with_400_naming_the_field(
    shapes: Shapes, table: str, system: str
) -> None:
    for sent, reason in MISFITS.items():
        geometry = sent if sent[0] in "{[5" else json.dumps(sent)
        body = f'{{"type": "Feature", "geometry": {geometry}, "properties": {{"name": "no"}}}}'
        answer = shapes.send("POST", f"/{table}{system.lower()}/", body)
        assert answer.status_code == 400, (sent, answer.text)
        assert list(answer.json()) == ["geom"], (sent, answer.text)
        if "Expected" not in answer.text:
            assert reason in answer.text or system == "0", (sent, answer.text)
    place = {"type": "Point", "coordinates": [0, 95]}
    if system != "0":
        assert "latitude" in post(shapes, f"{table}{system.lower()}", place).text


def test_geometry_of_another_kind_than_the_columns_is_answered_with_400(shapes: Shapes) -> None:
    for table, geometry in {
        "multipolygon2913": {"type": "Point", "coordinates": [-122.68, 45.52]},
        "point4326": POLYGON,
        "stock-multipolygon4326": {"type": "Point", "coordinates": [-122.68, 45.52]},
    }.items():
        answer = post(shapes, table, geometry)
        assert answer.status_code == 400
        assert "Expected a " in answer.json()["geom"][0]
    collection = {"type": "GeometryCollection", "geometries": [POLYGON]}
    assert post(shapes, "multipolygon4326", collection).status_code == 400


@pytest.mark.parametrize("system", [name for name in SYSTEMS if name != "0"])
def test_geometry_in_another_system_is_brought_into_the_columns(
    shapes: Shapes, system: str
) -> None:
    table = f"point{system.lower()}"
    feet = "SRID=2913;POINT(7643413.021575881 683215.0082791819)"
    new = post(shapes, table, feet).json()["id"]
    assert text(shapes, table, new) == "POINT(-122.68 45.52)"
    # Without an SRID it is in degrees, as all that the mixin shows.
    new = post(shapes, table, "POINT(-122.68 45.52)").json()["id"]
    assert text(shapes, table, new) == "POINT(-122.68 45.52)"


# --- WGS 84


def test_projected_table_is_shown_and_taken_in_degrees(shapes: Shapes) -> None:
    for table in ("multipolygon2913", "multipolygon3857"):
        rows = shapes.get(f"/{table}/?limit=1").json()["results"]["features"]
        detail = shapes.get(f"/{table}/1/").json()
        stream = shapes.get(f"/{table}.geojson?limit=1").json()["features"]
        for feature in (*rows, detail, *stream):
            ring = feature["geometry"]["coordinates"][0][0]
            assert ring == [pytest.approx(point, abs=1e-9) for point in SQUARE[0]]
        wkt = shapes.get(f"/{table}.csv?limit=1").text
        assert "MULTIPOLYGON(((-122.6" in wkt
        changed = {"type": "MultiPolygon", "coordinates": [[[[x + 1, y] for x, y in SQUARE[0]]]]}
        new = post(shapes, table, changed).json()["id"]
        assert text(shapes, table, new).startswith("MULTIPOLYGON(((-121.68 45.52,")


def test_without_the_mixin_or_opted_out_coordinates_are_those_of_the_table(shapes: Shapes) -> None:
    x, y = shapes.get("/stock-point2913/1/").json()["geometry"]["coordinates"]
    assert (x, y) == (7643413.021575881, 683215.0082791819)
    assert shapes.get("/stored-any2913/1/").json()["geometry"]["coordinates"] == [x, y]
    streamed = shapes.get("/stored-any2913.geojson?limit=1").json()["features"]
    assert streamed[0]["geometry"]["coordinates"] == pytest.approx([x, y])


def test_two_columns_each_in_its_own_system_are_both_in_degrees(shapes: Shapes) -> None:
    for path in ("/plain-two/1/", "/two/1/"):
        row = shapes.get(path).json()
        area = row.get("area") or row["geometry"]
        place = row.get("place") or row["properties"]["place"]
        assert area["coordinates"][0][0][0] == pytest.approx([-122.68, 45.52], abs=1e-9)
        assert place["coordinates"] == [-122.68, 45.52]


def test_box_of_a_projected_geometry_is_in_degrees(shapes: Shapes) -> None:
    feature = shapes.get("/boxed-2913/1/").json()
    assert feature["bbox"] == pytest.approx([-122.68, 45.52, -122.67, 45.53], abs=1e-9)


# --- What was shown, sent back


@pytest.mark.parametrize("prefix", ["", "stock-"])
def test_feature_sent_back_as_it_was_shown_leaves_every_stored_bit(
    shapes: Shapes, prefix: str
) -> None:
    before = everything(shapes)
    refused = []
    for table, row in before:
        path = f"/{prefix}{table}/{row}/"
        answer = shapes.send("PUT", path, shapes.get(path).text)
        if answer.status_code != 200:
            refused.append((path, answer.text[:200]))
    after = everything(shapes)
    changed = [key for key in before if before[key] != after[key]]
    print(f"{len(before)} rows sent back, {len(changed) + len(refused)} differ")
    assert (changed, refused) == ([], [])
    assert len(before) > 400


def test_row_with_a_rounded_or_boxed_geometry_sent_back_keeps_it(shapes: Shapes) -> None:
    for path, table, column in (
        ("/rounded-two/1/", "two", "area"),
        ("/plain-two/1/", "two", "place"),
        ("/as-box/1/", "box", "geom"),
        ("/with-boxes/2/", "box", "geom"),
        ("/boxed-2913/1/", "multipolygon2913", "geom"),
    ):
        row = int(path.split("/")[2])
        before = stored(shapes, table, row, column)
        shown = shapes.get(path).json()
        assert shapes.send("PUT", path, shown).status_code == 200
        assert stored(shapes, table, row, column) == before, path
