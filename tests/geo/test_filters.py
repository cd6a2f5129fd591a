"""Spatial filters: what they find, that they use the index, and invalid places."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.conftest import PostGIS
from tests.support.containers import Containers
from tests.support.places import Api, documentation, operation, start_api
from tests.support.plans import explain, nodes

pytestmark = pytest.mark.engine

# Enough rows that a scan of the table costs more than its index.
MORE = """
INSERT INTO places_parcel (owner, use, shape)
SELECT 'More ' || n, 'home',
       ST_Multi(ST_Transform(ST_MakeEnvelope(lon, lat, lon + 0.001, lat + 0.001, 4326), 2913))
FROM (SELECT n, -123.5 + (n % 200) / 250.0 AS lon, 44.5 + (n / 200) / 250.0 AS lat
      FROM generate_series(1, 10000) n) grid;
INSERT INTO places_stop (name, open_now, geom)
SELECT 'Far ' || n, true, ST_SetSRID(ST_MakePoint(n % 100 - 10, n % 60 - 30), 4326)
FROM generate_series(1, 10000) n;
INSERT INTO places_stop (name, open_now, geom) VALUES
('Fiji west', true, ST_SetSRID(ST_MakePoint(179.9, -17), 4326)),
('Fiji east', true, ST_SetSRID(ST_MakePoint(-179.9, -17), 4326)),
('Nowhere', true, NULL), ('Pole', true, ST_SetSRID(ST_MakePoint(100, 89.999), 4326));
INSERT INTO survey (label, geom)
SELECT 'Far ' || n, ST_MakePoint(n % 100, n % 60 - 30) FROM generate_series(1, 10000) n;
INSERT INTO survey (label, geom)
SELECT 'Near ' || n, ST_MakePoint(-122.7 + n / 1000.0, 45.511 + n / 5000.0)
FROM generate_series(1, 40) n;
CREATE INDEX survey_place ON survey USING gist (geom);
ANALYZE;
"""
GIST = {"stops": "stop_geom", "parcels": "parcel_shape", "surveys": "survey_place"}
# Not on the border of a parcel, where the last digit would decide.
WEST, SOUTH, EAST, NORTH = -122.6907, 45.5107, -122.6707, 45.5307
RING = [[WEST, SOUTH], [EAST, SOUTH], [EAST, NORTH], [WEST, NORTH], [WEST, SOUTH]]
AROUND = f"POLYGON(({','.join(f'{x} {y}' for x, y in RING)}))"
AROUND_JSON = json.dumps({"type": "Polygon", "coordinates": [RING]})
CENTER = "POINT(-122.6995 45.5005)"  # in parcel 1
SQUARE = f"ST_GeomFromText('{AROUND}', 4326)"
POINT = "ST_SetSRID(ST_MakePoint(-122.68, 45.52), 4326)"
BOX = f"in_bbox={WEST},{SOUTH},{EAST},{NORTH}"
TILE = "ST_Transform(ST_TileEnvelope(14, 2608, 5860), 4326)"
# Each parameter, and the same condition in SQL, which transforms the rows instead.
FILTERS = {
    BOX: f"ST_Intersects({{}}, {SQUARE})",
    "tile=14/2608/5860": f"ST_Intersects({{}}, {TILE})",
    "point=-122.68,45.52&dist=700": f"ST_DWithin({{}}::geography, {POINT}::geography, 700)",
    "point=-122.68,45.52": f"ST_DWithin({{}}::geography, {POINT}::geography, 1000)",
    f"intersects={AROUND}": f"ST_Intersects({{}}, {SQUARE})",
    f"intersects={AROUND_JSON}": f"ST_Intersects({{}}, {SQUARE})",
    f"within={AROUND}": f"ST_Within({{}}, {SQUARE})",
}
COLUMNS = {
    "stops": ("places_stop", "geom"),
    "parcels": ("places_parcel", "ST_Transform(shape, 4326)"),
    "surveys": ("survey", "ST_SetSRID(geom, 4326)"),
}


@pytest.fixture(scope="module")
def places(postgis: PostGIS) -> Iterator[Api]:
    started = Containers()
    api = start_api(started, postgis)
    api.sql(MORE)
    yield api
    started.clean()


def found_ids(api: Api, path: str, query: str) -> list[int]:
    answer = api.get(f"/pages/{path}/?limit=10000&{query}")
    assert answer.status_code == 200, answer.text
    return sorted(row["id"] for row in answer.json()["results"])


def expected(api: Api, path: str, condition: str) -> list[int]:
    table, column = COLUMNS[path]
    rows = api.sql(f"SELECT id FROM {table} WHERE {condition.format(column)} ORDER BY id")
    return [int(row) for row in rows.splitlines()]


@pytest.mark.parametrize("path", COLUMNS)
@pytest.mark.parametrize("query", FILTERS)
def test_filter_finds_the_same_rows_as_sql(places: Api, path: str, query: str) -> None:
    right = expected(places, path, FILTERS[query])
    assert right
    assert found_ids(places, path, query) == right


@pytest.mark.parametrize("path", ["parcels"])
def test_contains_finds_the_rows_around_a_place(places: Api, path: str) -> None:
    assert found_ids(places, path, f"contains={CENTER}") == [1]
    assert found_ids(places, path, "contains=POINT(57 45)") == []  # outside the area of EPSG:2913


def test_every_filter_uses_the_spatial_index(places: Api) -> None:
    cases = [
        (path, query)
        for path in COLUMNS
        for query in (*FILTERS, f"contains={CENTER}", "in_bbox=179.5,-18,-179.5,-16")
    ]
    answers = explain(places, *(f"/pages/{path}/?limit=5000&{query}" for path, query in cases))
    for (path, query), answer in zip(cases, answers, strict=True):
        if path == "parcels" and "179.5" in query:
            continue  # outside the area of EPSG:2913, so there is no query
        plans = answer["plans"]
        assert plans, (path, query)
        for plan in plans:
            names = [node.get("Index Name", "") for node in nodes(plan)]
            assert any(GIST[path] in name for name in names), (path, query, plan)
            assert not any(node["Node Type"] == "Seq Scan" for node in nodes(plan)), (path, query)


def test_filter_works_on_a_model_in_another_database(places: Api) -> None:
    answer = places.get("/pages/routes/?limit=100&in_bbox=-122.65,45.5095,-122.64,45.5205")
    numbers = [each["properties"]["number"] for each in answer.json()["results"]["features"]]
    assert numbers == list(range(10, 21))


def test_box_across_the_date_line_finds_both_sides(places: Api) -> None:
    names = [
        row["name"]
        for row in places.get("/pages/stops/?in_bbox=179.5,-18,-179.5,-16").json()["results"]
    ]
    assert names == ["Fiji west", "Fiji east"]
    moved = places.get("/pages/stops/?in_bbox=179.5,-18,180.5,-16").json()
    assert [row["name"] for row in moved["results"]] == names


def test_distance_works_across_the_date_line_and_the_pole(places: Api) -> None:
    near = places.get("/pages/stops/?point=179.95,-17&dist=50000").json()
    assert [row["name"] for row in near["results"]] == ["Fiji west", "Fiji east"]
    pole = places.get("/pages/stops/?point=-80,89.999&dist=1000").json()
    assert [row["name"] for row in pole["results"]] == ["Pole"]


def test_distance_works_for_a_geometry_that_reaches_halfway_around_the_earth(places: Api) -> None:
    """A geography cannot have such an edge. One row with it once was an error for all."""
    world = "-180 -90,180 -90,180 90,-180 90,-180 -90"
    places.sql(
        f"INSERT INTO survey (label, geom) VALUES ('World', 'POLYGON(({world}))'), "
        "('Half', 'LINESTRING(10 10,-170 -10)'), ('Point', 'POINT(5 5.001)')"
    )
    try:
        for point, labels in (
            ("5,5", ["World", "Point"]),
            ("-80.001,0", ["World", "Half"]),
            ("170,-60", ["World"]),
        ):
            answer = places.get(f"/pages/surveys/?point={point}&dist=1000&limit=100")
            assert answer.status_code == 200, answer.text
            assert [each["label"] for each in answer.json()["results"]] == labels
    finally:
        places.sql("DELETE FROM survey WHERE label IN ('World', 'Half', 'Point')")


def test_box_of_the_whole_world_finds_every_row_of_a_local_system(places: Api) -> None:
    whole = places.get("/pages/parcels/?limit=1&count=exact&in_bbox=-180,-90,180,90").json()
    assert whole["count"] == 10_200
    polygon = "POLYGON((-179 -89,179 -89,179 89,-179 89,-179 -89))"
    within = places.get(f"/pages/parcels/?limit=1&count=exact&within={polygon}").json()
    assert within["count"] == 10_200
    far = places.get("/pages/parcels/?point=10,50&dist=20000000&limit=1&count=exact").json()
    assert far["count"] == 10_200


def test_filters_in_one_request_all_apply(places: Api) -> None:
    both = set(found_ids(places, "stops", BOX)) & set(
        found_ids(places, "stops", "point=-122.68,45.52")
    )
    assert found_ids(places, "stops", f"{BOX}&point=-122.68,45.52") == sorted(both)


def test_empty_parameter_counts_as_not_given(places: Api) -> None:
    answer = places.get("/pages/stops/?in_bbox=&point=&fields=&ordering=")
    assert len(answer.json()["results"]) == 10


@pytest.mark.parametrize(
    "query",
    [
        *("in_bbox=1,2,3", "in_bbox=1,2,3,4,5", "in_bbox=a,b,c,d", "in_bbox=nan,0,1,1"),
        *("in_bbox=0,5,1,4", "in_bbox=0,-91,1,4", "in_bbox=0,0,1,inf", "in_bbox=0,0,1e9,1"),
        *("tile=1/2", "tile=a/b/c", "tile=1/2/0", "tile=31/0/0", "tile=-1/0/0", "tile=1/0/0.5"),
        *("point=1", "point=181,0", "point=0,91", "point=nan,0", "point=0,0,0", "point=POINT(0 0)"),
        *("dist=-1&point=0,0", "dist=nan&point=0,0", "dist=far&point=0,0", "dist=1e999&point=0,0"),
        *("intersects=POINT", "intersects=POINT(", "intersects=POINT EMPTY", "intersects=here"),
        *("intersects=POINT(nan 0)", "intersects=POINT(181 0)", "intersects=POINT(0 91)"),
        *("intersects={}", "intersects={", 'intersects={"type":"Point"}', "intersects=[1,2]"),
        *('intersects={"type":"Point","coordinates":["a",1]}', "intersects=0101000000"),
        *("intersects=SRID=2913;POINT(0 0)", "within=POLYGON((0 0,1 1,1 0,0 1,0 0))"),
        *(
            "within=POLYGON((0 0,1 1))",
            "contains=POINT(1 1)%00",
            "contains=CIRCULARSTRING(0 0,1 1,2 0)",
        ),
    ],
)
@pytest.mark.parametrize("path", ["stops", "parcels"])
def test_filter_with_invalid_place_is_answered_with_400_naming_the_parameter(
    places: Api, path: str, query: str
) -> None:
    answer = places.get(f"/pages/{path}/?{query}")
    assert answer.status_code == 400, answer.text
    (name,) = answer.json()
    assert name == query.split("=")[0]
    assert "such as" in str(answer.json()[name])


def test_distance_without_a_point_is_answered_with_400_naming_the_point(places: Api) -> None:
    answer = places.get("/pages/stops/?dist=10")
    assert (answer.status_code, list(answer.json())) == (400, ["point"])


def test_geometry_with_too_many_vertices_is_answered_with_400(places: Api) -> None:
    script = (
        "import django; django.setup()\n"
        "from rest_framework.exceptions import ValidationError\n"
        "from backend.geo import spatial_values\n"
        "lines = ['LINESTRING(' + ','.join(f'{n % 90} {n % 80}' for n in range(count)) + ')'"
        " for count in (5000, 5001, 60000)]\n"
        "nested = 'GEOMETRYCOLLECTION(' * 4000 + 'POINT(0 0)' + ')' * 4000\n"
        "for text in (*lines, nested):\n"
        "    try:\n"
        "        print('read', spatial_values.geometry('within', text).num_coords)\n"
        "    except ValidationError as error:\n"
        "        print('refused', error.detail['within'])\n"
    )
    settings = "DJANGO_SETTINGS_MODULE=backend.settings"
    output = places.container.exec("env", settings, "python", "-c", script)
    assert "read 5000" in output
    assert "at most 5000 vertices" in output
    assert "at most 100000 characters" in output
    assert output.count("refused") == 3  # and the nested one did not end the process


# --- Ordering


def test_ordering_is_made_complete_by_the_key(places: Api) -> None:
    (answer,) = explain(places, "/pages/stops/?ordering=-lines&limit=5")
    (statement,) = [each for each in answer["statements"] if "ORDER BY" in each]
    order = statement.split("ORDER BY")[1].split("LIMIT")[0]
    assert order.split() == ['"places_stop"."lines"', "DESC,", '"places_stop"."id"', "ASC"]


@pytest.mark.parametrize("term", ["nothing", "-geom", "name,geom", "pk__gt"])
def test_ordering_by_an_unknown_column_is_answered_with_400_listing_the_columns(
    places: Api, term: str
) -> None:
    answer = places.get("/pages/stops/", params={"ordering": term})
    assert answer.status_code == 400
    assert "lines" in str(answer.json()["ordering"])


# --- Sparse fields


def test_fields_restrict_what_is_sent_and_what_is_read(places: Api) -> None:
    row = places.get("/pages/stops/?fields=name,fare&limit=1").json()["results"][0]
    assert list(row) == ["name", "fare"]
    (answer,) = explain(places, "/pages/stops/?fields=name,fare&limit=1")
    page = next(each for each in answer["statements"] if "ORDER BY" in each)
    assert '"name"' in page
    assert '"geom"' not in page
    assert '"opened"' not in page
    # No column is fetched row by row.
    (longer,) = explain(places, "/pages/stops/?fields=name,fare&limit=9")
    assert len(longer["statements"]) == len(answer["statements"])


def test_fields_restrict_a_detail_too(places: Api) -> None:
    assert places.get("/pages/stops/7/?fields=name").json() == {"name": "Stop 7"}


def test_feature_stays_a_feature_whatever_its_fields(places: Api) -> None:
    def feature(fields: str) -> dict:
        answer = places.get(f"/pages/features/?limit=1&fields={fields}").json()
        return answer["results"]["features"][0]

    bare = feature("name")
    assert bare == {
        "id": 1,
        "type": "Feature",
        "geometry": None,
        "properties": {"name": "Stop 1"},
    }
    for fields in ("lines,geom", "lines,geometry"):
        assert feature(fields)["geometry"]["type"] == "Point"
        assert feature(fields)["properties"] == {"lines": 1}
    # The next request has all fields again.
    whole = places.get("/pages/features/?limit=1").json()["results"]["features"][0]
    assert list(whole["properties"]) == ["name", "lines"]
    assert whole["geometry"]["type"] == "Point"


@pytest.mark.parametrize("path", ["stops/", "features/", "stops/7/"])
def test_unknown_field_is_answered_with_400_listing_the_known_ones(places: Api, path: str) -> None:
    answer = places.get(f"/pages/{path}?fields=name,nothing")
    assert answer.status_code == 400
    assert "'nothing'" in str(answer.json()["fields"])
    assert "lines" in str(answer.json()["fields"])


# --- Documentation


@pytest.fixture(scope="module")
def document(places: Api) -> dict:
    return documentation(places, "pages")


def parameters(document: dict, path: str) -> dict[str, dict]:
    return {each["name"]: each for each in operation(document, path)["parameters"]}


def test_documentation_is_valid_openapi_2(document: dict) -> None:
    from swagger_spec_validator.validator20 import validate_spec

    validate_spec(document)


def test_documentation_shows_every_parameter(document: dict) -> None:
    shown = parameters(document, "/pages/stops/")
    names = "in_bbox tile point dist intersects contains within ordering fields"
    assert set(shown) == {*names.split(), "limit", "offset", "count", "page_after", "page_before"}
    assert all(each["description"] for each in shown.values())
    assert (shown["in_bbox"]["type"], shown["in_bbox"]["minItems"]) == ("array", 4)
    assert shown["dist"]["type"] == "number"
    assert "Default: 1000." in shown["dist"]["description"]
    assert "default" not in shown["dist"]  # Swagger UI would send it, without a point
    assert (shown["limit"]["default"], shown["limit"]["maximum"]) == (10, 10_000)
    assert "name" in shown["fields"]["items"]["enum"]
    assert set(parameters(document, "/pages/cursor/")) >= {"cursor", "limit", "in_bbox"}


def test_documentation_shows_a_page_of_json_and_a_feature_collection(document: dict) -> None:
    def page(path: str) -> dict:
        answer = operation(document, path)["responses"]["200"]
        assert answer["headers"]["X-Count"]["enum"] == ["exact", "estimated"]
        return answer["schema"]["properties"]

    plain = page("/pages/stops/")["results"]
    assert plain["type"] == "array"
    stop = document["definitions"][plain["items"]["$ref"].split("/")[-1]]
    assert stop["properties"]["geom"]["properties"]["type"]["enum"] == ["Point"]
    collection = page("/pages/features/")["results"]
    assert collection["properties"]["type"]["enum"] == ["FeatureCollection"]
    reference = collection["properties"]["features"]["items"]["$ref"]
    feature = document["definitions"][reference.split("/")[-1]]["properties"]
    assert feature["type"]["enum"] == ["Feature"]
    assert set(feature["properties"]["properties"]) == {"name", "lines"}
    assert feature["geometry"]["properties"]["coordinates"]["items"] == {"type": "number"}
