"""Conditional requests, compression and caching, over the API's port."""

from __future__ import annotations

import gzip
import http.client
import subprocess
import zlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import brotli
import pytest
import requests
from backports import zstd
from swagger_spec_validator.validator20 import validate_spec

from tests.conftest import PostGIS, start_postgis
from tests.support import logs
from tests.support.containers import Containers
from tests.support.places import Api, documentation, operation, start_api

pytestmark = pytest.mark.engine

STOPS = "/http/stops/?limit=20"


@pytest.fixture(scope="module")
def own(network: str) -> Iterator[Api]:
    """An API with data that these tests change, on servers where nothing else writes."""
    started = Containers()
    started.may_log(*logs.OUTAGE)
    # The transactions of autovacuum would count as changes.
    postgis = start_postgis(started, network, "-c", "autovacuum=off")
    # All databases of a server share one snapshot.
    other = start_postgis(started, network, "-c", "autovacuum=off")
    yield start_api(started, postgis, transit_on=other)
    started.clean()


def renumber(own: Api) -> None:
    """Write to the second database."""
    own.transit_on.sql("UPDATE places_route SET number = number + 1000 WHERE id = 1", own.transit)


class Session:
    """A psql session that keeps its transaction open during the requests of a test."""

    def __init__(self, api: Api, statements: str) -> None:
        command = ["docker", "exec", "--interactive", api.postgis.host, "psql", "--quiet"]
        command += ["--username", api.postgis.user, api.database]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.run(statements)

    def run(self, statements: str) -> None:
        self.process.stdin.write(f"{statements};\n\\echo done\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.communicate(timeout=30)


def if_none_match(api: Api, path: str, etag: str, **headers: str) -> requests.Response:
    return api.get(path, headers={"If-None-Match": etag, **headers})


def test_response_without_a_body_has_the_headers_of_get_and_causes_no_warning(own: Api) -> None:
    for path in ("/", "/health/", STOPS, "/streams/stops.geojson", "/swagger/", "/nowhere/"):
        plain = {"Accept-Encoding": "identity"}
        get = requests.get(own.url(path), headers=plain, timeout=30)
        head = requests.head(own.url(path), headers=plain, timeout=30)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        for name in ("Content-Type", "Content-Length", "ETag", "Vary"):
            assert head.headers.get(name) == get.headers.get(name), (path, name)
    # Without a session, so the second request has no cookies of the first page.
    page = {"Accept": "text/html", "Accept-Encoding": "identity"}
    first = requests.get(own.url(STOPS), headers=page, timeout=30)
    condition = {**page, "If-None-Match": first.headers["ETag"]}
    again = requests.get(own.url(STOPS), headers=condition, timeout=30)
    assert (again.status_code, again.content) == (304, b"")
    assert "Content-Length" not in again.headers
    assert "no-body response" not in own.container.logs()


def test_connection_stays_in_step_after_responses_without_a_body(own: Api) -> None:
    """Clients such as GDAL and proxies read only as many bytes as the headers announce."""
    page = {"Accept": "text/html"}
    paths = (STOPS, "/streams/stops.geojson", "/streams/stops.fgb", "/health/", "/nowhere/")
    connection = http.client.HTTPConnection(urlsplit(own.url("/")).netloc, timeout=30)
    sockets = set()

    def ask(method: str, path: str, **headers: str) -> tuple[int, bytes, str]:
        connection.request(method, path, headers={"Accept": "*/*", **headers})
        sockets.add(connection.sock)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers["ETag"]

    _, _, etag = ask("GET", STOPS, **page)
    for path in paths:
        fresh = requests.get(own.url(path), headers={"Accept-Encoding": "identity"}, timeout=30)
        assert ask("HEAD", path)[:2] == (fresh.status_code, b"")
        assert ask("GET", STOPS, **{**page, "If-None-Match": etag})[:2] == (304, b"")
        status, body, _ = ask("GET", path)
        assert (status, len(body)) == (fresh.status_code, len(fresh.content)), path
    assert len(sockets) == 1


# --- Conditional requests -------------------------------------------------------


def test_unchanged_data_is_answered_with_304_and_no_body(own: Api):
    first = own.get(STOPS)
    again = if_none_match(own, STOPS, first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert again.headers["Cache-Control"] == first.headers["Cache-Control"]


def test_304_runs_no_query_on_the_table(own: Api):
    etag = own.get(STOPS).headers["ETag"]
    # While the table is locked, nobody can read it, but a snapshot can be taken.
    with Session(own, "BEGIN; LOCK TABLE places_stop IN ACCESS EXCLUSIVE MODE"):
        assert if_none_match(own, STOPS, etag).status_code == 304


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE places_stop SET name = 'Renamed' WHERE id = 1",
        "INSERT INTO places_stop (name, open_now) VALUES ('New', true)",
        "DELETE FROM places_stop WHERE id = (SELECT max(id) FROM places_stop)",
    ],
    ids=["update", "insert", "delete"],
)
def test_changed_data_is_sent_anew(own: Api, change: str):
    etag = own.get(STOPS).headers["ETag"]
    own.sql(change)
    again = if_none_match(own, STOPS, etag)
    assert again.status_code == 200
    assert again.headers["ETag"] != etag


