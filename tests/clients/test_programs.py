"""Programs from Debian read the same rows and geometries as SQL."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.clients.compare import BOX, INSIDE, OF_A_TILE, TILE, differences
from tests.support.asked import Asked

pytestmark = pytest.mark.engine

Program = Callable[..., str]


def features_of(printed: str) -> list[dict]:
    """The features of a FeatureCollection, or of lines with one feature each."""
    lines = [
        json.loads(line) for line in printed.strip("\x1e\n").splitlines() if line.strip("\x1e")
    ]
    return lines[0].get("features", lines)


def address(api: Asked) -> str:
    return f"http://{api.container.name}:8000"


def ogr2ogr(program: Program, source: str, *options: str) -> list[dict]:
    output = ("-f", "GeoJSONSeq", "/vsistdout/", "-lco", "COORDINATE_PRECISION=9")
    return features_of(program("ogr2ogr", *output, source, "-t_srs", "EPSG:4326", *options))


CSV = ("-oo", "GEOM_POSSIBLE_NAMES=geom", "-oo", "AUTODETECT_TYPE=YES", "-s_srs", "EPSG:4326")
OGR = {
    "a list that names its format": ("{api}/stops/?format=geojson", (), "true"),
    "GeoJSON": ("{api}/stops.geojson", (), "true"),
    "GeoJSON of a box": (f"{{api}}/stops.geojson?in_bbox={BOX}", (), INSIDE),
    "GeoJSON sequence": ("/vsicurl_streaming/{api}/stops.geojsonl", (), "true"),
    "FlatGeobuf": ("/vsicurl_streaming/{api}/stops.fgb", (), "true"),
    "FlatGeobuf of a box": (f"/vsicurl_streaming/{{api}}/stops.fgb?in_bbox={BOX}", (), INSIDE),
    "CSV": ("CSV:/vsicurl_streaming/{api}/stops.csv", CSV, "true"),
}


@pytest.mark.parametrize("source", OGR)
def test_ogr2ogr_reads_the_same_rows_as_sql(read_api: Asked, program: Program, source: str) -> None:
    url, options, where = OGR[source]
    features = ogr2ogr(program, url.format(api=address(read_api)), *options)
    assert not differences(read_api, features, where=where)


def test_ogr2ogr_reads_polygons(read_api: Asked, program: Program) -> None:
    features = ogr2ogr(program, f"{address(read_api)}/zones.geojson")
    assert not differences(read_api, features, "zone")


def test_ogr2ogr_reads_a_tile(read_api: Asked, program: Program) -> None:
    source = f"MVT:{address(read_api)}/stops/tiles/{'/'.join(TILE)}.mvt"
    features = ogr2ogr(program, source)
    assert not differences(read_api, features, within=OF_A_TILE)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/stops.geojson", "true"),
        ("/stops/?format=geojson", "true"),
        (f"/stops.fgb?in_bbox={BOX}", INSIDE),
    ],
)
def test_geopandas_reads_the_same_rows_as_sql(
    read_api: Asked, program: Program, path: str, where: str
) -> None:
    printed = program("python3", "/programs/geopandas_reads.py", address(read_api) + path)
    assert not differences(read_api, features_of(printed), where=where)


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("{api}/stops.geojson", "true"),
        ("{api}/stops/?format=geojson", "true"),
        (f"/vsicurl_streaming/{{api}}/stops.fgb?in_bbox={BOX}", INSIDE),
    ],
)
def test_qgis_reads_the_same_rows_as_sql(
    read_api: Asked, program: Program, url: str, where: str
) -> None:
    printed = program("python3", "/programs/qgis_reads.py", url.format(api=address(read_api)))
    assert not differences(read_api, features_of(printed), where=where)


def test_qgis_draws_the_rows_of_its_tiles_and_nothing_elsewhere(
    read_api: Asked, program: Program
) -> None:
    url = f"{address(read_api)}/stops/tiles/{{z}}/{{x}}/{{y}}.mvt"
    # Boxes of the same size in EPSG:3857: one contains all rows, the other is an ocean away.
    places = {
        "rows": ("-13700000", "5600000", "-13400000", "5900000"),
        "none": ("-5100000", "5600000", "-4800000", "5900000"),
    }
    drawn = {
        name: int(program("python3", "/programs/qgis_draws.py", url, *sides))
        for name, sides in places.items()
    }
    assert drawn["none"] == 0
    assert drawn["rows"] > 1000
