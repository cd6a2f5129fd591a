"""Pages: their shape, their counts, their links, and what PostgreSQL reads for them."""

from __future__ import annotations

import functools
from base64 import b64encode
from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from tests.conftest import PostGIS
from tests.support.containers import Container, Containers, until
from tests.support.places import Api, start_api
from tests.support.plans import explain, nodes

pytestmark = pytest.mark.engine

ROWS = 15_000  # with gaps in the keys, so that a key is not its row's number
MORE = """
INSERT INTO places_stop (name, lines, open_now)
SELECT 'More ' || n % 100, 1, true FROM generate_series(1, 11000) n;
DELETE FROM places_stop WHERE id % 11 = 3 AND id > 5000;
INSERT INTO places_stop (name, lines, open_now)
SELECT 'Last', 1, true FROM generate_series(1, 15000 - (SELECT count(*) FROM places_stop));
ANALYZE places_stop;
"""


@pytest.fixture(scope="module")
def pages(postgis: PostGIS) -> Iterator[Api]:
    started = Containers()
    api = start_api(started, postgis, EXACT_COUNT_LIMIT="1000", MAX_PAGE_SIZE="500")
    api.sql(MORE)
    yield api
    started.clean()


@pytest.fixture(scope="module")
def keys(pages: Api) -> list[int]:
    """All keys of stops, in order."""
    return [int(line) for line in pages.sql("SELECT id FROM places_stop ORDER BY id").splitlines()]


@pytest.fixture(scope="module")
def own(postgis: PostGIS) -> Iterator[Api]:
    """For tests that write: the table ``stored`` keeps the rows, and ``written`` restores them."""
    started = Containers()
    started.may_log("Service Unavailable: /pages/plain/")
    api = start_api(started, postgis, EXACT_COUNT_LIMIT="1000", STATEMENT_TIMEOUT="1")
    api.sql(MORE + "ALTER TABLE places_stop RENAME TO stored;")
    yield api
    started.clean()


@pytest.fixture
def written(own: Api) -> Api:
    """The stops in a new table that was never analyzed."""
    drop = "SELECT format('DROP %s IF EXISTS places_stop', CASE relkind WHEN 'v' THEN 'VIEW' ELSE"
    drop += " 'TABLE' END) FROM pg_class WHERE relname = 'places_stop'"
    own.sql(own.sql(drop))
    own.sql(
        "CREATE TABLE places_stop (LIKE stored INCLUDING ALL) WITH (autovacuum_enabled = false);"
        "INSERT INTO places_stop SELECT * FROM stored;"
    )
    return own


@functools.lru_cache
def address(name: str) -> str:
    """Cached, because asking the engine for the port takes longer than a page."""
    return Container(name).url("")


def get(api: Api, path: str, **options: object) -> requests.Response:
    return api.container.session.get(address(api.container.name) + path, timeout=30, **options)


