"""Every kind of geometry, dimension, and coordinate system: shown, filtered, and sent back."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyogrio
import pytest
import requests

from tests.conftest import PostGIS
from tests.geo.shapes import CURVED, KINDS, SYSTEMS, tables
from tests.support import logs
from tests.support.containers import Container, Containers
from tests.support.live import assert_nothing_wrong
from tests.support.mvt import layers, lonlat, tile_at
from tests.support.plans import explain, nodes

pytestmark = pytest.mark.engine

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
PLANE = [table for table in TYPED if not table.endswith("z")]
ANY = [f"any{system}".lower() for system in SYSTEMS]


class Shapes:
    """The running API, with an address that is looked up only once, and its database."""

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

    def log_in(self) -> requests.Session:
        """A session of the superuser."""
        session = requests.Session()
        address = f"{self.base}/admin/login/"
        session.get(address, timeout=30)
        form = {"username": "root", "password": "of-the-tests"}
        form["csrfmiddlewaretoken"] = session.cookies["csrftoken"]
        form["next"] = "/admin/"
        answer = session.post(address, data=form, headers={"Referer": address}, timeout=30)
        assert answer.status_code == 200
        return session

    def sql(self, statement: str) -> str:
        return self.postgis.sql(statement, self.database)


def start(started: Containers, postgis: PostGIS, database: str, **env: str) -> Container:
    container = started.start(
        env=postgis.env(
            database,
            WEB_CONCURRENCY="1",
            DJANGO_SUPERUSER_USERNAME="root",
            DJANGO_SUPERUSER_PASSWORD="of-the-tests",
            DJANGO_SUPERUSER_EMAIL="root@example.org",
            **env,
        ),
        mounts={
            PROJECT / "local_settings": "/code/src_files/local_settings:ro",
            PROJECT / "shapes": "/code/shapes:ro",
        },
        options=["--network", postgis.network],
    )
    return container.may_log(logs.UNREADABLE).wait_until_ready()


@pytest.fixture(scope="module")
def shapes(postgis: PostGIS) -> Iterator[Shapes]:
    started = Containers()
    database = postgis.database()
    container = start(started, postgis, database)
    postgis.sql(tables(), database)
    yield Shapes(container, postgis, database)
    started.clean()


def post(api: Shapes, table: str, geometry: Any, **members: Any) -> requests.Response:
    feature = {"type": "Feature", "geometry": geometry, "properties": {"name": "new"}, **members}
    return api.send("POST", f"/{table}/", feature)


def stored(api: Shapes, table: str, row: int = 1, column: str = "geom") -> str:
    """The bytes of a geometry, including its SRID."""
    shown = f"encode(ST_AsEWKB({column}::geometry), 'hex')"
    return api.sql(f"SELECT {shown} FROM shapes_{table} WHERE id = {row}")


def everything(api: Shapes) -> dict[tuple[str, int], str]:
    """The bytes of all geometries in the tables with a column ``geom``."""
    tables = [*TYPED, *ANY, "curved", "box"]
    selects = [
        f"SELECT '{table}', id, coalesce(encode(ST_AsEWKB(geom::geometry), 'hex'), '') "
        f"FROM shapes_{table} WHERE name NOT IN ('new', 'moved')"
        for table in tables
    ]
    rows = api.sql(" UNION ALL ".join(selects)).splitlines()
    return {(table, int(row)): data for table, row, data in (line.split("|") for line in rows)}


def text(api: Shapes, table: str, row: int, column: str = "geom") -> str:
    """The geometry in degrees as WKT, to the centimeter."""
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
def test_bbox_of_four_or_six_numbers_or_null_is_accepted(shapes: Shapes, box: list | None) -> None:
    for path in ("as-box", "with-boxes"):
        answer = post(shapes, path, POLYGON, bbox=box)
        assert answer.status_code == 201, answer.text
    shown = post(shapes, "as-box", None, bbox=box).json()["bbox"]
    assert shown == ([1.0, 2.0, 3.0, 4.0] if box else None)


@pytest.mark.parametrize("box", [[], [1, 2, 3], [1, 2, 3, "4"], [1, 2, 3, None], "1,2,3,4", {}, 5])
def test_invalid_bbox_is_answered_with_400_naming_it(shapes: Shapes, box: Any) -> None:
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
    "CIRCULARSTRING(0 0,1 1,2 0)": "curves",
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
    # Without an SRID it is in degrees, like everything that the mixin shows.
    new = post(shapes, table, "POINT(-122.68 45.52)").json()["id"]
    assert text(shapes, table, new) == "POINT(-122.68 45.52)"


# --- WGS 84


def test_projected_table_is_shown_and_accepted_in_degrees(shapes: Shapes) -> None:
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


# --- Geometries sent back as they were shown


def test_false_is_not_accepted_for_a_stored_coordinate_of_zero(shapes: Shapes) -> None:
    made = post(shapes, "point4326", {"type": "Point", "coordinates": [0, 1]}).json()
    path = f"/point4326/{made['id']}/"
    same = {"geometry": {"type": "Point", "coordinates": [0, 1]}}
    other = {"geometry": {"type": "Point", "coordinates": [False, True]}}
    assert shapes.send("PATCH", path, {"type": "Feature", **same}).status_code == 200
    answer = shapes.send("PATCH", path, {"type": "Feature", **other})
    shapes.sql(f"DELETE FROM shapes_point4326 WHERE id = {made['id']}")
    assert answer.status_code == 400


@pytest.mark.parametrize("prefix", ["", "stock-"])
def test_feature_sent_back_as_it_was_shown_changes_no_stored_bit(
    shapes: Shapes, prefix: str
) -> None:
    before = everything(shapes)
    refused = []
    # With the mixin, all tables; without it, those with rows of every kind.
    for table in ANY if prefix else [*PLANE, *ANY, "curved", "box"]:
        page = shapes.get(f"/{prefix}{table}/?limit=100").json()["results"]
        for feature in page["features"]:
            path = f"/{prefix}{table}/{feature['id']}/"
            answer = shapes.send("PUT", path, feature)
            if answer.status_code != 200:
                refused.append((path, answer.text[:200]))
    after = everything(shapes)
    changed = [key for key in before if before[key] != after[key]]
    print(f"{len(before)} rows, {len(changed)} changed, {len(refused)} refused")
    assert (changed, refused) == ([], [])


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


# --- Every table in every format, through every filter

TILE = tile_at(-122.66, 45.525, 11)
LARGE = "POLYGON((-123 45,-122 45,-122 46,-123 46,-123 45))"
INSIDE = "POINT(-122.672 45.522)"
FILTERS = {
    "in_bbox=-122.7,45.5,-122.6,45.6": "all",
    "in_bbox=-180,-90,180,90": "all",
    "in_bbox=-122.5,45.5,-122.4,45.6": "none",
    f"tile={'/'.join(map(str, TILE))}": "all",
    "point=-122.68,45.52&dist=3000": "all",
    "point=-122.68,45.62&dist=3000": "none",
    f"intersects={LARGE}": "all",
    f"within={LARGE}": "all",
    f"contains={INSIDE}": "around",
}
AREAS = {"Polygon", "MultiPolygon", "CurvePolygon", "MultiSurface", "Triangle", "Tin"}
AREAS |= {"PolyhedralSurface", "NestedCollection", "CollectionOfTins", "curve"}
Vertices = list[tuple[float, ...]]


def vertices_by_sql(api: Shapes, tables: list[str]) -> dict[str, dict[int, Vertices]]:
    """The vertices of each row in degrees, computed by PostGIS, with curves as lines."""
    selects = []
    for table in tables:
        # Before the transformation, because a circle in a plane is a different curve in degrees.
        shape = "ST_CurveToLine(geom)"
        if not table.endswith(("0", "0z")):
            shape = f"ST_Transform({shape}, 4326)"
        if "geography" in table:
            shape = "geom::geometry"
        selects.append(
            f"SELECT '{table}', id, string_agg(ST_X(p.geom) || ' ' || ST_Y(p.geom), ',' "
            f"ORDER BY p.path) FROM (SELECT id, {shape} AS geom FROM shapes_{table}) s "
            "LEFT JOIN LATERAL ST_DumpPoints(s.geom) p ON NOT ST_IsEmpty(p.geom) GROUP BY id"
        )
    vertices: dict[str, dict[int, Vertices]] = {table: {} for table in tables}
    for line in api.sql(";".join(selects)).splitlines():
        table, row, points = line.split("|")
        places = [tuple(map(float, point.split())) for point in points.split(",") if point]
        vertices[table][int(row)] = places
    return vertices


def vertices(geometry: dict | None) -> Vertices:
    """All vertices of a GeoJSON geometry, in two dimensions."""
    if geometry is None:
        return []
    if "geometries" in geometry:
        return [point for each in geometry["geometries"] for point in vertices(each)]
    return [tuple(point[:2]) for point in _positions(geometry["coordinates"])]


def _positions(coordinates: list) -> Iterator[list]:
    if coordinates and isinstance(coordinates[0], (int, float)):
        yield coordinates
        return
    for each in coordinates:
        yield from _positions(each)


def of_features(features: list[dict]) -> dict[int, Vertices]:
    return {feature["id"]: vertices(feature["geometry"]) for feature in features}


def of_page(answer: requests.Response) -> dict[int, Vertices]:
    return of_features(answer.json()["results"]["features"])


def of_stream(answer: requests.Response) -> dict[int, Vertices]:
    return of_features(answer.json()["features"])


def of_sequence(answer: requests.Response) -> dict[int, Vertices]:
    return of_features([json.loads(record) for record in answer.text.split("\x1e")[1:]])


def of_csv(answer: requests.Response) -> dict[int, Vertices]:
    vertices = {}
    for row in csv.DictReader(io.StringIO(answer.text)):
        groups = re.findall(r"[-\d.e]+(?: [-\d.e]+)+", row["geom"])
        points = [tuple(map(float, point.split()[:2])) for point in groups]
        vertices[int(row["id"])] = points
    return vertices


def of_flatgeobuf(answer: requests.Response) -> dict[int, Vertices]:
    meta, _, geometries, columns = pyogrio.raw.read(answer.content)
    ids = columns[list(meta["fields"]).index("id")]
    return {
        int(row): [] if wkb is None else list(_of_wkb(io.BytesIO(wkb)))
        for row, wkb in zip(ids, geometries, strict=True)
    }


def _of_wkb(data: io.BytesIO) -> Iterator[tuple[float, ...]]:
    """The vertices of GDAL's WKB, in two dimensions."""
    (kind,) = struct.unpack("<xI", data.read(5))
    size = 16 if kind < 1000 else 24
    kind &= 0xFFFF  # without the flag of a third dimension
    if kind % 1000 == 1:
        yield struct.unpack("<2d", data.read(size)[:16])
        return
    (count,) = struct.unpack("<I", data.read(4))
    for _ in range(count):
        if kind % 1000 > 3:
            yield from _of_wkb(data)
            continue
        points = 1 if kind % 1000 == 2 else struct.unpack("<I", data.read(4))[0]
        for _ in range(points):
            yield struct.unpack("<2d", data.read(size)[:16])


