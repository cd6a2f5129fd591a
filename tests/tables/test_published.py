"""PUBLISH_SCHEMAS: every relation of a database, in every format, as SQL says.

Each file in ``published.SOURCES`` is loaded into a database of its own, and the image publishes it
with two variables and no Python. A failure lists every relation that is wrong.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from urllib.parse import quote

import pytest

from tests.conftest import PostGIS, start_postgis
from tests.support.containers import Containers
from tests.tables import asked, formats, values
from tests.tables.checks import (
    assert_each,
    differences,
    errors,
    formats_of,
    known_values,
    read_as,
)
from tests.tables.published import (
    LOG_PREFIX,
    READER,
    SHAPE,
    SOURCES,
    Published,
    base,
    detail,
    start,
    term,
)
from tests.tables.relations import HIDDEN, Relation, read

pytestmark = pytest.mark.engine

# What a client's value can cause in PostgreSQL, which is then a 400: a data exception.
CLIENTS = re.compile(r"^\S+ (22...|57014) ")


@pytest.fixture(scope="module")
def server(network: str) -> Iterator[PostGIS]:
    """A server of this module, because its log is read."""
    started = Containers()
    yield start_postgis(started, network, "-c", LOG_PREFIX)
    started.clean()


@pytest.fixture(scope="module", params=SOURCES, ids=str)
def api(request: pytest.FixtureRequest, server: PostGIS) -> Iterator[Published]:
    started = Containers()
    if request.param.role == server.user:
        started.may_log("superuser", "owns")
    yield start(started, server, request.param)
    started.clean()


def test_every_relation_is_served_with_its_count(api: Published) -> None:
    def check(api: Published, each: Relation) -> Iterator[str]:
        answer = api.get(f"{base(each)}/?limit=1&count=exact")
        count = answer.json()["count"] if answer.ok else answer.status_code
        if count != each.count:
            yield f"{count} instead of {each.count}"

    assert_each(api, check)
    assert len(api.relations) >= 10


def test_first_and_last_rows_are_those_of_sql_in_every_format(api: Published) -> None:
    def check(api: Published, each: Relation) -> Iterator[str]:
        first, last = api.ends(each) if each.key else ([], [])
        for name, rows in formats_of(each).items():
            for want, query in (
                (first, "limit=3"),
                (last, f"limit=3&offset={max(0, each.count - 3)}"),
            ):
                got = rows(api, each, query) if want else []
                for fault in differences(read_as(name, want), read_as(name, got)):
                    yield f"{name}?{query}: {fault}"

    assert_each(api, check)


def test_relation_without_key_has_each_row_as_often_as_sql(api: Published) -> None:
    def check(api: Published, each: Relation) -> Iterator[str]:
        wants = [] if each.key else api.rows(each)
        for name, rows in formats_of(each).items() if wants else ():
            # A page has a limit.
            query = "limit=10000" if name == "json" else ""
            want = Counter(map(str, read_as(name, wants)))
            got = Counter(map(str, read_as(name, rows(api, each, query))))
            if more := got - want:
                yield f"{name}: {len(more)} rows too many, such as {next(iter(more)):.300}"
            if name != "json" and (missing := want - got):
                yield f"{name}: {len(missing)} rows are missing, such as {next(iter(missing)):.300}"

    assert_each(api, check)


def test_pages_of_a_relation_without_key_have_each_row_once(api: Published) -> None:
    def check(api: Published, each: Relation) -> Iterator[str]:
        path, rows = "" if each.key or each.count > 3000 else f"{base(each)}/?limit=400", []
        while path:
            answer = read(formats.ok(api, path).text)
            results = answer["results"]["features"] if each.geometry else answer["results"]
            rows += formats.of_features(each, results)
            path = re.sub(r"^https?://[^/]+", "", answer["next"] or "")
        if rows and Counter(map(str, rows)) != Counter(map(str, api.rows(each))):
            yield f"{len(rows)} rows of {each.count}"

    assert_each(api, check)


def test_ids_of_features_are_unique(api: Published) -> None:
    """A view has the key of its table only if no row of the table can be in it twice."""

    def check(api: Published, each: Relation) -> Iterator[str]:
        name = api.id_name(each)
        if name and each.count < 10_000:
            text = formats.ok(api, f"{base(each)}.csv?fields={quote(term(name))}").content.decode()
            ids = [row[name] for row in csv.DictReader(text.splitlines())]
            yield from [f"{len(set(ids))} of {each.count}"] if len(set(ids)) < each.count else []

    assert_each(api, check)


def test_tiles_have_the_values_of_sql(api: Published) -> None:
    def check(api: Published, each: Relation) -> Iterator[str]:
        for row, vertex in api.placed(each):
            if abs(vertex[0]) > 180 or abs(vertex[1]) > 85:  # where the map ends
                continue
            want = {name: cell for name, cell in row.items() if name != SHAPE}
            found = formats.tile(api, each, vertex)
            if want not in found:
                key = each.key or list(want)[:1]
                same = [one for one in found if all(one[name] == want[name] for name in key)]
                yield f"{[*differences([want], same[:1])]} of {len(found)}"

    assert_each(api, check)


def test_names_are_those_of_the_database(api: Published) -> None:
    def check(api: Published, each: Relation) -> Iterator[str]:
        text = formats.ok(api, f"{base(each)}.csv?limit=1").content.decode()
        got = next(csv.reader(io.StringIO(text, newline="")))
        want = [one.name for one in (*each.shown, each.geometry) if one]
        if sorted(got) != sorted(want):
            yield f"{got} instead of {want}"

    assert_each(api, check)


def test_document_has_every_shown_column_with_its_choices(api: Published) -> None:
    def check(api: Published, each: Relation) -> Iterator[str]:
        properties = api.properties(each)
        for column in each.columns:
            about = properties.get("id" if column.name == api.id_name(each) else column.name)
            if column.type in HIDDEN:
                yield from [f"{column.name} is documented"] if about else []
            elif about is None and column in each.shown:
                yield f"{column.name} is not in the document"
            # A form can leave a column empty that can be null.
            elif (
                column.kind == "e"
                and about
                and about.get("enum")
                not in (
                    column.labels,
                    [*column.labels, ""],
                )
            ):
                yield f"{column.name}: {about}"

    assert_each(api, check)


def test_every_row_that_the_list_shows_has_a_page(api: Published) -> None:
    def check(api: Published, each: Relation) -> Iterator[str]:
        if not all(each.column(name) in each.shown for name in each.key):
            return
        rows = [row for end in api.ends(each) for row in end if each.key]
        for row in rows:
            one = formats.of_feature(each, read(formats.ok(api, detail(each, row)).text))
            yield from differences([row], [one])
        for row in rows[:1]:
            page = api.get(detail(each, row), headers={"Accept": "text/html"})
            yield from [f"browsable: {page.status_code}"] if page.status_code != 200 else []

    assert_each(api, check)


WRONG = ("-1", "nope", "9" * 40, "%00", "%22", "1,2,3", ",", "1.5", "a%2Cb%2C", "%F0%9F%9A%B3")


def test_wrong_key_is_a_404(api: Published) -> None:
    def check(api: Published, each: Relation) -> Iterator[str]:
        for number, key in enumerate(WRONG):
            paths = (f"{base(each)}/{key}/", f"{base(each)}/{key}.json")
            for path in some(paths, api, number):
                status = api.get(path).status_code
                yield from [f"{path}: {status}"] if status != 404 else []

    assert_each(api, check)


# The role does not change what a parameter does.
OF_READERS = [source for source in SOURCES if source.role == READER]
OF_READER = pytest.mark.parametrize("api", OF_READERS, indirect=True, ids=str)
SUFFIXES = ("/", ".csv", ".jsonl", ".geojson", ".geojsonl", ".fgb", "/tiles/", "/map/")


@OF_READER
def test_no_address_or_parameter_is_a_server_error(api: Published) -> None:
    alike = asked.Alike(api)

    def check(api: Published, each: Relation) -> Iterator[str]:
        for number, (parameter, value) in enumerate(known_values(api, each, alike)):
            suffixes = some(SUFFIXES, api, number)
            for suffix in suffixes if parameter.name != "format" else SUFFIXES[:1]:
                path = f"{base(each)}{suffix}?{parameter.query(value)}"
                path += "" if parameter.name == "limit" or "/" in suffix[1:] else "&limit=2"
                answer = api.get(path)
                # A stream has no pages, and not every relation has each format.
                allowed = (200,) if suffix == "/" else (200, 400, 404, 406)
                if answer.status_code not in allowed:
                    yield f"{path}: {answer.status_code} {answer.text[:120]}"

    assert_each(api, check)
    # A table without a geometry has no tiles, which is then a key.
    assert not [line for line in errors(api) if not CLIENTS.search(line)]


def some(choices: Sequence[str], api: Published, number: int) -> Sequence[str]:
    """All, or only one of them for the larger file, which has each type and lookup often enough."""
    return choices if api.has_few_relations else [choices[number % len(choices)]]


def test_filters_by_columns_find_as_many_rows_as_sql(api: Published) -> None:
    alike = asked.Alike(api)

    def check(api: Published, each: Relation) -> Iterator[str]:
        chosen = [
            (parameter.query(value), where)
            for parameter, value in known_values(api, each, alike)
            if (where := asked.condition(parameter, value))
        ]
        wants = api.counts(each, [where for _, where in chosen])
        for (query, _), want in zip(chosen, wants, strict=True):
            answer = api.get(f"{base(each)}/?{query}&limit=1&count=exact")
            got = answer.json().get("count") if answer.ok else answer.status_code
            yield from [f"{query}: {got} instead of {want}"] if got != want else []

    assert_each(api, check)


@OF_READER
def test_invalid_value_of_a_parameter_is_no_server_error(api: Published) -> None:
    alike = asked.Alike(api)

    def check(api: Published, each: Relation) -> Iterator[str]:
        for number, parameter in enumerate(asked.parameters(api, each, alike)):
            for value in some(asked.INVALID, api, number):
                path = f"{base(each)}/?{quote(parameter.name)}={quote(value)}"
                path += "" if parameter.name == "limit" else "&limit=1"
                answer = api.get(path)
                if answer.status_code not in (200, 400, 404, 406):
                    yield f"{path}: {answer.status_code} {answer.text[:120]}"

    assert_each(api, check)
    assert not [line for line in errors(api) if not CLIENTS.search(line)]


def test_chosen_fields_have_the_names_of_the_columns(api: Published) -> None:
    alike = asked.Alike(api)

    def check(api: Published, each: Relation) -> Iterator[str]:
        for column in each.shown if each.count else ():
            if alike.is_enough(column):
                continue
            answer = formats.ok(api, f"{base(each)}/?fields={quote(term(column.name))}&limit=1")
            results = answer.json()["results"]
            row = results["features"][0]["properties"] if each.geometry else results[0]
            want = set() if column.name == api.id_name(each) else {column.name}
            yield from [f"fields={column.name}: {list(row)}"] if set(row) != want else []

    assert_each(api, check)


def test_list_is_ordered_by_each_column_as_sql_orders_it(api: Published) -> None:
    alike = asked.Alike(api)

    def check(api: Published, each: Relation) -> Iterator[str]:
        columns = [one for one in each.shown if one.type in asked.COUNTED or one.kind == "e"]
        ways = [(one, sign) for one in columns if not alike.is_enough(one) for sign in ("", "-")]
        firsts = [
            f"(SELECT {values.expression(one)} FROM {each.sql} ORDER BY {one.sql} "
            f"{'DESC' if sign else 'ASC'} LIMIT 1)"
            for one, sign in ways[: 90 if each.count else 0]
        ]
        wants = read(api.sql(f"SELECT json_build_array({', '.join(firsts)})"))
        for (column, sign), want in zip(ways, wants, strict=False):
            query = f"ordering={sign}{quote(term(column.name))}&limit=1"
            (row,) = formats.page(api, each, query)
            if row[column.name] != values.canonical(column, want):
                yield f"{query}: {row[column.name]!r} instead of {want!r}"

    assert_each(api, check)


def test_unknown_parameter_is_a_400_that_names_it(api: Published) -> None:
    def check(api: Published, each: Relation) -> Iterator[str]:
        for suffix in ("/", ".csv", *(("/tiles/", ".geojson") if each.geometry else ())):
            answer = api.get(f"{base(each)}{suffix}?nonsense=1")
            if answer.status_code != 400 or "nonsense" not in answer.text:
                yield f"{suffix}: {answer.status_code} {answer.text[:200]}"

    assert_each(api, check)


def test_box_in_degrees_finds_the_rows_of_every_coordinate_system(api: Published) -> None:
    def check(api: Published, each: Relation) -> Iterator[str]:
        boxes = [
            ",".join(map(str, (west - 1e-4, south - 1e-4, east + 1e-4, north + 1e-4)))
            for west, south, east, north in sorted({row[SHAPE] for row, _ in api.placed(each)})
            if west > -180 and east < 180 and south > -90 and north < 90
        ]
        wants = api.counts(
            each,
            [
                f"ST_Intersects({each.geometry.degrees}, ST_MakeEnvelope({edges}, 4326))"
                for edges in boxes
            ],
        )
        for edges, want in zip(boxes, wants, strict=True):
            answers = [
                api.get(f"{base(each)}/?{name}={edges}&limit=1&count=exact")
                for name in ("in_bbox", f"{quote(each.geometry.name)}__in_bbox")
            ]
            got = [one.json().get("count") for one in answers if one.status_code == 200]
            yield from [f"{edges}: {got}, not {want}"] if set(got) != {want} else []

    assert_each(api, check)


def test_comments_are_in_the_document_on_the_landing_page_and_in_tilejson(api: Published) -> None:
    document, landing = str(api.document), html.unescape(api.get("/").text)

    def check(api: Published, each: Relation) -> Iterator[str]:
        shown = [one for one in each.shown if one.comment]
        tilejson = formats.ok(api, f"{base(each)}/tiles/").json() if each.geometry else {}
        if each.comment:
            if str([html.escape(each.comment, quote=False)])[1:-1] not in document:
                yield "the comment is not in the document"
            if each.comment.splitlines()[0] not in landing:
                yield "the comment is not on the landing page"
            if each.geometry and tilejson.get("description") != each.comment:
                yield f"TileJSON has {tilejson.get('description')!r}"
        properties = api.properties(each) if shown else {}
        for column in shown:
            name = "id" if column.name == api.id_name(each) else column.name
            about = properties.get(name, {}).get("description", "")
            if column.comment not in html.unescape(about):
                yield f"the document does not have the comment of {column.name}"
            if each.geometry and name != "id" and column.comment not in str(tilejson):
                yield f"TileJSON does not have the comment of {column.name}"

    assert_each(api, check)


def test_browsable_pages_and_maps_are_served(api: Published) -> None:
    def check(api: Published, each: Relation) -> Iterator[str]:
        page = api.get(f"{base(each)}/?limit=3", headers={"Accept": "text/html"})
        shown = html.unescape(page.text)
        if page.status_code != 200 or not all(one.name in shown for one in each.shown):
            yield f"{page.status_code}"
        if each.geometry:
            status = api.get(f"{base(each)}/map/", headers={"Accept": "text/html"}).status_code
            yield from [f"map: {status}"] if status != 200 else []

    assert_each(api, check)


def test_check_of_the_running_container_finds_nothing(api: Published) -> None:
    output = api.container.exec("python", "manage.py", "check")
    assert "no issues" in output, output


def test_nothing_but_the_readable_relations_of_the_named_schemas_is_served(api: Published) -> None:
    paths = {path.partition("/{")[0].strip("/") for path in api.document["paths"]}
    served = {path.removeprefix("api/").removesuffix("/tiles") for path in paths}
    assert served == {*api.source.broken, *(each.route for each in api.relations)}