def page(api: Api, path: str, **parameters: object) -> dict:
    answer = get(api, f"/pages/{path}/", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json() | {"kind": answer.headers["X-Count"]}


def ids(body: dict) -> list[int]:
    return [row["id"] for row in body["results"]]


def follow(api: Api, link: str) -> dict:
    parts = urlsplit(link)
    return get(api, f"{parts.path}?{parts.query}").json()


def walk(api: Api, body: dict, link: str) -> list[list[int]]:
    seen = [ids(body)]
    while body[link]:
        body = follow(api, body[link])
        seen.append(ids(body))
        assert len(seen) <= ROWS / 100, "the links form a loop"
    return seen


# --- Shape and limits


def test_page_has_the_shape_of_rest_framework(pages: Api) -> None:
    body = get(pages, "/pages/few/").json()
    assert list(body) == ["count", "next", "previous", "results"]
    assert len(body["results"]) == 10
    assert body["previous"] is None


def test_page_of_features_keeps_its_collection_in_results(pages: Api) -> None:
    body = get(pages, "/pages/features/", params={"count": "exact"}).json()
    assert list(body) == ["count", "next", "previous", "results"]
    assert body["results"]["type"] == "FeatureCollection"


def test_limit_up_to_the_maximum_is_served(pages: Api) -> None:
    assert len(page(pages, "plain", limit=500)["results"]) == 500


@pytest.mark.parametrize("path", ["plain", "cursor"])
def test_limit_over_the_maximum_is_answered_with_400_naming_it_and_smaller_pages(
    pages: Api, path: str
) -> None:
    answer = get(pages, f"/pages/{path}/", params={"limit": 501})
    assert answer.status_code == 400
    (message,) = (
        answer.json()["limit"]
        if isinstance(answer.json()["limit"], list)
        else [answer.json()["limit"]]
    )
    assert "maximum of 500" in message
    assert "smaller pages" in message
    assert "format=" not in message  # the view has no streams


@pytest.mark.parametrize("limit", ["abc", "0", "-1", ""])
def test_invalid_limit_is_ignored_as_in_rest_framework(pages: Api, limit: str) -> None:
    assert len(page(pages, "plain", limit=limit)["results"]) == 10


@pytest.mark.parametrize("offset", [15_000, 20_000, 2**63 - 1, 2**63, 10**30])
@pytest.mark.parametrize("path", ["plain", "named"])
def test_offset_beyond_the_end_is_an_empty_page(pages: Api, path: str, offset: int) -> None:
    body = page(pages, path, offset=offset)
    assert body["results"] == []
    assert body["next"] is None
    assert body["count"] <= ROWS


def test_browsable_page_links_carry_no_position_of_another_page(pages: Api) -> None:
    link = urlsplit(page(pages, "plain")["next"])
    html = get(pages, f"{link.path}?{link.query}", headers={"Accept": "text/html"}).text
    numbers = html.split('class="pagination"')[1].split("</ul>")[0]
    assert "offset=20" in numbers
    assert numbers.count("page_after") + numbers.count("page_before") <= 2  # previous and next


# --- Counts


def test_count_up_to_the_limit_is_exact(pages: Api) -> None:
    body = page(pages, "few")
    assert (body["count"], body["kind"]) == (25, "exact")


def test_count_above_the_limit_is_estimated_and_marked_as_such(pages: Api) -> None:
    body = page(pages, "plain")
    assert body["kind"] == "estimated"
    assert list(body)[:2] == ["count", "count_estimated"]
    assert body["count_estimated"] is True
    assert ROWS * 0.9 < body["count"] < ROWS * 1.1


def test_filtered_count_above_the_limit_is_the_planners_estimate(pages: Api) -> None:
    body = page(pages, "odd")
    assert body["kind"] == "estimated"
    assert 1_500 < body["count"] < 4_000  # of 2,500


@pytest.mark.parametrize("offset", [0, 30, 9_000])
def test_exact_count_is_given_on_request(pages: Api, offset: int) -> None:
    body = page(pages, "plain", count="exact", offset=offset)
    assert (body["count"], body["kind"]) == (ROWS, "exact")


def test_exact_count_past_the_statement_timeout_is_answered_with_503_naming_it(
    written: Api,
) -> None:
    written.sql(
        "DROP TABLE places_stop; CREATE VIEW places_stop AS"
        " SELECT * FROM stored WHERE id < 5000 OR pg_sleep(0.002) IS NOT NULL"
    )
    answer = get(written, "/pages/plain/", params={"limit": 1, "count": "exact"})
    assert answer.status_code == 503
    assert "1 s" in answer.json()["count"]
    # The connection still works.
    assert get(written, "/pages/plain/", params={"limit": 1}).status_code == 200


def test_last_page_knows_the_exact_count(pages: Api) -> None:
    body = page(pages, "named", offset=ROWS - 4)
    assert (body["count"], body["kind"], body["next"]) == (ROWS, "exact", None)


def test_count_of_a_table_that_was_never_analyzed_is_not_below_what_is_proven(
    written: Api,
) -> None:
    body = page(written, "plain")
    assert body["kind"] == "estimated"
    assert body["count"] >= 1_001
    assert page(written, "named", offset=14_000)["count"] >= 14_011


def test_count_of_a_partitioned_table_is_of_all_parts(written: Api) -> None:
    written.sql(
        "DROP TABLE places_stop;"
        "CREATE TABLE places_stop (LIKE stored) PARTITION BY RANGE (id);"
        "CREATE TABLE low PARTITION OF places_stop FOR VALUES FROM (0) TO (2000);"
        "CREATE TABLE high PARTITION OF places_stop FOR VALUES FROM (2000) TO (90000);"
        "INSERT INTO places_stop SELECT * FROM stored; ANALYZE low; ANALYZE high;"
    )

    def counted() -> bool:  # the estimate of the previous table is cached for some seconds
        body = page(written, "plain")
        return (body["count"], body["kind"]) == (ROWS, "estimated")

    until(counted, "the estimate is the sum of the parts", patience=10)


def test_jump_in_a_database_view_gives_the_right_rows(written: Api) -> None:
    written.sql("DROP TABLE places_stop; CREATE VIEW places_stop AS SELECT * FROM stored")
    now = written.sql("SELECT id FROM stored ORDER BY id OFFSET 9000 LIMIT 10")
    assert ids(page(written, "plain", offset=9_000)) == [int(key) for key in now.splitlines()]


def test_paged_list_is_counted(pages: Api) -> None:
    body = page(pages, "listed", offset=20)
    assert (body["count"], body["kind"], body["next"]) == (25, "exact", None)
    assert len(body["results"]) == 5
    for name in ("page_after", "page_before"):  # a list has no keys
        answer = get(pages, "/pages/listed/", params={name: "7"})
        assert answer.status_code == 400
        assert answer.json() == {name: "These rows are not ordered by their key. Use offset."}


# --- Every row once


@pytest.mark.parametrize("path", ["plain", "descending", "unordered", "cursor"])
def test_walking_the_links_gives_every_row_once_and_back_again(
    pages: Api, keys: list[int], path: str
) -> None:
    first = get(pages, f"/pages/{path}/", params={"limit": 499}).json()
    forward = walk(pages, first, "next")
    expected = keys[::-1] if path == "descending" else keys
    assert [key for one in forward for key in one] == expected
    body = first
    while body["next"]:
        body = follow(pages, body["next"])
    assert walk(pages, body, "previous") == forward[::-1]


def test_walking_an_order_that_is_not_unique_with_cursors_gives_every_row_once(
    pages: Api, keys: list[int]
) -> None:
    first = get(pages, "/pages/cursor/", params={"limit": 499, "ordering": "open_now"}).json()
    forward = walk(pages, first, "next")
    assert sorted(key for one in forward for key in one) == keys


@pytest.mark.parametrize("ordering", ["rating", "-opened,lines"])
def test_walking_by_a_field_that_may_be_empty_with_cursors_gives_every_row_once(
    pages: Api, keys: list[int], ordering: str
) -> None:
    first = get(pages, "/pages/cursor/", params={"limit": 499, "ordering": ordering}).json()
    forward = walk(pages, first, "next")
    assert sorted(key for one in forward for key in one) == keys


@pytest.mark.parametrize(
    "position", ["abc", "17", "{}", '["abc"]', "[null]", '["1", "2"]', '["\0"]']
)
def test_invalid_cursor_is_answered_with_404(pages: Api, position: str) -> None:
    cursor = b64encode(urlencode({"p": position}).encode()).decode()
    assert get(pages, "/pages/cursor/", params={"cursor": cursor}).status_code == 404


@pytest.mark.parametrize(
    ("ordering", "value", "status"),
    [
        *(("rating", "1e400", 404), ("rating", "1e-400", 404), ("rating", "Infinity", 200)),
        *(("fare", "sNaN", 404), ("fare", "NaN", 200), ("opened", "yesterday", 404)),
        *(("opened", "0001-01-01 00:00+01", 404), ("opened", "-infinity", 200)),
    ],
)
def test_cursor_of_a_value_that_the_database_cannot_read_is_answered_with_404(
    pages: Api, ordering: str, value: str, status: int
) -> None:
    cursor = b64encode(urlencode({"p": f'["{value}", "1"]'}).encode()).decode()
    parameters = {"cursor": cursor, "ordering": ordering}
    assert get(pages, "/pages/cursor/", params=parameters).status_code == status


def test_cursor_out_of_range_is_an_empty_page(pages: Api) -> None:
    cursor = b64encode(urlencode({"p": f'["{"9" * 30}"]'}).encode()).decode()
    assert ids(get(pages, "/pages/cursor/", params={"cursor": cursor}).json()) == []


@pytest.mark.parametrize("path", ["plain", "descending", "odd", "named"])
@pytest.mark.parametrize("offset", [1, 999, 1_000, 1_001, 2_490, 5_000, 7_777, 14_000, 14_995])
def test_jump_gives_the_same_page_as_the_whole_list(pages: Api, path: str, offset: int) -> None:
    where = "WHERE NOT open_now" if path == "odd" else ""
    order = {"descending": "id DESC", "named": "name, id"}.get(path, "id")
    expected = pages.sql(
        f"SELECT id FROM places_stop {where} ORDER BY {order} OFFSET {offset} LIMIT 10"
    )
    body = page(pages, path, offset=offset)
    if path == "named":  # PostgreSQL decides the order of equal names
        assert len(body["results"]) == len(expected.splitlines())
        return
    assert ids(body) == [int(key) for key in expected.splitlines()]


def test_next_is_null_on_the_last_page_and_not_before(pages: Api) -> None:
    for path in ("plain", "named"):
        assert page(pages, path, offset=ROWS - 11)["next"] is not None
        assert page(pages, path, offset=ROWS - 10)["next"] is None


def test_next_page_by_position_is_the_next_although_rows_before_were_deleted(written: Api) -> None:
    body = page(written, "plain", offset=1_000)
    last = ids(body)[-1]
    written.sql("DELETE FROM places_stop WHERE id < 500")
    assert ids(follow(written, body["next"]))[0] == last + 1


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"page_after": "abc"}, "page_after"),
        ({"page_before": "1.5.2"}, "page_before"),
        ({"page_after": "\0"}, "page_after"),
        ({"page_after": "1", "page_before": "9"}, "page_before"),
    ],
)
def test_invalid_position_is_answered_with_400_naming_the_parameter(
    pages: Api, parameters: dict[str, str], named: str
) -> None:
    answer = get(pages, "/pages/plain/", params=parameters)
    assert answer.status_code == 400
    assert list(answer.json()) == [named]


