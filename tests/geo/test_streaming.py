"""Streams of whole tables have the pages' values, use little memory, and end on disconnect."""

from __future__ import annotations

import csv
import io
import json
import re
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyogrio.raw
import pytest
import requests

from tests.boot.test_migrations import pgbouncer, pooled  # noqa: F401
from tests.conftest import PostGIS
from tests.support.containers import Containers, until
from tests.support.places import Api, start_api

pytestmark = pytest.mark.engine

LARGE = 200_000
# With lines = 77: values that are hard for a format, for quotes, or for a time zone. The first has
# no geometry, 1880 has local mean time, and July has daylight saving time.
ODD = r"""
INSERT INTO places_stop (name, lines, fare, opened, rating, open_now, geom) VALUES
('', 77, NULL, NULL, NULL, true, NULL),
('\.', 77, 0, '1880-05-05 12:00:00.5Z', -0.0, false, 'SRID=4326;POINT(0 0)'),
(E'quote " comma , back \\ slash / tab \t line \r\n end', 77, -0.01, '2024-07-01 12:34:56.000001Z', 1e300, true, 'SRID=4326;POINT(-0.1 1e-7)'),
(E'\x01\x02\x1e\x1f\x7f <script> & ''apostrophe''', 77, 9999.99, '2024-12-31 23:59:59.999999Z', 1e-300, true, 'SRID=4326;POINT(179.99999999999997 -89.999999999999986)'),
('Straße 東京 🚲 %s {} %%', 77, 1.5, '0999-01-01 00:00:00Z', 0.1, false, 'SRID=4326;POINT(0.1234567890123456 3.3333333333333335)'),
('null', 77, 100, '9998-12-31 00:00:00Z', 123456789.12345678, true, 'SRID=4326;POINT EMPTY');
"""  # noqa: E501
MANY = f"""
INSERT INTO places_stop (name, lines, rating, open_now, geom)
SELECT 'Many ' || n, 88, n, true, ST_SetSRID(ST_MakePoint(n / 2000.0, 45), 4326)
FROM generate_series(1, {LARGE}) n;
ANALYZE places_stop;
"""
RUNNING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid() "
    "AND query LIKE '%COPY (%' AND state <> 'idle'"
)


IMAGES_SETTINGS = "DJANGO_SETTINGS_MODULE=backend.settings"
SCHEMA = """
import json, logging
import django
django.setup()
logging.disable()
from drf_yasg import openapi
from django.urls import include, path
from backend.docs import RelativeSchemaGenerator
info = openapi.Info(title="Places", default_version="1")
patterns = [path("streams/", include("places.streams"))]
print(json.dumps(RelativeSchemaGenerator(info, patterns=patterns).get_schema(public=True)))
"""


@pytest.fixture(scope="module")
def streams(postgis: PostGIS) -> Iterator[Api]:
    started = Containers()
    started.may_log(
        "broke off after",
        "statement timeout",
        "division by zero",
        "no row within 2 s",
        "Service Unavailable: /streams/nofirstrow",
    )
    api = start_api(started, postgis)
    api.sql(ODD)
    api.sql(MANY)
    yield api
    started.clean()


def features(response: requests.Response) -> list[dict]:
    assert response.status_code == 200, response.text[:500]
    return response.json()["features"]


def page(api: Api, path: str) -> list[dict]:
    response = api.get(path)
    assert response.status_code == 200, response.text[:500]
    results = response.json()["results"]
    return results if isinstance(results, list) else results["features"]


def running(api: Api) -> bool:
    return api.sql(RUNNING.format(api.database)) != "0"


def open_stream(api: Api, path: str) -> Iterator[bytes]:
    """The chunks of a response that has begun."""
    response = requests.get(api.url(path), stream=True, timeout=30)
    assert response.status_code == 200, response.text
    return response.iter_content(None)


