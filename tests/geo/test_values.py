"""Every type has the same values on a page, in a stream, in a file, and in a tile."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyogrio.raw
import pytest
import requests

from backend.databases.stored_types import OF_TABLE, TYPES
from tests.conftest import PostGIS
from tests.support import logs
from tests.support.containers import Containers
from tests.support.live import assert_nothing_wrong
from tests.support.mvt import layers
from tests.support.places import Api
from tests.support.published import FEWER, assert_schema_is_true

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parent / "values_project"
# Years that clients in every time zone can read.
READABLE = "moment__gt=0003-01-01T00:00:00Z&moment__lt=9999-01-01T00:00:00Z"
TABLES = ["declared", "guessed", "computed", "grouped"]
# In formats without objects, a document is JSON text.
DOCUMENTS = {"data", "described", "inside"}


@pytest.fixture(scope="module")
def values(postgis: PostGIS) -> Iterator[Api]:
    started, database = Containers(), postgis.database()
    started.may_log(logs.UNREADABLE, "drf_yasg.inspectors", "ERROR backend.openapi")
    postgis.sql((PROJECT / "tables.sql").read_text(), database)
    postgis.sql((PROJECT / "rows.sql").read_text(), database)
    container = started.start(
        env=postgis.env(database, WEB_CONCURRENCY="1"),
        mounts={
            PROJECT / "local_settings": "/code/src_files/local_settings:ro",
            PROJECT / "values": "/code/values:ro",
        },
        options=["--network", postgis.network],
    ).wait_until_ready()
    yield Api(container, postgis, database, database)
    started.clean()


def body(api: Api, path: str, **headers: str) -> bytes:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = api.get(f"/values/{path}", headers=named)
    assert answer.status_code == 200, answer.text[:500]
    return answer.content


def page(api: Api, table: str, query: str = "", **headers: str) -> list[dict]:
    """The features of the ordinary page."""
    return json.loads(body(api, f"{table}/?limit=100&{query}", **headers))["results"]["features"]


# The properties that a reader of each format gets, in the order of the page.


def of_geojson(api: Api, table: str, query: str, **headers: str) -> list[dict]:
    features = json.loads(body(api, f"{table}.geojson?{query}", **headers))["features"]
    return [feature["properties"] for feature in features]


def of_sequence(api: Api, table: str, query: str, **headers: str) -> list[dict]:
    records = body(api, f"{table}.geojsonl?{query}", **headers).split(b"\x1e")[1:]
    return [json.loads(record)["properties"] for record in records]


def of_csv(api: Api, table: str, query: str, **headers: str) -> list[dict]:
    text = body(api, f"{table}.csv?{query}", **headers).decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def of_flatgeobuf(api: Api, table: str, query: str, **headers: str) -> list[dict]:
    file, rows = body(api, f"{table}.fgb?{query}", **headers), []
    for number in range(len(pyogrio.raw.read(file)[2])):
        # One row at a time, because pyogrio makes a column with a NULL a column of floats.
        meta, _, _, columns = pyogrio.raw.read(
            file, skip_features=number, max_features=1, datetime_as_string=True
        )
        row = {name: column[0] for name, column in zip(meta["fields"], columns, strict=True)}
        rows.append(
            {name: getattr(one, "item", lambda one=one: one)() for name, one in row.items()}
        )
    return rows


def of_tile(api: Api, table: str, query: str, **headers: str) -> list[dict]:
    (features,) = layers(body(api, f"{table}/tiles/0/0/0.mvt?{query}", **headers)).values()
    return [one.properties for one in sorted(features, key=lambda feature: feature.id)]


READERS = {
    "geojson": of_geojson,
    "geojsonl": of_sequence,
    "csv": of_csv,
    "fgb": of_flatgeobuf,
    "mvt": of_tile,
}


def same(format_: str, name: str, value: Any, read: Any) -> bool:
    """Whether a reader got the value of the page."""
    if format_ in ("geojson", "geojsonl"):
        return read == value
    if format_ == "fgb" and isinstance(read, float) and read != read:
        return value in (None, "NaN")  # GDAL's NULL for a number
    if read in (None, "") and value is None:
        return True
    if isinstance(value, (dict, list)) or name in DOCUMENTS:
        return isinstance(read, str) and json.loads(read) == value
    if isinstance(value, bool):
        return read == (json.dumps(value) if format_ == "csv" else value)
    if isinstance(value, (int, float)):
        return type(value)(read) == value and isinstance(read, str) is (format_ == "csv")
    if isinstance(read, float):
        return float(value) == read or (value == "NaN" and read != read)
    return read == value or (format_ == "fgb" and same_moment(value, read))


def same_moment(value: str, read: str) -> bool:
    """Compares to the millisecond in UTC, which is GDAL's precision."""
    try:
        distance = datetime.fromisoformat(read) - datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return False
    return abs(distance) < timedelta(milliseconds=1)