def test_change_that_was_under_way_at_the_first_answer_is_not_missed(own: Api):
    with Session(own, "BEGIN; UPDATE places_stop SET name = 'Late' WHERE id = 2") as update:
        etag = own.get("/http/stops/2/").headers["ETag"]
        assert if_none_match(own, "/http/stops/2/", etag).status_code == 304
        update.run("COMMIT")
        again = if_none_match(own, "/http/stops/2/", etag)
    assert (again.status_code, again.json()["properties"]["name"]) == (200, "Late")


def test_second_database_has_a_version_of_its_own(own: Api):
    etag = own.get("/http/routes/").headers["ETag"]
    assert if_none_match(own, "/http/routes/", etag).status_code == 304
    renumber(own)
    assert if_none_match(own, "/http/routes/", etag).status_code == 200


def test_change_in_a_database_that_only_a_serializer_reads_is_not_missed(own: Api):
    path = "/http/withroutes/1/"
    etag = own.get(path).headers["ETag"]
    assert if_none_match(own, path, etag).status_code == 304
    renumber(own)
    assert if_none_match(own, path, etag).status_code == 200
    # A list with only plain columns does not depend on the other database.
    path = "/http/everything/?limit=20"
    etag = own.get(path).headers["ETag"]
    renumber(own)
    assert if_none_match(own, path, etag).status_code == 304


def test_page_of_an_older_snapshot_has_no_etag(own: Api):
    """Such a page gets its rows from an offset map, or its count from a cached estimate."""
    own.sql(
        "INSERT INTO places_stop (name, lines, open_now) "
        "SELECT 'Many', 99, true FROM generate_series(1, 11000)"
    )
    try:
        for path in ("/http/stops/?limit=3&offset=10000", "/http/stops/?limit=3&lines=99"):
            etag = own.get(path).headers["ETag"]  # builds the map or estimates
            assert own.get(path).headers["ETag"] == etag
            own.sql("UPDATE places_parcel SET use = use WHERE id = 1")
            answer = own.get(path)
            assert answer.json()["count_estimated"]
            assert "ETag" not in answer.headers, path
            assert if_none_match(own, path, etag).status_code == 200
    finally:
        own.sql("DELETE FROM places_stop WHERE name = 'Many'")


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/http/stops/?limit=21", {}),
        ("/http/stops/?limit=20&lines=1", {}),
        (STOPS, {"Accept": "text/html"}),
        (STOPS, {"Host": "other.localhost"}),
        (STOPS, {"Authorization": "Basic bm9ib2R5"}),
    ],
    ids=["page", "filter", "format", "host", "login"],
)
def test_another_request_has_another_etag(own: Api, path: str, headers: dict):
    etag = own.get(STOPS).headers["ETag"]
    assert if_none_match(own, path, etag, **headers).status_code != 304


def test_forbidden_request_with_if_none_match_is_a_403(own: Api):
    assert if_none_match(own, "/http/closed/", "*").status_code == 403


def test_view_that_is_not_conditional_has_no_etag(own: Api):
    assert "ETag" not in own.get("/http/always/").headers
    assert if_none_match(own, "/http/always/", "*").status_code == 200


def test_cache_control_of_the_view_is_kept(own: Api):
    assert own.get(STOPS).headers["Cache-Control"] == "public, max-age=300"
    assert "Cache-Control" not in own.get("/http/always/").headers
    assert "Cache-Control" not in own.get("/http/closed/").headers


# --- All parts in one viewset -----------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/http/everything/?limit=5",
        "/http/everything.geojson",
        "/http/everything.csv",
        "/http/everything/tiles/10/163/366.mvt",
        "/http/everything/tiles/",
        "/http/everything/7/",
    ],
)
def test_every_kind_of_answer_is_revalidated_without_being_made_again(own: Api, path: str):
    first = own.get(path)
    assert first.status_code == 200, first.text
    with Session(own, "BEGIN; LOCK TABLE places_stop IN ACCESS EXCLUSIVE MODE"):
        assert if_none_match(own, path, first.headers["ETag"]).status_code == 304
    own.sql("UPDATE places_stop SET name = name || '!' WHERE id = 7")
    assert if_none_match(own, path, first.headers["ETag"]).status_code == 200


