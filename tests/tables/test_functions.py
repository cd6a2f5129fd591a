"""Functions that return rows of their own: lists, streams, and tiles, like those of a view."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from backend.conf.errors import StartupError
from backend.tables import catalog
from tests.conftest import PostGIS
from tests.support import mvt
from tests.support.containers import IMAGE, Container, Containers, until
from tests.support.live import assert_nothing_wrong
from tests.tables.conftest import cursor_of, loaded

pytestmark = pytest.mark.engine

# Each beside a view of the same rows.
CALLS = {
    "every_type?n=7": "of-every_type",
    "multiples?argument_n=4&factor=2.25": "of-multiples",
    "summary?": "of-summary",
    "only_one?": "of-only_one",
    "addresses?street=Main+St": "of-addresses",
    "Tags-of-x?prefix=t": "of-Tags-of-x",
    "points?": "of-points",
    "first_note?": "of-first_note",
    "notes_like?word=f": "of-notes_like",
}
SERVED = (
    'every_type,multiples,summary,only_one,addresses,"Tags % of""x",points,first_note,notes_like,'
    "houses,stops_from,systems,many,positive,parsed,nearest,long_number"
)
GRANT = """
DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 'reader';
EXCEPTION WHEN duplicate_object THEN NULL; END $$;
GRANT USAGE ON SCHEMA city TO reader; GRANT SELECT ON ALL TABLES IN SCHEMA city TO reader;
"""


def serve(
    started: Containers,
    postgis: PostGIS,
    database: str,
    *,
    image: str = IMAGE,
    metadata: Path | None = None,
    **env: str,
) -> Container:
    given = {"PUBLISH_METADATA": "/metadata.yml"} if metadata else {}
    return started.start(
        image=image,
        env={
            "DATABASE_URL": f"postgis://reader:reader@{postgis.host}/{database}",
            "PUBLISH_SCHEMAS": "city",
            "PUBLISH_FUNCTIONS": SERVED,
            **given,
            **env,
        },
        options=["--network", postgis.network],
        mounts={metadata: "/metadata.yml:ro"} if metadata else {},
    ).wait_until_ready()


@pytest.fixture(scope="module")
def database(postgis: PostGIS) -> str:
    name = loaded(postgis, "functions.sql")
    postgis.sql(GRANT, name)
    return name


@pytest.fixture(scope="module")
def api(postgis: PostGIS, database: str, image: str) -> Iterator[Container]:
    started = Containers()
    started.may_log("cannot be computed", "Service Unavailable", "that Python does not read")
    yield serve(started, postgis, database, image=image)
    started.clean()


def results(api: Container, path: str) -> list[dict[str, Any]]:
    """The properties of the rows of a page."""
    page = api.get(f"/api/functions/{path}").json()["results"]
    features = page["features"] if isinstance(page, dict) else page
    return [each.get("properties", each) for each in features]


@pytest.mark.parametrize("call", CALLS)
def test_rows_are_those_of_a_view_in_every_format(api: Container, call: str) -> None:
    name, _, arguments = call.partition("?")
    view = CALLS[call]
    page = api.get(f"/api/functions/{name}/?{arguments}&limit=100")
    assert page.status_code == 200, page.text
    assert page.json()["count"] > 0
    assert page.text == api.get(f"/api/{view}/?limit=100").text
    compared = 0
    for suffix in ("csv", "jsonl", "geojson", "geojsonl", "fgb"):
        answer = api.get(f"/api/functions/{name}.{suffix}?{arguments}")
        expected = api.get(f"/api/{view}.{suffix}")
        assert answer.status_code == expected.status_code, suffix
        assert answer.content == expected.content, suffix
        compared += answer.status_code == 200
    assert compared >= 2
    tile = api.get(f"/api/functions/{name}/tiles/0/0/0.mvt?{arguments}")
    expected = api.get(f"/api/{view}/tiles/0/0/0.mvt")
    assert tile.status_code == expected.status_code
    if tile.status_code == 200:
        (features,), (others,) = (mvt.layers(each.content).values() for each in (tile, expected))
        assert [each.properties for each in features] == [each.properties for each in others]


def test_filters_order_and_fields_apply_to_the_rows(api: Container) -> None:
    def places(query: str) -> list[str]:
        return [row["place"] for row in results(api, f"every_type/?fields=place&{query}")]

    twice = ["Place 1", "Place 1", "Place 2", "Place 2", "Place 3", "Place 3"]
    assert places("") == twice, "equal rows are not lost"
    assert places("ordering=-minutes") == twice[::-1]
    assert places("kind=bus&tags__contains=a&minutes__in=1,2&words=walk") == twice[:2]
    assert places("in_bbox=-122.585,45,-122,46") == twice[2:]
    assert places("price__gte=4.5") == twice[4:]
    unknown = api.get("/api/functions/every_type/?nonsense=1")
    assert (unknown.status_code, "nonsense" in unknown.json()) == (400, True)


@pytest.mark.parametrize(
    "query", ["limit=900", "limit=900&ordering=half", "limit=900&ordering=-half"]
)
def test_every_row_is_on_one_page_and_the_count_is_exact(api: Container, query: str) -> None:
    path, seen, counts = f"/api/functions/many/?n=12345&{query}", [], set()
    while path:
        page = api.get(path).json()
        counts.add((page["count"], page.get("count_estimated", False)))
        seen += [each["properties"]["number"] for each in page["results"]["features"]]
        link = urlsplit(page["next"] or "")
        path = link.query and f"{link.path}?{link.query}"
    assert counts == {(12345, False)}
    assert sorted(seen) == list(range(1, 12346))


def test_rows_in_any_spatial_reference_system_are_in_degrees(api: Container) -> None:
    rows = api.get("/api/functions/systems/").json()["results"]["features"]
    assert [row["properties"]["name"] for row in rows] == ["0", "2913", "3857", "4326"]
    for row in rows:
        assert row["geometry"]["coordinates"] == pytest.approx([-122.65, 45.52]), row
    assert (
        api.get("/api/functions/systems/?in_bbox=-122.66,45.51,-122.64,45.53").json()["count"] == 4
    )
    bounds = api.get("/api/functions/systems/tiles/").json()["bounds"]
    assert bounds == pytest.approx([-122.65, 45.52, -122.65, 45.52])
    chosen = api.get("/api/functions/systems/?geometry=area&limit=1").json()["results"]["features"]
    assert chosen[0]["geometry"]["coordinates"] == pytest.approx([-122.65, 45.52])


def test_error_of_a_function_is_a_400_if_it_names_the_argument_and_else_a_503(
    api: Container,
) -> None:
    path = "/api/functions/positive/?n="
    assert results(api, "positive/?n=4") == [{"root": 2.0}]
    assert api.get(f"{path}x").json() == {"n": ["A valid integer is required."]}
    raised = api.get(f"{path}-1")
    assert (raised.status_code, "negative" in raised.text) == (503, False)
    assert "n must not be negative: -1" in api.logs()
    for wrong in ("positive/?n=500", "parsed/?value=abc", "parsed/?value=7&kind=plane"):
        answer = api.get(f"/api/functions/{wrong}")
        assert (answer.status_code, "cannot be used" in answer.text) == (400, True), answer.text


def test_number_that_python_does_not_read_is_a_503_and_in_streams(api: Container) -> None:
    assert api.get("/api/functions/long_number/").status_code == 503
    assert api.get("/api/functions/long_number.jsonl").text.count("9") == 5000


def test_argument_with_the_name_of_a_lists_parameter_has_a_prefix(api: Container) -> None:
    rows = results(api, "nearest/?argument_limit=3&argument_dist=2.5&argument_format=q&limit=2")
    assert rows == [{"number": 1, "label": "q2.5"}, {"number": 2, "label": "q2.5"}]


def test_document_describes_the_function_its_arguments_and_columns(api: Container) -> None:
    document = api.get("/swagger.json").json()
    operation = document["paths"]["/functions/every_type/"]["get"]
    assert operation["description"].startswith("Every type, &lt;b&gt;twice&lt;/b&gt;")
    parameters = {each["name"]: each for each in operation["parameters"]}
    assert (parameters["n"]["type"], parameters["n"]["required"]) == ("integer", False)
    assert parameters["kind"]["enum"] == ["bus", "tram", 'it\'s "both"']
    assert "/functions/every_type/{id}/" not in document["paths"]
    shown = document["definitions"]["SparseAddresses"]
    assert {"line", "zip", "since"} <= set(json.dumps(shown).replace('"', " ").split())


def test_landing_page_links_to_what_a_function_needs(api: Container) -> None:
    page = api.get("/").text
    assert 'href="/api/functions/every_type.csv"' in page
    assert "<code>/api/functions/parsed/</code>" in page
    assert 'href="/api/functions/parsed' not in page


def test_no_request_breaks_the_contract(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    containers.may_log("cannot be computed", "Service Unavailable", "that Python does not read")
    functions = SERVED.replace(",long_number", "")
    assert_nothing_wrong(serve(containers, postgis, database, PUBLISH_FUNCTIONS=functions))


def test_changed_function_is_a_503_until_its_code_is_new(
    containers: Containers, postgis: PostGIS
) -> None:
    containers.may_log("has changed", "Service Unavailable", "are not as they were")
    database = loaded(postgis, "functions.sql")
    postgis.sql(GRANT, database)
    api = serve(containers, postgis, database, PUBLISH_INTERVAL="1")
    again = (
        'DROP VIEW city."of summary"; DROP FUNCTION city.summary; '
        "CREATE FUNCTION city.summary(OUT stops text, OUT latest text) LANGUAGE sql STABLE "
        "AS $$ SELECT 'many', 'x' $$"
    )
    postgis.sql(again, database)
    seen = set()

    def is_new() -> bool:
        answer = api.get("/api/functions/summary/")
        seen.add(answer.status_code)
        return answer.json().get("results") == [{"stops": "many", "latest": "x"}]

    until(is_new, "the new column is served")
    assert seen <= {200, 503}
    assert "Summary: removed last; added latest; changed stops" in api.logs()


def test_doctor_names_a_function_that_is_gone(containers: Containers, postgis: PostGIS) -> None:
    database = loaded(postgis, "functions.sql")
    postgis.sql(GRANT, database)
    api = serve(containers, postgis, database, PUBLISH_INTERVAL="0")
    postgis.sql(
        'DROP VIEW city."of only_one"; DROP FUNCTION city.only_one; '
        "REVOKE EXECUTE ON FUNCTION city.systems FROM public; DROP FUNCTION city.nearest; "
        "CREATE FUNCTION city.nearest() RETURNS TABLE (number integer) LANGUAGE sql STABLE AS "
        "'SELECT 1'",
        database,
    )
    told = api.exec("python", "manage.py", "doctor", check=False)
    assert (
        'published.OnlyOne: There is no function "city"."only_one", or there are several.' in told
    )
    assert 'may not execute "city"."systems".' in told
    assert 'The function "city"."nearest" does not return a column \'label\'.' in told


def test_metadata_hides_columns_of_a_function_and_of_the_table_whose_rows_it_returns(
    containers: Containers, postgis: PostGIS, database: str, tmp_path: Path
) -> None:
    file = tmp_path / "metadata.yml"
    file.write_text(
        "tables:\n  notes:\n    hidden: [secret]\n  stops: {hidden: [secret], serve: false}\n"
        "  summary: {title: Totals, hidden: [last]}\n  addresses: {serve: false}\n"
    )
    api = serve(containers, postgis, database, metadata=file)
    assert results(api, "notes_like/?word=s") == [{"note": "second"}]
    assert results(api, "summary/") == [{"stops": 20}]
    assert "Totals" in api.get("/").text
    for name in ("stops_from/?first=1", "addresses/?street=a"):
        assert api.get(f"/api/functions/{name}").status_code == 404, name


@pytest.mark.parametrize(
    ("function", "problem", "fix"),
    [
        ("changes", "city.changes() is VOLATILE", "ALTER FUNCTION city.changes() STABLE"),
        ("same", "city.same(anyelement) is polymorphic", "plain types"),
        ("record_rows", "does not return rows with columns", "RETURNS TABLE"),
        ("one_number", "does not return rows with columns", "RETURNS TABLE"),
        ("nothing", "does not return rows with columns", "RETURNS TABLE"),
        ("unnamed_columns", "returns columns without a name", "RETURNS TABLE"),
        ("twice", "several functions: city.twice(integer), city.twice(text)", "RENAME TO"),
        ("cleaning", "city.cleaning() is a procedure", "CREATE FUNCTION"),
        ("total", "city.total(integer) is an aggregate function", "CREATE FUNCTION"),
    ],
)
def test_function_that_cannot_be_a_list_is_refused_by_name(
    postgis: PostGIS, database: str, function: str, problem: str, fix: str
) -> None:
    with (
        cursor_of(postgis, database, "reader", "reader") as cursor,
        pytest.raises(StartupError) as error,
    ):
        catalog.read(cursor, ["city"], [function])
    assert problem in error.value.problem
    assert fix in error.value.fix
