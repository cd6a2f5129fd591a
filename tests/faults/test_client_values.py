"""The responses to odd values of clients, to bugs of the project, and to errors of its database.

One project with a column of every type (``values_project``), on one PostGIS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.conftest import PostGIS
from tests.faults.conftest import HUNG
from tests.support import logs
from tests.support.containers import Container, Containers, until
from tests.support.live import assert_nothing_wrong

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parent / "values_project"
# For a test that takes long, and in which both would do the same.
with_one_driver = pytest.mark.parametrize("image", ["psycopg 2"], indirect=True, scope="session")
ROLE, PASSWORD = "restless", "first"
# Random values for each way to send one. More of them find more.
EXAMPLES = 40

# Edge cases of each type, and texts that are almost a value of it.
NUMBERS = "0 -1 1.5 1e999 -1e308 nan inf 99999 2147483648 9223372036854775808 1_0 0x10 ٣".split()
TIMES = [
    *("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "9999-12-31", "2021-02-30"),
    *("24:00", "25:00"),
    *("999999999 23:59:59", "P1Y", "1 day", "-999999999 00:00:00"),
]
TEXTS = [
    "",
    " ",
    "\n",
    "a\0b",
    "\ud800",
    "é😀",
    "x" * 3000,
    "%",
    "\\",
    "'",
    "( [a * (?<x>",
    "a &",
    "&",
]
NETWORKS = ["999.1.1.1", "::1/64", "1.2.3.4/24", "08:00:2b:01:02:03"]
STRUCTURES = [
    *('{"a": 1}', "[[1], [1, 2]]", "{{1},{1,2}}", "{1,2}", "[5,1)", "empty", "a=>1", "[" * 3000),
    *('{"lower": "9999-12-31", "upper": "0001-01-01"}', '{"lower": {"a": []}}', "angry", "101"),
]
PLACES = [
    *("POINT(1 2)", "POINT(nan nan)", "POINT EMPTY", "SRID=999999;POINT(1 2)", "POINT(1e308 1)"),
    *("POINT(1 95)", "CIRCULARSTRING(0 0,1 1,2 0)", "POLYGON((0 0,1 1,1 0,0 0))", "POLYGON EMPTY"),
    *(
        '{"type": "Feature", "geometry": null, "properties": {}}',
        '{"type": "Point"}',
        "POLYGON((0 0",
    ),
    *('{"type": "Point", "coordinates": [1e999, 2]}', "0101000000", "POINT Z(1 2 3)", "SRID=;"),
    *("nan,nan,nan,nan", "4,3,2,1", "1,2,3,4", "9999999/1/1", "12/652/1465", "-1/0/0", "1,95"),
]
ODD = [*NUMBERS, *TIMES, *TEXTS, *NETWORKS, *STRUCTURES, *PLACES]
SPATIAL = "in_bbox tile point dist intersects contains within geometry distant ordering".split()
PAGES = "/places/ /places.geojson /places.csv /places.fgb /places/tiles/0/0/0.mvt".split()

texts = st.sampled_from(ODD) | st.text(max_size=12) | st.floats().map(str) | st.integers().map(str)
values = st.recursive(
    texts | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from("lower upper bounds type coordinates a geometry bbox".split()),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory, image: str) -> Path:
    folder = tmp_path_factory.mktemp("secrets")
    folder.chmod(0o755)
    (folder / "password").write_text(PASSWORD)
    return folder


@pytest.fixture(scope="module")
def database(postgis: PostGIS, image: str) -> str:
    """A database of a role. Tests change the role's password and connection limit."""
    name = postgis.database()
    postgis.sql(
        f"CREATE ROLE {ROLE} LOGIN SUPERUSER PASSWORD '{PASSWORD}';"
        f"ALTER DATABASE {name} OWNER TO {ROLE}",
        name,
    )
    return name


@pytest.fixture(scope="module")
def api(postgis: PostGIS, database: str, secret: Path, image: str) -> Iterator[Container]:
    started = Containers()
    started.may_log(
        *logs.OUTAGE,
        "the credentials have changed",
        "ERROR django.security.",
        "ERROR django.contrib.gis",  # of lookups that do not pass the image's filters
        "Internal Server Error",
        "drf_yasg",
        "backend.openapi",
    )
    env = postgis.env(database, POSTGRES_USER=ROLE, WEB_CONCURRENCY="1")
    del env["POSTGRES_PASSWORD"]
    yield started.start(
        image=image,
        env={**env, "POSTGRES_PASSWORD_FILE": "/secrets/password"},
        mounts={
            secret: "/secrets:ro",
            PROJECT / "local_settings": "/code/src_files/local_settings:ro",
            PROJECT / "everything": "/code/everything:ro",
        },
        options=["--network", postgis.network],
    ).wait_until_ready()
    started.clean()
    postgis.sql(f"DROP DATABASE {database} WITH (FORCE); DROP ROLE {ROLE}")