FORMATS = {
    "/?limit=100": of_page,
    ".geojson": of_stream,
    ".geojsonl": of_sequence,
    ".csv": of_csv,
    ".fgb": of_flatgeobuf,
}


def same(got: dict[int, Vertices], right: dict[int, Vertices]) -> int:
    """The number of rows that differ by more than a tenth of a millimeter."""
    alike = [
        len(got.get(row, [None])) == len(right[row])
        and all(
            abs(x - right_x) < 1e-9 and abs(y - right_y) < 1e-9
            for (x, y), (right_x, right_y) in zip(got[row], right[row], strict=True)
        )
        for row in right
    ]
    return alike.count(False) + len(got.keys() - right.keys())


@pytest.fixture(scope="module")
def right(shapes: Shapes) -> dict[str, dict[int, Vertices]]:
    shapes.sql(
        "".join(
            f"DELETE FROM shapes_{table} WHERE name IN ('new', 'moved');"
            f"REINDEX TABLE shapes_{table};"
            for table in [*TYPED, *ANY, "box", "curved"]
        )
    )
    return vertices_by_sql(shapes, [*TYPED, *ANY, "curved", "box"])


def test_every_row_is_the_same_in_every_format(
    shapes: Shapes, right: dict[str, dict[int, Vertices]], figures: Callable[[str], None]
) -> None:
    cells, wrong = 0, []
    for table, rows in right.items():
        for suffix, read in FORMATS.items():
            answer = shapes.get(f"/{table}{suffix}")
            cells += len(rows)
            if suffix == ".fgb" and table in (*ANY, "curved"):
                # A FlatGeobuf has one type, and these columns do not declare one.
                differing = answer.status_code != 406
            elif answer.status_code == 200:
                differing = same(read(answer), rows)
            else:
                differing = len(rows)
            if differing:
                wrong.append((table, suffix, differing, answer.text[:200]))
    figures(f"{cells} cells of rows in formats, {len(wrong)} differ")
    assert wrong == []
    assert cells > 2000