def test_filters_and_fields_are_the_same_for_pages_and_streams(api: Api):
    query = "lines=3&in_bbox=-122.7,45.45,-122.6,45.55&fields=name,geom&ordering=-name"
    page = api.get(f"/http/everything/?limit=1000&{query}").json()["results"]["features"]
    stream = api.get(f"/http/everything.geojson?{query}").json()["features"]
    assert len(page) > 10
    assert stream == page
    assert set(stream[0]["properties"]) == {"name"}


def test_browsable_page_of_all_parts_works(api: Api):
    answer = api.get("/http/everything/", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert "/http/everything/tiles/" in answer.text


def test_documentation_of_all_parts_is_valid_and_names_them(api: Api):
    document = documentation(api, "http")
    validate_spec(document)
    shown = {
        parameter["name"]: parameter
        for parameter in operation(document, "/http/everything/")["parameters"]
    }
    assert {"lines", "in_bbox", "fields", "ordering", "limit", "format"} <= set(shown)
    assert {"geojson", "geojsonl", "csv", "fgb"} <= set(shown["format"]["enum"])
    tile = operation(document, "/http/everything/tiles/{z}/{x}/{y}/")
    assert tile["produces"] == ["application/vnd.mapbox-vector-tile", "application/json"]


# --- Compression ------------------------------------------------------------------


def raw(api: Api, path: str, accept: str, **headers: str) -> tuple[requests.Response, bytes]:
    """A response, and its body as sent over the network."""
    answer = api.get(path, headers={"Accept-Encoding": accept, **headers}, stream=True)
    return answer, answer.raw.read(decode_content=False)


@pytest.mark.parametrize(
    ("accept", "encoding", "decompress"),
    [
        ("gzip, deflate", "gzip", gzip.decompress),
        ("gzip, deflate, br", "br", brotli.decompress),
        ("gzip, deflate, br, zstd", "zstd", zstd.decompress),
        ("gzip;q=1.0, br;q=0.5, zstd;q=0", "gzip", gzip.decompress),
        ("*", "zstd", zstd.decompress),
    ],
)
def test_page_is_compressed_as_the_client_accepts(api: Api, accept, encoding, decompress):
    answer, body = raw(api, STOPS, accept)
    assert answer.headers["Content-Encoding"] == encoding
    assert int(answer.headers["Content-Length"]) == len(body)
    assert "Accept-Encoding" in answer.headers["Vary"]
    plain, expected = raw(api, STOPS, "identity")
    assert "Content-Encoding" not in plain.headers
    assert decompress(body) == expected
    assert len(body) < len(expected) / 3


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/http/page/", {}),
        (STOPS, {"Accept": "text/html"}),
        (STOPS, {"Authorization": "Basic bm9ib2R5"}),
        (STOPS, {"Cookie": "sessionid=abcdefgh"}),
        ("/http/stops/1/", {}),
    ],
    ids=["page", "browsable page", "login", "session", "small"],
)
def test_what_may_hold_a_secret_or_is_small_is_not_compressed(api: Api, path, headers):
    answer, body = raw(api, path, "gzip, br, zstd", **headers)
    assert "Content-Encoding" not in answer.headers
    assert body


def test_compressed_answer_is_revalidated_like_the_plain_one(own: Api):
    answer, _ = raw(own, STOPS, "gzip")
    assert answer.headers["ETag"].startswith('W/"')
    assert if_none_match(own, STOPS, answer.headers["ETag"]).status_code == 304
    with pytest.raises(zlib.error):
        zlib.decompress(raw(own, STOPS, "identity")[1])


def test_compression_can_be_switched_off(postgis: PostGIS, containers: Containers):
    api = start_api(containers, postgis, COMPRESS_RESPONSES="false")
    assert "Content-Encoding" not in raw(api, STOPS, "gzip")[0].headers


# --- Statement timeout ----------------------------------------------------------------


def test_query_of_a_request_ends_at_the_statement_timeout_with_503(
    postgis: PostGIS, containers: Containers
):
    containers.may_log(*logs.OUTAGE)
    api = start_api(containers, postgis, STATEMENT_TIMEOUT="1", CONN_MAX_AGE="0")
    with Session(api, "BEGIN; LOCK TABLE places_stop IN ACCESS EXCLUSIVE MODE"):
        answer = api.get("/http/always/")
    assert answer.status_code == 503
    assert answer.json()["detail"] == "The database needed more than 1 s for this request."
    api.container.wait_for_log("canceling statement due to statement timeout")
    assert api.get("/http/always/").status_code == 200