class Asked:
    """Sends requests, and keeps those that got a status of 500 or above."""

    def __init__(self, api: Container) -> None:
        self.base, self.session = api.url("").rstrip("/"), requests.Session()
        self.sent, self.failed = 0, []

    def ask(self, method: str, path: str, **options) -> int:
        self.sent += 1
        answer = self.session.request(method, self.base + path, timeout=HUNG, **options)
        if answer.status_code >= 500:
            sent = {**options.get("params", {}), "body": options.get("data")}
            self.failed.append((answer.status_code, method, path[:200], str(sent)[:300]))
        return answer.status_code

    def failures(self) -> list[tuple]:
        """The failures since the last call."""
        failed, self.failed = self.failed, []
        return failed


@pytest.fixture(scope="module")
def asked(api: Container) -> Asked:
    return Asked(api)


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def in_path(text: str) -> str:
    return quote(encoded(text)[:1000], safe="") or "-"


def in_body(value: object) -> bytes:
    """JSON in which infinite floats are numbers that overflow."""
    return json.dumps(value).replace("Infinity", "1e999").encode()


@pytest.fixture(scope="module")
def columns(api: Container) -> dict[str, list[str]]:
    return api.get("/columns/").json()


@with_one_driver
def test_live_check_finds_nothing_wrong(api: Container) -> None:
    # This test comes first, because the others fill the tables. REST framework's get() fails if two
    # rows have the same owner.
    assert_nothing_wrong(api, but=["GET /by-owner/"])


def test_every_lookup_of_every_column_answers_below_500(
    asked: Asked, columns: dict[str, list[str]], figures: Callable[[str], None]
) -> None:
    """With odd values in turn, through the ORM, django-filter, and a path."""
    before, cells = asked.sent, 0
    for number, (field, lookups) in enumerate(columns.items()):
        for text in ODD[number % 12 :: 12]:
            asked.ask("GET", f"/by-{field}/{in_path(text)}/")
        for lookup in lookups:
            cells += 1
            text = ODD[cells * 7 % len(ODD)]
            if cells % 3 == 0:
                asked.ask("GET", f"/named/{field}/{lookup}/", params={"value": encoded(text)})
            elif cells % 3 == 1:
                asked.ask("GET", f"/named/{field}/{lookup}/{in_path(text)}/")
            else:
                name = field if lookup == "exact" else f"{field}__{lookup}"
                asked.ask("GET", f"/by-{field}/", params={name: encoded(text)})
    assert asked.failures() == []
    assert len(columns) > 40
    figures(f"{len(columns)} columns, {cells} lookups, {asked.sent - before} requests, none 5xx")


@with_one_driver
def test_every_column_takes_any_body_below_500(
    asked: Asked, columns: dict[str, list[str]], figures: Callable[[str], None]
) -> None:
    before = asked.sent
    typed = {"Content-Type": "application/json"}
    for field in columns:
        for number, text in enumerate(ODD):
            if number % 8 == len(field) % 8:
                asked.ask("POST", "/things/", data=in_body({field: text}), headers=typed)
        for value in ({}, [], [[1], [1, 2]], {"lower": 1}, 1e308, float("inf"), True, [None]):
            asked.ask("PATCH", "/things/1/", data=in_body({field: value}), headers=typed)
    for text in PLACES:
        feature = {"type": "Feature", "geometry": text, "properties": {"char": "x"}}
        asked.ask("POST", "/places/", data=in_body(feature), headers=typed)
    assert asked.failures() == []
    figures(f"{len(columns)} columns, {asked.sent - before} bodies, none 5xx")


WAYS: dict[str, Callable] = {
    "query": lambda draw, asked, columns: asked.ask(
        "GET",
        "/named/{}/{}/".format(*draw(lookup_of(columns))),
        params={"value": encoded(draw(texts))},
    ),
    "path": lambda draw, asked, columns: asked.ask(
        "GET", f"/by-{draw(st.sampled_from(sorted(columns)))}/{in_path(draw(texts))}/"
    ),
    "body": lambda draw, asked, columns: asked.ask(
        "POST",
        "/things/",
        data=in_body({draw(st.sampled_from(sorted(columns))): draw(values)}),
        headers={"Content-Type": "application/json"},
    ),
    "feature": lambda draw, asked, columns: asked.ask(
        "PATCH",
        "/places/1/",
        data=in_body({"type": "Feature", "geometry": draw(values), "properties": draw(values)}),
        headers={"Content-Type": "application/json"},
    ),
    "place": lambda draw, asked, columns: asked.ask(
        "GET",
        draw(st.sampled_from(PAGES)),
        params={name: encoded(draw(texts)) for name in draw(st.sets(st.sampled_from(SPATIAL)))},
    ),
    "gis": lambda draw, asked, columns: asked.ask(
        "GET",
        draw(st.sampled_from(["/near/", "/tiled/"])),
        params={name: encoded(draw(texts)) for name in ("in_bbox", "tile", "point", "dist")},
    ),
}