def test_every_page_of_every_table_works(
    shapes: Shapes, right: dict[str, dict[int, Vertices]], figures: Callable[[str], None]
) -> None:
    session = shapes.log_in()
    cells, wrong = 0, []
    for table in [*PLANE, *ANY, "curved", "box"]:
        for path in ("/map/", "/?format=api"):
            answer = shapes.get(f"/{table}{path}", headers={"Accept": "text/html"})
            wrong += [(table, path)] * (answer.status_code != 200)
        for path in ("", f"{max(right[table])}/change/", "1/change/"):
            answer = session.get(f"{shapes.base}/admin/shapes/{table}/{path}", timeout=30)
            wrong += [(table, f"admin {path}")] * (answer.status_code != 200)
        cells += 5
    figures(f"{cells} pages, {len(wrong)} differ")
    assert wrong == []


# The first extent of the map for a new row, by case. All changes are rolled back.
EXTENTS = """
import json
import re
from django.contrib.admin import AdminSite, ModelAdmin, StackedInline
from django.contrib.auth.models import Permission, User
from django.contrib.gis.db.models import CASCADE, ForeignKey, GeometryField
from django.db import connection, connections, transaction
from django.test import RequestFactory
from shapes import models

connections.databases["down"] = {**connections.databases["default"], "HOST": "127.0.0.1"}
any4326 = models.ANY[3]
OWN = "INSERT INTO spatial_ref_sys (srid, proj4text) VALUES (990001, '+proj=utm +zone=10')"


def extents(model, change=lambda rows: rows, user=None, may_view=lambda row: True, inline=None):
    class Admin(ModelAdmin):
        def get_queryset(self, request):
            return change(super().get_queryset(request))

        def has_view_permission(self, request, row=None):
            return super().has_view_permission(request) and (row is None or may_view(row))

    site = AdminSite()
    site.register(model, Admin)
    request = RequestFactory().get("/")
    request.user = user or User(is_superuser=True)
    form = site.get_model_admin(model).get_form(request)
    if inline:
        form = type("Inline", (StackedInline,), {"model": inline})(model, site)
        form = form.get_formset(request).form
    return re.findall('data-extent="([^"]*)"', str(form()))


with transaction.atomic(), connection.cursor() as cursor:
    adder = User.objects.create(username="adder")
    adder.user_permissions.set(Permission.objects.filter(codename="add_any4326"))
    seen = {
        "filtered": extents(any4326, lambda rows: rows.filter(name="Point")),
        "row by row": extents(any4326, may_view=lambda row: row.name == "Point"),
        "none": extents(any4326, lambda rows: rows.none()),
        "sliced": extents(any4326, lambda rows: rows[:5]),
        "combined": extents(any4326, lambda rows: rows.union(rows)),
        "NULL": extents(any4326, lambda rows: rows.filter(name="NULL")),
        "empty": extents(any4326, lambda rows: rows.filter(name__endswith="EMPTY")),
        "a list": extents(any4326, list),
        "raises": extents(any4326, lambda rows: rows.filter(owner=1)),
        "error": extents(any4326, lambda rows: rows.extra(where=["1 / (id - id) = 1"])),
        "down": extents(any4326, lambda rows: rows.using("down")),
        "adder": extents(any4326, user=adder),
    }
    cursor.execute("INSERT INTO shapes_any4326 (name, geom) VALUES ('', 'SRID=4326;POINT(NaN 1)')")
    seen["NaN"] = extents(any4326)
    transaction.set_rollback(True)
with transaction.atomic(), connection.cursor() as cursor:
    cursor.execute(OWN)
    cursor.execute("CREATE TABLE shapes_own (id int, name text, geom geometry)")
    cursor.execute("INSERT INTO shapes_own VALUES (1, '', 'SRID=990001;POINT(525000 5040000)')")
    seen["own system"] = extents(models._model("Own", geom=GeometryField(srid=990001)))
    part = models._model("Part", geom=GeometryField(), parent=ForeignKey(any4326, CASCADE))
    cursor.execute("CREATE TABLE shapes_part AS SELECT id, name, geom, id AS parent_id "
        "FROM shapes_any4326")
    seen["inline"] = extents(any4326, inline=part)
    transaction.set_rollback(True)
seen["kinds"] = {model.__name__: extents(model) for model in models.EVERY}
print("SEEN" + json.dumps(seen))
"""


