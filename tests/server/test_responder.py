"""The responses while a container prepares, over real sockets but without a container."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import pytest

from backend.server import phase
from backend.server.responder import LAST_PATIENCE, MAX_HEAD, Responder, answer

LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


@pytest.fixture
def responder(listener: socket.socket) -> Iterator[Responder]:
    responder = Responder([listener])
    yield responder
    if responder._thread.is_alive():
        responder.stop()


def connect(listener: socket.socket) -> socket.socket:
    return socket.create_connection(listener.getsockname(), timeout=10)


def everything(connection: socket.socket) -> bytes:
    received = b""
    while data := connection.recv(65536):
        received += data
    return received


def ask(listener: socket.socket, request: bytes) -> bytes:
    with connect(listener) as connection:
        connection.sendall(request)
        return everything(connection)


def parts(response: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = response.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    return int(status.split()[1]), headers, body


def status_of(request_line: bytes, prefix: str = "") -> int:
    return parts(answer(request_line + b"\r\n\r\n", prefix))[0]


def test_live_is_200_ready_and_everything_else_503_with_retry_after():
    for path, expected in (("live", 200), ("live/", 200), ("ready", 503), ("", 503)):
        status, headers, body = parts(answer(f"GET /health/{path} HTTP/1.1\r\n\r\n".encode()))
        assert status == expected
        assert ("Retry-After" in headers) == (status == 503)
        assert int(headers["Content-Length"]) == len(body)
        assert headers["Connection"] == "close"
        assert json.loads(body)
    assert status_of(b"POST /api/stops/ HTTP/1.1") == 503


def test_ready_names_phase_since_and_what_is_wrong(monkeypatch):
    monkeypatch.setattr(phase, "checks", {"default": "unreachable", "census": "ok"})
    document = json.loads(parts(answer(b"GET /health/ready HTTP/1.1\r\n\r\n"))[2])
    assert document["phase"] == phase.current().name
    assert document["since"] == phase.current().since
    assert document["checks"] == {"database:default": "unreachable", "database:census": "ok"}


@pytest.mark.parametrize(
    ("target", "prefix"),
    [
        ("/health/live?from=a-probe", ""),
        ("http://api.example.org/health/live", ""),
        ("/api/health/live", "/api"),
        ("/health/live", "/api"),
    ],
)
def test_live_is_found_behind_query_authority_and_prefix(target, prefix):
    assert status_of(f"GET {target} HTTP/1.1".encode(), prefix) == 200


def test_path_that_only_begins_like_the_prefix_is_another_one():
    assert status_of(b"GET /apis/health/live HTTP/1.1", "/api") == 503


def test_head_has_the_headers_of_get_and_no_body():
    status, headers, body = parts(answer(b"HEAD /health/live HTTP/1.1\r\n\r\n"))
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0


@pytest.mark.parametrize(
    "head", [b"", b"\x16\x03\x01\x02\x00", b"GET /", b"GET / HTTP/2.0", b"\xff\xfe / HTTP/1.1"]
)
def test_garbage_is_a_bad_request(head):
    assert status_of(head) == 400


def test_endless_garbage_is_answered_too(listener, responder):
    assert parts(ask(listener, b"\xff" * MAX_HEAD))[0] == 400


def test_request_in_pieces_and_its_unread_body_get_their_answer(listener, responder):
    with connect(listener) as connection:
        for piece in (b"POST /api/ HTTP/1.1\r\nContent-Le", b"ngth: 300000\r\n\r"):
            connection.sendall(piece)
        # If this stayed unread, the connection would be reset and the response lost.
        connection.sendall(b"\n" + b"x" * 300_000)
        assert parts(everything(connection))[0] == 503


def test_silent_clients_do_not_delay_others(listener, responder):
    silent = [connect(listener) for _ in range(50)]
    silent += [connect(listener) for _ in range(50)]
    for connection in silent[50:]:
        connection.sendall(b"GET /health/")
    started = time.monotonic()
    assert parts(ask(listener, LIVE))[0] == 200
    assert time.monotonic() - started < 2  # their timeout is 5 s
    for connection in silent:
        connection.close()


def test_hand_over_waits_a_moment_at_most_and_leaves_the_socket_open(listener, responder):
    half, late = connect(listener), connect(listener)
    half.sendall(b"GET /health/")
    late.sendall(b"GET /health/live HT")
    assert parts(ask(listener, LIVE))[0] == 200  # the earlier ones are accepted by then
    late.sendall(b"TP/1.1\r\n\r\n")
    started = time.monotonic()
    responder.stop()
    assert time.monotonic() - started < LAST_PATIENCE + 2
    assert parts(everything(half))[0] == 400
    assert parts(everything(late))[0] == 200
    # A new client waits in the backlog for the server.
    with connect(listener) as waiting:
        waiting.sendall(LIVE)
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(4096) == LIVE
    half.close()
    late.close()


def test_hand_over_without_clients_takes_no_time(listener, responder):
    assert parts(ask(listener, LIVE))[0] == 200
    started = time.monotonic()
    responder.stop()
    assert time.monotonic() - started < LAST_PATIENCE
