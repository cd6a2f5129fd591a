"""An API that reads from a streaming standby sends every change that the standby has replayed."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg2
import pyogrio.raw
import pytest

from tests.conftest import PostGIS, start_postgis, wait_for
from tests.support import logs
from tests.support.asked import PROJECT, start_asked
from tests.support.containers import POSTGIS_IMAGE, Container, Containers, until

pytestmark = pytest.mark.engine

COPY = 'pg_basebackup --host "$PRIMARY" --username api --pgdata "$PGDATA" -R -c fast'


@dataclass
class Replicated:
    """A primary, its standby, and the API that reads from the standby."""

    primary: PostGIS
    standby: PostGIS
    api: Container
    database: str

    def connect(self) -> psycopg2.extensions.connection:
        """A connection to the primary, which begins a transaction with its first statement."""
        networks = self.primary.container.inspect()["NetworkSettings"]["Networks"]
        return psycopg2.connect(
            host=networks[self.primary.network]["IPAddress"],
            user=self.primary.user,
            password=self.primary.password,
            dbname=self.database,
        )

    def is_replayed(self, name: str) -> bool:
        rows = f"SELECT count(*) FROM asked_stop WHERE name = '{name}'"
        return self.standby.sql(rows, self.database) == "1"

    def snapshot(self) -> str:
        return self.standby.sql("SELECT pg_current_snapshot()", self.database)


@pytest.fixture(scope="module")
def replicated(network: str) -> Iterator[Replicated]:
    started = Containers()
    primary = start_postgis(started, network)
    database = start_asked(started, primary).database
    allow = "echo 'host replication all all scram-sha-256' >> \"$PGDATA/pg_hba.conf\""
    primary.container.exec("bash", "-c", allow)
    primary.sql("SELECT pg_reload_conf()")
    container = started.start(
        *("bash", "-c", f"{COPY} && exec postgres"),
        image=POSTGIS_IMAGE,
        env={"PRIMARY": primary.host, "PGPASSWORD": primary.password},
        options=["--network", network],
    )
    standby = PostGIS(container, network)
    wait_for(standby)
    api = started.start(
        env=standby.env(database, WEB_CONCURRENCY="2", MIGRATE="false"),
        mounts={
            PROJECT / "local_settings": "/code/src_files/local_settings:ro",
            PROJECT / "asked": "/code/asked:ro",
        },
        options=["--network", network],
    ).may_log(logs.UNREADABLE)
    api.wait_until_ready()
    yield Replicated(primary, standby, api, database)
    started.clean()


def test_row_that_changed_on_the_primary_is_not_answered_with_304(replicated: Replicated) -> None:
    """A standby's snapshot can stay the same when one of several open transactions commits."""
    assert replicated.standby.sql("SELECT pg_is_in_recovery()") == "t"
    with contextlib.ExitStack() as open_:
        oldest, change, newest = (
            open_.enter_context(contextlib.closing(replicated.connect())) for _ in range(3)
        )
        for connection, id_ in ((oldest, 1), (change, 2), (newest, 3)):
            connection.cursor().execute(
                "UPDATE asked_stop SET name = %s WHERE id = %s", [f"Changed {id_}", id_]
            )
        newest.commit()
        until(lambda: replicated.is_replayed("Changed 3"), "the standby has replayed the newest")
        first, before = replicated.api.get("/stops/?limit=5"), replicated.snapshot()
        assert first.status_code == 200, first.text
        assert "Changed 2" not in first.text
        change.commit()
        until(lambda: replicated.is_replayed("Changed 2"), "the standby has replayed the change")
        assert replicated.snapshot() == before
        headers = {"If-None-Match": first.headers["ETag"]} if "ETag" in first.headers else {}
        again = replicated.api.get("/stops/?limit=5", headers=headers)
        assert again.status_code == 200
        assert "Changed 2" in again.text
        assert "ETag" not in first.headers


READERS: dict[str, Callable[[bytes], list[int]]] = {
    "/?offset=20&limit=10": lambda body: _features(json.loads(body)["results"]),
    ".geojson?limit=5": lambda body: _features(json.loads(body)),
    ".csv": lambda body: [int(row["id"]) for row in csv.DictReader(io.StringIO(body.decode()))],
    ".fgb": lambda body: pyogrio.raw.read(body, columns=["id"])[3][0].tolist(),
}


def _features(collection: dict) -> list[int]:
    return [feature["id"] for feature in collection["features"]]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("/?offset=20&limit=10", range(21, 31)),
        (".geojson?limit=5", range(1, 6)),
        (".csv", range(1, 31)),
        (".fgb", range(1, 31)),
    ],
)
def test_pages_and_streams_of_a_standby_have_its_rows(
    replicated: Replicated, query: str, rows: range
) -> None:
    answer = replicated.api.get(f"/stops{query}")
    assert answer.status_code == 200, answer.text
    assert sorted(READERS[query](answer.content)) == list(rows)


# Last, because it creates thousands of rows.
def test_deep_page_is_right_as_soon_as_rows_before_it_were_removed(replicated: Replicated) -> None:
    """A standby's snapshot and counters do not show that an offset map is outdated."""

    def sql(statement: str) -> None:
        replicated.primary.sql(statement, replicated.database)

    def there() -> list[int]:
        keys = "SELECT id FROM asked_stop ORDER BY id OFFSET 6000 LIMIT 10"
        return [int(key) for key in replicated.standby.sql(keys, replicated.database).split()]

    def pages() -> list[list[int]]:  # of both workers
        answers = (replicated.api.get("/stops/?offset=6000&limit=10") for _ in range(10))
        return [_features(answer.json()["results"]) for answer in answers]

    sql(
        "INSERT INTO asked_stop (id, name, lines, fare, opened, geom) SELECT n, 'Far', 1, 1,"
        " date '2020-01-01', ST_SetSRID(ST_MakePoint(1, 1), 4326)"
        " FROM generate_series(1001, 8000) n"
    )
    until(lambda: len(there()) == 10, "the standby has replayed the rows")
    before = there()
    assert pages() == [before] * 10
    sql("DELETE FROM asked_stop WHERE id BETWEEN 2001 AND 2500")
    until(lambda: there() != before, "the standby has replayed that rows were removed")
    assert pages() == [there()] * 10