@pytest.mark.parametrize("zone", ["", "fixed", "pacific"])
@pytest.mark.parametrize("table", TABLES)
def test_every_type_reads_the_same_in_every_format(
    values: Api, table: str, zone: str, figures: Callable[[str], None]
) -> None:
    query = READABLE if table != "guessed" and zone else ""
    shown = [feature["properties"] for feature in page(values, table, query, X_Zone=zone)]
    cells, different = 0, []
    for format_, reader in READERS.items():
        rows = reader(values, table, query, X_Zone=zone)
        assert len(rows) == len(shown)
        for number, (row, expected) in enumerate(zip(rows, shown, strict=True)):
            for name, value in expected.items():
                cells += 1
                if not same(format_, name, value, row.get(name)):
                    different.append((format_, number, name, value, row.get(name)))
    figures(f"{table} {zone or 'UTC'}: {cells} cells, {len(different)} differ")
    assert not different, different[:20]


def first(values: Api, table: str, number: int) -> dict:
    return page(values, table)[number]["properties"]


def test_values_of_guessed_columns_are_the_text_of_the_database(values: Api) -> None:
    shown = first(values, "guessed", 1)
    assert shown["texts"] == '{a,"b,c",NULL,""}'
    assert shown["numbers"] == "{1.50,NaN}"
    assert shown["document"] == '{"a" :\n [1, 2.50]}'
    assert shown["number_range"] == "[1,10)"
    assert shown["pairs"] == '"a"=>"1", "b"=>NULL'
    assert shown["network"] == "10.0.0.0/8"
    assert shown["fixed"] == "ab    "


def test_text_of_a_guessed_column_can_be_sent_back(values: Api) -> None:
    (before, *_) = page(values, "guessed")[1:2]
    path = f"/values/guessed/{before['id']}/"
    answer = requests.patch(values.url(path), json={"properties": before["properties"]}, timeout=30)
    assert answer.status_code == 200, answer.text
    assert values.get(path).json() == before


def test_numeric_without_precision_shows_its_own_digits(values: Api) -> None:
    assert [feature["properties"]["amount"] for feature in page(values, "guessed")] == [
        *(None, "1.5", "NaN", "Infinity"),
        "123456789012345678901234567890.000000000000000000001",
    ]


def test_timestamp_without_time_zone_is_in_the_active_zone(values: Api) -> None:
    assert first(values, "guessed", 1)["local"] == "2019-01-01T00:00:00Z"
    (row,) = of_csv(values, "guessed", "limit=1&offset=1")
    assert row["local"] == "2019-01-01T00:00:00Z"
    (row,) = of_csv(values, "guessed", "limit=1&offset=1", X_Zone="fixed")
    assert row["local"] == "2019-01-01T00:00:00-03:30"


def test_numbers_are_numbers_in_a_tile_and_in_its_tilejson(values: Api) -> None:
    described = json.loads(body(values, "declared/tiles/"))["vector_layers"][0]["fields"]
    kinds = {"small", "whole", "big", "size", "ratio", "doubled", "parent"}
    assert {name for name, kind in described.items() if kind == "Number"} == kinds
    assert {name for name, kind in described.items() if kind == "Boolean"} == {"flag"}
    row = of_tile(values, "declared", "")[4]
    assert row["big"] == 9007199254740993
    assert row["size"] == 2