def test_map_for_a_new_row_begins_at_the_rows_or_shows_the_world(shapes: Shapes) -> None:
    output = shapes.container.exec("python", "manage.py", "shell", "-v", "0", "-c", EXTENTS)
    _, found, text = output.partition("SEEN")
    assert found, output
    seen = json.loads(text.splitlines()[0])
    kinds = seen.pop("kinds")
    # Django edits geometries with three dimensions as text.
    boxes = [extent for name in kinds if not name.endswith("Z") for extent in kinds[name]]
    assert len(boxes) == len(PLANE) + len(ANY) + len(["Curved", "Box", "Two", "Two"])
    for box in boxes:
        west, south, east, north = map(float, box.split(","))
        assert -122.7 < west <= east < -122.6, box
        assert 45.5 < south <= north < 45.6, box
    for case in ("filtered", "row by row"):
        assert seen.pop(case) == ["-122.680000,45.520000,-122.680000,45.520000"], case
    assert seen.pop("own system") == ["-122.679933,45.513085,-122.679933,45.513085"]
    assert [case for case in seen if seen[case]] == []
    for reason in ("division by zero", "Connection refused", "'list' object", "FieldError"):
        assert reason in output


def test_every_table_is_drawn_in_tiles_and_covered_by_its_bounds(
    shapes: Shapes, right: dict[str, dict[int, Vertices]], figures: Callable[[str], None]
) -> None:
    cells, wrong = 0, []
    unit = 360 / 2 ** TILE[0] / 4096
    for table, rows in right.items():
        with_place = {row: points for row, points in rows.items() if points}
        answer = shapes.get(f"/{table}/tiles/{'/'.join(map(str, TILE))}.mvt")
        drawn = next(iter(layers(answer.content).values())) if answer.status_code == 200 else []
        if {feature.id for feature in drawn} != set(with_place):
            wrong.append((table, "tile", answer.status_code, answer.text[:100]))
        for feature in drawn:
            places = [lonlat(point, *TILE) for point in feature.points]
            xs, ys = zip(*with_place.get(feature.id, [(0, 0)]), strict=True)
            inside = all(
                min(xs) - 4 * unit < x < max(xs) + 4 * unit
                and min(ys) - 4 * unit < y < max(ys) + 4 * unit
                for x, y in places
            )
            wrong += [(table, "tile", feature.id, places[:3])] * (not inside)
        bounds = shapes.get(f"/{table}/tiles/").json()["bounds"]
        xs, ys = zip(*[point for points in rows.values() for point in points], strict=True)
        west, south, east, north = bounds
        if not (west - 1e-6 < min(xs) and max(xs) < east + 1e-6 and north - south < 0.1):
            wrong.append((table, "bounds", bounds))
        if not (south - 1e-6 < min(ys) and max(ys) < north + 1e-6 and east - west < 0.1):
            wrong.append((table, "bounds", bounds))
        cells += len(with_place) + 1
    figures(f"{cells} cells of tiles and bounds, {len(wrong)} differ")
    assert wrong == []