def close(one: object, decimals: float) -> object:
    """Make numbers approximate, because GDAL and PostGIS differ in the last digit of some."""
    if isinstance(one, dict):
        return {name: close(value, decimals) for name, value in one.items()}
    if isinstance(one, list):
        return [close(value, decimals) for value in one]
    return pytest.approx(one, rel=0, abs=10**-decimals) if isinstance(one, float) else one


@pytest.mark.parametrize("name", ["stops", "allkinds"])
@pytest.mark.parametrize("chosen", ["lines=77", "lines=3"])
def test_every_feature_equals_that_of_the_page(streams: Api, name: str, chosen: str) -> None:
    expected = page(streams, f"/streams/{name}/?{chosen}&limit=2000")
    got = features(streams.get(f"/streams/{name}.geojson?{chosen}"))
    assert len(expected) == (6 if chosen == "lines=77" else 714)
    for one, other in zip(expected, got, strict=True):
        one["geometry"] = close(one["geometry"], 13)
        values = one["properties"]
        # Two builds of PROJ differ, and so do Python and PostGIS when they round some halves.
        for field, decimals in (("moved", 5), ("rounded", 1.99)):
            if field in values:
                values[field] = close(values[field], decimals)
        assert other == one


@pytest.mark.parametrize("name", ["storedparcels", "routes"])
def test_projected_geometry_and_another_database_equal_the_page(streams: Api, name: str) -> None:
    expected = page(streams, f"/streams/{name}/?limit=1000")
    assert len(expected) in (50, 200)
    assert features(streams.get(f"/streams/{name}.geojson")) == expected


def test_plain_serializer_becomes_features_with_its_transform_and_precision(streams: Api) -> None:
    expected = page(streams, "/streams/parcels/?limit=1000")
    got = features(streams.get("/streams/parcels.geojson"))
    assert len(got) == 200
    for row, feature in zip(expected, got, strict=True):
        assert feature["id"] == row["id"]
        assert feature["properties"] == {"owner": row["owner"], "use": row["use"]}
        assert feature["geometry"]["type"] == "MultiPolygon"
        one = feature["geometry"]["coordinates"][0][0]
        other = row["shape"]["coordinates"][0][0]
        assert one == [pytest.approx(pair, abs=1.1e-6) for pair in other]
        assert all(number == round(number, 6) for pair in one for number in pair)


def test_geometry_without_srid_has_that_of_the_model_just_as_on_the_page(streams: Api) -> None:
    expected = page(streams, "/streams/surveys/?limit=1000")
    for feature in expected:
        feature["properties"]["moved"] = close(feature["properties"]["moved"], 5)
    assert features(streams.get("/streams/surveys.geojson")) == expected


def test_sequence_has_a_record_separator_before_and_a_line_end_after_each_feature(
    streams: Api,
) -> None:
    answer = streams.get("/streams/stops.geojsonl?lines=77")
    assert answer.headers["Content-Type"] == "application/geo+json-seq"
    records = answer.content.split(b"\x1e")
    assert records.pop(0) == b""
    assert all(record.endswith(b"\n") and record.count(b"\n") == 1 for record in records)
    assert [json.loads(record) for record in records] == features(
        streams.get("/streams/stops.geojson?lines=77")
    )


def test_csv_has_a_header_and_the_values_of_the_page_with_geometry_as_wkt(streams: Api) -> None:
    answer = streams.get("/streams/stops.csv?lines=77")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="stop.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.content.decode(), newline="")))
    expected = page(streams, "/streams/stops/?lines=77&limit=100")
    assert list(rows[0]) == ["id", "geom", *expected[0]["properties"]]
    for row, feature in zip(rows, expected, strict=True):
        values = feature["properties"]
        assert row["name"] == values["name"]
        assert row["opened"] == (values["opened"] or "")
        assert row["fare"] == (values["fare"] or "")
        assert row["open_now"] == json.dumps(values["open_now"])
        assert [float(row["rating"])] if row["rating"] else [values["rating"]] == [None]
    assert [row["geom"] for row in rows[:2]] == ["", "POINT(0 0)"]


