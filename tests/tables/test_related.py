"""Foreign keys: rows that ``?expand=`` adds, and links to the pages of other rows."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote_plus

import pytest
import requests
from openapi_spec_validator import validate

from tests.conftest import PostGIS, start_postgis
from tests.support.containers import Container, Containers
from tests.support.live import assert_nothing_wrong
from tests.support.places import Api
from tests.tables.conftest import loaded

pytestmark = pytest.mark.engine

CHIEF = ("chief", "of the tests")
METADATA = "tables: {drivers: {login: true}}\n"
ODD = 'a b,c/d"é?#%&+;'
# The names that each table has for the rows that it refers to, with their tables.
NAMES = {
    "stops": {"stops": "stops"},
    "buses": {"brands": "brands", "short_row": "brands"},
    "rides": {
        **{"stops": "stops", "to_stop_row": "stops", "stop code_row": "stops"},
        **{"line": "lines", "driver": "drivers", "drivers": "drivers", "calendar": "calendar"},
    },
    "late_rides": {"stops": "stops", "line": "lines"},
    "log": {"stop": "stops"},
    "readings": {"stop": "stops"},
    "checks": {"readings": "readings"},
    "posts": {"agent": "agents", "boss": "agents"},
    "memos": {"agent": "agents"},
    "pages": {"agents": "agents", "expand_id_row": "agents"},
    "holders": {"badge": "badges"},
}


@pytest.fixture(scope="module")
def server(network: str) -> Iterator[PostGIS]:
    """A server of this module, because its log is read."""
    started = Containers()
    yield start_postgis(started, network)
    started.clean()


@pytest.fixture(scope="module")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file: Path = tmp_path_factory.mktemp("metadata") / "metadata.yml"
    file.write_text(METADATA)
    file.chmod(0o644)
    return file


def serve(
    started: Containers, server: PostGIS, database: str, metadata: Path, workers: str
) -> Container:
    env = server.env(database, PUBLISH_SCHEMAS="rail", PUBLISH_FUNCTIONS="rides_to")
    env |= {"POSTGRES_USER": "conductor", "POSTGRES_PASSWORD": "conductor"}
    env |= {"PUBLISH_WRITE": "true", "PUBLISH_METADATA": "/metadata.yml"}
    return started.start(
        env=env | {"WEB_CONCURRENCY": workers},
        mounts={metadata: "/metadata.yml"},
        options=["--network", server.network],
    ).wait_until_serving()


@pytest.fixture(scope="module")
def api(server: PostGIS, metadata: Path) -> Iterator[Api]:
    started, database = Containers(), loaded(server, "related.sql")
    container = serve(started, server, database, metadata, "1")
    name, password = CHIEF
    user = ("--noinput", "--username", name, "--email", "chief@example.org")
    container.exec(
        *("env", f"DJANGO_SUPERUSER_PASSWORD={password}"),
        *("python", "manage.py", "createsuperuser", *user),
    )
    log_in(container.session, container.url("/admin/login/"))
    yield Api(container, server, database, database)
    started.clean()


def log_in(session: requests.Session, url: str) -> None:
    """With a cookie, because the hash of a password takes longer than a request."""
    form = session.get(url, timeout=60).text
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
    fields = {"csrfmiddlewaretoken": token, "username": CHIEF[0], "password": CHIEF[1]}
    done = session.post(url, fields, headers={"Referer": url}, timeout=60, allow_redirects=False)
    assert done.status_code == 302


def ask(api: Api, path: str, method: str = "GET", **options: Any) -> requests.Response:
    """A response to the person who has an account."""
    url = path if path.startswith("http") else api.url(f"/api/{path}")
    if method == "GET":
        return api.container.session.get(url, timeout=60, **options)
    return requests.request(method, url, auth=CHIEF, timeout=60, **options)


def got(api: Api, path: str, **params: Any) -> Any:
    answer = ask(api, path, params=params)
    assert answer.status_code == 200, f"{answer.url}: {answer.status_code} {answer.text[:500]}"
    return answer.json()


def rows(api: Api, table: str, **params: Any) -> list[dict[str, Any]]:
    """The rows of a page: properties of features, or plain objects."""
    results = got(api, f"{table}/", **{"limit": 1000, **params})["results"]
    return (
        results if isinstance(results, list) else [one["properties"] for one in results["features"]]
    )


def row(api: Api, path: str, **params: Any) -> Any:
    """A row as its page shows it, without its links."""
    shown = got(api, path, **params)
    return {name: value for name, value in shown.items() if name != "links"}


def links(api: Api, path: str) -> dict[str, str]:
    """The links of a row by their titles."""
    shown = got(api, path)["links"]
    assert {each["rel"] for each in shown} <= {"related"}
    assert len({each["title"] for each in shown}) == len(shown)
    return {each["title"]: each["href"] for each in shown}


def sql(api: Api, statement: str) -> str:
    return api.sql(f"SET search_path = rail, public; {statement}")


# --- ?expand=


def test_a_row_that_another_one_refers_to_is_as_on_its_own_page(api: Api) -> None:
    expanded = rows(api, "rides", expand=",".join(f'"{name}"' for name in NAMES["rides"]))
    assert len(expanded) == 60
    stops = {str(number): row(api, f"stops/{number}/") for number in range(1, 5)}
    by_code = {stop["properties"]["code"]: stop for stop in stops.values()}
    drivers = {number: row(api, f"drivers/{number}/") for number in (1, 2)}
    by_badge = {driver["badge"]: driver for driver in drivers.values()}
    lines = {each["name"]: each for each in rows(api, "lines")}
    days = {(each["service"], each["day"]): each for each in rows(api, "calendar")}
    assert len(days) == 4
    for each in expanded:
        assert each["stops"] == stops.get(str(each["from_stop"]))
        assert each["to_stop_row"] == stops[str(each["to_stop"])]
        assert each["stop code_row"] == by_code[each["stop code"]]
        assert each["line"] == lines.get(each["line_id"])
        assert each["driver"] == drivers[each["driver_id"]]
        assert each["drivers"] == by_badge.get(each["badge"])
        assert each["calendar"] == days[each["service"], each["day"]]
    assert {each["line_id"] for each in expanded} == {*lines, None}
    assert stops["1"]["geometry"]["coordinates"] == pytest.approx([-122.68, 45.52])
    assert row(api, "rides/1/", expand="line,stops")["line"] == lines["map"]


def test_a_row_without_expand_is_as_before(api: Api) -> None:
    assert set(rows(api, "rides")[0]) == {
        *("id", "from_stop", "to_stop", "stop code", "line_id", "driver_id", "badge"),
        *("vehicle_id", "day", "service", "note"),
    }


def test_texts_that_postgresql_considers_equal_are_equal(api: Api) -> None:
    expanded = rows(api, "buses", expand="brands,short_row")
    assert [each["brands"]["name"] for each in expanded] == ["ACME", "Zug"]
    assert [each["short_row"]["name"] for each in expanded] == ["Zug", "ACME"]


def test_a_row_can_refer_to_itself_or_to_nothing(api: Api) -> None:
    parents = [each["stops"] for each in rows(api, "stops", expand="stops")]
    assert [each and each["id"] for each in parents] == [None, 1, 1, 4]
    assert "stops" not in parents[1]["properties"]
    assert [each["stop"] and each["stop"]["id"] for each in rows(api, "log", expand="stop")] == [
        *(1, 1, None)
    ]


def test_rows_of_partitions_and_times_are_found(api: Api) -> None:
    values = [each["readings"] for each in rows(api, "checks", expand="readings")]
    assert [each and each["value"] for each in values] == [1, 2, 3, None]


def test_a_row_that_the_role_cannot_see_is_null(api: Api) -> None:
    pages = rows(api, "pages", expand="agents,expand_id_row")
    assert [each["agents"] and each["agents"]["name"] for each in pages] == ["Eve", None]
    assert [each["expand_id_row"] is None for each in pages] == [True, False]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [[1, 1], [1, 2], [2, 1], [2, 3]]),
        ("?ordering=-agent_id,n", [[2, 1], [2, 3], [1, 1], [1, 2]]),
        ("?ordering=boss_id", [[1, 1], [2, 1], [1, 2], [2, 3]]),
    ],
)
def test_rows_that_refer_to_one_that_the_role_cannot_see_are_there(
    api: Api, query: str, expected: list[list[int]]
) -> None:
    path, seen = f"posts/{query}{'&' if query else '?'}limit=1", []
    while path:
        page = ask(api, path).json()
        assert page["count"] == 4
        seen += [[each["agent_id"], each["n"]] for each in page["results"]]
        path = page["next"]
    assert seen == expected
    stream = ask(api, f"posts.jsonl{query}").text.splitlines()
    streamed = [[each["agent_id"], each["n"]] for each in map(json.loads, stream)]
    assert sorted(streamed) == sorted(expected)  # equal rows can be in another order


def test_the_admin_shows_them_too(api: Api) -> None:
    page = ask(api, api.url("/admin/published/memos/")).text
    assert re.findall(r"of \w+", page) == ["of Mallory", "of Eve"]
    # Two agents, of which one can be seen.
    assert re.findall(r'<td class="field-agent[^>]*>([^<]*)<', page) == ["-", "Eve"]
    (by_agent,) = re.findall(r'column-agent">.*?<a href="(\?o=[\d.]+)"', page, re.DOTALL)
    page = ask(api, api.url(f"/admin/published/memos/{by_agent}")).text
    assert re.findall(r"of \w+", page) == ["of Eve", "of Mallory"]


def test_a_page_of_any_size_takes_the_same_queries(api: Api, server: PostGIS) -> None:
    def statements(table: str, limit: int) -> list[int]:
        mark = f"of {table}, {limit}"
        server.sql(f"DO $$ BEGIN RAISE LOG 'begin {mark}'; END $$", api.database)
        rows(api, table, limit=limit, expand=",".join(f'"{name}"' for name in NAMES[table]))
        server.sql(f"DO $$ BEGIN RAISE LOG 'end {mark}'; END $$", api.database)
        log = server.container.logs().partition(f"LOG:  begin {mark}")[2]
        log = log.partition(f"LOG:  end {mark}")[0]
        return [
            sum(f'FROM "rail"."{other}"' in line for line in log.splitlines())
            for other in ("stops", "lines", "drivers", "calendar")
        ]

    rows(api, "rides", expand="stops")  # reads the types of columns once a minute
    server.sql(f"ALTER DATABASE {api.database} SET log_statement = 'all'")
    server.end_connections(f"datname = '{api.database}'")
    try:
        few, many = statements("rides", 5), statements("rides", 60)
    finally:
        server.sql(f"ALTER DATABASE {api.database} RESET log_statement")
    assert few == many == [3, 1, 2, 1]


def test_expand_works_with_other_parameters(api: Api) -> None:
    (first, second) = rows(api, "rides", expand="line", fields="id", ordering="-id", limit=2)
    assert set(first) == {"id", "line"}
    assert (first["id"], second["id"]) == (60, 59)
    assert rows(api, "rides", expand="line", fields="line", id=1) == [
        {"line": {"name": "map", "color": "#fff   "}}
    ]
    (ride,) = rows(api, "rides", fields="id", expand='"stop code_row"', id=2)
    assert ride["stop code_row"]["properties"]["code"] == ""
    (stop,) = rows(api, "stops", expand="stops", geometry="place", fields="code", id=2)
    assert stop == {"code": ODD, "stops": row(api, "stops/1/")}
    page = got(api, "rides/", expand="line", limit=25)
    assert "expand=line" in page["next"]
    assert got(api, page["next"])["results"][0]["line"]["name"] == "map"
    called = got(api, "functions/rides_to/", stop=2, expand="to_stop_row")["results"]
    assert {each["to_stop_row"]["properties"]["code"] for each in called} == {ODD}
    assert got(api, "stops/2/", expand="stops", fields="code")["properties"]["stops"]["id"] == 1


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("rides/?expand=lines", "Unknown: 'lines'. Choose from stops, to_stop_row, "),
        ("rides/1/?expand=line,line_id", "Unknown: 'line_id'. Choose from"),
        ("rides.csv?expand=line", "Leave it out."),
        ("rides.jsonl?expand=line", "Leave it out."),
        ("stops.geojson?expand=stops", "Leave it out."),
        ("stops.fgb?expand=stops", "Leave it out."),
        ("stops/tiles/?expand=stops", "Leave it out."),
        ("stops/tiles/1/0/0.mvt?expand=stops", "Leave it out."),
        ("alone/?expand=stops", "This parameter is unknown."),
        ("stops/map/?expand=stops", "Leave it out."),
    ],
)
def test_what_cannot_be_expanded_is_a_400(api: Api, path: str, message: str) -> None:
    answer = ask(api, path)
    assert answer.status_code == 400, answer.text
    assert message in html.unescape(answer.text)


def test_a_table_that_needs_a_login_needs_it_here_too(api: Api) -> None:
    for path in ("rides/", "rides/2/", "functions/rides_to/?stop=1"):
        page, params = api.url("/api/drivers/"), {"expand": "driver"}
        own = requests.get(page, timeout=60)
        refused = requests.get(api.url(f"/api/{path}"), params=params, timeout=60)
        assert own.status_code in (401, 403)
        assert (refused.status_code, refused.json()) == (own.status_code, own.json())
        assert "Ann" in ask(api, path, params=params).text
    # Also if no row is shown, and with the ETag of a person who may read it.
    empty = requests.get(api.url("/api/rides/?id=0&expand=drivers"), timeout=60)
    assert empty.status_code in (401, 403)
    etag = ask(api, "rides/1/?expand=driver").headers["ETag"]
    again = requests.get(
        api.url("/api/rides/1/?expand=driver"), headers={"If-None-Match": etag}, timeout=60
    )
    assert again.status_code in (401, 403)
    # Its rows are not in links either: the key of one is not that of the other table.
    shown = requests.get(api.url("/api/rides/2/"), timeout=60).json()["links"]
    titles = {each["title"] for each in shown}
    assert "driver" in titles
    assert "drivers" not in titles
    assert links(api, "rides/2/")["drivers"] == api.url("/api/drivers/1/")


def test_two_replicas_know_the_same_person_and_keep_others_out(
    api: Api, server: PostGIS, metadata: Path, containers: Containers
) -> None:
    other = serve(containers, server, api.database, metadata, "2")
    person = requests.Session()
    log_in(person, api.container.url("/admin/login/"))
    for path in ("/api/rides/?expand=driver,line", "/api/rides/2/?expand=driver", "/api/drivers/"):
        # Several requests, so that both workers answer.
        here, *there = [person.get(each.url(path)) for each in (api.container, *[other] * 6)]
        assert "Ann" in here.text
        of_port = re.compile(r"127\.0\.0\.1:\d+")
        assert {of_port.sub("", each.text) for each in there} == {of_port.sub("", here.text)}
        (etag,) = {each.headers["ETag"] for each in there}
        assert person.get(other.url(path), headers={"If-None-Match": etag}).status_code == 304
        stranger = requests.get(other.url(path), headers={"If-None-Match": etag}, timeout=60)
        assert stranger.status_code in (401, 403), path
    token = {"csrfmiddlewaretoken": person.cookies["csrftoken"]}
    page = api.container.url("/admin/logout/")
    assert person.post(page, token, headers={"Referer": page}, timeout=60).status_code == 200
    assert person.get(other.url("/api/rides/?expand=driver")).status_code in (401, 403)


# --- Links


def test_links_lead_to_rows_and_to_lists(api: Api) -> None:
    base = api.url("/api/")
    assert links(api, "stops/1/") == {
        "stops (parent)": f"{base}stops/?parent=1",
        "rides (from_stop)": f"{base}rides/?from_stop=1",
        "rides (to_stop)": f"{base}rides/?to_stop=1",
        "rides (stop code)": f"{base}rides/?stop%20code=S1",
        "late_rides": f"{base}late_rides/?to_stop=1",
        "log": f"{base}log/?stop_id=1",
        "readings": f"{base}readings/?stop_id=1",
    }
    assert links(api, "checks/3/") == {"readings": f"{base}readings/2,2024-06-01T12:00:00.500000Z/"}
    assert links(api, "checks/4/") == {}
    feature = got(api, "stops/1/")
    assert set(feature) == {"id", "type", "geometry", "properties", "links"}
    assert "links" not in feature["properties"]


def test_every_link_leads_where_it_says(api: Api) -> None:
    paths = {
        "stops": range(1, 5),
        "rides": range(1, 21),
        "late_rides": (51, 60),
        "buses": (1, 2),
        "checks": range(1, 5),
        "readings": ("1,2024-06-01T10:00:00Z", "2,2024-06-01T12:00:00.5Z"),
        "drivers": (1, 2),
        "brands": ("acme", "Zug"),
        "lines": ('""', '"map"', '".."', quote('Main, E/2 "x" é%20?#&+', safe="")),
        "calendar": ('"Sunday, holidays",2024-01-01', "weekday,0044-03-15 BC", "weekday,infinity"),
    }
    followed = 0
    for table, keys in paths.items():
        for key in keys:
            own = f"{table}/{key}/"
            names = ",".join(f'"{name}"' for name in NAMES.get(table, ()))
            shown = row(api, own, **({"expand": names} if names else {}))
            shown = shown.get("properties", shown)
            for title, href in links(api, own).items():
                answer = ask(api, href)
                assert answer.status_code == 200, f"{own} {title}: {href} {answer.text[:200]}"
                if "results" not in answer.json():
                    assert row(api, href) == shown[title], f"{own} {title}: {href}"
                followed += 1
    assert followed > 100


def test_lists_of_referring_rows_have_those_and_no_others(api: Api) -> None:
    for line in sql(api, "SELECT id, code FROM stops").splitlines():
        number, code = line.split("|", 1)
        hrefs = links(api, f"stops/{number}/")
        literal = "'" + code.replace("'", "''") + "'"
        for title, where in {
            "rides (stop code)": f'rides WHERE "stop code" = {literal}',
            "rides (from_stop)": f"rides WHERE from_stop = {number}",
            "late_rides": f"late_rides WHERE to_stop = {number}",
            "log": f"log WHERE stop_id = {number}",
            "readings": f"readings WHERE stop_id = {number}",
        }.items():
            assert got(api, hrefs[title])["count"] == int(sql(api, f"SELECT count(*) FROM {where}"))
    for line in json.loads(sql(api, "SELECT json_agg(name) FROM lines")):
        count = sum(each["line_id"] == line for each in rows(api, "rides"))
        key = f'"{line}"' if line in ("", "map", "..") else quote(line, safe="")
        assert got(api, links(api, f"lines/{key}/")["rides"])["count"] == count


def test_a_member_of_links_is_not_a_column(api: Api) -> None:
    page = got(api, "pages/1/")
    assert page["links"] == "mine"
    assert [each["title"] for each in page["_links"]] == ["agents", "expand_id_row"]
    assert got(api, "alone/1/") == {"id": 1}
    assert got(api, "rides/1/", fields="id") == {"id": 1}


def test_rows_without_pages_are_in_a_list(api: Api) -> None:
    holders = rows(api, "holders", expand="badge")
    assert [each["badge"] and each["badge"]["color"] for each in holders] == ["red", "blue", None]
    for number, badges in ((1, [holders[0]["badge"]]), (2, [holders[1]["badge"]])):
        assert got(api, links(api, f"holders/{number}/")["badge"])["results"] == badges
    assert links(api, "holders/1/") == {"badge": api.url("/api/badges/?code=A-1")}
    assert links(api, "holders/3/") == {}


def test_people_can_follow_links_in_the_browsable_api(api: Api) -> None:
    page = ask(api, "stops/2/", params={"format": "api"}).text
    hrefs = {unquote_plus(html.unescape(href)) for href in re.findall('<a href="([^"]+)"', page)}
    assert {unquote_plus(href) for href in links(api, "stops/2/").values()} <= hrefs
    # A map of the list has no rows of other tables.
    listed = ask(api, "stops/", params={"format": "api", "expand": "stops"})
    assert listed.status_code == 200
    assert "/tiles/" not in listed.text


# --- The document


def test_document_lists_what_can_be_expanded(api: Api) -> None:
    document = api.get("/swagger.json").json()
    validate(document)
    enums = {}
    for path, item in document["paths"].items():
        for each in item["get"]["parameters"]:
            if each["name"] == "expand":
                assert each["type"] == "array"
                enums.setdefault(path.split("/{")[0].strip("/"), each["items"]["enum"])
    # Nobody can expand drivers without a login.
    expected = {
        table: [name for name, to in names.items() if to != "drivers"]
        for table, names in NAMES.items()
    }
    assert enums == {**expected, "functions/rides_to": expected["rides"]}
    about = [
        each
        for each in document["paths"]["/rides/"]["get"]["parameters"]
        if each["name"] == "expand"
    ]
    assert about[0]["description"].endswith("After a login, also: driver, drivers.")
    ride = document["definitions"]["SparseRides"]["properties"]
    assert ride["stop code_row"]["allOf"] == [{"$ref": "#/definitions/Stops"}]
    assert ride["stop code_row"]["readOnly"]
    assert ride["line"]["x-nullable"]
    assert "stops" not in document["definitions"]["Stops"]["properties"]["properties"]["properties"]
    shown = document["paths"]["/rides/{id}/"]["get"]["responses"]["200"]["schema"]["allOf"]
    assert shown[0] == {"$ref": "#/definitions/SparseRides"}
    assert shown[1]["properties"]["links"]["items"]["required"] == ["rel", "title", "href"]
    one = document["paths"]["/pages/{id}/"]["get"]["responses"]["200"]["schema"]
    assert list(one["allOf"][1]["properties"]) == ["_links"]
    alone = document["paths"]["/alone/{id}/"]["get"]["responses"]["200"]["schema"]
    assert alone == {"$ref": "#/definitions/SparseAlone"}
    assert "expand" not in {
        each["name"] for each in document["paths"]["/stops/"]["post"]["parameters"]
    }


def test_no_request_breaks_the_contract(api: Api) -> None:
    assert_nothing_wrong(api.container)


# --- Writing


def test_rows_are_written_with_their_links_and_expanded_rows(api: Api) -> None:
    made = ask(api, "rides/?expand=line", "POST", json={"to_stop": 1, "line_id": "map"})
    assert made.status_code == 201, made.text
    path = made.headers["Location"]
    assert made.json() == got(api, path)
    assert "line" not in made.json()
    for params in ({}, {"expand": "line,to_stop_row"}):
        shown = got(api, path, **params)
        put = ask(api, path, "PUT", json={**shown, "note": "put"}, params=params)
        assert put.status_code == 200, put.text
        assert put.json() == got(api, path)
    feature = got(api, "stops/3/", expand="stops")
    assert ask(api, "stops/3/", "PUT", json=feature).json() == got(api, "stops/3/")
    assert ask(api, f"{path}?expand=line", "DELETE").status_code == 204


def test_etags_tell_whether_a_row_or_one_that_it_refers_to_has_changed(api: Api) -> None:
    for path in ("rides/7/", "rides/7/?expand=line,to_stop_row", "stops/2/?expand=stops"):
        body = {"properties": {"Stop Name": "Park"}} if "stops/2" in path else {"note": path}
        etag = ask(api, path).headers["ETag"]
        assert ask(api, path, headers={"If-None-Match": etag}).status_code == 304
        assert ask(api, path, "PATCH", json=body, headers={"If-Match": etag}).status_code == 200
        changed = ask(api, path).headers["ETag"]
        old = {"If-Match": etag if "stops" not in path else '"other"'}
        assert ask(api, path, "PATCH", json=body, headers=old).status_code == 412
        assert ask(api, path, "PATCH", json=body, headers={"If-Match": changed}).status_code == 200
    path = "rides/?expand=line&id=1"
    etag = ask(api, path).headers["ETag"]
    assert ask(api, path, headers={"If-None-Match": etag}).status_code == 304
    sql(api, "UPDATE lines SET color = '#000' WHERE name = 'map'")
    try:
        again = ask(api, path, headers={"If-None-Match": etag})
        assert again.json()["results"][0]["line"]["color"] == "#000   "
    finally:
        sql(api, "UPDATE lines SET color = '#fff' WHERE name = 'map'")
