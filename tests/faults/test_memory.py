"""Large anonymous requests to a container with 128 MiB of memory, which includes its /tmp."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.faults.conftest import HUNG, Report, mounts
from tests.faults.test_clients import address
from tests.support.containers import Container, Containers

pytestmark = [pytest.mark.engine, pytest.mark.alone]

LIMITS = ["--memory", "128m", "--memory-swap", "128m", "--read-only", "--tmpfs", "/tmp"]
# Enough files for all connections of a worker.
LIMITS += ["--ulimit", "nofile=4096:4096"]
AT_ONCE = 8
PIECE = b"x" * 1_000_000
# Almost the maximum size of a body.
PIECES = 90
FORM = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
# A token that Django compares with the form's token, so it has to read the form.
CSRF = {"Cookie": f"csrftoken={'a' * 32}", "Content-Type": FORM}


@pytest.fixture(scope="module")
def small_api(project_folder: Path) -> Iterator[Container]:
    started = Containers()
    started.may_log("Service Unavailable: /", "memory limit")
    files = {**mounts(project_folder), started.volume(): "/data"}
    yield started.start(mounts=files, options=LIMITS).wait_until_ready()
    started.clean()


def pieces() -> Iterator[bytes]:
    yield PART
    for _ in range(PIECES):
        yield PIECE


class Sized:
    """The pieces, with their length known in advance."""

    def __init__(self) -> None:
        self.pieces = pieces()

    def __len__(self) -> int:
        return len(PART) + PIECES * len(PIECE)

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces


def values() -> bytes:
    """The JSON that takes the most memory for its size."""
    return b"[" + b",".join([b"{}"] * 1_000_000) + b"]"


SENT = {
    "an upload": (Sized, {"Content-Type": "image/tiff"}),
    "a form with a file": (Sized, CSRF),
    "chunks": (pieces, {"Content-Type": "image/tiff"}),
    "chunks of a form": (pieces, CSRF),
    "JSON": (values, {"Content-Type": "application/json"}),
    "chunks of JSON": (lambda: iter([values()]), {"Content-Type": "application/json"}),
}


@pytest.mark.parametrize("kind", SENT)
def test_no_request_body_kills_the_server(small_api: Container, kind: str, report: Report) -> None:
    make, headers = SENT[kind]
    before = small_api.get("/pid").text

    def send(path: str) -> int | None:
        with contextlib.suppress(requests.ConnectionError):  # it stopped reading
            url = small_api.url(path)
            return requests.post(url, data=make(), headers=headers, timeout=HUNG).status_code
        return None

    paths = ["/admin/login/", "/api/notes/", "/nonsense/", "/"] * (AT_ONCE // 4)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = set(pool.map(send, paths))
    assert statuses <= {400, 403, 404, 405, 413, 503, None}
    assert small_api.get("/pid").text == before, small_api.logs()
    report.add(f"{AT_ONCE} x {kind}, at 128 MiB", "refused, nothing is killed", sent=AT_ONCE)


def test_no_request_headers_kill_the_server(small_api: Container, report: Report) -> None:
    before, where = small_api.get("/pid").text, address(small_api)
    with contextlib.ExitStack() as stack:
        for _ in range(800):
            client = stack.enter_context(socket.create_connection(where, timeout=HUNG))
            with contextlib.suppress(OSError):  # it made room for others
                client.sendall(b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 60_000)
        assert small_api.get("/pid").text == before, small_api.logs()
    report.add("800 x 60 kB of headers, at 128 MiB", "the longest make room", sent=800)
