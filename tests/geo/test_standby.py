"""An API that reads from a streaming standby: a change is never answered with 304."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg2
import pytest

from tests.conftest import PostGIS, start_postgis, wait_for
from tests.geo.asked import PROJECT, start_asked
from tests.support.containers import POSTGIS_IMAGE, Container, Containers, until

COPY = 'pg_basebackup --host "$PRIMARY" --username api --pgdata "$PGDATA" -R -c fast'


@dataclass
class Replicated:
    """A primary, its standby, and the API that reads from the standby."""

    primary: PostGIS
    standby: PostGIS
    api: Container
    database: str

    def connect(self) -> psycopg2.extensions.connection:
        """To the primary, in a transaction."""
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
    ).wait_until_ready()
    yield Replicated(primary, standby, api, database)
    started.clean()


def test_row_that_changed_on_the_primary_is_not_answered_with_304(replicated: Replicated) -> None:
    """The snapshot of a standby is the same before and after a commit among running ones."""
    assert replicated.standby.sql("SELECT pg_is_in_recovery()") == "t"
    oldest, change, newest = (replicated.connect() for _ in range(3))
    for connection, id_ in ((oldest, 1), (change, 2), (newest, 3)):
        connection.cursor().execute(
            "UPDATE asked_stop SET name = %s WHERE id = %s", [f"Changed {id_}", id_]
        )
    newest.commit()
    until(lambda: replicated.is_replayed("Changed 3"), "the standby has replayed the newest")
    first = replicated.api.get("/stops/?limit=5")
    assert first.status_code == 200, first.text
    change.commit()
    until(lambda: replicated.is_replayed("Changed 2"), "the standby has replayed the change")
    headers = {"If-None-Match": first.headers["ETag"]} if "ETag" in first.headers else {}
    again = replicated.api.get("/stops/?limit=5", headers=headers)
    assert again.status_code == 200
    assert "Changed 2" in again.text
    oldest.rollback()


@pytest.mark.parametrize("query", ["?offset=20&limit=10", ".geojson?limit=5", ".csv", ".fgb"])
def test_pages_and_streams_are_read_from_a_standby(replicated: Replicated, query: str) -> None:
    answer = replicated.api.get(f"/stops/{query}" if query[0] == "?" else f"/stops{query}")
    assert answer.status_code == 200, answer.text
    assert len(answer.content) > 500