def test_flatgeobuf_is_read_by_gdal_with_its_attributes_and_empty_geometry(streams: Api) -> None:
    answer = streams.get("/streams/stops.fgb?limit=5006")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="stop.fgb"'
    meta, _, shapes, columns = pyogrio.raw.read(answer.content, datetime_as_string=True)
    read = dict(zip(meta["fields"], columns, strict=True))
    expected = features(streams.get("/streams/stops.geojson?limit=5006"))
    assert (meta["crs"], meta["geometry_type"]) == ("EPSG:4326", "Point")
    assert list(read["id"]) == [feature["id"] for feature in expected]
    for name in ("name", "fare", "lines", "open_now"):
        assert list(read[name]) == [feature["properties"][name] for feature in expected]
    assert [None if number != number else number for number in read["rating"]] == [
        feature["properties"]["rating"] for feature in expected
    ]
    assert [str(moment)[:19] for moment in read["opened"]] == [
        str(feature["properties"]["opened"])[:19] for feature in expected
    ]
    without = [number for number, shape in enumerate(shapes) if shape is None]
    assert without == [5000, 5005]  # the one without geometry and the empty point


def test_flatgeobuf_whose_first_geometry_is_empty_is_still_one_of_points(streams: Api) -> None:
    meta, _, shapes, _ = pyogrio.raw.read(streams.get("/streams/stops.fgb?lines=77").content)
    assert (meta["geometry_type"], len(shapes), shapes[0]) == ("Point", 6, None)


def test_flatgeobuf_of_no_declared_geometry_type_is_answered_with_406_naming_geojson(
    streams: Api,
) -> None:
    answer = streams.get("/streams/surveys.fgb")
    assert answer.status_code == 406
    assert "format=geojson" in answer.json()["detail"]


def test_no_rows_are_an_empty_collection_table_and_file(streams: Api) -> None:
    assert features(streams.get("/streams/stops.geojson?lines=12345")) == []
    assert streams.get("/streams/stops.geojsonl?lines=12345").content == b""
    assert streams.get("/streams/stops.csv?lines=12345").text.count("\n") == 1
    meta, _, shapes, _ = pyogrio.raw.read(streams.get("/streams/stops.fgb?lines=12345").content)
    assert "name" in meta["fields"]
    assert not len(shapes)


def test_format_is_chosen_by_suffix_parameter_and_accept(streams: Api) -> None:
    by_suffix = streams.get("/streams/stops.geojson?limit=2")
    by_parameter = streams.get("/streams/stops/?limit=2&format=geojson")
    by_accept = streams.get("/streams/stops/?limit=2", headers={"Accept": "application/geo+json"})
    assert by_suffix.content == by_parameter.content == by_accept.content
    assert by_accept.headers["Content-Type"] == "application/geo+json"
    assert by_accept.headers["X-Accel-Buffering"] == "no"
    assert "Accept" in by_accept.headers["Vary"]


def test_page_detail_and_browsable_api_stay_as_they_are(streams: Api) -> None:
    anything = streams.get("/streams/stops/?limit=2", headers={"Accept": "*/*"})
    assert anything.headers["Content-Type"] == "application/json"
    assert anything.json()["results"]["type"] == "FeatureCollection"
    browser = streams.get("/streams/stops/?limit=2", headers={"Accept": "text/html"})
    assert browser.headers["Content-Type"].startswith("text/html")
    assert streams.get("/streams/stops/1.geojson").json()["type"] == "Feature"
    assert streams.get("/streams/stops/1/", headers={"Accept": "text/csv"}).status_code == 406
    assert streams.get("/streams/stops/1.json").status_code == 200


def test_schema_names_the_formats(streams: Api) -> None:
    schema = json.loads(streams.container.exec("env", IMAGES_SETTINGS, "python", "-c", SCHEMA))
    base = "" if schema["basePath"] == "/streams" else "/streams"  # the prefix of all paths
    listed = schema["paths"][f"{base}/stops/"]["get"]
    one = schema["paths"][f"{base}/stops/{{id}}/"]["get"]
    assert "application/geo+json-seq" in listed.get("produces", schema["produces"])
    assert "application/geo+json-seq" not in one.get("produces", schema["produces"])


