"""Reads the rows of a relation back from each format of the API."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pyogrio.raw

from tests.support import mvt
from tests.tables import values
from tests.tables.published import SHAPE, Published, base, corners, corners_of_wkt, row_of
from tests.tables.relations import Relation, read

Row = dict[str, Any]
csv.field_size_limit(10_000_000)  # of a cell; Python's limit is 131,072


def page(api: Published, relation: Relation, query: str) -> list[Row]:
    """A page in JSON."""
    results = read(ok(api, f"{base(relation)}/?{query}").text)["results"]
    return of_features(relation, results["features"] if relation.geometry else results)


def of_features(relation: Relation, features: list[dict[str, Any]]) -> list[Row]:
    return [of_feature(relation, each) for each in features]


def of_feature(relation: Relation, feature: dict[str, Any]) -> Row:
    """A feature, or the object of a row without a geometry. A feature's ID is the key."""
    cells = dict(feature["properties"] if relation.geometry else feature)
    for name in {each.name for each in relation.shown} - set(cells):
        cells[name] = feature["id"]
    shown = [cells[each.name] for each in relation.shown]
    return row_of(relation, shown, feature["geometry"] if relation.geometry else None)


def geojson(api: Published, relation: Relation, query: str) -> list[Row]:
    collection = read(ok(api, f"{base(relation)}.geojson?{query}").text)
    return of_features(relation, collection["features"])


def geojsonl(api: Published, relation: Relation, query: str) -> list[Row]:
    records = ok(api, f"{base(relation)}.geojsonl?{query}").content.decode().split("\x1e")[1:]
    return of_features(relation, [read(record) for record in records])


def as_csv(api: Published, relation: Relation, query: str) -> list[Row]:
    text = ok(api, f"{base(relation)}.csv?{query}").content.decode()
    return [of_line(relation, line) for line in csv.DictReader(io.StringIO(text, newline=""))]


def of_line(relation: Relation, line: dict[str, str]) -> Row:
    row = {
        each.name: values.canonical(each, values.of_text(each, line[each.name]))
        for each in relation.shown
    }
    if relation.geometry:
        row[SHAPE] = corners_of_wkt(line[relation.geometry.name])
    return row


def flatgeobuf(api: Published, relation: Relation, query: str) -> list[Row]:
    content = ok(api, f"{base(relation)}.fgb?{query}").content
    meta, _, shapes, columns = pyogrio.raw.read(content, datetime_as_string=True)
    assert meta["crs"] == "EPSG:4326", meta["crs"]
    cells = dict(zip(meta["fields"], columns, strict=True))
    boxes = boxes_of(api, shapes)
    return [
        {
            **{
                each.name: values.canonical(each, values.of_cell(each, cells[each.name][number]))
                for each in relation.shown
            },
            SHAPE: boxes[number],
        }
        for number in range(len(shapes))
    ]


def boxes_of(api: Published, shapes: Any) -> list[Any]:
    """PostGIS reads the shapes, in WKB."""
    texts = [f"'\\x{each.hex()}'::bytea" if each is not None else "NULL" for each in shapes]
    if not texts:
        return []
    asked = "SELECT COALESCE(ST_AsGeoJSON(ST_GeomFromWKB(shape), 15), 'null') FROM unnest(ARRAY["
    printed = api.sql(
        asked + ",".join(texts) + "]::bytea[]) WITH ORDINALITY u (shape, n) ORDER BY n"
    )
    return [corners(json.loads(line)) for line in printed.splitlines()]


def lines(api: Published, relation: Relation, query: str) -> list[Row]:
    """JSON of a relation without a geometry, one row per line."""
    text = ok(api, f"{base(relation)}.jsonl?{query}").content.decode()
    return of_features(relation, [read(line) for line in text.removesuffix("\n").split("\n")])


def tile(api: Published, relation: Relation, vertex: list[float], z: int = 17) -> list[Row]:
    """The features of the tile around a vertex. Their shapes are not compared."""
    place = "/".join(map(str, mvt.tile_at(*vertex, z)))
    answer = api.get(f"{base(relation)}/tiles/{place}.mvt")
    assert answer.status_code in (200, 204), (answer.status_code, answer.text[:200])
    features = [each for layer in mvt.layers(answer.content).values() for each in layer]
    return [of_tile(relation, each, api.id_name(relation)) for each in features]


def of_tile(relation: Relation, feature: mvt.Feature, id_name: str | None) -> Row:
    """A tile does not contain null, and a key that is a whole number is the feature's ID."""
    cells = dict(feature.properties)
    if id_name and feature.id is not None:
        cells.setdefault(id_name, feature.id)
    return {
        each.name: values.canonical(each, values.of_cell(each, cells.get(each.name)))
        for each in relation.shown
    }


def ok(api: Published, path: str) -> Any:
    answer = api.get(path)
    assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:300]}"
    return answer


WITH_GEOMETRY: dict[str, Callable[[Published, Relation, str], list[Row]]] = {
    "json": page,
    "csv": as_csv,
    "geojson": geojson,
    "geojsonl": geojsonl,
    "fgb": flatgeobuf,
}
WITHOUT_GEOMETRY = {"json": page, "csv": as_csv, "jsonl": lines}