def test_every_table_is_filtered_by_every_place(
    shapes: Shapes, right: dict[str, dict[int, Vertices]], figures: Callable[[str], None]
) -> None:
    cells, wrong = 0, []
    for table, rows in right.items():
        shown = shapes.get(f"/{table}/?limit=100&fields=name").json()["results"]["features"]
        names = {each["id"]: each["properties"]["name"].split()[0] for each in shown}
        somewhere = {row for row, points in rows.items() if points}
        kind = re.match("multi(?=polygon)|polygon", table)
        around = {row for row in somewhere if names[row] in AREAS or kind or table == "box"}
        expected = {"all": somewhere, "around": around, "none": set()}
        for query, which in FILTERS.items():
            answer = shapes.get(f"/{table}/?limit=100&fields=name&{query}")
            cells += len(rows)
            if answer.status_code != 200:
                wrong.append((table, query, answer.text[:200]))
                continue
            ids = {each["id"] for each in answer.json()["results"]["features"]}
            if ids != expected[which]:
                wrong.append((table, query, ids ^ expected[which]))
        answer = shapes.get(f"/{table}/?in_bbox=here")
        wrong += [(table, "nonsense")] * (answer.status_code != 400)
        cells += 1
    figures(f"{cells} cells of rows and filters, {len(wrong)} differ")
    assert wrong == []