def test_filter_ordering_limit_and_offset_are_those_of_the_viewset(streams: Api) -> None:
    query = "lines=3&ordering=-rating&limit=5&offset=10"
    expected = page(streams, f"/streams/stops/?{query}")
    got = features(streams.get(f"/streams/stops.geojson?{query}"))
    assert len(got) == 5
    assert got == expected


@pytest.mark.parametrize(
    ("query", "name"),
    [("limit=ten", "limit"), ("limit=-1", "limit"), ("limit=0", "limit"),
     ("offset=1.5", "offset"), ("limit=9999999999999999999", "limit"), ("lines=x", "lines")],
)  # fmt: skip
def test_invalid_parameter_is_answered_with_400_naming_it(
    streams: Api, query: str, name: str
) -> None:
    answer = streams.get(f"/streams/stops.geojson?{query}")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/json"
    assert list(answer.json()) == [name]


@pytest.mark.parametrize("name", ["latest", "latestofsome"])
def test_stream_has_the_rows_of_a_page_whose_order_is_the_paginators(
    streams: Api, name: str
) -> None:
    # A sliced queryset cannot be filtered.
    query = "lines=3&limit=5" if name == "latest" else "limit=5"
    expected = page(streams, f"/streams/{name}/?{query}")
    assert features(streams.get(f"/streams/{name}.geojson?{query}")) == expected
    assert len(expected) == 5


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("stops.geojson?page_after=10&limit=5", "page_after"),
        ("stops.csv?page_before=9&offset=2", "page_before"),
        ("latest.fgb?cursor=cD0x&limit=3", "cursor"),
        ("numbered.geojsonl?page=2", "page"),
        ("numbered.geojson?size=5", "size"),
    ],
)
def test_stream_refuses_parameters_of_pages_and_names_limit_and_offset(
    streams: Api, path: str, name: str
) -> None:
    answer = streams.get(f"/streams/{path}")
    assert answer.status_code == 400
    (message,) = answer.json().values()
    assert list(answer.json()) == [name]
    assert "Choose the rows with limit and offset" in message


def test_precision_of_a_view_is_that_of_every_format(streams: Api) -> None:
    expected = features(streams.get("/streams/rough.geojson?limit=9"))
    rounded = [feature["geometry"]["coordinates"] for feature in expected]
    assert all(number == round(number, 1) for pair in rounded for number in pair)
    _, _, shapes, _ = pyogrio.raw.read(streams.get("/streams/rough.fgb?limit=9").content)
    # WKB of a point: its byte order and type, and two doubles.
    assert [list(struct.unpack("<dd", shape[5:])) for shape in shapes] == rounded


def test_permission_of_the_viewset_is_checked(streams: Api) -> None:
    answer = streams.get("/streams/foradmins.geojson")
    assert answer.status_code in (401, 403)
    assert "features" not in answer.text


@pytest.mark.parametrize(
    ("path", "named"),
    [("withmethod", "Shouting.shout"), ("ownfeature", "Hiding.to_representation()")],
)
def test_what_sql_cannot_give_is_answered_with_406_and_the_reason(
    streams: Api, path: str, named: str
) -> None:
    answer = streams.get(f"/streams/{path}.geojson")
    assert answer.status_code == 406
    assert named in answer.json()["detail"]


def test_stream_fields_leaves_out_what_sql_cannot_give(streams: Api) -> None:
    (feature,) = features(streams.get("/streams/withmethodleftout.geojson?limit=1"))
    assert feature["properties"] == {"name": "Stop 1", "fare": "0.01"}
    assert feature["id"] == 1


def test_head_runs_no_query(streams: Api) -> None:
    # Its query would never end.
    answer = requests.head(streams.url("/streams/noneever.geojson"), timeout=10)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/geo+json"
    assert not running(streams)


