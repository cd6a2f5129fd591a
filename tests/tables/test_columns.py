"""Every column has its own name and value: in pages, streams, tiles, filters, and the document."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pyogrio.raw
import pytest
from openapi_spec_validator import validate

from tests.conftest import PostGIS
from tests.support.containers import Containers
from tests.support.live import assert_nothing_wrong
from tests.support.mvt import layers
from tests.support.places import Api
from tests.support.plans import explain
from tests.tables.conftest import loaded

pytestmark = pytest.mark.engine

ODD = "a-b-50-t"  # the route of the table a "b" 50% $t
SCHEMA = '"o""dd %s, $1"'


@pytest.fixture(scope="module")
def columns(postgis: PostGIS) -> Iterator[Api]:
    started, database = Containers(), loaded(postgis, "columns.sql")
    started.may_log("The role api is a superuser")
    container = started.start(
        env=postgis.env(database, WEB_CONCURRENCY="1", PUBLISH_SCHEMAS=SCHEMA),
        options=["--network", postgis.network],
    ).wait_until_ready()
    yield Api(container, postgis, database, database)
    started.clean()


def got(api: Api, path: str, **params: Any) -> Any:
    answer = api.get(f"/api/{path}", params=params)
    assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text[:500]}"
    return answer


def rows(api: Api, table: str, **params: Any) -> list[dict[str, Any]]:
    """The rows of a page: properties of features, with their id, or plain objects."""
    results = got(api, f"{table}/", **{"limit": 1000, **params}).json()["results"]
    if isinstance(results, list):
        return results
    return [
        {**({"_id": one["id"]} if "id" in one else {}), **one["properties"]}
        for one in results["features"]
    ]


def sql(api: Api, statement: str) -> list[str]:
    """The first column of a statement in the schema of the tables."""
    return api.sql(f"SET search_path = {SCHEMA}, public; {statement}").splitlines()


# --- Values


def test_each_type_has_the_value_that_people_expect(columns: Api) -> None:
    assert got(columns, "kinds/1/").json() == {
        **{"id": 1, "small": 0, "big": 0, "real": 0.1, "ratio": 0.1, "plain": "1.50"},
        **{"exact": "1.500", "cost": 1234.5, "flag": True, "day": "2024-02-29"},
        **{"clock": "12:30:00", "moment": "2024-07-01T12:00:00Z", "local": "2024-07-01T12:00:00"},
        **{"word": "a,b", "padded": "ab   ", "folded": "MiXed", "shortened": "short"},
        **{"mood": "so, so", "token": "12345678-9abc-def0-1234-56789abcdef0"},
        **{"document": {"a": [1, 2.5]}, "binary_document": {"a": {"b": 1}}, "numbers": [1, 2]},
        **{"words": ["a", "b,c"], "codes": ["x"], "moods": ["sad", "so, so"]},
        **{"locals": ["2024-07-01T12:00:00.500000"], "span": "3 days", "days": "[2024-01-01,)"},
        **{"address": "10.0.0.1", "network": "10.0.0.0/8", "mac": "08:00:2b:01:02:03"},
        **{"bits": "101", "markup": '<a b="c"/>', "point": "(1,2)"},
        **{"pair": {"a": 1, "b": "x,y"}, "pairs": {"a": "1", 'b "c"': 'x=>"y\\z"', "d": None}},
        **{"doubled": 0, "raw": "AP8="},
    }


def test_every_value_is_the_same_in_page_jsonl_and_csv(columns: Api) -> None:
    shown = rows(columns, "kinds")
    assert len(shown) == 7
    assert "raw" not in shown[0]  # bytes can be megabytes
    stream = got(columns, "kinds.jsonl").text.splitlines()
    assert [json.loads(line) for line in stream] == shown
    table = list(csv.DictReader(io.StringIO(got(columns, "kinds.csv").text, newline="")))
    different = [
        (row["id"], name, value, read[name])
        for row, read in zip(shown, table, strict=True)
        for name, value in row.items()
        if not same_in_csv(value, read[name])
    ]
    assert not different


@pytest.mark.parametrize(
    ("path", "unread"),
    [
        ("kinds/?limit=2", ("raw", "search")),
        ("kinds/1/", ("search",)),
        ("parks/?limit=2", ("centroid",)),
        ("parks/?limit=2&geometry=centroid", ("Shape",)),
    ],
)
def test_column_that_is_not_shown_is_not_read(
    columns: Api, path: str, unread: tuple[str, ...]
) -> None:
    (answer,) = explain(columns, f"/api/{path}")
    read = [each for each in answer["statements"] if '"id"' in each]
    assert read, answer["statements"]
    assert [name for each in read for name in unread if f'"{name}"' in each] == []


def test_bytes_are_no_field_of_lists(columns: Api) -> None:
    assert columns.get("/api/kinds/?fields=raw").status_code == 400
    assert got(columns, "kinds/1/?fields=raw").json() == {"raw": "AP8="}
    document = got(columns, "../swagger.json").json()
    of_row = document["paths"]["/kinds/{id}/"]["get"]["responses"]["200"]["schema"]["allOf"]
    assert of_row[1]["properties"]["raw"]["format"] == "byte"
    assert "raw" not in document["definitions"]["SparseKinds"]["properties"]


def same_in_csv(value: Any, read: str) -> bool:
    if value is None:
        return read in ("", "null")  # of a JSON document
    if isinstance(value, (bool, list, dict)):
        return json.loads(read) == value
    if isinstance(value, (int, float)):
        return type(value)(read) == value
    return read in (value, f'"{value}"')


def test_years_that_python_does_not_have_are_as_postgresql_writes_them(columns: Api) -> None:
    shown = got(columns, "kinds/7/", fields="day,moment,local").json()
    assert shown == {
        "day": "0044-03-15 BC",
        "moment": "0044-03-15 12:00:00+00 BC",
        "local": "12000-01-01 00:00:00",
    }


def test_names_with_every_character_are_the_same_in_every_format(columns: Api) -> None:
    page = got(columns, f"{ODD}/", limit=100).json()["results"]["features"]
    names = list(page[0]["properties"])
    assert names == [
        *("Total, all", "-x", "x", 'say "hi"', '"quoted"', "50% off", "%s", "Income ($)"),
        *(" padded ", "limit", "limit__gte", "class", "2020_visits", "type", "properties", "id"),
    ]
    assert got(columns, f"{ODD}.geojson").json()["features"] == page
    records = got(columns, f"{ODD}.geojsonl").text.split("\x1e")[1:]
    assert list(map(json.loads, records)) == page
    table = list(csv.DictReader(io.StringIO(got(columns, f"{ODD}.csv").text, newline="")))
    expected = {**page[6]["properties"], "OBJECT ID": page[6]["id"]}
    assert {name: table[6][name] for name in expected} == {
        name: str(value) for name, value in expected.items()
    }
    meta, *_ = pyogrio.raw.read(got(columns, f"{ODD}.fgb").content)
    assert list(meta["fields"]) == ["OBJECT ID", *names]
    assert got(columns, f"{ODD}/7/").json() == page[6]
    ((layer, features),) = layers(got(columns, f"{ODD}/tiles/0/0/0.mvt").content).items()
    assert layer == "ab50t"
    by_id = {one.id: one.properties for one in features}
    assert by_id[7] == page[6]["properties"]
    tilejson = got(columns, f"{ODD}/tiles/").json()
    assert list(tilejson["vector_layers"][0]["fields"]) == names


def test_document_lists_the_labels_of_an_enum_alone(columns: Api) -> None:
    document = got(columns, "../swagger.json").json()
    mood = document["definitions"]["SparseKinds"]["properties"]["mood"]
    assert (mood["enum"], mood["x-nullable"]) == (["sad", "so, so", 'happy "day"'], True)


# --- Filters

FILTERS = {
    "small=0": "small = 0",
    "small__lte=0": "small <= 0",
    "small__in=0,32767": "small IN (0, 32767)",
    "big__gt=0": "big > 0",
    "real=0.1": '"real" = 0.1::real',
    "real__gte=0.1": '"real" >= 0.1::real AND "real" <> \'NaN\' OR "real" = \'NaN\'',
    "plain=1.5": "plain = 1.5",
    "plain__lt=0": "plain < 0",
    "exact__gte=1.5": "exact >= 1.5",
    "cost=1234.50": "cost = 1234.5::numeric::money",
    "cost__lt=0": "cost < 0::money",
    "cost__in=1234.5,-0.01": "cost IN (1234.5::numeric::money, '-0.01'::numeric::money)",
    "real=NaN": "\"real\" = 'NaN'",
    "ratio=Infinity": "ratio = 'Infinity'",
    "day=infinity": "day = 'infinity'",
    "moment=infinity": "moment = 'infinity'",
    "flag=true": "flag",
    "flag=false": "NOT flag",
    "day=2024-02-29": "day = '2024-02-29'",
    "clock__gt=12:00": "clock > '12:00'",
    "moment__gte=2024-07-01T14:00:00%2B02:00": "moment >= '2024-07-01 12:00Z'",
    "local=2024-07-01T12:00:00": "local = '2024-07-01 12:00'",
    "word=a,b": "word = 'a,b'",
    'word__in="a,b",x': "word IN ('a,b', 'x')",
    "word__icontains=A,": "word ILIKE '%A,%'",
    "folded__startswith=Mi": "folded LIKE 'Mi%'",
    "mood=so, so": "mood = 'so, so'",
    'mood__in="so, so",sad': "mood IN ('so, so', 'sad')",
    "token=ffffffff-ffff-ffff-ffff-ffffffffffff": "token = 'ffffffff-ffff-ffff-ffff-ffffffffffff'",
    'document__contains={"a":[1]}': """document::jsonb @> '{"a":[1]}'""",
    'binary_document__contains={"a":{"b":1}}': """binary_document @> '{"a":{"b":1}}'""",
    "numbers__contains=2,1": "numbers @> '{1,2}'",
    'words__contains="b,c"': """words @> '{"b,c"}'""",
    "codes__contains=x": "codes @> '{x}'",
    'moods__contains="so, so",sad': """moods @> '{sad,"so, so"}'""",
    "span=72:00:00": "span = '72 hours'",
    "days=[2024-01-01,)": "days = '[2024-01-01,)'",
    "address=10.0.0.1": "address = '10.0.0.1'",
    "address__startswith=10.": "address::text LIKE '10.%'",
    'markup=<a b="c"/>': """markup::text = '<a b="c"/>'""",
    "column_point=(1,2)": "point::text = '(1,2)'",
    'pair=(1,"x,y")': """pair::text = '(1,"x,y")'""",
    "pair__startswith=(1": "pair::text LIKE '(1%'",
    'pair__contains={"a":1}': "(pair).a = 1",
    'pair__contains={"b":"x,y"}': "(pair).b = 'x,y'",
    'pairs__contains={"a":"1"}': 'pairs::text LIKE \'%"a"=>"1"%\'',
    "pair__isnull=false": "pair IS DISTINCT FROM NULL",
    "pair__isnull=true": "pair IS NOT DISTINCT FROM NULL",
    "pairs__isnull=true": "pairs IS NULL",
    "search=permit": "search @@ websearch_to_tsquery('permit')",
    "search=roof -permit": "search @@ websearch_to_tsquery('roof -permit')",
    "flag__isnull=true": "flag IS NULL",
    "document__isnull=false": "document IS NOT NULL",
    "doubled__gte=0": "doubled >= 0",
}


@pytest.mark.parametrize("query", FILTERS)
def test_filter_selects_the_rows_of_sql(columns: Api, query: str) -> None:
    name, _, value = query.partition("=")
    value = value.replace("%2B", "+")
    expected = sql(columns, f"SELECT id FROM kinds WHERE {FILTERS[query]} ORDER BY id")
    assert [str(row["id"]) for row in rows(columns, "kinds", **{name: value})] == expected
    stream = got(columns, "kinds.jsonl", **{name: value}).text.splitlines()
    assert [str(json.loads(line)["id"]) for line in stream] == expected


INVALID = [
    *("small=32768", "small=x", "small=1_0", "small__in=1,,2", "big=9223372036854775808"),
    *("plain=1e100000", "plain=-1e100000", "plain=1e-100000"),
    *("cost=1e17", "cost=0.001", "flag=maybe", "flag__isnull=x", "day=2024-02-30"),
    *("clock=25:00", "moment=yesterday", "local=x"),
    *("local=2024-07-01T12:00:00Z", "word=\0", "mood=glad", "mood__in=sad,glad", "token=x"),
    *("document__contains={", 'document__contains={"a":"\\u0000"}', "document__contains=NaN"),
    *("pair__contains=(1,x)", "pairs__contains=a"),
    *("numbers__contains=1,x", "moods__contains=glad", "span=x", "days=x", "address=x", "bits=2"),
    *("ordering=nope", "ordering=day,nope", "fields=nope", "geometry=nope", "nope=1"),
]


@pytest.mark.parametrize("query", INVALID)
def test_invalid_value_is_a_400_that_names_the_parameter(columns: Api, query: str) -> None:
    name, _, value = query.partition("=")
    table = "parks" if name == "geometry" else "kinds"
    answer = columns.get(f"/api/{table}/", params={name: value})
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert name in body or f"({name})" in body["detail"], body


ORDERS = {
    "-small": "small DESC",
    "plain": "plain",
    "-word,id": "word DESC, id",
    "mood": "mood",
    "-cost": "cost DESC",
    "numbers": "numbers",
    "span,-day": "span, day DESC",
}


@pytest.mark.parametrize("ordering", ORDERS)
def test_order_is_that_of_sql(columns: Api, ordering: str) -> None:
    expected = sql(columns, f"SELECT id FROM kinds ORDER BY {ORDERS[ordering]}, id")
    assert [str(row["id"]) for row in rows(columns, "kinds", ordering=ordering)] == expected


ODD_QUERIES = {
    ("ordering", '"Total, all"'): 'ORDER BY "Total, all"',
    ("ordering", '-"Total, all"'): 'ORDER BY "Total, all" DESC',
    ("ordering", '"-x"'): 'ORDER BY "-x"',
    ("ordering", "-x"): "ORDER BY x DESC",
    ("ordering", '"say ""hi"""'): 'ORDER BY "say ""hi"""',
    ("ordering", '-"""quoted"""'): 'ORDER BY """quoted""" DESC',
    ("ordering", "limit,-50% off"): 'ORDER BY "limit", "50% off" DESC',
    ("Total, all__gte", "90"): 'WHERE "Total, all" >= 90 ORDER BY 1',
    ("-x", "-3"): 'WHERE "-x" = -3',
    ('say "hi"', "hi 4"): 'WHERE "say ""hi""" = \'hi 4\'',
    ('"quoted"__in', "q1,q2"): 'WHERE """quoted""" IN (\'q1\', \'q2\') ORDER BY 1',
    ("50% off__lt", "0.3"): 'WHERE "50% off" < 0.3 ORDER BY 1',
    ("%s", "%s7"): "WHERE \"%s\" = '%s7'",
    ("Income ($)__lte", "3"): 'WHERE "Income ($)" <= 3 ORDER BY 1',
    (" padded ", " p9"): "WHERE \" padded \" = ' p9'",
    ("column_limit", "2"): 'WHERE "limit" = 2 ORDER BY 1',
    ("column_limit__in", "1,2"): 'WHERE "limit" IN (1, 2) ORDER BY 1',
    ("limit__gte", "39"): 'WHERE "limit__gte" = 39',
    ("limit__gte__gte", "39"): 'WHERE "limit__gte" >= 39 ORDER BY 1',
    ("in_bbox", "-122.7,45,-122.6945,46"): "WHERE x <= 5 ORDER BY 1",
    ("point", "-122.69,45.5"): "WHERE x BETWEEN -2 AND 22 ORDER BY 1",
}


