"""Settings of a role, such as how PostgreSQL writes dates and floats, change no response."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import requests

from tests.conftest import PostGIS
from tests.support import mvt
from tests.support.containers import Container, Containers

pytestmark = pytest.mark.engine

TABLES = r"""
CREATE TYPE combined AS (at timestamptz, span interval, ratio real, raw bytea);
CREATE TABLE kinds (
    id integer PRIMARY KEY, at timestamptz, local timestamp, day date, clock time, span interval,
    ratio double precision, "real" real, cost money, raw bytea, days daterange,
    ats timestamptz[], spans interval[], ratios double precision[], raws bytea[],
    combined combined, point point, markup xml, document jsonb, "back\slash ""quoted"" x" text,
    geom geometry(Point, 4326)
);
INSERT INTO kinds VALUES
(1, '2024-02-03 04:05:06.7Z', '2024-02-03 04:05:06', '2024-02-03', '04:05:06.7',
    '1 year -2 mons 3 days 04:05:06.7', 1 / 3.0, 0.1, 1234.5, '\x00ff', '[2024-02-03,2024-03-04)',
    '{2024-02-03 04:05:06Z}', '{1 day 02:03:04.5}', '{0.1,0.3333333333333333}', '{"\\x00ff"}',
    ROW('2024-02-03 04:05:06Z', '-1 mon', 0.3333333, '\x00ff'), '(0.1,0.3333333333333333)',
    '<a b="c">\</a>', '{"a": "\\\""}', 'a\b "c"', ST_Point(-122.123456, 45.654321, 4326)),
(2, '0044-03-15 12:00Z BC', '12000-01-01 00:00', '0044-03-15 BC', '23:59:59.999999', '-1 mon',
    'NaN', 3.4028235e38, -0.01, '\x5c', '(,2024-02-03)', '{}', '{}', '{}', '{}', ROW(NULL, NULL,
    NULL, NULL), '(1,2)', '<a/>', 'null', E'\\''', ST_Point(-122.5, 45.5, 4326)),