def lookup_of(columns: dict[str, list[str]]) -> st.SearchStrategy:
    return st.sampled_from([(name, each) for name in columns for each in columns[name]])


@pytest.mark.parametrize("way", WAYS)
def test_random_values_answer_below_500(
    way: str, asked: Asked, columns: dict[str, list[str]], figures: Callable[[str], None]
) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def random(data: st.DataObject) -> None:
        WAYS[way](data.draw, asked, columns)

    before = asked.sent
    random()
    assert asked.failures() == []
    figures(f"{way}: {asked.sent - before} random requests, none 5xx")


def test_error_names_the_parameter_but_not_its_value(api: Container) -> None:
    answer = api.get("/by-ip/?ip=999.1.1.1")
    assert answer.status_code == 400
    assert "(ip)" in answer.json()["detail"]
    assert "999" not in answer.json()["detail"]


@pytest.mark.parametrize(
    "geometry",
    [
        '{"type": "Point", "coordinates": [1e999, 2]}',
        '{"type": "Point", "coordinates": [1e308, 2]}',
        '{"type": "Point", "coordinates": [1, 95]}',
        '{"type": "Point", "coordinates": []}',
        '"POINT(nan 1)"',
    ],
)
def test_an_impossible_place_is_refused_and_streams_stay_valid_json(
    api: Container, geometry: str
) -> None:
    body = f'{{"type": "Feature", "geometry": {geometry}, "properties": {{"char": "x"}}}}'
    typed = {"Content-Type": "application/json"}
    answer = requests.post(api.url("/places/"), data=body, headers=typed, timeout=HUNG)
    assert answer.status_code == 400, answer.text
    assert "point" in answer.json()
    assert strict(api.get("/places/?format=geojson").text)["features"]


def strict(text: str) -> dict:
    def refuse(constant: str) -> float:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_number_that_overflows_is_refused_and_not_stored(api: Container) -> None:
    typed = {"Content-Type": "application/json"}
    for number in ("1e999", '"nan"', '"-Infinity"'):
        body = f'{{"real": {number}}}'
        answer = requests.patch(api.url("/things/1/"), data=body, headers=typed, timeout=HUNG)
        assert (answer.status_code, list(answer.json())) == (400, ["real"])


def test_rows_that_conflict_with_a_request_are_a_409(api: Container) -> None:
    def post(path: str, **body: object) -> requests.Response:
        return requests.post(api.url(path), json=body, timeout=HUNG)

    owner = post("/owners/", name="Bea").json()["id"]
    assert post("/things/", slug="taken", owner=owner).status_code == 201
    assert post("/things/", slug="Taken").status_code == 409
    assert post("/things/", span='{"lower": 2000, "upper": 3000}').status_code == 201
    assert post("/things/", span='{"lower": 2500, "upper": 2600}').status_code == 409
    assert post("/things/", whole=5000).status_code == 400
    assert requests.delete(api.url(f"/owners/{owner}/"), timeout=HUNG).status_code == 409


BUGS = """closed_cursor closed_connection deep_json nul nul_written zero cast_of_rows cast_of_own
division_of_rows foreign_owner no_such_column syntax missing_parameter own_read_only value_error
not_null""".split()


@pytest.mark.parametrize("way", ["plain", "rest"])
def test_an_error_in_project_code_is_a_500_with_its_traceback(
    api: Container, way: str, figures: Callable[[str], None]
) -> None:
    for bug in BUGS:
        answer = api.get(f"/bugs/{way}/{bug}/?x=1&q=abc")
        assert answer.status_code == 500, (bug, answer.text)
    body = {"x": 1, "q": ["abc"]}
    if way == "rest":
        for bug in BUGS:
            answer = requests.post(api.url(f"/bugs/{way}/{bug}/"), json=body, timeout=HUNG)
            assert answer.status_code == 500, (bug, answer.text)
    for bug in BUGS:
        api.wait_for_log(f"in {bug}\n")
    figures(f"{len(BUGS)} bugs, none hidden")


CHANCES = """division overflow cast place own_literal written_division empty computed_key
computed_number computed_text row_argument row_division row_lookup argument chunks
fraction""".split()