@pytest.mark.parametrize("query", ODD_QUERIES, ids=" = ".join)
def test_names_with_every_character_work_in_queries(columns: Api, query: tuple[str, str]) -> None:
    statement = f'SELECT "OBJECT ID" FROM "a ""b"" 50% $t" {ODD_QUERIES[query]}'
    found = rows(columns, ODD, **dict([query]))
    assert [str(row["_id"]) for row in found] == sql(columns, statement)


def test_fields_of_names_with_commas_and_quotation_marks(columns: Api) -> None:
    (row, *_) = rows(columns, ODD, fields='"Total, all","say ""hi""",%s')
    assert row == {"_id": 1, "Total, all": 99, 'say "hi"': "hi 1", "%s": "%s1"}


# --- Keys


def test_every_text_key_has_a_page_of_its_row(columns: Api) -> None:
    keys = [row["_id"] for row in rows(columns, "by_text")]
    assert len(keys) == 22
    # The empty text, other pages, and what clients leave out of an address.
    need_quotes = {"", "tiles", "tiles/0/0/0", ".."}
    for key in keys:
        if key == "map":  # its quoted form is another key of this table
            continue
        text = f'"{key}"' if key in need_quotes else key
        answer = columns.get(f"/api/by_text/{quote(text, safe='')}/")
        assert answer.status_code == 200, (key, answer.text)
        assert answer.json()["id"] == key


