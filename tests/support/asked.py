"""The running API of ``asked_project``, for tests of client requests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import requests

from tests.conftest import PostGIS
from tests.support import logs
from tests.support.containers import Container, Containers

PROJECT = Path(__file__).parent / "asked_project"
ROWS = """
INSERT INTO asked_stop (name, lines, fare, opened, geom)
SELECT 'Stop ' || n, n % 7, n / 4.0, date '2020-01-01' + n,
       ST_SetSRID(ST_MakePoint(-122.7 + n / 1000.0, 45.5 + n / 2000.0), 4326)
FROM generate_series(1, 30) n;
INSERT INTO asked_zone (name, area, entrance)
SELECT 'Zone ' || n, ST_MakeEnvelope(-122.7, 45.5, -122.7 + n / 100.0, 45.6, 4326),
       ST_SetSRID(ST_MakePoint(-122.7 + n / 100.0, 45.5), 4326)
FROM generate_series(1, 5) n;
INSERT INTO asked_note (text) SELECT 'Note ' || n FROM generate_series(1, 5) n;
ANALYZE;
"""


@dataclass
class Asked:
    """The running API. It looks up its address only once, for many small requests."""

    container: Container
    postgis: PostGIS
    database: str
    base: str

    def request(self, method: str, path: str, **options) -> requests.Response:
        options.setdefault("timeout", 60)
        return self.container.session.request(method, self.base + path, **options)

    def get(self, path: str, **options) -> requests.Response:
        return self.request("get", path, **options)

    def sql(self, statement: str) -> str:
        return self.postgis.sql(statement, self.database)


def start_asked(
    started: Containers,
    postgis: PostGIS,
    settings: Path = PROJECT / "local_settings",
    **env: str,
) -> Asked:
    """Start the project on its own database with rows. ``settings`` is its local_settings."""
    database = postgis.database()
    container = started.start(
        env=postgis.env(database, WEB_CONCURRENCY="1", **env),
        mounts={
            settings: "/code/src_files/local_settings:ro",
            PROJECT / "asked": "/code/asked:ro",
        },
        options=["--network", postgis.network],
    ).may_log(logs.UNREADABLE)
    container.wait_until_ready()
    postgis.sql(ROWS, database)
    return Asked(container, postgis, database, container.url(""))
