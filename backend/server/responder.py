"""Responds on the server's sockets while it prepares: alive, but not ready.

It is one thread with a selector, so that a slow client does not make others wait. It knows as much
HTTP as a probe needs: each connection gets one response.
"""

from __future__ import annotations

import contextlib
import json
import re
import selectors
import socket
import threading
import time
from collections.abc import Set
from email.utils import formatdate
from http import HTTPStatus

from backend.server import phase

REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~\w-]+) +(\S+) +HTTP/1\.[01]\r?", re.ASCII)
END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
MAX_HEAD = 16 * 1024  # bytes
MAX_CLIENTS = 256
# Seconds for the whole head of a request (gunicorn's limit for its first byte), for the client to
# close its side after the response, and for all clients together at the handover.
HEAD_PATIENCE = 5.0
CLOSE_PATIENCE = 1.0
LAST_PATIENCE = 0.25
RETRY_AFTER = 5  # seconds: a start without migrations takes one or two


def answer(head: bytes, prefix: str = "") -> bytes:
    """The whole response to a request with this head; ``prefix`` is PATH_PREFIX."""
    match = REQUEST_LINE.fullmatch(head.partition(b"\n")[0])
    if match is None:
        return _response(HTTPStatus.BAD_REQUEST, {"detail": "This is not an HTTP/1.1 request."})
    method, target = match[1], match[2].decode("latin-1")
    path = re.sub(r"^https?://[^/?#]*", "", target).partition("?")[0]
    if prefix and (path + "/").startswith(f"{prefix}/"):
        path = path[len(prefix) :]
    now = phase.current()
    status = HTTPStatus.SERVICE_UNAVAILABLE
    document: dict[str, object]
    match path.rstrip("/"):
        case "/health/live":
            # With its phase, by which bin/healthcheck distinguishes a start from a running server.
            status, document = HTTPStatus.OK, {"status": "live", "phase": now.name}
        case "/health/ready" | "/health":
            states = {f"database:{alias}": state for alias, state in phase.checks.copy().items()}
            document = {"status": "not ready", "phase": now.name, "since": now.since}
            document["checks"] = states
        case _:
            document = {"detail": f"This API is starting ({now.name}). Try again in a moment."}
    return _response(status, document, body=method != b"HEAD")


def _response(status: HTTPStatus, document: dict[str, object], *, body: bool = True) -> bytes:
    content = json.dumps(document).encode() + b"\n"
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Date: {formatdate(usegmt=True)}",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append(f"Retry-After: {RETRY_AFTER}")
    return "\r\n".join([*lines, "", ""]).encode() + (content if body else b"")


class _Client:
    """One connection: the bytes so far, and its deadline."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.head = b""
        self.answered = False
        self.deadline = time.monotonic() + HEAD_PATIENCE


class Responder:
    """Responds on ``listeners``, which are non-blocking and stay open, until it is stopped."""

    def __init__(self, listeners: list[socket.socket], prefix: str = "") -> None:
        self.prefix = prefix
        self._listeners = listeners
        self._clients: dict[socket.socket, _Client] = {}
        self._selector = selectors.DefaultSelector()
        self._stopped, self._stop = socket.socketpair()
        self._selector.register(self._stopped, selectors.EVENT_READ)
        for listener in listeners:
            self._selector.register(listener, selectors.EVENT_READ)
        # A daemon, so that a boot that ends does not wait for it.
        self._thread = threading.Thread(target=self._run, name="responder", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop accepting, respond to the accepted clients, and return when the thread has ended.

        That takes only a moment, even if a client is still sending. New connections wait in the
        backlog for the server.
        """
        self._stop.send(b"\0")
        self._thread.join()
        self._stop.close()
        self._stopped.close()
        self._selector.close()

    def _run(self) -> None:
        while True:
            ready = {key.fileobj for key, _ in self._selector.select(self._patience())}
            if self._stopped in ready:
                break
            for listener in set(self._listeners) & ready:
                self._accept(listener)
            self._talk(ready)
        for listener in self._listeners:
            self._selector.unregister(listener)
        self._selector.unregister(self._stopped)
        for client in self._clients.values():
            client.deadline = min(client.deadline, time.monotonic() + LAST_PATIENCE)
        while self._clients:
            self._talk({key.fileobj for key, _ in self._selector.select(self._patience())})

    def _patience(self) -> float | None:
        """Seconds until the first client's deadline; None without clients."""
        if not self._clients:
            return None
        first = min(client.deadline for client in self._clients.values())
        return max(first - time.monotonic(), 0)

    def _accept(self, listener: socket.socket) -> None:
        # The client is gone again, or this process has no file descriptor left.
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            connection.setblocking(False)
            self._clients[connection] = _Client(connection)
            self._selector.register(connection, selectors.EVENT_READ)
        if len(self._clients) > MAX_CLIENTS:
            self._close(next(iter(self._clients.values())))

    def _talk(self, ready: Set[object]) -> None:
        for client in list(self._clients.values()):
            if client.connection in ready:
                self._read(client)
        now = time.monotonic()
        for client in list(self._clients.values()):
            if client.deadline > now:
                continue
            if not client.answered:
                self._answer(client)
            self._close(client)

    def _read(self, client: _Client) -> None:
        try:
            received = client.connection.recv(MAX_HEAD)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._close(client)
        elif not client.answered:
            client.head += received
            if END_OF_HEAD.search(client.head) or len(client.head) >= MAX_HEAD:
                self._answer(client)

    def _answer(self, client: _Client) -> None:
        """Send the response, which fits in any socket's buffer, and close this side.

        A body can still be arriving. To close before reading it could discard the response at the
        client (RFC 9112, section 9.6), so this waits for the client's end.
        """
        client.answered = True
        client.deadline = min(client.deadline, time.monotonic() + CLOSE_PATIENCE)
        with contextlib.suppress(OSError):
            client.connection.send(answer(client.head, self.prefix))
            client.connection.shutdown(socket.SHUT_WR)

    def _close(self, client: _Client) -> None:
        del self._clients[client.connection]
        self._selector.unregister(client.connection)
        client.connection.close()