PAIRS = {
    '"Main, ""E""",12,2024-01-01T00:00:00': "comma and quotes",
    '["Main, \\"E\\"", 12, "2024-01-01T00:00:00"]': "comma and quotes",
    '"",0,2024-01-01T00:00:00.5': "empty",
    "a/b,-1,2024-01-01T00:00:00": "slash",
    "a/b,-1,2024-01-01": "slash",
}


@pytest.mark.parametrize("key", PAIRS)
def test_parts_of_a_composite_key_are_separated_by_commas(columns: Api, key: str) -> None:
    assert got(columns, f"by_pair/{quote(key, safe='')}/").json()["note"] == PAIRS[key]


@pytest.mark.parametrize(
    "key",
    [
        *("a/b,-1", "a/b,-1,x", "a/b,99999999999,2024-01-01", "a/b,-1,2024-01-01T00:00:00Z"),
        *("a/b,,2024-01-01", ",,", "[1", "a/b,-1,2024-01-01,1"),
    ],
)
def test_text_that_is_not_a_key_is_a_404(columns: Api, key: str) -> None:
    assert columns.get(f"/api/by_pair/{quote(key, safe='')}/").status_code == 404


# --- Relations without a key


@pytest.mark.parametrize(
    ("table", "count"),
    [
        *(("repeated", 120), ("repeated_view", 120), ("repeated_stored", 120)),
        *(("parted", 120), ("only_place", 5), ("nothing", 0)),
    ],
)
def test_every_row_of_a_relation_without_a_key_is_listed(
    columns: Api, table: str, count: int
) -> None:
    whole = rows(columns, table, count="exact")
    assert len(whole) == got(columns, f"{table}/", count="exact").json()["count"] == count
    assert not any("_id" in row for row in whole)
    pages = []
    for offset in range(0, count + 7, 7):
        pages += rows(columns, table, limit=7, offset=offset)
    assert Counter(map(json.dumps, pages)) == Counter(map(json.dumps, whole))
    stream = csv.DictReader(io.StringIO(got(columns, f"{table}.csv").text))
    assert len(list(stream)) == count
    assert columns.get(f"/api/{table}/1/").status_code == 404


