"""Clients that attack the worker itself, as reviewers of its code suggested."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.faults.conftest import PROJECT
from tests.support.broken import write
from tests.support.containers import Container, Containers, until

pytestmark = [pytest.mark.engine, pytest.mark.alone]

VIEWS = """
import tempfile
import time

from django.http import FileResponse, HttpResponse, StreamingHttpResponse

PIECE = b"x" * 2**16

def breaks(request):
    def body():
        for _ in range(20):
            yield PIECE
        time.sleep(0.5)
        raise RuntimeError("in the middle")
    return StreamingHttpResponse(body())

def ticks(request):
    def body():
        for _ in range(400):
            yield PIECE
        for _ in range(10):
            time.sleep(0.3)
            yield b"tick"
    return StreamingHttpResponse(body())

def forever(request):
    def body():
        while True:
            yield b"beat"
            time.sleep(0.2)
    return StreamingHttpResponse(body())

def endless(request):
    def body():
        while True:
            yield PIECE
    return StreamingHttpResponse(body())

def file(request):
    opened = tempfile.TemporaryFile()
    opened.truncate(int(request.GET["n"]))
    return FileResponse(opened)

def size(request):
    return HttpResponse(b"y" * int(request.GET["n"]))
"""
ADDRESSES = """
from notes import trials
urlpatterns += [path(name, getattr(trials, name)) for name in (
    "breaks", "ticks", "forever", "endless", "file", "size")]
"""
# The tests do not have to wait for the usual timeouts.
CONFIGURATION = """
from backend.server import clients

clients.STALLED, clients.LOOK = 3, 1
"""
Start = Callable[..., Container]
PATIENCE = 20  # seconds


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    started = Containers()
    started.may_log("RuntimeError: in the middle")

    def one(configuration: str = "", *options: str) -> Container:
        folder = tmp_path_factory.mktemp("trials")
        urls = PROJECT["local_settings/urls.py"] + ADDRESSES
        files = {**PROJECT, "local_settings/urls.py": urls, "notes/trials.py": VIEWS}
        write(folder, {**files, "local_settings/gunicorn_conf.py": CONFIGURATION + configuration})
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        mounts: dict[str | Path, str] = {
            folder / "local_settings": "/code/src_files/local_settings:ro",
            folder / "notes": "/code/notes:ro",
        }
        return started.start(
            env={"WEB_CONCURRENCY": "1"}, mounts=mounts, options=options
        ).wait_until_ready()

    yield one
    started.clean()


@pytest.fixture(scope="module")
def api(start: Start) -> Container:
    return start()


@pytest.fixture(autouse=True)
def same_worker(request: pytest.FixtureRequest) -> Iterator[None]:
    """The shared worker is the same one after each test."""
    if "api" not in request.fixturenames:
        yield
        return
    api = request.getfixturevalue("api")
    before = pid(api)
    yield
    assert pid(api) == before


def pid(api: Container) -> str:
    return requests.get(api.url("/pid"), timeout=PATIENCE).text


def asks(api: Container, *paths: str, window: int = 4096, more: str = "") -> socket.socket:
    """A client with a small window that sends requests and does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    client.settimeout(PATIENCE)
    client.connect(api.address())
    for path in paths:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
    return client


def everything(client: socket.socket) -> Iterator[tuple[float, bytes]]:
    """The data until the server closes, with the time of each part."""
    with contextlib.suppress(ConnectionError):
        while data := client.recv(2**16):
            yield time.monotonic(), data


def test_stream_that_fails_affects_no_other_client(api: Container) -> None:
    with asks(api, "/breaks") as slow:
        until(lambda: "in the middle" in api.logs(), "it breaks")
        assert pid(api)
        assert sum(len(data) for _, data in everything(slow)) < 20 * 2**16


def test_unread_files_do_not_exceed_the_limit_of_open_files(start: Start) -> None:
    few = start("", "--ulimit", "nofile=256:256")
    before = pid(few)
    with contextlib.ExitStack() as stack:
        for _ in range(200):
            with contextlib.suppress(ConnectionError):  # an early one was closed to make room
                stack.enter_context(asks(few, "/file?n=9000000"))
        assert pid(few) == before
    assert pid(few) == before


def test_head_request_for_an_endless_stream_is_answered_at_once(api: Container) -> None:
    for _ in range(8):
        head = requests.head(api.url("/forever"), timeout=PATIENCE)
        assert head.status_code == 200
        assert head.headers["Content-Type"] == "text/html; charset=utf-8"
    assert pid(api)


def test_idle_connections_make_room_for_a_client(start: Start) -> None:
    small = start("worker_connections = 10\n")
    with contextlib.ExitStack() as stack:
        for path in ["/pid"] * 6 + ["/forever"] * 3:
            client = stack.enter_context(asks(small, path))
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        stack.enter_context(asks(small))
        for _ in range(5):
            assert requests.get(small.url("/pid"), timeout=PATIENCE).ok


def test_partial_requests_make_room_for_new_clients_and_running_responses_do_not(
    start: Start,
) -> None:
    small = start("worker_connections = 10\nclients.STALLED = 30\n")
    post = "POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n".format
    with contextlib.ExitStack() as stack:
        answered = stack.enter_context(asks(small, "/forever"))
        assert answered.recv(100).startswith(b"HTTP/1.1 200 ")
        halves = [stack.enter_context(asks(small)) for _ in range(3)]
        for half in halves:
            half.sendall(post(3).encode())
        for _ in range(30):  # more of the other kind: they make room for each other
            stack.enter_context(asks(small))
        assert requests.get(small.url("/pid"), timeout=PATIENCE).ok
        for half in halves:
            half.sendall(b"a=b")
            assert half.recv(100).startswith(b"HTTP/1.1 403 ")
        for size in [10, 90_000] * 20:
            stack.enter_context(asks(small)).sendall(post(size).encode())
        assert requests.get(small.url("/pid"), timeout=PATIENCE).ok
        answered.recv(2**16)
        assert answered.recv(2**16), "the stream continues"


def test_client_that_keeps_the_minimum_rate_is_not_disconnected(api: Container) -> None:
    """The client reads 80 kB/s, and the minimum is 4 kB/s."""
    with asks(api, "/endless", window=2**15) as client:
        end = time.monotonic() + 12
        while time.monotonic() < end:
            assert client.recv(8000)
            time.sleep(0.1)  # the pace
    assert "was slower than" not in api.logs()


def test_live_stream_goes_on_after_a_part_that_came_too_fast(api: Container) -> None:
    with asks(api, "/ticks", window=2**18, more="Connection: close\r\n") as client:
        time.sleep(0.5)  # lets the stream get ahead, which a test cannot observe
        came = [at for at, data in everything(client) for _ in range(data.count(b"tick"))]
    assert len(came) == 10
    assert came[-1] - came[0] > 1.5, "the parts must not come all at once"


def test_one_large_response_does_not_cut_those_of_other_clients(api: Container) -> None:
    with asks(api, "/size?n=60000000") as large:
        assert large.recv(100).startswith(b"HTTP/1.1 200 ")
        for _ in range(4):
            large.recv(2**16)
            answer = requests.get(api.url("/file?n=9000000"), timeout=PATIENCE)
            assert len(answer.content) == 9_000_000


def test_endless_headers_get_a_response(api: Container) -> None:
    with asks(api) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 70_000)
        assert client.recv(100).startswith(b"HTTP/1.1 431 ")
