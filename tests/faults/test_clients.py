"""Clients that are slow on purpose, while others are served."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.faults.conftest import HUNG, Report, mounts
from tests.support import slow
from tests.support.containers import Container, Containers, until
from tests.support.load import Load

pytestmark = [pytest.mark.engine, pytest.mark.alone]

HALF_OPEN = 2000
# In turn: silence, one byte, half a line, half the headers, headers without their last byte.
HALVES = (
    b"",
    b"G",
    b"GET /api/no",
    b"GET /api/notes/ HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
    b"GET /api/notes/ HTTP/1.1\r\nHost: localhost\r\n\r",
)


POST = b"POST /api/notes/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
# The last two have complete headers, but no body.
FLOODS = {
    "headers": HALVES,
    "small bodies": (POST + b"10\r\n\r\n",),
    "large bodies": (POST + b"90000\r\n\r\n",),
}


def address(container: Container) -> tuple[str, int]:
    parts = urlsplit(container.url())
    return str(parts.hostname), int(parts.port or 0)


@pytest.fixture
def many_files() -> Iterator[None]:
    """Let this process open as many sockets as the test needs."""
    before, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = HALF_OPEN + 1000
    if before != resource.RLIM_INFINITY and before < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, hard))


def half_open(
    stack: contextlib.ExitStack, where: tuple[str, int], halves: tuple[bytes, ...] = HALVES
) -> list[socket.socket]:
    """Connections that begin a request and never complete it."""
    clients = []
    for number in range(HALF_OPEN):
        client = stack.enter_context(socket.create_connection(where, timeout=HUNG))
        with contextlib.suppress(OSError):  # an early one was closed to make room
            client.sendall(halves[number % len(halves)])
        clients.append(client)
    return clients


@pytest.mark.parametrize("flood", FLOODS)
def test_thousands_of_half_open_requests_do_not_keep_others_from_being_served(
    sqlite_api: Container, many_files: None, flood: str, report: Report
) -> None:
    notes, where = sqlite_api.url("/api/notes/"), address(sqlite_api)
    load = Load(lambda: notes)
    with contextlib.ExitStack() as stack, load.running():
        half_open(stack, where, FLOODS[flood])
        until(lambda: load.good_answers > 200, "the load is served")
        began = time.monotonic()
        assert sqlite_api.get("/health/live").status_code == 200
        assert requests.get(notes, timeout=HUNG).status_code == 200
        took = time.monotonic() - began
    assert (load.failed, load.lost, load.refused) == (0, 0, 0), load.bad
    assert load.longest() < HUNG / 2
    report.add(f"{HALF_OPEN} half-open requests: {flood}", "others are served", load, took)


def test_a_worker_with_few_files_survives_more_connections_than_it_may_open(
    containers: Containers, project_folder: Path, many_files: None, report: Report
) -> None:
    api = containers.start(
        env={"WEB_CONCURRENCY": "1"},
        mounts=mounts(project_folder),
        options=["--ulimit", "nofile=256:256"],
    ).wait_until_ready()
    notes, pid, where = api.url("/api/notes/"), api.url("/pid"), address(api)
    before = requests.get(pid, timeout=HUNG).text
    load = Load(lambda: notes)
    with contextlib.ExitStack() as stack, load.running():
        half_open(stack, where)
        until(lambda: load.good_answers > 200, "the load is served")
    assert (load.failed, load.lost, load.refused) == (0, 0, 0), load.bad
    assert requests.get(pid, timeout=HUNG).text == before
    report.add(f"{HALF_OPEN} connections, 256 files", "others are served", load)


def test_request_that_comes_byte_by_byte_is_answered(sqlite_api: Container) -> None:
    with socket.create_connection(address(sqlite_api), timeout=HUNG) as client:
        for _ in range(2):  # the second one on the same, kept connection
            for byte in b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n":
                client.sendall(bytes([byte]))
            assert answer(client).startswith(b"HTTP/1.1 200 ")


def test_half_a_request_behind_a_whole_one_holds_no_thread(sqlite_api: Container) -> None:
    whole = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(address(sqlite_api), timeout=HUNG))
            for _ in range(16)
        ]
        for client in clients:
            client.sendall(whole + whole[:20])
            assert answer(client).startswith(b"HTTP/1.1 200 ")
        assert sqlite_api.get("/api/notes/").status_code == 200
        for client in clients:
            client.sendall(whole[20:])
            assert answer(client).startswith(b"HTTP/1.1 200 ")


def test_requests_that_come_together_are_all_answered(sqlite_api: Container) -> None:
    """The server reads ahead because no view reads the bodies."""
    body = b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    unread = b"PUT /api/notes/987654321/ HTTP/1.1\r\nHost: localhost\r\n" + body
    last = b"GET /pid HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with socket.create_connection(address(sqlite_api), timeout=HUNG) as client:
        client.sendall(unread * 5 + last)
        got = b""
        while data := client.recv(65536):
            got += data
    assert (got.count(b"HTTP/1.1 404 "), got.count(b"HTTP/1.1 200 ")) == (5, 1), got


def answer(client: socket.socket) -> bytes:
    """A response with a Content-Length, or the data until the server closed."""
    got = b""
    while True:
        head, end, body = got.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        if end and len(body) >= int(fields.get(b"content-length", 0)):
            return got
        data = client.recv(65536)
        if not data:
            return got
        got += data


# In a team's gunicorn_conf.py. The test does not have to wait for the usual timeouts.
IMPATIENT = (
    "from backend.server import worker\nfrom backend.server import clients\n\n"
    "worker.HEADERS_TIMEOUT = clients.STALLED = 1\n"
)


@pytest.fixture
def impatient_api(containers: Containers, project_folder: Path, tmp_path: Path) -> Container:
    folder = tmp_path / "local_settings"
    folder.mkdir()
    for file in (project_folder / "local_settings").glob("*.py"):
        (folder / file.name).write_text(file.read_text())
    (folder / "gunicorn_conf.py").write_text(IMPATIENT)
    files = {
        folder: "/code/src_files/local_settings:ro",
        project_folder / "notes": "/code/notes:ro",
    }
    return containers.start(env={"WEB_CONCURRENCY": "1"}, mounts=files).wait_until_ready()


def test_headers_that_do_not_come_are_answered_with_408(impatient_api: Container) -> None:
    with socket.create_connection(address(impatient_api), timeout=HUNG) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost:")
        assert answer(client).startswith(b"HTTP/1.1 408 ")


def test_stalled_bodies_and_unread_answers_give_their_threads_back(
    impatient_api: Container, report: Report
) -> None:
    """There are more of both than threads."""
    where, notes = address(impatient_api), impatient_api.url("/api/notes/")
    text = "x" * 1_000_000
    for _ in range(10):
        assert requests.post(notes, json={"text": text}, timeout=HUNG).status_code == 201
    stalled = (
        b"POST /api/notes/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b'Content-Length: 100\r\n\r\n{"te'
    )
    greedy = b"GET /api/notes/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with contextlib.ExitStack() as stack:
        for request in (stalled, greedy):
            for _ in range(8):
                client = stack.enter_context(socket.create_connection(where, timeout=HUNG))
                client.sendall(request)
        began = time.monotonic()
        answered = requests.get(notes + "?limit=1", timeout=HUNG)
        took = time.monotonic() - began
        assert answered.status_code == 200
    assert " 500 " not in impatient_api.logs()
    assert "Traceback" not in impatient_api.logs()
    report.add(
        "16 stalled bodies and unread answers", "closed after 30 s (here 1 s)", recovered=took
    )


# What 16 slow clients send or read. The page has 8 MB, and streams are larger than all buffers.
SLOW = {
    "streams": slow.reading("/api/notes/?format=csv"),
    "streams of the team's own": slow.reading("/lines"),
    "pages": slow.reading("/api/notes/?limit=8"),
    "small bodies": slow.uploading("/api/notes/", 1000),
    "uploads": slow.uploading("/api/notes/"),
    "uploads of a long length": slow.uploading("/api/notes/", "0" * 20 + "1000000"),
    "chunked bodies": slow.uploading_chunks("/api/notes/"),
}


@pytest.fixture(scope="module")
def filled_api(api: Container) -> Iterator[Container]:
    """The API with 32 notes of 1 MB each."""
    notes, text = api.url("/api/notes/"), {"text": "x" * 1_000_000}
    made = [requests.post(notes, json=text, timeout=HUNG).json()["id"] for _ in range(32)]
    yield api
    for number in made:
        requests.delete(f"{notes}{number}/", timeout=HUNG)


@pytest.mark.parametrize("kind", SLOW)
def test_sixteen_slow_clients_do_not_keep_others_from_being_served(
    filled_api: Container, kind: str, report: Report
) -> None:
    notes = filled_api.url("/api/notes/987654321/")
    pid = filled_api.url("/pid")
    load = Load(lambda: pid)
    with slow.SlowClients(filled_api.address(), SLOW[kind]).running() as slow_ones:
        with load.running():
            # The server disconnects the slow ones after 30 s.
            until(lambda: load.good_answers > 200, "the load is served at once", 20)
        assert requests.put(notes, json={"text": "x"}, timeout=HUNG).status_code == 404
        assert filled_api.get("/health/ready").json()["status"] == "ready"
        # Three of the four threads of each of two workers.
        if kind == "streams":
            until(lambda: sum(map(bool, slow_ones.heads)) >= 3, "streams begin in the free threads")
            answers = [head.split(b" ")[1] for head in slow_ones.heads if head]
            assert answers == [b"200"] * len(answers)
            assert len(answers) <= 6, "the others wait for their turn"
        if kind == "streams of the team's own":
            until(lambda: all(slow_ones.heads), "all of them have an answer")
            answers = [head.split(b" ")[1] for head in slow_ones.heads]
            assert 3 <= answers.count(b"200") <= 6
            refused = slow_ones.heads[answers.index(b"503")]
            assert b"\r\nRetry-After: " in refused
    assert (load.failed, load.lost, load.refused) == (0, 0, 0), load.bad
    report.add(f"16 slow {kind}", "others are served", load)


def test_when_every_thread_has_a_request_ready_says_busy(sqlite_api: Container) -> None:
    where = address(sqlite_api)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            client = stack.enter_context(socket.create_connection(where))
            client.sendall(slow.reading("/wait"))

        def status() -> str:
            answer = sqlite_api.get("/health/ready")
            assert answer.status_code == 200
            return answer.json()["status"]

        until(lambda: status() == "busy", "it is busy")
        sqlite_api.exec("touch", "/tmp/go-on")
        until(lambda: status() == "ready", "it is ready again")