def test_tile_has_every_row_of_a_table_without_a_key(columns: Api) -> None:
    (features,) = layers(got(columns, "only_place/tiles/0/0/0.mvt").content).values()
    assert len(features) == 5


# --- Several geometries


def test_geometry_chooses_the_geometry_of_the_feature_everywhere(columns: Api) -> None:
    kinds = {None: "Polygon", "Shape": "Polygon", "centroid": "Point"}
    for name, kind in kinds.items():
        chosen = {} if name is None else {"geometry": name}
        page = got(columns, "parks/", **chosen).json()["results"]["features"]
        assert {one["geometry"]["type"] for one in page} == {kind}
        assert [*page[0]["properties"]] == ["name"]
        assert got(columns, "parks.geojson", limit=10, **chosen).json()["features"] == page
        row = got(columns, "parks/1/", **chosen).json()
        assert [each["title"] for each in row.pop("links")] == ["visits"]
        assert row == page[0]
    tilejson = got(columns, "parks/tiles/", geometry="centroid").json()
    assert tilejson["tiles"][0].endswith("{y}.mvt?geometry=centroid")
    (features,) = layers(
        got(columns, "parks/tiles/0/0/0.mvt", geometry="centroid").content
    ).values()
    assert len(features) == 20
    assert got(columns, "parks/map/", geometry="centroid").status_code == 200