def test_offset_wins_over_a_position_in_another_order(pages: Api) -> None:
    there = page(pages, "named", offset=20, page_after="77")
    assert [row["name"] for row in there["results"]] == [
        row["name"] for row in page(pages, "named", offset=20)["results"]
    ]
    assert get(pages, "/pages/named/", params={"page_after": "77"}).status_code == 400


# --- Pages during writes, and the rows that are read


def test_jump_after_writes_gives_the_page_of_the_current_rows(written: Api) -> None:

    def right() -> bool:
        now = written.sql("SELECT id FROM places_stop ORDER BY id OFFSET 9000 LIMIT 10")
        return ids(page(written, "plain", offset=9_000)) == [int(key) for key in now.splitlines()]

    assert right()
    assert right()  # with the map
    # A session reports its counters when it ends, so psql reports them immediately.
    for change in (
        "DELETE FROM places_stop WHERE id BETWEEN 100 AND 300",
        "INSERT INTO places_stop (id, name, open_now) SELECT -n, 'Before', true"
        " FROM generate_series(1, 50) n",
        "UPDATE places_stop SET id = id - 1000000 WHERE id BETWEEN 14000 AND 14100",
        "TRUNCATE places_stop; INSERT INTO places_stop (id, name, open_now)"
        " SELECT n, 'New', true FROM generate_series(1, 9500) n",
    ):
        written.sql(change)
        until(right, f"the page is right after {change}", patience=12)
        assert right()