@pytest.mark.parametrize("name", CHANCES)
def test_a_value_that_did_not_cause_an_error_leaves_it_a_500(api: Container, name: str) -> None:
    query = "line=5&q=abc&offset=0&limit=100"
    sent = {"Cache-Control": "max-age=0", "X-Page": "100"}
    answer = api.get(f"/chances/{name}/?{query}", headers=sent)
    assert answer.status_code == 500, answer.text
    # The line of the request comes after the traceback.
    until(
        lambda: "Traceback" in api.logs().rpartition(f"/chances/{name}/")[0],
        f"the log has the traceback of {name}",
    )


CAUSES = {
    "key": ("Mine", 409),
    "number": ("40000", 400),
    "length": ("x" * 30, 400),
    "search": ("a &", 400),
    "pattern": ("(", 400),
    "late_cast": ("seven", 400),
    "parsed": ("2021-02-30", 400),
}


@pytest.mark.parametrize("name", CAUSES)
def test_the_value_that_caused_it_is_named(api: Container, name: str) -> None:
    sent, status = CAUSES[name]
    answer = api.get(f"/chances/{name}/", params={"line": sent, "limit": "7"})
    assert answer.status_code == status, answer.text
    assert "(line)" in answer.json()["detail"]


@pytest.mark.parametrize("wrong", ["ip", "ip__gt"])
def test_of_two_values_the_wrong_one_is_named(api: Container, wrong: str) -> None:
    params = {"ip": "1.2.3.4", "ip__gt": "1.2.3.4", wrong: "999.1.1.1"}
    answer = api.get("/by-ip/", params=params)
    assert answer.status_code == 400
    assert f"({wrong})" in answer.json()["detail"]


@pytest.mark.parametrize("code", ["55P03", "40P01", "40001"])
def test_lock_conflict_deadlock_and_serialization_failure_are_a_503_with_retry_after(
    api: Container, code: str
) -> None:
    answer = api.get(f"/conflicts/{code}/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5"), answer.text


def ready(api: Container) -> dict:
    return api.get("/health/ready").json()


def test_a_database_that_became_read_only_is_a_503_for_writes_and_ready_says_so(
    api: Container, postgis: PostGIS, database: str
) -> None:
    postgis.sql(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    postgis.end_connections(f"datname = '{database}'")
    try:
        write = writer(api)
        until(lambda: write().status_code == 503, "it is read-only")
        assert "read-only" in write().json()["detail"]
        assert write().headers["Retry-After"] == "5"
        assert api.get("/owners/").status_code == 200
        until(lambda: ready(api)["checks"]["database:default"] == "read-only", "ready says why")
        assert ready(api)["status"] == "degraded"
    finally:
        postgis.sql(
            f"SET default_transaction_read_only = off;"
            f"ALTER DATABASE {database} RESET default_transaction_read_only"
        )
    # The test did not end the connections. The API closed those that could not write.
    until(lambda: write().status_code == 201, "it writes again")
    until(lambda: ready(api)["status"] == "ready", "ready again")


def writer(api: Container) -> Callable[[], requests.Response]:
    url = api.url("/owners/")
    return lambda: requests.post(url, json={"name": "New"}, timeout=HUNG)


def test_a_role_without_a_free_connection_is_a_503_on_a_stream_too(
    api: Container, postgis: PostGIS, database: str
) -> None:
    postgis.sql(f"ALTER ROLE {ROLE} NOSUPERUSER CONNECTION LIMIT 0")
    postgis.end_connections(f"datname = '{database}'")
    try:
        for path in ("/places.geojson", "/places/", "/places.csv"):
            answer = api.get(path)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5"), answer.text
            assert "no free connection" in answer.json()["detail"]
        until(
            lambda: ready(api)["checks"]["database:default"] == "no free connection",
            "ready says why",
        )
    finally:
        postgis.sql(f"ALTER ROLE {ROLE} SUPERUSER CONNECTION LIMIT -1")
    until(lambda: ready(api)["status"] == "ready", "ready again")


def test_a_new_password_in_the_file_is_used_without_a_restart(
    api: Container, postgis: PostGIS, database: str, secret: Path
) -> None:
    postgis.sql(f"ALTER ROLE {ROLE} PASSWORD 'rotated-6f1d'")
    postgis.end_connections(f"datname = '{database}'")
    assert api.get("/owners/").status_code == 503
    until(lambda: ready(api)["checks"]["database:default"] == "login refused", "ready says why")
    (secret / "password").write_text("rotated-6f1d\n")
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(api.get, "/owners/") for _ in range(8)]
    assert {answer.result().status_code for answer in asked} == {200}
    assert api.get("/places.geojson").status_code == 200
    until(lambda: ready(api)["status"] == "ready", "ready again")
    logs = api.logs()
    assert re.search("credentials have changed, and were read again", logs)
    assert "rotated-6f1d" not in logs