def test_flatgeobuf_has_choices_of_integers_as_integers_and_reals_exactly(values: Api) -> None:
    meta, *_ = pyogrio.raw.read(body(values, "declared.fgb"))
    kinds = dict(zip(meta["fields"], meta["dtypes"], strict=True))
    assert kinds["size"] == "int64"
    assert of_flatgeobuf(values, "guessed", "")[1]["real"] == 0.1


@pytest.mark.parametrize("name", ["withparent", "replicated"])
def test_field_of_an_empty_relation_is_null(values: Api, name: str) -> None:
    titles = [feature["properties"]["title"] for feature in page(values, name)]
    assert titles[:3] == [None, 'First "of" all', None]
    assert [row["title"] for row in of_geojson(values, name, "")] == titles
    assert [row["title"] or None for row in of_csv(values, name, "")] == titles


def test_column_of_another_type_than_the_models_is_refused_by_name(values: Api) -> None:
    for format_ in ("csv", "geojson", "fgb"):
        answer = values.get(f"/values/mistaken.{format_}")
        assert answer.status_code == 406
        assert "MistakenSerializer.tags" in answer.json()["detail"]
        assert "has the type _text" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("claim", "reason"),
    {
        "array as text": "the annotation says TextField, but PostgreSQL returns _int4",
        "number as text": "the annotation says TextField, but PostgreSQL returns int4",
        "day as moment": "the annotation says DateTimeField, but PostgreSQL returns date",
        "moment as day": "the annotation says DateField, but PostgreSQL returns timestamptz",
        "number as flag": "the annotation says BooleanField, but PostgreSQL returns int4",
        "numerics as wholes": "the annotation says ArrayField, but PostgreSQL returns _numeric",
        "float as decimal": "Decimal() of a float has all its digits",
        "of a team": "Shouted.convert_value() is Python code",
    }.items(),
)
def test_annotation_of_another_type_than_declared_is_refused_by_name(
    values: Api, claim: str, reason: str
) -> None:
    assert values.get("/values/claimed/", headers={"X-Claim": claim}).status_code == 200
    for format_ in ("csv", "geojson", "fgb"):
        answer = values.get(f"/values/claimed.{format_}", headers={"X-Claim": claim})
        assert answer.status_code == 406, (format_, answer.status_code)
        assert f"ClaimedSerializer.shown cannot be read by SQL: {reason}" in answer.text


# --- Views that SQL cannot produce, and unusual spatial views (values/limits.py)

UNREADABLE = {
    "own": "Reshaped.to_representation() is Python code",
    "nested": "WithParent.parent",
    "method": "WithMethod.length",
    "boxed": "WithBox.Meta.auto_bbox",
}
HTML = {"Accept": "text/html"}
PAGES = [("/", {}), ("/", HTML), (".csv", {}), (".geojson", {}), (".geojsonl", {}), ("/tiles/", {}),
         ("/tiles/0/0/0.mvt", {}), ("/map/", HTML)]  # fmt: skip


def statuses(api: Api, name: str) -> list[int]:
    return [
        api.get(f"/limits/{name}{path}", headers=headers).status_code for path, headers in PAGES
    ]


@pytest.fixture(scope="module")
def landing(values: Api) -> str:
    return values.get("/").text


@pytest.fixture(scope="module")
def document(values: Api) -> dict:
    return values.get("/swagger.json").json()


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_sql_cannot_give_is_not_routed_linked_or_documented_and_says_why(
    values: Api, name: str, landing: str, document: dict
) -> None:
    assert statuses(values, name) == [200, 200, 406, 406, 406, 404, 404, 404]
    assert UNREADABLE[name] in values.get(f"/limits/{name}.csv").json()["detail"]
    assert f"/limits/{name}/tiles/" not in landing
    assert f"/limits/{name}/map/" not in landing
    # The common prefix of all paths is not part of them.
    paths = {path for path in document["paths"] if f"limits/{name}/" in path}
    listed = min(paths, key=len)
    assert paths == {listed, f"{listed}{{id}}/"}
    operation = document["paths"][listed]["get"]
    assert "text/csv" not in operation.get("produces", document["produces"])
    assert "format" not in [one["name"] for one in operation["parameters"]]


