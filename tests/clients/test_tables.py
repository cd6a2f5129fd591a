"""Programs and MapLibre read the tables of a database that PUBLISH_SCHEMAS serves, as SQL does."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.conftest import PostGIS
from tests.support.containers import Containers
from tests.tables import values
from tests.tables.published import SOURCES, Published, base, row_of, start
from tests.tables.relations import Relation, read

pytestmark = pytest.mark.engine

Program = Callable[..., str]
# One type of geometry is declared, so that there is a FlatGeobuf file.
FILES = ("taxlots", "crashes", "bus_stops", "sensor_readings", "crashes_pedestrian")
# The others, which GeoJSON contains completely.
COLLECTIONS = ("Census Blocks 2020", "Parks", "crashes_by_class")
# What GDAL makes of each type in FlatGeobuf. All others are text.
GDAL = {
    "int2": "Integer64",
    "int4": "Integer64",
    "int8": "Integer64",
    "float4": "Real",
    "float8": "Real",
    "money": "Real",
    "bool": "Integer(Boolean)",
}


@pytest.fixture(scope="module")
def tables(postgis: PostGIS) -> Iterator[Published]:
    started = Containers()
    yield start(started, postgis, SOURCES[0], ALLOWED_HOSTS="*")
    started.clean()


def url(tables: Published, relation: Relation, suffix: str) -> str:
    return f"http://{tables.container.name}:8000{base(relation)}{suffix}"


def different(tables: Published, relation: Relation, features: list[dict[str, Any]]) -> str:
    """How the rows that a program has read differ from those of SQL."""
    got = Counter(str(row_read(relation, each)) for each in features)
    want = Counter(map(str, tables.rows(relation)))
    wrong, missing = [*(got - want)], [*(want - got)]
    return f"{len(wrong)} rows, such as {wrong[:1]}, not {missing[:1]}" if wrong or missing else ""


def row_read(relation: Relation, feature: dict[str, Any]) -> dict[str, Any]:
    cells = feature["properties"]
    # A key that is a text is a property in some programs, under its name in GeoJSON.
    key = cells.get("id", feature.get("id"))
    shown = [values.of_cell(each, cells.get(each.name, key)) for each in relation.shown]
    return row_of(relation, shown, feature["geometry"])


def test_ogrinfo_sees_all_rows_with_types_and_degrees(tables: Published, program: Program) -> None:
    for name in FILES:
        relation = tables.named(name)
        source = f"/vsicurl_streaming/{url(tables, relation, '.fgb')}"
        (layer,) = json.loads(program("ogrinfo", "-json", source))["layers"]
        (shape,) = layer["geometryFields"]
        types = {each["name"]: gdal_type(each) for each in layer["fields"]}
        assert layer["featureCount"] == relation.count, name
        assert shape["coordinateSystem"]["projjson"]["id"] == {"authority": "EPSG", "code": 4326}
        assert types == {each.name: GDAL.get(each.type, "String") for each in relation.shown}, name


def gdal_type(field: dict[str, Any]) -> str:
    subtype = field.get("subType")
    return f"{field['type']}({subtype})" if subtype == "Boolean" else field["type"]


@pytest.mark.parametrize(
    ("name", "suffix"), [(name, ".geojson") for name in COLLECTIONS] + [("taxlots", ".fgb")]
)
def test_ogr2ogr_reads_the_rows_of_sql(
    tables: Published, program: Program, name: str, suffix: str
) -> None:
    relation = tables.named(name)
    source = url(tables, relation, suffix)
    printed = program(
        *("ogr2ogr", "-f", "GeoJSONSeq", "/vsistdout/", "-lco", "COORDINATE_PRECISION=15"),
        f"/vsicurl_streaming/{source}" if suffix == ".fgb" else source,
        "-preserve_fid",
    )
    features = [read(line) for line in printed.splitlines()]
    assert not different(tables, relation, features)


def test_qgis_reads_the_rows_of_sql(tables: Published, program: Program) -> None:
    chosen = [(tables.named(name), ".geojson") for name in (*COLLECTIONS, "bus_stops")]
    chosen += [(tables.named("taxlots"), ".fgb")]
    urls = [
        f"/vsicurl_streaming/{url(tables, each, suffix)}"
        if suffix == ".fgb"
        else url(tables, each, suffix)
        for each, suffix in chosen
    ]
    printed = program("python3", "/programs/qgis_tables.py", *urls).splitlines()
    for (relation, _), line in zip(chosen, printed, strict=True):
        layer = read(line)
        assert layer["crs"] == "EPSG:4326", relation.name
        assert not different(tables, relation, layer["features"]), relation.name


def test_qgis_draws_the_tiles_of_a_table(tables: Published, program: Program) -> None:
    tiles = url(tables, tables.named("taxlots"), "/tiles/{z}/{x}/{y}.mvt")
    # In EPSG:3857: around the rows, and an ocean away.
    sides = ("-13671000", "5690000", "-13660000", "5720000")
    away = ("-5111000", "5690000", "-5100000", "5720000")
    assert int(program("python3", "/programs/qgis_draws.py", tiles, *sides)) > 1000
    assert int(program("python3", "/programs/qgis_draws.py", tiles, *away)) == 0


@pytest.mark.browser
@pytest.mark.npm
@pytest.mark.parametrize(
    ("name", "layer"), [("taxlots", "fill"), ("bus_stops", "circle"), ("Parks", "fill")]
)
def test_maplibre_draws_each_row_once_from_tilejson(
    tables: Published, page: Page, name: str, layer: str
) -> None:
    relation = tables.named(name)
    tilejson = tables.container.url(f"{base(relation)}/tiles/")
    asked = ["maplibre tilejson", tilejson, layer]
    features = page.evaluate("(asked) => window.read(...asked)", asked)
    (key,) = relation.key
    rows = {row[key]: row for row in tables.rows(relation)}
    drawn = {each.get("id") or each["properties"][key]: each["properties"] for each in features}
    assert drawn.keys() == rows.keys()
    texts = [each.name for each in relation.shown if each.type in ("text", "varchar", "numeric")]
    texts = [each for each in texts if each != key]
    wrong = [each for each, got in drawn.items() if any(got[n] != rows[each][n] for n in texts)]
    assert not wrong
