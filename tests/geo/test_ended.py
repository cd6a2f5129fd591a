"""Streams end: in a team's tests, with its middleware, and if nobody closes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import PostGIS
from tests.support import logs
from tests.support.containers import Containers, docker, until
from tests.support.places import PROJECT, ROWS, SURVEY, Api

pytestmark = pytest.mark.engine

TESTED = Path(__file__).parent / "tested_project"
RUNNING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid() "
    "AND (query LIKE '%COPY (%' AND state <> 'idle' OR state LIKE 'idle in%')"
)
# A proxy that drops packets as soon as /tmp/swallow exists.
NETWORK = """
import os, socket, threading
listener = socket.create_server(("127.0.0.1", 5439))
address = (os.environ["POSTGRES_HOST"], 5432)

def carry(source, target):
    while data := source.recv(65536):
        while os.path.exists("/tmp/swallow"):
            threading.Event().wait(1)
        target.sendall(data)
    target.close()

while True:
    one = listener.accept()[0]
    if os.path.exists("/tmp/swallow"):
        threading.Thread(target=threading.Event().wait, args=(600,)).start()
        globals().setdefault("kept", []).append(one)
        continue
    other = socket.create_connection(address)
    for pair in ((one, other), (other, one)):
        threading.Thread(target=carry, args=pair, daemon=True).start()
"""
# For streams without a request: how long it takes to close them, and which threads are left.
ALONE = """
import gc, json, logging, os, pathlib, sys, threading, time
import django
django.setup()
from rest_framework.test import APIRequestFactory
from places.streams import SlowForEver

def begun():
    request = APIRequestFactory().get("/", {"format": "geojson"})
    response = SlowForEver.as_view({"get": "list"})(request)
    chunks = iter(response.streaming_content)
    next(chunks), next(chunks)
    return response

def threads():
    return sorted(thread.name for thread in threading.enumerate() if thread.name == "stream")

response = begun()
assert threads() == ["stream"]
if sys.argv[1] == "swallow":
    pathlib.Path("/tmp/swallow").touch()
    ticks = []
    def tick():
        while True:
            ticks.append(time.monotonic())
            time.sleep(0.1)
    threading.Thread(target=tick, daemon=True).start()
    response_close = time.monotonic()
    response.close()
    print("SECONDS", time.monotonic() - response_close)
    print("PAUSE", max([b - a for a, b in zip(ticks, ticks[1:])], default=0))
else:
    del response
    gc.collect()
    end = time.monotonic() + 10
    while threads() and time.monotonic() < end:
        time.sleep(0.05)
print("THREADS", threads())
"""


@pytest.fixture(scope="module")
def tested(postgis: PostGIS) -> Iterator[Api]:
    started = Containers()
    started.may_log(
        logs.UNREADABLE, "AttributeError: This StreamingHttpResponse", "ValueError: in the middle"
    )
    database, transit = postgis.database(), postgis.database()
    postgis.sql(SURVEY, database)
    login = f"{postgis.user}:{quote(postgis.password, safe='')}@{postgis.host}:5432"
    container = started.start(
        env=postgis.env(
            database,
            TRANSIT_DATABASE_URL=f"postgis://{login}/{transit}",
            WEB_CONCURRENCY="1",
            COLLECTSTATIC="false",
        ),
        mounts={
            TESTED / "local_settings": "/code/src_files/local_settings:ro",
            TESTED / "tested": "/code/tested:ro",
            PROJECT / "places": "/code/places:ro",
        },
        options=["--network", postgis.network],
    ).wait_until_ready()
    postgis.sql(ROWS, database)
    yield Api(container, postgis, database, transit)
    started.clean()


def ended(api: Api) -> None:
    until(lambda: api.sql(RUNNING.format(api.database)) == "0", "every stream has ended", 20)


def test_tests_of_a_team_see_their_rows_in_streams_and_drop_their_database(tested: Api) -> None:
    printed = tested.container.exec("timeout", "120", "python", "manage.py", "test", "tested")
    assert re.search(r"Ran 13 tests.*\n\nOK\n", printed), printed
    left = "SELECT count(*) FROM pg_database WHERE datname LIKE 'test_{}'"
    assert tested.sql(left.format(tested.database)) == "0"


@pytest.mark.parametrize("how", ["content", "begin", "replace", "hold"])
def test_stream_ends_with_its_request_whatever_a_middleware_did(tested: Api, how: str) -> None:
    expected = 200 if how in {"replace", "hold"} else 500
    for _ in range(3):
        answer = tested.get("/streams/slowforever.geojson", headers={"X-Misuse": how})
        assert answer.status_code == expected
    ended(tested)


def alone(api: Api, how: str, **env: str) -> str:
    given = [f"--env={name}={value}" for name, value in env.items()]
    return docker(
        *("exec", "--env", "DJANGO_SETTINGS_MODULE=backend.settings", *given),
        *(api.container.name, "timeout", "60", "python", "-c", ALONE, how),
    ).stdout


def test_unclosed_stream_ends_when_it_is_garbage_collected(tested: Api) -> None:
    assert "THREADS []" in alone(tested, "forget")
    ended(tested)


def test_network_that_drops_packets_blocks_neither_a_thread_nor_the_process(tested: Api) -> None:
    docker("exec", "--detach", tested.container.name, "python", "-c", NETWORK)
    until(lambda: "1" in tested.container.exec("python", "-c", LISTENS), "the network is there", 20)
    printed = alone(tested, "swallow", POSTGRES_HOST="127.0.0.1", POSTGRES_PORT="5439")
    seconds, pause = (float(text) for text in re.findall(r"(?:SECONDS|PAUSE) (\S+)", printed))
    assert "THREADS []" in printed
    assert seconds < 5
    assert pause < 3


LISTENS = """
import socket
print(int(socket.socket().connect_ex(("127.0.0.1", 5439)) == 0))
"""