def test_system_check_names_the_views_that_sql_cannot_read_and_the_remedy(values: Api) -> None:
    warned = values.container.exec("sh", "-c", "python manage.py check 2>&1")
    assert warned.count("backend.W004") == len(UNREADABLE)
    for reason in UNREADABLE.values():
        assert reason in warned
    assert "HINT: Leave it out with stream_fields or tile_fields" in warned


def test_view_that_leaves_out_what_sql_cannot_give_has_everything(
    values: Api, landing: str
) -> None:
    assert statuses(values, "leftout") == [200] * len(PAGES)
    assert "/limits/leftout/map/" in landing


def test_field_that_depends_on_the_request_is_a_406_with_the_reason(values: Api) -> None:
    assert statuses(values, "byrequest") == [200, 200, 406, 406, 406, 406, 406, 406]
    answer = values.get("/limits/byrequest/tiles/")
    assert "WithMethod.length" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["moved", "plain", "acting", "sliced"])
def test_unusual_view_has_pages_streams_tiles_and_map(values: Api, name: str) -> None:
    assert statuses(values, name) == [200] * len(PAGES)


def test_tiles_draw_an_annotated_geometry_in_the_right_place(values: Api) -> None:
    bounds = values.get("/limits/moved/tiles/").json()["bounds"]
    assert bounds == pytest.approx([2, 2, 10, 2])


def test_rows_that_are_a_list_have_a_page_but_no_stream_or_map(values: Api) -> None:
    assert statuses(values, "listed") == [200, 200, 406, 406, 406, 406, 406, 406]
    assert "QuerySet" in values.get("/limits/listed.csv").json()["detail"]
    assert "data-tilejson" not in values.get("/limits/listed/", headers=HTML).text


def test_action_without_a_serializer_has_a_page_for_people(values: Api) -> None:
    for headers in ({}, HTML):
        assert values.get("/limits/acting/recent/", headers=headers).status_code == 200


def test_flatgeobuf_of_chosen_fields_keeps_its_geometry(values: Api) -> None:
    answer = values.get("/limits/notes.fgb?fields=note")
    assert answer.status_code == 200, answer.text
    meta, _, shapes, _ = pyogrio.raw.read(answer.content)
    assert list(meta["fields"]) == ["id", "note"]
    assert len(shapes) == 9
    assert all(shape is not None for shape in shapes)


# Pages may offer these and refuse them with a reason, which only a request or a table reveals.
REFUSED = ("/limits/byrequest/", "/limits/listed/", "/values/mistaken/", "/limits/chosen/")
REFUSED += ("/limits/perrequest/",)
WITHOUT_MODEL = "/limits/plain/"  # null, because its serializer has no model


def test_live_check_finds_nothing_wrong(values: Api) -> None:
    own = [f"GET {path}" for path in (*REFUSED, WITHOUT_MODEL)]
    own += ["GET /limits/listed.csv", "GET /values/mistaken.csv"]  # links of the start page
    assert_nothing_wrong(values.container, but=own)


@pytest.mark.parametrize("name", ["chosen", "perrequest"])
def test_rounding_that_depends_on_the_request_is_decided_by_each_request(
    values: Api, name: str
) -> None:
    def status(path: str, **headers: str) -> int:
        return values.get(f"/limits/{name}/{path}", headers=headers).status_code

    for path in ("tiles/", "tiles/0/0/0.mvt", "map/"):
        assert (status(path), status(path, **{"X-Exact": "yes"})) == (406, 200), path
    for address in (f"/limits/{name}/", f"/limits/{name}.api"):
        page = values.get(address, headers=HTML).text
        assert f"/limits/{name}/map" not in page
        assert f"/limits/{name}/tiles" not in page
    page = values.get(f"/limits/{name}/", headers={**HTML, "X-Exact": "yes"}).text
    assert f"/limits/{name}/map/" in page


def test_rounding_causes_no_warning(values: Api) -> None:
    output = values.container.exec("python", "manage.py", "check", check=False)
    assert "limits.LeftOut" not in output
    assert "limits.Own" in output
    assert "limits.Rounded" not in output
    assert values.get("/limits/rounded/tiles/0/0/0.mvt").status_code == 404