def test_table_with_row_level_security_is_never_paged_with_a_shared_map(written: Api) -> None:
    assert len(page(written, "plain", offset=9_000)["results"]) == 10
    written.sql("ALTER TABLE places_stop ENABLE ROW LEVEL SECURITY")
    (after,) = explain(written, "/pages/plain/?offset=9000")
    of_the_table = [each for each in after["statements"] if "places_stop" in each]
    assert of_the_table
    assert not any("RECURSIVE" in statement for statement in of_the_table)


def test_deep_jump_reads_few_rows(pages: Api) -> None:
    path = "/pages/plain/?offset=12345"
    first, again = explain(pages, path, path)
    assert any("RECURSIVE" in each and "places_stop" in each for each in first["statements"])
    assert len(again["statements"]) == 2  # the state of the table, and the page
    read = [
        node["Actual Rows"] * node["Actual Loops"]
        for plan in again["plans"]
        for node in nodes(plan)
    ]
    assert max(read) <= 1_011


def test_page_by_position_reads_its_own_rows_only(pages: Api) -> None:
    link = urlsplit(page(pages, "plain", offset=14_000)["next"])
    assert "page_after" in parse_qs(link.query)
    (answer,) = explain(pages, f"{link.path}?{link.query}")
    (rows,) = [plan for plan in answer["plans"] if plan["Node Type"] == "Limit"]
    assert max(node["Actual Rows"] for node in nodes(rows)) == 11


def test_whole_answer_of_a_small_table_is_one_query(pages: Api) -> None:
    (answer,) = explain(pages, "/pages/few/?limit=30")
    assert len(answer["statements"]) == 1


def test_estimate_is_not_queried_again_at_once(pages: Api) -> None:
    path = "/pages/plain/?ordering=anew"
    _, again = explain(pages, path, path)
    # Only the page. The statement for the session's state reads no table.
    assert len([each for each in again["statements"] if "places_stop" in each]) == 1


def test_first_page_never_counts_the_table(pages: Api) -> None:
    (answer,) = explain(pages, "/pages/plain/")
    read = [node["Actual Rows"] for plan in answer["plans"] for node in nodes(plan)]
    assert max(read) <= 1_001
