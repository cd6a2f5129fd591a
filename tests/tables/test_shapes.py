"""PUBLISH_SCHEMAS over shapes.sql: values that Python or Django cannot read, with both drivers."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.conftest import PostGIS
from tests.support.containers import Container, Containers
from tests.tables.conftest import READER, loaded

pytestmark = pytest.mark.engine

SCHEMA = '"City ""Data"" 100%"'
# Of other types than those in shapes.sql, with other dimensions in each row.
NESTED = f"""
CREATE TABLE {SCHEMA}.nested (id integer PRIMARY KEY, days date[], times timestamptz[],
    prices numeric(8, 2)[], numbers numeric[]);
INSERT INTO {SCHEMA}.nested VALUES
    (1, '{{2024-01-01,0044-03-15 BC}}', '{{2024-01-01 12:00+00,NULL}}', '{{1.5}}', '{{1.50}}'),
    (2, '{{{{2024-01-01,2024-01-02}},{{NULL,2024-01-04}}}}',
        '{{{{{{2024-01-01 12:00+00}},{{2024-01-02 12:00+00}}}}}}',
        '{{{{{{1,2}},{{3,4}}}},{{{{5,6}},{{7,8}}}}}}', '{{{{1.50,2}}}}'),
    (3, '{{}}', '{{}}', '{{}}', '{{}}');