def test_curves_are_lines_and_polygons_of_their_kind(shapes: Shapes) -> None:
    features = shapes.get("/any4326/?limit=100").json()["results"]["features"]
    kinds = {each["properties"]["name"]: (each["geometry"] or {}).get("type") for each in features}
    assert {name: kinds[name] for name in CURVED} == {
        "CircularString": "LineString",
        "CompoundCurve": "LineString",
        "CurvePolygon": "Polygon",
        "MultiCurve": "MultiLineString",
        "MultiSurface": "MultiPolygon",
        "Triangle": "Polygon",
        "Tin": "MultiPolygon",
        "PolyhedralSurface": "MultiPolygon",
        "CollectionOfCurves": "GeometryCollection",
        "NestedCollection": "GeometryCollection",
        "CollectionOfTins": "GeometryCollection",
    }


def test_curve_is_kept_where_another_field_of_its_row_changes(shapes: Shapes) -> None:
    before = stored(shapes, "curved")
    assert shapes.send("PATCH", "/curved/1/", {"name": "curve"}).status_code == 200
    assert stored(shapes, "curved") == before


# --- Geographies with an index, bounds without one


def test_geography_filter_uses_the_index(shapes: Shapes) -> None:
    shapes.sql(
        "INSERT INTO shapes_pointgeography (name, geom) SELECT 'far', ST_SetSRID(ST_MakePoint("
        "n % 100 - 10, n % 60 - 30), 4326)::geography FROM generate_series(1, 20000) n;"
        "ANALYZE shapes_pointgeography"
    )
    queries = ["in_bbox=-122.7,45.5,-122.6,45.6", f"tile={'/'.join(map(str, TILE))}"]
    queries += [f"intersects={LARGE}", f"within={LARGE}", "contains=POINT(-122.68 45.52)"]
    paths = [f"/pointgeography/?limit=10&{query}" for query in queries]
    for path, answer in zip(paths, explain(shapes, *paths), strict=True):
        table = "shapes_pointgeography"
        plans = [plan for plan in answer["plans"] if table in json.dumps(plan)]
        assert plans, path
        for plan in plans:
            names = [node.get("Index Name", "") for node in nodes(plan)]
            assert any("geom" in name for name in names), (path, plan)
            assert not any(node["Node Type"] == "Seq Scan" for node in nodes(plan)), path
        (row,) = shapes.get(path).json()["results"]["features"]
        assert row["id"] == 1
    shapes.sql("DELETE FROM shapes_pointgeography WHERE name = 'far'")