(3, 'infinity', '-infinity', 'infinity', '00:00', '0', 123456789.123456789, 16777217, 0, '', NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '\', NULL);
CREATE TABLE of_moment AS SELECT at, geom FROM kinds;
ALTER TABLE of_moment ADD PRIMARY KEY (at);
CREATE TABLE of_span AS SELECT span FROM kinds;
ALTER TABLE of_span ADD PRIMARY KEY (span);
CREATE TABLE of_ratio AS SELECT ratio, "real" FROM kinds;
ALTER TABLE of_ratio ADD PRIMARY KEY (ratio);
CREATE TABLE of_cost AS SELECT cost FROM kinds;
ALTER TABLE of_cost ADD PRIMARY KEY (cost);
CREATE TABLE of_days AS SELECT days FROM kinds WHERE days IS NOT NULL;
ALTER TABLE of_days ADD PRIMARY KEY (days);
CREATE TABLE of_text AS SELECT "back\slash ""quoted"" x" FROM kinds;
ALTER TABLE of_text ADD PRIMARY KEY ("back\slash ""quoted"" x");
CREATE TABLE of_several AS SELECT day, ratio, span, id FROM kinds;
ALTER TABLE of_several ADD PRIMARY KEY (day, ratio, span);
CREATE VIEW texts AS
SELECT id, at::text AS at, span::text AS span, to_json(ratio) AS ratio FROM kinds;
"""
ROLES = """
CREATE ROLE {plain} LOGIN PASSWORD 'secret';
CREATE ROLE {unusual} LOGIN PASSWORD 'secret';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO {plain}, {unusual};
ALTER ROLE {unusual} SET DateStyle = 'SQL, DMY';
ALTER ROLE {unusual} SET IntervalStyle = iso_8601;
ALTER ROLE {unusual} SET TimeZone = 'Asia/Kathmandu';
ALTER ROLE {unusual} SET extra_float_digits = -15;
ALTER ROLE {unusual} SET bytea_output = escape;
ALTER ROLE {unusual} SET standard_conforming_strings = off;
ALTER ROLE {unusual} SET xmlbinary = hex;
ALTER ROLE {unusual} SET xmloption = document;
ALTER ROLE {unusual} SET quote_all_identifiers = on;
ALTER ROLE {unusual} SET default_transaction_read_only = on;
ALTER ROLE {unusual} SET default_transaction_isolation = serializable;
ALTER ROLE {unusual} SET search_path = pg_catalog, pg_temp, public;
ALTER ROLE {unusual} SET jit = on;
"""
PLACE = "/".join(map(str, mvt.tile_at(-122.5, 45.5, 10)))
FORMATS = (".csv", ".jsonl", ".geojson", ".geojsonl", ".fgb")
PAGES = ("/tiles/", "/tiles/0/0/0.mvt", f"/tiles/{PLACE}.mvt")
PAGES += ("/?in_bbox=-122.123457,45,-122,46", "/?point=-122.5,45.5&dist=500.5")


@pytest.fixture(scope="module")
def apis(postgis: PostGIS) -> Iterator[tuple[Container, Container]]:
    """Two servers over one database: of a role without settings, and of one with unusual ones."""
    started, database = Containers(), postgis.database()
    plain, unusual = f"{database}_plain", f"{database}_unusual"
    postgis.sql(TABLES, database)
    postgis.sql(ROLES.format(plain=plain, unusual=unusual), database)
    both = [
        started.start(
            env=postgis.env(
                database,
                POSTGRES_USER=role,
                POSTGRES_PASSWORD="secret",
                WEB_CONCURRENCY="1",
                PUBLISH_SCHEMAS="public",
                PUBLISH_INTERVAL="0",
            ),
            options=["--network", postgis.network],
        )
        for role in (plain, unusual)
    ]
    yield both[0].wait_until_ready(), both[1].wait_until_ready()
    started.clean()


def paths(api: Container) -> Iterator[str]:
    """Every table in every format, the pages of its rows, and lists by values of its columns."""
    for url in api.get("/api/?format=json").json().values():
        table = url[url.index("/api/") : url.index("/?")]
        yield from (f"{table}{each}" for each in FORMATS)
        results = api.get(f"{table}/").json()["results"]
        if isinstance(results, dict):
            yield from (f"{table}{each}" for each in PAGES)
            rows = [{"id": each.get("id"), **each["properties"]} for each in results["features"]]
        else:
            rows = results
        for row in rows:
            names = [name for name in row if row[name] is not None]
            yield f"{table}/{quote(str(row[names[0]]), safe='')}/"
            if table.endswith("several"):
                yield f"{table}/{quote(','.join(str(row[name]) for name in names[:3]), safe=',')}/"
        for name in rows[0]:
            text = '"' + name.replace('"', '""') + '"'
            yield from followed(api, f"{table}/?limit=2&ordering=-{quote(text)}")
            for row in rows[:2]:
                if isinstance(row[name], (str, float)):
                    for lookup in ("", "__in", "__gte"):
                        yield f"{table}/?{quote(name)}{lookup}={quote(str(row[name]))}"


def followed(api: Container, path: str) -> Iterator[str]:
    """A page, and those to which its links lead."""
    while path:
        yield path
        answer = api.get(path)
        link = answer.json()["next"] if answer.ok else None
        path = link[link.index("/api/") :] if link else ""


def content(answer: requests.Response) -> tuple[Any, ...]:
    own = answer.url[: answer.url.index("/api/")].encode()
    return answer.status_code, answer.content.replace(own, b""), answer.headers.get("Content-Type")


def test_every_response_is_the_same_byte_for_byte(apis: tuple[Container, Container]) -> None:
    plain, unusual = apis
    different, statuses = [], []
    for path in paths(plain):
        before, after = content(plain.get(path)), content(unusual.get(path))
        statuses.append(before[0])
        if before != after:
            different.append(f"{path}: {before!s:.300} became {after!s:.300}")
    assert not different, "\n".join(different)
    assert set(statuses) <= {200, 204, 400, 404, 406}
    assert statuses.count(200) > 150