def test_places_are_those_of_the_chosen_geometry(columns: Api) -> None:
    box = "-122.69,45.59,-122.67,45.61"  # around two of the centroids, and no park
    assert rows(columns, "parks", in_bbox=box) == []
    assert len(rows(columns, "parks", in_bbox=box, geometry="centroid")) == 2
    assert len(rows(columns, "parks", centroid__in_bbox=box)) == 2
    assert rows(columns, "parks", Shape__in_bbox=box, geometry="centroid") == []


def test_geometry_of_a_table_without_one_is_a_400(columns: Api) -> None:
    answer = columns.get("/api/kinds/?geometry=day")
    assert answer.status_code == 400
    assert answer.json() == {"geometry": "There is none."}


# --- Relations, the document, and all requests


def test_rows_are_ordered_and_filtered_by_a_foreign_key(columns: Api) -> None:
    expected = sql(columns, 'SELECT id FROM visits ORDER BY "Park" DESC, id')
    assert [str(row["id"]) for row in rows(columns, "visits", ordering="-Park")] == expected
    assert len(rows(columns, "visits", stop__icontains="LAI")) == 10
    assert len(rows(columns, "visits", stop="a/b")) == 10
    assert len(rows(columns, "visits", Park__in="2,3")) == 4


def test_document_is_valid_and_has_the_names_of_the_database(columns: Api) -> None:
    document = columns.get("/swagger.json").json()
    validate(document)
    listed = {each["name"] for each in document["paths"][f"/{ODD}/"]["get"]["parameters"]}
    assert {
        "Total, all__gte",
        "50% off",
        "Income ($)__in",
        "column_limit",
        "geometry",
    } - listed == {"geometry"}
    geometry = [
        each["enum"]
        for each in document["paths"]["/parks/"]["get"]["parameters"]
        if each["name"] == "geometry"
    ]
    assert geometry == [["Shape", "centroid"]]
    assert not [path for path in document["paths"] if path.startswith("/repeated/{")]
    (key,) = document["paths"]["/by_pair/{pk}/"]["parameters"]
    assert key["description"].startswith("The key of a row: street,house,since.")


def test_no_request_breaks_the_contract(columns: Api) -> None:
    assert_nothing_wrong(columns.container)


def test_form_of_the_browsable_api_has_every_filter(columns: Api) -> None:
    page = got(columns, "kinds/", format="api", small=0).text
    for name in ("small__gte", "word__icontains", "moods__contains", "flag__isnull"):
        assert f'name="{name}"' in page, name