# The worker is the newest of gunicorn's processes.
MEMORY = """
import os, pathlib
for path in sorted(pathlib.Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
    if path.name != str(os.getpid()) and b"gunicorn" in (path / "cmdline").read_bytes():
        last = path
print((last / "status").read_text())
"""


def memory(api: Api) -> dict[str, int]:
    """The memory of the only worker in kB: VmRSS, and its peak, VmHWM."""
    shown = api.container.exec("python", "-c", MEMORY)
    return {name: int(kb) for name, kb in re.findall(r"(VmRSS|VmHWM):\s+(\d+) kB", shown)}


@pytest.mark.parametrize("suffix", ["geojson", "csv", "fgb"])
def test_all_rows_come_with_at_most_32_mb_more_memory(streams: Api, suffix: str) -> None:
    streams.get("/streams/stops/?limit=10")
    before = memory(streams)["VmRSS"]
    assert before > 20 * 1024  # it is a worker that has loaded Django
    size = 0
    for chunk in open_stream(streams, f"/streams/stops.{suffix}"):
        size += len(chunk)
    after = memory(streams)
    assert after["VmHWM"] - before <= 32 * 1024
    assert size > 50 * LARGE


def test_stream_has_all_rows_even_if_a_page_cannot(streams: Api) -> None:
    assert streams.get("/streams/stops/?limit=200000").status_code == 400
    everything = features(streams.get("/streams/stops.geojson"))
    assert [feature["id"] for feature in everything] == list(range(1, LARGE + 5007))


def test_client_that_goes_away_ends_the_query(streams: Api) -> None:
    response = requests.get(streams.url("/streams/slowforever.geojson"), stream=True, timeout=30)
    next(response.iter_content(None))
    until(lambda: running(streams), "the query runs")
    response.close()
    until(lambda: not running(streams), "the query has ended", 20)


def test_client_that_goes_away_before_the_first_row_ends_the_query(streams: Api) -> None:
    with pytest.raises(requests.ReadTimeout):
        requests.get(streams.url("/streams/noneever.geojson"), timeout=0.5)
    until(lambda: not running(streams), "the query has ended", 20)
    streams.get("/streams/stops/?limit=1")


def test_other_requests_are_served_while_a_stream_is_held_open(streams: Api) -> None:
    chunks = open_stream(streams, "/streams/slowforever.geojson")
    assert next(chunks)
    for _ in range(5):
        assert streams.get("/streams/stops/?limit=1").status_code == 200
    assert features(streams.get("/streams/routes.geojson"))
    assert next(chunks)
    assert running(streams)
    chunks.close()


def test_more_streams_at_once_than_the_server_has_threads_are_all_served(streams: Api) -> None:
    def answer(_: int) -> tuple[int, int]:
        # Separate connections, as from separate readers.
        response = requests.get(streams.url("/streams/stops.geojson?lines=77"), timeout=60)
        return response.status_code, len(response.content)

    alone = answer(0)
    assert alone[0] == 200
    with ThreadPoolExecutor(16) as readers:
        assert set(readers.map(answer, range(48))) == {alone}


def test_query_past_the_timeout_breaks_the_stream_off_and_says_so_in_the_log(streams: Api) -> None:
    chunks = open_stream(streams, "/streams/slow.geojson")
    body = b""
    with pytest.raises(requests.exceptions.ChunkedEncodingError):  # noqa: PT012
        for chunk in chunks:
            body += chunk
    assert body.startswith(b'{"type":"FeatureCollection"')
    assert not body.rstrip().endswith(b"]}")
    line = (
        r"ERROR backend\.geo\.streaming \[\w+\]: /streams/slow\.geojson broke off after \d+ rows: "
        "canceling statement due to statement timeout"
    )
    # Docker's log is slightly behind the container's output.
    until(lambda: re.search(line, streams.container.logs()), "the log has the reason")


