"""People who log in write rows, as far as the role of the database may: PUBLISH_WRITE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.conftest import PostGIS
from tests.support.containers import Container, Containers
from tests.tables.conftest import loaded

pytestmark = pytest.mark.engine

SCHEMA = "Office 7"
CHIEF = ("chief", "of the tests")
WITHOUT_ACCOUNTS = "clerk"


class Api:
    """Requests of a person who has logged in."""

    def __init__(self, container: Container, postgis: PostGIS, database: str) -> None:
        self.container, self.postgis, self.database = container, postgis, database

    def __call__(self, method: str, path: str, data: Any = None, **options: Any) -> Any:
        options.setdefault("auth", CHIEF)
        return requests.request(
            method, self.container.url(f"/api/{path}"), json=data, timeout=60, **options
        )

    def sql(self, statement: str) -> str:
        return self.postgis.sql(f'SET search_path = "{SCHEMA}", public; {statement}', self.database)


@pytest.fixture(scope="module")
def database(postgis: PostGIS) -> str:
    return loaded(postgis, "writing.sql")


def environment(postgis: PostGIS, database: str, role: str) -> dict[str, str]:
    env = postgis.env(database, PUBLISH_SCHEMAS=SCHEMA, PUBLISH_WRITE="true")
    return {**env, "POSTGRES_USER": role, "POSTGRES_PASSWORD": role}


@pytest.fixture(scope="module")
def api(postgis: PostGIS, database: str) -> Iterator[Api]:
    started = Containers()
    container = started.start(
        env=environment(postgis, database, "writer"), options=["--network", postgis.network]
    ).wait_until_serving()
    name, password = CHIEF
    user = ("--noinput", "--username", name, "--email", "chief@example.org")
    container.exec(
        *("env", f"DJANGO_SUPERUSER_PASSWORD={password}"),
        *("python", "manage.py", "createsuperuser", *user),
    )
    yield Api(container, postgis, database)
    started.clean()


def test_each_table_has_the_operations_of_the_role(api: Api) -> None:
    def allowed(path: str) -> set[str]:
        return set(api("OPTIONS", path).headers["Allow"].split(", ")) - {"GET", "HEAD", "OPTIONS"}

    assert allowed("stops/") == {"POST"}
    assert allowed("stops/S1/") == {"PUT", "PATCH", "DELETE"}
    assert allowed("pets/1/") == {"PUT", "PATCH"}
    for path in ("closed/", "closed/1/", "totals/", "loose/", "scans/"):
        assert allowed(path) == set(), path


def test_nobody_writes_without_a_login(api: Api) -> None:
    for method, path in (("POST", "stops/"), ("PUT", "stops/S1/"), ("DELETE", "stops/S1/")):
        assert api(method, path, {"stop_id": "S9"}, auth=None).status_code == 403
    document = requests.get(api.container.url("/swagger.json"), timeout=60).json()
    paths = document["paths"]
    assert paths["/stops/"]["get"]["security"] == []
    assert {"Basic": []} in paths["/stops/"]["post"]["security"]
    assert "delete" in paths["/stops/{stop_id}/"]
    assert "post" not in paths["/closed/"]


def test_a_new_row_is_shown_as_it_is_stored(api: Api) -> None:
    sent = {
        "stop": "S2",
        "fee": 120.5,
        "cost": "10.5",
        "valid": "[2031-01-01,2031-02-01)",
        "address": "10.0.0.1/8",
        "lasts %": "3 days 02:00:00",
        "tags": ["a,b", "ü"],
        "seen": "2024-07-01T12:30:00",
        "about": {"a": [1, None]},
        "contact": {"name": 'A "b", c', "day of birth": None, "floors": [1, 2]},
        "former": None,
        "extras": {"a": 'x,"y"\\', 'b "c"': None, "d": "", "50%": "%s"},
        "note": " x ",
    }
    created = api("POST", "permits/", sent)
    assert created.status_code == 201, created.text
    row = created.json()
    made = {"status": "open", "issued": "2024-05-01", "with tax": "11.55", "changes": 1}
    links = [{"rel": "related", "title": "stops", "href": api.container.url("/api/stops/S2/")}]
    assert row == {**sent, **made, "id_": row["id_"], "history": None, "scan": None, "links": links}
    location = api.container.url(f"/api/permits/{row['id_']}/")
    assert created.headers["Location"] == location
    assert requests.get(location, timeout=60).json() == row
    where = f"FROM permits WHERE id_ = {row['id_']}"
    assert api.sql(f"SELECT \"lasts %\" = '3 days 02:00', fee::numeric {where}") == "t|120.50"

    # What the list shows can be sent back, and what only the database writes is ignored.
    again = api("PUT", f"permits/{row['id_']}/", {**row, "with tax": "1", "note": ""})
    assert again.json() == {**row, "note": "", "changes": 2}
    assert api("PATCH", f"permits/{row['id_']}/", {"status": "closed"}).json()["status"] == "closed"
    assert api("DELETE", f"permits/{row['id_']}/").status_code == 204
    assert api.sql(f"SELECT count(*) {where}") == "0"


@pytest.mark.parametrize(
    ("path", "sent", "status", "names"),
    [
        ("permits/", {"stop": "S99"}, 400, ["stop"]),
        ("permits/", {"status": "lost"}, 400, ["status"]),
        ("permits/", {"status": None}, 400, ["status"]),
        ("permits/", {"former": ""}, 400, ["former"]),
        ("permits/", {"fee": "much"}, 400, ["fee"]),
        ("permits/", {"fee": "99999999999999999.99"}, 400, None),
        ("permits/", {"address": "10.0.0.1.1"}, 400, ["address"]),
        ("permits/", {"lasts %": "two dogs"}, 400, ["lasts %"]),
        ("permits/", {"valid": "[2040-01-01"}, 400, ["valid"]),
        ("permits/", {"contact": {"day of birth": "x"}}, 400, ["non_field_errors"]),
        ("permits/", {"contact": "x"}, 400, ["contact"]),
        ("permits/", {"extras": {"a": 1}}, 400, ["extras"]),
        ("permits/", {"extras": ["a"]}, 400, ["extras"]),
        ("permits/", {"seen": "2024-07-01T12:30:00+02:00"}, 400, ["seen"]),
        ("permits/", {"tags": "a"}, 400, ["tags"]),
        ("permits/", {"note": "longer than ten"}, 400, ["note"]),
        ("permits/", {"note": "refuse"}, 400, ["non_field_errors"]),
        ("permits/", {"note": "a\0b"}, 400, ["note"]),
        ("stops/", {"stop_id": "S8"}, 400, ["Stop Name"]),
        ("stops/", {"stop_id": "S8", "Stop Name": "Nowhere"}, 400, ["Stop Name"]),
        ("stops/", {"stop_id": "S1", "Stop Name": "x"}, 400, ["stop_id"]),
        ("stops/", {"stop_id": "S8", "Stop Name": "x", "code": 1}, 409, ["code"]),
        ("stops/", {"stop_id": "S8", "Stop Name": "x", "place": {"type": "Line"}}, 400, ["place"]),
        ("stops/", [1], 400, ["non_field_errors"]),
        ("counts/", {"station": "S1", "hour": "2024-01-01T00:00:00Z", "boardings": 1}, 409,
         ["station", "hour"]),
        ("counts/", {"station": "S1", "hour": "2024-01-01T00:00:00Z"}, 400, ["boardings"]),
        ("counts/", {"station": "S1", "hour": "x", "boardings": 2**31}, 400, ["hour", "boardings"]),
        ("rows_of_roles/", {"id": 9, "who": "another"}, 403, ["detail"]),
        ("open_permits/", {"stop": "S1", "status": "closed"}, 400, None),
    ],
)  # fmt: skip
def test_a_row_that_the_database_refuses_is_an_error_of_the_client(
    api: Api, path: str, sent: Any, status: int, names: list[str] | None
) -> None:
    answer = api("POST", path, sent)
    assert answer.status_code == status, answer.text
    if names:
        assert sorted(answer.json()) == sorted(names)


def test_a_request_that_is_no_row_is_an_error_of_the_client(api: Api) -> None:
    def status(path: str, body: str, kind: str) -> int:
        address = api.container.url(f"/api/{path}")
        headers = {"Content-Type": kind}
        answer = requests.post(address, body, auth=CHIEF, headers=headers, timeout=60)
        return answer.status_code

    assert status("stops/", "{", "application/json") == 400
    assert status("stops/", "S9", "text/plain") == 415
    assert status("stops/?geometry=none", "{}", "application/json") == 400


def test_ranges_that_overlap_are_a_conflict(api: Api) -> None:
    first = api("POST", "permits/", {"valid": "[2050-01-01,2050-02-01)"}).json()
    answer = api("POST", "permits/", {"valid": "[2050-01-15,2050-03-01)"})
    assert (answer.status_code, list(answer.json())) == (409, ["valid"])
    api("DELETE", f"permits/{first['id_']}/")


def test_keys_in_addresses(api: Api) -> None:
    key = {"station": "Main, E", "hour": "2025-01-01T00:00:00Z"}
    created = api("POST", "counts/", {**key, "boardings": 3})
    assert created.json() == {**key, "boardings": 3}
    path = created.headers["Location"].partition("/api/")[2]
    assert api("PUT", path, {"boardings": 4}).json() == {**key, "boardings": 4}
    assert api("PATCH", path, {**key, "boardings": 5}).json()["boardings"] == 5
    moved = api("PUT", path, {"station": "S1", "boardings": 6})
    assert (moved.status_code, list(moved.json())) == (400, ["station"])
    assert api.sql("SELECT station, boardings FROM counts WHERE hour > '2024-06-01'") == "Main, E|5"
    assert api("DELETE", path).status_code == 204
    assert api("GET", path).status_code == 404

    created = api("POST", "stops/", {"stop_id": "map", "Stop Name": ""})
    assert created.headers["Location"].endswith("/api/stops/%22map%22/")
    assert api("DELETE", 'stops/"map"/').status_code == 204


def test_features_are_in_degrees(api: Api) -> None:
    point = {"type": "Point", "coordinates": [-122.6, 45.5]}
    sent = {"type": "Feature", "id": "S5", "geometry": point, "properties": {"Stop Name": "Five"}}
    created = api("POST", "stops/", sent)
    row = created.json()
    assert [each["title"] for each in row.pop("links")] == ["open_permits", "permits"]
    assert row == {**sent, "properties": {"Stop Name": "Five", "code": None}}
    assert (
        api.sql("SELECT ST_AsText(place) FROM stops WHERE stop_id = 'S5'") == "POINT(-122.6 45.5)"
    )
    assert api("PUT", "stops/S5/", {**sent, "id": "S6"}).status_code == 400
    assert api("DELETE", "stops/S5/").status_code == 204

    corners = [[-122.6, 45.5], [-122.5, 45.5], [-122.5, 45.6], [-122.6, 45.5]]
    shape = {"type": "Polygon", "coordinates": [corners]}
    lot = {"type": "Feature", "geometry": shape, "properties": {"VALUE": "1.50"}}
    created = api("POST", "lots/", lot).json()
    stored = api.sql(
        "SELECT ST_SRID(shape), ST_X(ST_PointN(ST_Boundary(shape), 1)) > 1e6 FROM lots"
    )
    assert stored == "2913|t"
    shown = created["geometry"]["coordinates"][0]
    assert [[round(number, 6) for number in place] for place in shown] == corners


def test_a_row_that_others_refer_to_stays(api: Api) -> None:
    answer = api("DELETE", "stops/S1/")
    assert answer.status_code == 409
    assert api("GET", "stops/S1/").status_code == 200


def test_columns_that_the_role_may_not_write_are_ignored(api: Api) -> None:
    sent = {"name": "Tom", "owner": "Bob", "secret": "x"}
    row = api("PATCH", "pets/1/", sent).json()
    assert row == {"id": 1, "name": "Tom", "owner": "Ann", "secret": "kept"}
    created = api("POST", "pets/", sent)
    assert created.json() == {**sent, "id": created.json()["id"], "secret": "kept"}


def test_row_level_security(api: Api) -> None:
    assert api("POST", "rows_of_roles/", {"id": 3}).json() == {"id": 3, "who": "writer"}
    assert api("PATCH", "rows_of_roles/2/", {"who": "writer"}).status_code == 403
    assert api("PATCH", "rows_of_roles/1/", {"who": "another"}).status_code == 403
    assert api("DELETE", "rows_of_roles/2/").status_code == 403
    assert api("DELETE", "rows_of_roles/3/").status_code == 204


def test_a_view_of_a_table_is_written(api: Api) -> None:
    created = api("POST", "open_permits/", {"stop": "S3", "status": "open"})
    assert created.status_code == 201, created.text
    path = f"open_permits/{created.json()['id_']}/"
    assert api("PATCH", path, {"stop": "S2"}).json()["stop"] == "S2"
    assert api("PATCH", path, {"status": "closed"}).status_code == 400
    assert api("DELETE", path).status_code == 204


def test_a_row_is_written_only_if_it_is_what_the_client_has_read(api: Api) -> None:
    etag = api("GET", "stops/S3/").headers["ETag"]
    row = {"Stop Name": "Three"}
    assert api("PATCH", "stops/S3/", row, headers={"If-Match": etag}).status_code == 200
    assert api("PATCH", "stops/S3/", row, headers={"If-Match": etag}).status_code == 412


def test_people_write_in_the_admin(api: Api) -> None:
    session = requests.Session()

    def post(path: str, **fields: str) -> requests.Response:
        address = api.container.url(path)
        page = session.get(address, timeout=60)
        assert page.status_code == 200, page.text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        assert token
        fields["csrfmiddlewaretoken"] = token[1]
        return session.post(address, data=fields, headers={"Referer": address}, timeout=60)

    post("/admin/login/", username=CHIEF[0], password=CHIEF[1])
    form = session.get(api.container.url("/admin/published/permits/add/"), timeout=60).text
    assert "admin-autocomplete" in form
    assert 'value="S1"' not in form
    found = session.get(
        api.container.url("/admin/autocomplete/"),
        params={"app_label": "published", "model_name": "permits", "field_name": "stop",
                "term": "stop 2"},
        timeout=60,
    )  # fmt: skip
    assert [each["id"] for each in found.json()["results"]] == ["S2"]
    added = post("/admin/published/permits/add/", stop="S2", fee="5", status="", valid="")
    assert "was added successfully" in added.text
    row = "SELECT id_, status, stop, issued, changes FROM permits ORDER BY id_ DESC LIMIT 1"
    number, *values = api.sql(row).split("|")
    assert values == ["open", "S2", "2024-05-01", "1"]
    page = f"/admin/published/permits/{number}/change/"
    fields = {"stop": "S2", "status": "closed", "fee": "5.00", "changes": "1"}
    fields["issued"] = "2024-05-01"
    assert "was changed successfully" in post(page, **fields).text
    assert "Permits are closed on Sundays" in post(page, **{**fields, "note": "refuse"}).text
    assert api.sql(row).split("|")[1:] == ["closed", "S2", "2024-05-01", "2"]
    assert "was deleted successfully" in post(f"{page[:-7]}delete/", post="yes").text
    assert (
        'id="id_place"'
        in session.get(api.container.url("/admin/published/stops/S1/change/"), timeout=60).text
    )
    assert (
        session.get(api.container.url("/admin/published/closed/add/"), timeout=60).status_code
        == 403
    )


def test_a_role_without_accounts_cannot_write(
    containers: Containers, postgis: PostGIS, database: str
) -> None:
    containers.may_log("nobody could log in")
    done = containers.run(
        env=environment(postgis, database, WITHOUT_ACCOUNTS),
        options=["--network", postgis.network],
    )
    assert done.returncode == 1
    assert "PUBLISH_WRITE: nobody could log in to write" in done.stderr
    assert "CREATE SCHEMA accounts AUTHORIZATION" in done.stderr
