"""A project built on the image, run with compose, and tested through its port."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.downstream.conftest import ADMIN, ALLOWED_ORIGIN, Project, Site

pytestmark = pytest.mark.engine

JSON = {"Accept": "application/json"}
NEW_STOP = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [-122.6765, 45.523]},
    "properties": {"name": "Pioneer Square", "route": 4, "boardings": 912},
}


# --- Reading ------------------------------------------------------------------


def test_list_has_ten_features_and_counts_all(site: Site):
    answer = site.get("/api/stops/").json()
    assert answer["count"] >= 120
    assert answer["results"]["type"] == "FeatureCollection"
    assert len(answer["results"]["features"]) == 10


def test_detail_is_a_geojson_feature(site: Site):
    assert site.get("/api/stops/1/").json() == {
        "id": 1,
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [-122.7, 45.47]},
        "properties": {"name": "Holgate & 12 Ave", "route": 1, "boardings": 184},
    }


@pytest.mark.parametrize(
    ("path", "kind", "positions"),
    [("routes/4/", "LineString", lambda c: c), ("districts/7/", "Polygon", lambda c: c[0])],
)
def test_lines_and_polygons_are_geojson(site: Site, path, kind, positions):
    shape = site.get(f"/api/{path}").json()["geometry"]
    assert shape["type"] == kind
    assert len(positions(shape["coordinates"])) >= 7
    for longitude, latitude in positions(shape["coordinates"]):
        assert -123 < longitude < -122
        assert 45 < latitude < 46


def test_list_of_names_leaves_the_shapes_out(site: Site):
    first = site.get("/api/districts/").json()["results"][0]
    assert first == {"id": 1, "name": "District 1", "population": 2719}


def test_pagination_links_lead_through_all_rows_and_back(site: Site):
    link, seen, last = f"{site.base}/api/routes/?limit=3", [], None
    while link:
        page = site.follow(link).json()
        seen += [feature["id"] for feature in page["results"]["features"]]
        link, last = page["next"], page
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]
    back = site.follow(last["previous"]).json()
    assert [feature["id"] for feature in back["results"]["features"]] == [4, 5, 6]


@pytest.mark.parametrize(
    ("query", "right"),
    [
        ("route=4", lambda stop: stop["route"] == 4),
        ("name=division", lambda stop: "Division" in stop["name"]),
        ("boardings_min=300", lambda stop: stop["boardings"] >= 300),
        ("boardings_min=100&boardings_max=150", lambda stop: 100 <= stop["boardings"] <= 150),
    ],
)
def test_filter_returns_exactly_the_rows_that_match(site: Site, query, right):
    every = _stops(site, "limit=1000")
    matching = _stops(site, f"{query}&limit=1000")
    assert 0 < len(matching) < len(every)
    assert matching == [stop for stop in every if right(stop["properties"])]


def test_filterset_fields_alone_make_a_view_filter(site: Site):
    rails = site.get("/api/routes/?mode=rail").json()["results"]["features"]
    assert [feature["id"] for feature in rails] == [4, 8]


def test_bounding_box_gives_the_stops_inside(site: Site):
    west, south, east, north = -122.67, 45.48, -122.62, 45.51
    matching = _stops(site, f"in_bbox={west},{south},{east},{north}&limit=1000")
    every = _stops(site, "limit=1000")
    inside = [
        stop
        for stop in every
        if west <= stop["geometry"]["coordinates"][0] <= east
        and south <= stop["geometry"]["coordinates"][1] <= north
    ]
    assert 5 < len(inside) < len(every)
    assert matching == inside


def _stops(site: Site, query: str) -> list[dict]:
    return site.get(f"/api/stops/?{query}").json()["results"]["features"]


# --- Refusing -----------------------------------------------------------------


def test_unknown_row_and_unknown_path_are_404(site: Site):
    missing = site.get("/api/stops/99999/", headers=JSON)
    assert missing.status_code == 404
    assert missing.json() == {"detail": "No Stop matches the given query."}
    assert site.get("/nothing/here/").status_code == 404


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("boardings_min=many", "boardings_min"),
        ("route=99", "route"),
        ("in_bbox=1,2,three,4", "in_bbox"),
        ("in_bbox=1,2", "in_bbox"),
    ],
)
def test_bad_filter_is_400_and_names_it(site: Site, query, named):
    answer = site.get(f"/api/stops/?{query}", headers=JSON)
    assert answer.status_code == 400
    assert named in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_writing_without_login_is_403_and_changes_nothing(site: Site, method):
    path = "/api/stops/" if method == "POST" else "/api/stops/2/"
    before = site.get("/api/stops/2/").json()
    answer = site(method, path, json=NEW_STOP)
    assert answer.status_code == 403
    assert answer.json() == {"detail": "Authentication credentials were not provided."}
    assert site.get("/api/stops/2/").json() == before


def test_host_that_is_not_allowed_is_a_400_but_health_still_responds(site: Site):
    stranger = {"Host": "evil.example.net"}
    assert site.get("/api/stops/", headers=stranger).status_code == 400
    for path in ("/health/live", "/health/ready", "/health/"):
        assert site.get(path, headers=stranger).status_code == 200


# --- Browsers of other origins --------------------------------------------------


def test_preflight_allows_the_configured_origin_only(site: Site):
    ask = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "accept"}
    answer = site("OPTIONS", "/api/stops/", headers={"Origin": ALLOWED_ORIGIN, **ask})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ALLOWED_ORIGIN
    assert "GET" in answer.headers["Access-Control-Allow-Methods"]
    assert "accept" in answer.headers["Access-Control-Allow-Headers"]
    other = site("OPTIONS", "/api/stops/", headers={"Origin": "https://evil.example.net", **ask})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_answer_carries_the_allowed_origin_errors_too(site: Site):
    for path, status in (("/api/stops/", 200), ("/api/stops/99999/", 404)):
        answer = site.get(path, headers={"Origin": ALLOWED_ORIGIN})
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == ALLOWED_ORIGIN
        assert "origin" in answer.headers["Vary"].lower()


def test_without_configured_origins_every_page_may_read(proxied: Site):
    answer = proxied.get("/api/stops/", headers={"Origin": "https://anyone.example.net"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in answer.headers


# --- Static files -----------------------------------------------------------------


@pytest.mark.parametrize("path", ["transit/map.css", "admin/css/base.css"])
@pytest.mark.parametrize(
    ("accepts", "encoding"), [("gzip, br", "br"), ("gzip", "gzip"), ("", None)]
)
def test_static_file_is_compressed_and_cached_forever(
    project: Project, site: Site, path, accepts, encoding
):
    url = project.static_url(path)
    assert re.search(r"\.[0-9a-f]{12}\.css$", url)
    answer = site.get(url, headers={"Accept-Encoding": accepts}, stream=True)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/css")
    assert answer.headers.get("Content-Encoding") == encoding
    assert answer.headers["Cache-Control"] == "max-age=315360000, public, immutable"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Accept-Encoding" in answer.headers["Vary"]


# --- Documentation ----------------------------------------------------------------


def test_openapi_document_lists_the_endpoints_in_json_and_yaml(site: Site):
    document = site.get("/swagger.json").json()
    assert document["info"]["title"] == "Transit of Portland"
    assert document["info"]["version"] == "v1"
    keys = {"districts": "id", "reports": "id", "routes": "number", "stops": "id"}
    expected = {f"/{name}/" for name in keys} | {f"/{name}/{{{keys[name]}}}/" for name in keys}
    assert document["basePath"] == "/api"
    assert document["paths"].keys() == expected
    parameters = {p["name"] for p in document["paths"]["/stops/"]["get"]["parameters"]}
    assert {"limit", "offset", "in_bbox", "route", "boardings_min"} <= parameters
    assert yaml.safe_load(site.get("/swagger.yaml").text) == document


def test_swagger_asks_no_validator_on_the_internet(site: Site):
    # A browser test would not notice: Swagger UI never contacts it from the host "localhost".
    page = site.get("/swagger/", headers={"Accept": "text/html"}).text
    assert '"validatorUrl": null' in page


def test_version_is_taken_from_the_accept_header(site: Site):
    newer = site.get("/swagger.json", headers={"Accept": "application/json; version=v7"})
    assert newer.json()["info"]["version"] == "v7"


def test_landing_page_leads_to_everything(site: Site):
    page = site.get("/").text
    for path in ("/swagger/", "/redoc/", "/swagger.json", "/admin/", "/health/", "/api/stops/"):
        assert f'href="{path}"' in page
        assert site.get(path).status_code in (200, 302)
    for alias in ("default", "census", "land"):
        assert f"<code>{alias}</code>" in page
    for private in ("land-db", "transit:", "5432", "laptop"):
        assert private not in page


# --- Health -----------------------------------------------------------------------


def test_health_names_every_database(site: Site):
    assert site.get("/health/live").json() == {"status": "live"}
    every = {f"database:{alias}": "ok" for alias in ("default", "census", "land")}
    for path in ("/health/ready", "/health/"):
        answer = site.get(path)
        assert answer.status_code == 200
        document = answer.json()
        assert document.pop("since").endswith("Z")
        assert document == {"status": "ready", "phase": "ready", "checks": every}
        assert answer.headers["Cache-Control"] == "no-store"


# --- Databases ----------------------------------------------------------------------


def test_written_rows_land_in_the_database_that_in_db_says(project: Project, admin: Site):
    stop = admin.post("/api/stops/", NEW_STOP)
    assert stop.status_code == 201, stop.text
    number = stop.json()["id"]
    rows = "SELECT name, rte, ST_X(geom) FROM passenger_census.stops WHERE id > 120"
    assert project.sql("db", rows) == "Pioneer Square|4|-122.6765"

    place = {"type": "Point", "coordinates": [-122.6765, 45.523]}
    report = admin.post(
        "/api/reports/", {"stop_id": number, "text": "Bench is wet", "place": place}
    )
    assert report.status_code == 201, report.text
    texts = project.sql("db", "SELECT text FROM django.transit_report").splitlines()
    assert texts.count("Bench is wet") == 1
    assert admin.get(f"/api/reports/?stop_id={number}").json()["count"] == 1

    assert admin("DELETE", f"/api/stops/{number}/", headers=_token(admin)).status_code == 204
    assert project.sql("db", rows) == ""


def _token(site: Site) -> dict[str, str]:
    return {"X-CSRFToken": site.session.cookies["csrftoken"], "Referer": f"{site.base}/"}


def test_rows_are_read_from_the_database_that_in_db_says(project: Project, site: Site):
    project.sql("land-db", "UPDATE districts SET population = 4711 WHERE id = 9")
    assert site.get("/api/districts/9/").json()["properties"]["population"] == 4711
    project.sql("db", "UPDATE passenger_census.routes SET name = 'Sandy Blvd' WHERE number = 8")
    assert site.get("/api/routes/8/").json()["properties"]["name"] == "Sandy Blvd"


def test_migrations_made_tables_in_the_default_database_only(project: Project):
    made = "SELECT count(*) FROM pg_tables WHERE tablename LIKE '%django_migrations%'"
    assert project.sql("db", f"{made} AND schemaname = 'django'") == "1"
    assert project.sql("db", made) == "1"
    assert project.sql("land-db", made) == "0"
    tables = "SELECT string_agg(tablename, ',' ORDER BY 1) FROM pg_tables WHERE schemaname = "
    assert project.sql("db", f"{tables} 'passenger_census'") == "routes,stops"


def test_in_db_needs_no_new_migration(project: Project):
    check = ("exec", "-T", "api", "python", "manage.py", "makemigrations", "--check", "--dry-run")
    assert "No changes detected" in project.compose(*check)


# --- Admin ----------------------------------------------------------------------------


def test_admin_opens_after_a_login(admin: Site):
    page = admin.get("/admin/").text
    assert "Transit of Portland" in page
    assert "/admin/transit/report/" in page
    assert admin.get("/admin/transit/report/add/").status_code == 200


def test_admin_login_needs_the_right_password_and_the_forms_token(site: Site):
    stranger = site.anonymous()
    login = stranger.get("/admin/login/")
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', login.text)[1]
    wrong = {**ADMIN, "password": "wrong", "csrfmiddlewaretoken": token}
    assert stranger("POST", "/admin/login/", data=wrong).status_code == 200
    assert stranger("POST", "/admin/login/", data=ADMIN).status_code == 403
    assert stranger.get("/admin/").status_code == 302


# --- Behind a proxy that terminates HTTPS and publishes the API under a path --------


def test_pagination_links_work_through_the_proxy(proxied: Site):
    page = proxied.get("/api/routes/?limit=3").json()
    assert page["next"] == f"{proxied.base}/api/routes/?limit=3&offset=3&page_after=3"
    assert proxied.base.startswith("https://")
    assert proxied.follow(page["next"]).json()["results"]["features"][0]["id"] == 4


def test_redirects_and_static_files_keep_the_path(proxied: Site):
    redirect = proxied.get("/admin/")
    assert redirect.headers["Location"].startswith("/transit/admin/login/")
    assert proxied.get("/api/stops").headers["Location"].endswith("/transit/api/stops/")
    sheet = re.search(r'href="(/transit/static/[^"]+\.css)"', proxied.get("/admin/login/").text)[1]
    answer = proxied.follow(proxied.origin + sheet)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]


def test_openapi_document_leaves_host_and_scheme_to_the_proxy(proxied: Site):
    document = proxied.get("/swagger.json").json()
    assert document["basePath"].startswith("/transit")
    assert "host" not in document
    assert "schemes" not in document


def test_admin_login_works_through_the_proxy(proxied: Site):
    admin = proxied.log_in()
    assert "Transit of Portland" in admin.get("/admin/").text


def test_health_answers_through_the_proxy(proxied: Site):
    assert proxied.get("/health/ready").json()["phase"] == "ready"
    page = proxied.get("/health/", headers={"Accept": "text/html"}).text
    assert 'href="/transit/"' in page


def test_headers_of_a_proxy_are_ignored_without_a_proxy(site: Site):
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example.net"}
    link = site.get("/api/stops/", headers=forged).json()["next"]
    assert link.startswith(site.base)


# --- The live check ---------------------------------------------------------------------


def test_live_check_finds_nothing_wrong_for_any_user(project: Project):
    output = project.compose(
        "run", "--rm", "--no-deps", "-T", "api", "check", "--live", check=False
    )
    assert "keeps the contract; failed: 0" in output, output
