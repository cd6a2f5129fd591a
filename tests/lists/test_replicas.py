"""An API with a router that reads from one of two databases, as in Django's documentation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import PostGIS
from tests.support import logs
from tests.support.asked import Asked, start_asked
from tests.support.containers import Containers

pytestmark = pytest.mark.engine

SETTINGS = Path(__file__).parent / "replicas_project/local_settings"
# A wrong choice is right by chance in half of the requests.
OFTEN = 16


@pytest.fixture(scope="module")
def replicated(postgis: PostGIS) -> Iterator[Asked]:
    """``replica`` has not yet replayed the new names of three stops."""
    started, replica = Containers(), postgis.database()
    started.may_log(logs.UNREADABLE)
    login = f"{postgis.user}:{quote(postgis.password, safe='')}@{postgis.host}:5432"
    url = f"postgis://{login}/{replica}"
    api = start_asked(started, postgis, SETTINGS, REPLICA_DATABASE_URL=url)
    dump = ("pg_dump", "--username", postgis.user, "--exclude-table=django_migrations")
    postgis.sql(postgis.container.exec(*dump, api.database), replica)
    api.sql("UPDATE asked_stop SET name = 'New' WHERE id < 4")
    yield api
    started.clean()


def test_no_etag_is_given_where_rows_may_come_from_another_server(replicated: Asked) -> None:
    shown = set()
    for answer in [replicated.get("/stops/?limit=1") for _ in range(OFTEN)]:
        (stop,) = answer.json()["results"]["features"]
        shown.add((answer.headers.get("ETag"), stop["properties"]["name"]))
    assert shown == {(None, "New"), (None, "Stop 1")}


def patch(api: Asked, id_: int, lines: int, *, as_read_in: str) -> tuple[int, str]:
    """The status of the response, and the row that is then on the primary."""
    headers = {"If-Match": api.get(f"/{as_read_in}/{id_}/").headers["ETag"]}
    answer = api.request("patch", f"/named/{id_}/", json={"lines": lines}, headers=headers)
    stored = api.sql(f"SELECT name, lines FROM asked_stop WHERE id = {id_}")
    return answer.status_code, stored


def test_row_is_compared_on_the_primary_and_not_on_a_lagging_replica(replicated: Asked) -> None:
    answers = {patch(replicated, 2, 99, as_read_in="ofreplica") for _ in range(OFTEN)}
    assert answers == {(412, "New|2")}


def test_row_that_was_compared_is_the_one_that_is_written(replicated: Asked) -> None:
    """A PATCH writes all columns of the row that it has read."""
    for lines in range(OFTEN):
        answer = patch(replicated, 3, lines, as_read_in="ofdefault")
        assert answer == (200, f"New|{lines}")


def test_streams_follow_relations_whichever_server_is_read(replicated: Asked) -> None:
    answers = [replicated.get("/related.csv") for _ in range(OFTEN)]
    assert {each.status_code for each in answers} == {200}
    assert {each.text.splitlines()[0] for each in answers} == {"id,app"}