def test_error_in_the_middle_breaks_the_stream_off(streams: Api) -> None:
    chunks = open_stream(streams, "/streams/broken.geojsonl?row=100000")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        for _ in chunks:
            pass
    line = r"broke off after \d{4,} rows: division by zero"
    until(lambda: re.search(line, streams.container.logs()), "the log has the reason")


def test_error_before_the_first_row_is_an_error_response_and_not_a_stream(streams: Api) -> None:
    divided = streams.get("/streams/broken.geojson?row=1")
    assert divided.status_code == 500  # PostgreSQL does not report where the zero came from
    assert divided.headers["Content-Type"] == "application/json"
    answer = streams.get("/streams/nofirstrow.geojson")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/json"
    assert "filter" in answer.json()["detail"]


def test_no_stream_leaves_a_transaction_or_many_connections_behind(streams: Api) -> None:
    mine = (
        "SELECT count(*) FROM pg_stat_activity "
        f"WHERE datname = '{streams.database}' AND backend_type = 'client backend'"
    )
    for _ in range(5):
        features(streams.get("/streams/stops.geojson?limit=1"))
    until(lambda: streams.sql(f"{mine} AND state LIKE 'idle in %'") == "0", "no transaction", 20)
    before = int(streams.sql(mine))
    for _ in range(5):
        features(streams.get("/streams/stops.geojson?limit=1"))
        streams.get("/streams/broken.geojson?row=1")
    until(lambda: int(streams.sql(mine)) <= before, "the connections are closed or used again", 20)


def test_query_that_the_server_ends_is_not_sent_again(streams: Api) -> None:
    streams.container.may_log("server closed the connection", "Unavailable: /streams/noneever")
    features(streams.get("/streams/stops.geojson?limit=1"))  # leaves a connection
    with ThreadPoolExecutor(1) as readers:
        answer = readers.submit(streams.get, "/streams/noneever.geojson")
        until(lambda: running(streams), "the query runs")
        mine = f"datname = '{streams.database}' AND state = 'active'"
        assert streams.postgis.end_connections(mine) == 1
        assert answer.result().status_code == 503
    assert not running(streams)


def test_kept_connection_that_broke_is_replaced(streams: Api) -> None:
    features(streams.get("/streams/stops.geojson?limit=1"))
    assert streams.postgis.end_connections(f"datname = '{streams.database}'") >= 1
    assert len(features(streams.get("/streams/stops.geojson?limit=1"))) == 1


# --- Behind a pooler --------------------------------------------------------------


def test_streams_behind_a_transaction_pooler_have_the_same_rows_and_leave_no_setting(
    containers: Containers,
    postgis: PostGIS,
    tmp_path: Path,
    pgbouncer: str,  # noqa: F811
) -> None:
    pooler = pooled(containers, postgis, pgbouncer, tmp_path, "transaction")
    api = start_api(containers, postgis, POSTGRES_HOST=pooler.name, WEB_CONCURRENCY="2")
    paths = [f"/streams/stops.{kind}" for kind in ("geojson", "geojsonl", "csv", "fgb")] * 6

    def answer(path: str) -> bytes:
        response = requests.get(api.url(path), timeout=60)
        assert response.status_code == 200, response.text
        return response.content

    alone = {path: answer(path) for path in paths[:4]}
    assert len(json.loads(alone["/streams/stops.geojson"])["features"]) > 10
    with ThreadPoolExecutor(8) as readers:
        for path, content in zip(paths, readers.map(answer, paths), strict=True):
            assert content == alone[path]
    # The pooler has at most four connections to the server. Each shows what it is set to.
    shown = ["psql", "--no-align", "--tuples-only", "--host", pooler.name, "--username"]
    shown += [
        postgis.user,
        "--command",
        "SHOW jit; SHOW statement_timeout; SHOW extra_float_digits",
    ]
    values = {api.container.exec(*shown, api.database) for _ in range(8)}
    assert values == {"on\n0\n1\n"}