def test_geography_across_the_date_line_and_at_the_poles_is_found(shapes: Shapes) -> None:
    shapes.sql(
        "INSERT INTO shapes_pointgeography (name, geom) VALUES ('new', 'POINT(179.9 -17)'), "
        "('new', 'POINT(-179.9 -17)'), ('new', 'POINT(100 89.999)')"
    )

    def coordinates(query: str) -> list[list[float]]:
        page = shapes.get(f"/pointgeography/?{query}").json()["results"]
        return [feature["geometry"]["coordinates"] for feature in page["features"]]

    assert coordinates("in_bbox=179.5,-18,-179.5,-16") == [[179.9, -17], [-179.9, -17]]
    assert coordinates("in_bbox=90,89.9,110,90") == [[100, 89.999]]
    assert len(coordinates("in_bbox=-180,-90,180,90")) == 4
    shapes.sql("DELETE FROM shapes_pointgeography WHERE name = 'new'")


def test_bounds_of_a_table_without_an_index_cover_every_row(shapes: Shapes) -> None:
    shapes.sql(
        "DROP INDEX shapes_point4326_geom_idx; CREATE INDEX shapes_some ON shapes_point4326 "
        "USING gist (geom) WHERE name = 'many'; INSERT INTO shapes_point4326 (name, geom) SELECT "
        "'many', ST_SetSRID(ST_MakePoint(-122.68 + n / 1e6, 45.52), 4326) "
        "FROM generate_series(1, 60000) n; ANALYZE shapes_point4326; "
        "INSERT INTO shapes_point4326 (name, geom) VALUES ('new', 'SRID=4326;POINT(-120 44)')"
    )
    bounds = shapes.get("/point4326/tiles/").json()["bounds"]
    assert bounds[1] == 44
    assert bounds[2] == -120
    shapes.sql("DROP INDEX shapes_some")
    assert shapes.get("/point4326/tiles/").json()["bounds"] == bounds
    shapes.sql(
        "DELETE FROM shapes_point4326 WHERE name IN ('many', 'new'); "
        "CREATE INDEX shapes_point4326_geom_idx ON shapes_point4326 USING gist (geom)"
    )


# Each kind, system, and number of dimensions once, and the unusual tables.
SOME = (
    "point4326|linestring2913z|polygongeography|multipoint0z|multilinestring3857|multipolygon2913"
    "|geometrycollectiongeographyz|any0|any2913|curved|two|box"
)


def test_live_check_finds_nothing_wrong(
    shapes: Shapes, postgis: PostGIS, containers: Containers
) -> None:
    assert_nothing_wrong(start(containers, postgis, shapes.database, TABLES=SOME))