GRANT SELECT ON {SCHEMA}.nested TO {READER};
"""


@pytest.fixture(scope="module")
def api(postgis: PostGIS, image: str) -> Iterator[Container]:
    started = Containers()
    started.may_log("division by zero", "Service Unavailable: /api/divided")
    database = loaded(postgis, "shapes.sql")
    postgis.sql(NESTED, database)
    yield started.start(
        image=image,
        env={
            "DATABASE_URL": f"postgis://{READER}:{READER}@{postgis.host}:5432/{database}",
            "PUBLISH_SCHEMAS": f"{SCHEMA},census,dbo",
        },
        options=["--network", postgis.network],
    ).wait_until_ready()
    started.clean()


def page(api: Container, path: str) -> list[dict[str, Any]]:
    response = api.get(f"/api/{path}")
    assert response.status_code == 200, response.text
    rows: list[dict[str, Any]] = response.json()["results"]
    return rows


def lines(api: Container, table: str) -> list[dict[str, Any]]:
    response = api.get(f"/api/{table}.jsonl")
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def as_csv(api: Container, table: str) -> list[dict[str, str]]:
    response = api.get(f"/api/{table}.csv")
    assert response.status_code == 200, response.text
    return list(csv.DictReader(io.StringIO(response.text, newline="")))


# What Python has is ISO 8601. Infinity is its first or last value, and everything else is the text
# of PostgreSQL.
MOMENTS = {
    "d": ["2024-02-29", "9999-12-31", "4713-01-01 BC", None, "9999-12-31"],
    "t": ["23:59:59.999999", "24:00:00", "00:00:00", None, None],
    "ts": [
        *("2024-07-01T12:00:00.123456", "9999-12-31T23:59:59.999999", "0044-03-15 12:00:00 BC"),
        *(None, "9999-12-31T23:59:59.999999"),
    ],
    "tstz": [
        *("2024-07-01T12:00:00Z", "0001-01-01T00:00:00Z", "0044-03-15 12:00:00+00 BC"),
        *(None, "294276-12-31 23:59:59+00"),
    ],
}


@pytest.mark.parametrize("column", MOMENTS)
def test_dates_that_python_lacks_are_the_same_in_every_format(api: Container, column: str) -> None:
    assert [row[column] for row in page(api, "every_type/")] == MOMENTS[column]
    assert [row[column] for row in lines(api, "every_type")] == MOMENTS[column]
    texts = [each or "" for each in MOMENTS[column]]
    assert [row[column] for row in as_csv(api, "every_type")] == texts


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("at=0044-03-15 12:00:00+00 BC", [44]),
        ("at__lt=0001-01-01 00:00:00+00 BC", [0, 44]),
        ("at__in=infinity,2024-03-10T10:59:59.999999Z", [1, 0]),
        ("at__gt=10000-01-01", [0]),
        ("at=9999-12-31T23:59:59.999999Z", [0]),  # as infinity is shown
    ],
)
def test_filter_by_a_date_that_python_lacks(api: Container, query: str, values: list[int]) -> None:
    rows = page(api, f"time_key/?{quote(query, safe='=,')}")
    assert [row["value"] for row in rows] == values


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("ts__in=infinity,2024-07-01T12:00:00.123456", [1, 2]),
        ("ts__in=9999-12-31T23:59:59.999999", [2, 5]),
        ("ts=9999-12-31T23:59:59.999999", [2, 5]),
    ],
)
def test_filter_by_infinity_of_a_timestamp(api: Container, query: str, ids: list[int]) -> None:
    assert [row["id"] for row in page(api, f"every_type/?{query}")] == ids


@pytest.mark.parametrize("query", ["at=0043-02-30 BC", "at=294277-01-01", "at__in=nope"])
def test_text_that_is_no_date_at_all_is_a_400(api: Container, query: str) -> None:
    assert api.get(f"/api/time_key/?{quote(query, safe='=')}").status_code == 400


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("time_key", ["at"]),
        ("composite_text_key", ["street/lane", "city", "house"]),
        ("inet_key", ["address"]),
        ("numeric_key", ["amount"]),
    ],
)
def test_every_row_has_a_page_under_its_key(api: Container, table: str, key: list[str]) -> None:
    for row in page(api, f"{table}/?limit=100"):
        parts = [str(row[name]) for name in key]
        if len(parts) > 1:
            parts = ['"' + part.replace('"', '""') + '"' for part in parts]
        response = api.get(f"/api/{table}/{quote(','.join(parts), safe='')}/")
        assert (response.status_code, response.json()) == (200, row), parts


@pytest.mark.parametrize(
    ("table", "key", "name"),
    [
        ("bytes_key", r"\x00ff", "a"),
        ("enum_array_key", 'É,"{{1,2},{3,4}}"', "d"),
        ("enum_array_key", 'É,"[[1, 2], [3, 4]]"', "d"),
        ("enum_array_key", 'north bound,"[1, 2]"', "a"),
    ],
)
def test_key_of_bytes_or_of_an_array(api: Container, table: str, key: str, name: str) -> None:
    assert api.get(f"/api/{table}/{quote(key, safe='')}/").json()["name"] == name


def test_bytes_that_refer_to_a_row_are_bytes(api: Container) -> None:
    assert api.get("/api/of_bytes/").json()["results"] == [{"id": 1}]
    assert api.get("/api/of_bytes.csv").text == "id\n1\n"
    assert base64.b64decode(api.get("/api/of_bytes/1/").json()["hash"])


@pytest.mark.parametrize(
    "path",
    [
        *("bytes_key/tiles/", "enum_array_key/x,y/", "time_key/nope/"),
        # Only PostgreSQL knows that these are no values.
        *("inet_key/nope/", "inet_key/10.0.0.1%2F99/", "enum_array_key/,/"),
    ],
)
def test_text_that_is_no_key_is_a_404(api: Container, path: str) -> None:
    assert api.get(f"/api/{path}").status_code == 404


def test_json_that_is_not_jsonb_is_the_same_in_every_format(api: Container) -> None:
    documents: list[Any]
    documents = [{"a": "\0"}, 1.0, None, "text", [1, [2, [3]]], True, None, {"spaced": 2}, "🚀"]
    assert [row["doc"] for row in page(api, "feed/")][:-1] == documents
    assert [row["doc"] for row in lines(api, "feed")][:-1] == documents
    cells = [row["doc"] for row in as_csv(api, "feed")]
    assert cells[0] == r'{"a": "\u0000"}'
    assert cells[7] == ' { "spaced" : 1 , "spaced" : 2 } '


@pytest.mark.parametrize(("value", "ids"), [("1.0", [2, 5]), ('{"spaced":2}', [8]), ('"🚀"', [9])])
def test_filter_by_json_that_is_not_jsonb(api: Container, value: str, ids: list[int]) -> None:
    assert [row["id"] for row in page(api, f"feed/?doc__contains={quote(value)}")] == ids


def test_arrays_have_the_dimensions_of_their_values(api: Container) -> None:
    rows = page(api, "nested/")
    assert rows == [
        {
            "id": 1,
            "days": ["2024-01-01", "0044-03-15 BC"],
            "times": ["2024-01-01T12:00:00Z", None],
            "prices": ["1.50"],
            "numbers": ["1.50"],
        },
        {
            "id": 2,
            "days": [["2024-01-01", "2024-01-02"], [None, "2024-01-04"]],
            "times": [[["2024-01-01T12:00:00Z"], ["2024-01-02T12:00:00Z"]]],
            "prices": [[["1.00", "2.00"], ["3.00", "4.00"]], [["5.00", "6.00"], ["7.00", "8.00"]]],
            "numbers": [["1.50", "2"]],
        },
        {"id": 3, "days": [], "times": [], "prices": [], "numbers": []},
    ]
    assert lines(api, "nested") == rows
    assert json.loads(as_csv(api, "nested")[1]["prices"]) == rows[1]["prices"]
    assert [row["id"] for row in page(api, "nested/?prices__contains=7")] == [2]
    assert [row["id"] for row in page(api, "nested/?days__contains=0044-03-15 BC")] == [1]


def test_arrays_of_every_type_are_the_same_in_every_format(api: Container) -> None:
    rows = page(api, "arrays/")
    assert rows[0]["cube"] == [[[1.5], ["NaN"]]]
    assert rows[0]["flags"] == [True, False, None]
    assert lines(api, "arrays") == rows
    assert [row["id"] for row in page(api, "arrays/?flags__contains=true,false")] == [1]
    assert api.get("/api/arrays/?format=api").status_code == 200


def test_array_of_a_domain_is_the_same_text_in_every_format(api: Container) -> None:
    feature = api.get("/api/domains/?limit=1").json()["results"]["features"][0]
    assert feature["properties"]["prices"] == "{1.00,2.25}"
    assert as_csv(api, "domains")[0]["prices"] == "{1.00,2.25}"
    assert api.get("/api/domains/tiles/0/0/0.mvt").status_code == 200


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("every_type/?tree=Top.Science.Astronomy", 1),
        ('every_type/?attributes="a"=>"1", "b c"=>NULL', 1),
        ("every_type/?rel=pg_class", 1),
        ("every_type/?rel=nope", 0),
        ("user/?email__in=User1@Example.org", 1),
        ("planet_osm_point/?tags__icontains=tree", 30),
    ],
)
def test_filter_by_a_type_outside_the_search_path(api: Container, query: str, count: int) -> None:
    path, _, asked = query.partition("?")
    response = api.get(f"/api/{path}?{quote(asked, safe='=')}")
    assert (response.status_code, response.json()["count"]) == (200, count)


def test_filter_by_a_domain_of_an_enum(api: Container) -> None:
    assert api.get("/api/domains/?shown=red").json()["count"] == 6
    assert api.get("/api/domains/?shown__in=green,amber").json()["count"] == 0


@pytest.mark.parametrize("query", ["spans__in=a,b", "grid__contains=x", 'docs__in="a,b",c'])
def test_value_that_postgresql_cannot_read_is_a_400(api: Container, query: str) -> None:
    assert api.get(f"/api/arrays/?{quote(query, safe='=,')}").status_code == 400


def test_filter_by_nan_and_infinity(api: Container) -> None:
    assert [row["name"] for row in page(api, "numeric_key/?amount=NaN")] == ["not a number"]
    assert [row["name"] for row in page(api, "float_key/?x__in=Infinity,NaN")] == [
        *("infinity", "nan")
    ]
    assert [row["id"] for row in page(api, "every_type/?single=-Infinity")] == [3]


def test_rows_that_the_database_cannot_compute_are_a_503(api: Container) -> None:
    for path in ("divided/", "divided.csv", "divided/?format=api"):
        response = api.get(f"/api/{path}")
        assert response.status_code == 503
        assert "The database cannot compute the rows of this table." in response.text
    assert page(api, "divided/?id=6") == [{"id": 6, "fails_at_5": 1}]
    assert api.get("/api/divided/?id=x").status_code == 400
    said = 'The rows of "City ""Data"" 100%"."divided" cannot be computed: division by zero'
    assert said in api.logs()
    assert "Traceback" not in api.logs()


def test_tiles_of_a_schema_with_a_quotation_mark_have_bounds(api: Container) -> None:
    west, south, east, north = api.get("/api/hexagons/tiles/").json()["bounds"]
    assert -123 < west < -122.8
    assert 45.3 < south < 45.4
    assert -122.6 < east < -122.4
    assert 45.5 < north < 45.6


def test_table_with_the_name_of_a_class_does_not_replace_it(api: Container) -> None:
    # The relation "!!!" becomes the model Table.
    assert api.get("/api/circles.geojson").json()["features"][0]["geometry"]["type"] == "Polygon"


def test_names_with_blanks_at_the_start_are_documented_and_can_be_used(api: Container) -> None:
    document = api.get("/swagger.json").json()
    operation = document["paths"]["/strange-names-of-columns/"]["get"]
    names = {each["name"] for each in operation["parameters"]}
    assert {" ", " __in", "  leading", "  leading__icontains"} <= names
    properties = document["definitions"]["SparseStrangeNamesOfColumns"]["properties"]
    assert {" ", "  leading"} <= properties.keys()
    path = "/api/strange-names-of-columns/"
    assert api.get(f"{path}?%20=blank&ordering=%22%20%22").json()["count"] == 7
    assert api.get(f"{path}?%20=nope").json()["count"] == 0


def test_filters_that_are_not_asked_for_are_known(api: Container) -> None:
    response = api.get("/api/census/acs_2022/?B01001_001E__gt3=1")
    assert response.status_code == 400
    assert "B01001_001E__gt" in response.text
    assert 'name="B01001_199E__gte"' in api.get("/api/census/acs_2022/?format=api").text
    assert len(page(api, "census/acs_2022/?B01001_001E__gt=3&B01001_001E__lte=5")) == 2