SORTED = """
CREATE TYPE sorted_mood AS ENUM ('sad'); CREATE DOMAIN sorted_code AS varchar(8);
CREATE DOMAIN sorted_mark AS xml;
CREATE TABLE sorted (codes sorted_code[], code sorted_code, moods sorted_mood[], documents json[],
    document json, markup xml, mark sorted_mark, place point, box box, span int4range, note citext,
    notes citext[], cidr cidr, name name, raw bytea, geom geometry, area geography, pairs hstore,
    words tsvector, bits bit(3), amount money, days daterange[], spans int4multirange, id uuid);
"""


def test_types_that_can_be_ordered_are_those_that_postgresql_can_sort(values: Api) -> None:
    values.sql(SORTED)
    types = TYPES.format(columns=OF_TABLE).replace("%s", "'sorted'").replace("%%", "%")
    expected = {
        line.split("|")[0]: line.split("|")[3] == "t" for line in values.sql(types).splitlines()
    }
    can_sort = {}
    for name in expected:
        ordered = f"EXECUTE 'SELECT FROM sorted ORDER BY {name}'"
        values.sql(
            f"CREATE TABLE IF NOT EXISTS found (name text, sorts bool); DO $$ BEGIN {ordered}; "
            f"INSERT INTO found VALUES ('{name}', true); EXCEPTION WHEN undefined_function THEN "
            f"INSERT INTO found VALUES ('{name}', false); END $$"
        )
    for line in values.sql("SELECT name, sorts FROM found").splitlines():
        name, sorts = line.split("|")
        can_sort[name] = sorts == "t"
    assert len(can_sort) == 24
    assert {name for name, sorts in can_sort.items() if not sorts} >= {"document", "markup", "mark"}
    assert expected == can_sort


def test_column_without_an_order_is_not_offered_for_ordering(values: Api) -> None:
    page = values.get("/values/guessed/", headers=HTML).text
    assert "ordering=mood" in page
    assert "ordering=markup" not in page
    answer = values.get("/values/guessed/?ordering=nothing").json()["ordering"]
    assert "mood" in answer
    assert "markup" not in answer


def test_ordering_by_a_column_without_an_order_is_a_400_and_not_a_500(values: Api) -> None:
    answer = values.get("/values/guessed/?ordering=-markup")
    assert answer.status_code == 400
    assert answer.json() == {"ordering": "'-markup' has no order: PostgreSQL cannot sort xml."}
    for name in ("document", "moods", "sentence", "bits", "network", "fixed", "day_multirange"):
        assert values.get(f"/values/guessed/?ordering={name}").status_code == 200, name


def test_browsable_page_shows_nan_and_infinity(values: Api) -> None:
    text = values.get("/values/declared/", headers=HTML).text
    assert "&quot;NaN&quot;" in text
    assert "&quot;Infinity&quot;" in text


def test_answers_are_documented_as_they_are_stored(document: dict) -> None:
    """Not with the limits for what clients send, because an older row may violate them."""
    answer = document["definitions"]["Declared"]["properties"]["properties"]["properties"]
    body = document["definitions"]["DeclaredRequest"]["properties"]["properties"]["properties"]
    assert "minLength" in body["code"]
    assert not {"minLength", "maxLength", "pattern"} & set(answer["code"])
    assert not {"minimum", "maximum"} & set(answer["small"])
    assert answer["prices"]["items"]["x-nullable"] is True
    assert answer["grid"]["items"]["items"]["x-nullable"] is True
    assert answer["ratio"]["x-not-finite"] == ["NaN", "Infinity", "-Infinity"]
    assert "x-not-finite" not in body["ratio"]  # a client can send only numbers
    assert "type" not in answer["doubled"]
    nested = document["definitions"]["SparseWithParent"]["properties"]["properties"]
    assert nested["properties"]["parent"]["x-nullable"] is True


# The last test, because it writes.
def test_published_schema_is_true(values: Api, figures: Callable[[str], None]) -> None:
    own = (*REFUSED, "/limits/plain/", "/values/declared/", "/limits/acting/recent/")
    without = ("--exclude-path-regex", f"^({'|'.join(own)})")
    asked = assert_schema_is_true(values.url("").rstrip("/"), *FEWER, *without)
    figures(f"schemathesis as anonymous: {asked}")
