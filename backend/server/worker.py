"""gunicorn's worker with threads: slow clients occupy few of them, and probes have an extra one.

In gunicorn's own worker (``gthread``), the thread that responds also reads the request, and waits
for as long as the client takes. A few incomplete requests, one per thread, then block all other
clients. In this worker, the thread that watches all sockets collects the headers and a small body,
and a request gets a thread only after they have arrived. The same thread sends the rest of a
response that a client does not accept at once, and waits for clients to close their connections.
https://docs.gunicorn.org/en/stable/deploy.html

A large body needs a thread, because the view decides whether to read it. A stream needs a thread
for as long as the client reads it. Both are limited to fewer threads than there are
(``backend.server.slots``). The worker drops clients that are too slow (``backend.server.clients``).

If all threads wait for a database that does not respond, a probe would wait behind them, and the
container would be killed although it only has to wait. So a probe then gets an extra thread.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import selectors
import socket
import time
from collections import deque
from concurrent import futures
from dataclasses import dataclass
from functools import partial
from typing import Any

from gunicorn import http
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.http.unreader import Unreader
from gunicorn.http2 import negotiation
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from backend.conf import machine_limits
from backend.conf.environment import current
from backend.server import clients, memory, slots
from backend.server.clients import Client

# Seconds from the first byte of a request to the end of its headers. nginx allows 60, and Apache 20
# or more while bytes arrive. Headers have about a kilobyte, and no proxy needs a second for them.
HEADERS_TIMEOUT = 10
# Seconds from the connection to the first byte, if connections run out: once around the world.
FIRST_BYTES_TIMEOUT = 0.2
# Bytes of the request line, the headers, and a body that is collected with them. nginx accepts
# 32 KiB.
HEADERS_LIMIT = 64 * 1024
_memory = machine_limits.memory_bytes() or 2**40
# Bytes of all incomplete requests. Above this, the worker closes the longest one.
INCOMING_LIMIT = min(8 * 2**20, _memory // 32)
# Bytes of all responses that wait for slow clients. Above this, the worker drops the slowest
# client. 16 pages of 10,000 points have 30 MB.
KEPT_LIMIT = min(32 * 2**20, _memory // 16)
# Seconds and bytes for which a client can continue to send after its last response. If the worker
# closed the connection earlier, the client's system would discard the response.
LINGER_TIMEOUT, LINGER_BYTES = 2, 2**20

BODY = re.compile(rb"\r\n(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r]*)", re.I)
PROBES = tuple(
    f"{method} {prefix}/health/{page}{end}".encode()
    for method in ("GET", "HEAD")
    for prefix in {"", current()["PATH_PREFIX"]}
    for page in ("live", "ready")
    for end in (" ", "/ ", "?")
)


def _last_words(status: str, detail: str, *headers: str) -> bytes:
    """A response to a request that never got a thread."""
    body = json.dumps({"detail": detail})
    lines = (
        f"HTTP/1.1 {status}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return "\r\n".join((*lines, "", body)).encode()


TIMED_OUT = _last_words("408 Request Timeout", "This request was not complete in time.")
NO_PLACE = _last_words(
    "503 Service Unavailable", slots.NO_PLACE, f"Retry-After: {slots.RETRY_AFTER}"
)


@dataclass
class Incoming:
    """A connection whose request is incomplete or waits for a place. Times are time.monotonic()."""

    came: float
    end: float  # when the worker gives up
    size: int = 0  # bytes that have arrived
    whole: int = 0  # bytes of the headers and a small body, after the headers have arrived
    is_queued: bool = False  # waits for a place


@dataclass
class Leaving:
    """A connection that the worker closes after the client has closed it, or at ``end``."""

    end: float
    drained: int = 0


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """``gthread``, but requests get a thread only with complete headers, and probes come first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The oldest is first. Requests that wait for a place are also in the queue.
        self.incoming: dict[TConn, Incoming] = {}
        self.queue: deque[TConn] = deque()
        # Connections with a response to send, and the result of its thread.
        self.sending: dict[TConn, futures.Future[object]] = {}
        self.leaving: dict[TConn, Leaving] = {}
        self.has_place: set[TConn] = set()
        self.put_back: set[TConn] = set()  # their threads returned them to wait for a place
        self.next_look = 0.0
        self.full_until = 0.0  # time at which to try to accept another connection
        self.busy = 0
        self.answering = 0  # like ``busy``, but without probes

    def init_process(self) -> None:
        self.probe_pool = futures.ThreadPoolExecutor(max_workers=1)
        memory.bound(machine_limits.room(self.cfg.workers))
        places = slots.of_threads(self.cfg.threads)
        slots.bound(places, partial(self.method_queue.defer, self._admit))
        super().init_process()

    def run(self) -> None:
        # The settings no longer change. gunicorn reads 25 of them per request, each by three calls.
        self.cfg.__dict__.update(
            {name: setting.get() for name, setting in self.cfg.settings.items()}
        )
        super().run()

    def accept(self, listener: socket.socket) -> bool:
        """Accept a connection. Returns False if that is not possible now."""
        # At the limit, gunicorn stops accepting, so thousands of silent connections would block
        # all other clients. This worker closes the oldest of them instead, after it had the time
        # that a client needs for its first bytes. Until then, new connections wait.
        is_full = self.nr_conns >= self.worker_connections - 1
        if is_full and self.alive and not self._make_room():
            return False
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in (errno.EMFILE, errno.ENFILE):
                raise
            return self.alive and self._make_room()
        return True

    def _make_room(self) -> bool:
        """Close the least important connection. Returns False if all of them are needed.

        It is the oldest one of the largest group. A client that opens many connections of one kind
        then loses these, and not the connections of another kind that others have.
        """
        now = due = time.monotonic()
        begun: list[TConn] = []  # the headers are incomplete
        halves: list[TConn] = []  # the body is incomplete, or there is no place
        for conn, each in self.incoming.items():
            (halves if each.whole or each.is_queued else begun).append(conn)
        idle = list(self.keepalived_conns)
        largest = max(begun, halves, idle, key=len)
        if largest and largest is not idle:
            due = self.incoming[largest[0]].came + FIRST_BYTES_TIMEOUT
        if largest and largest is not idle and due <= now:
            if self.incoming[largest[0]].is_queued:
                with contextlib.suppress(OSError):
                    largest[0].sock.send(NO_PLACE)
            self._close(largest[0])
        elif self.leaving:
            self._close(next(iter(self.leaving)))
        elif largest and largest is idle:
            # A client may be sending its next request just now, so these are closed last.
            self.poller.unregister(self.keepalived_conns.popleft().sock)
            self._close(largest[0])
        elif not largest and self.sending:
            self._close(max(self.sending, key=lambda conn: conn.sock.time_left()))
        else:
            self.full_until = max(due, now + FIRST_BYTES_TIMEOUT / 4)
            super().set_accept_enabled(False)
            return False
        return True

    def set_accept_enabled(self, enabled: bool) -> None:
        # gunicorn enables this in each round, and a waiting connection would start the next round.
        super().set_accept_enabled(enabled and self.full_until <= time.monotonic())

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        until_room = self.full_until - time.monotonic()
        if until_room > 0:
            timeout = min(timeout, until_room)
        super().wait_for_and_dispatch_events(timeout)

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to a thread, or wait for the rest of its headers.

        The thread that watches the sockets calls this for a new connection, for an idle connection
        that becomes readable, and for one whose next request was already read.
        """
        if not self._speaks_plain_http(conn):
            self._hand_over(conn)
            return
        if conn.parser is None:
            conn.sock = Client(fileno=conn.sock.detach())
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
            conn.data_ready = True
        self._receive(conn)

    def _speaks_plain_http(self, conn: TConn) -> bool:
        other = self.cfg.is_ssl or self.cfg.protocol != "http"
        # Version 2 of the PROXY protocol begins with the bytes that end HTTP headers.
        other = other or self.cfg.proxy_protocol in ("v2", "auto")
        return not other and not negotiation.prior_knowledge_allowed(self.cfg, conn.client)

    def _readable(self, conn: TConn, _socket: object) -> None:
        # It may have been closed in the same round of events, to make room.
        if conn in self.incoming:
            self._receive(conn)

    def _receive(self, conn: TConn) -> None:
        conn.sock.setblocking(False)
        try:
            data = conn.sock.recv(HEADERS_LIMIT)
        except BlockingIOError:
            data = None
        except OSError:
            data = b""
        buffer = conn.parser.unreader.buf
        known = buffer.seek(0, os.SEEK_END)
        buffer.write(data or b"")
        incoming = self.incoming.get(conn)
        if incoming and incoming.whole:
            self._collect(conn, incoming, data)
            return
        head = buffer.getvalue()
        # Bytes that arrived together with the previous request were not searched yet.
        looked_at = max(known - 3, 0) if incoming else 0
        end = head.find(b"\r\n\r\n", looked_at)
        if end >= 0:
            self._await_body(conn, head, end + 4)
        elif len(head) > self._limit():
            conn.parser = _TooLarge(head, conn.parser.unreader)
            self._hand_over(conn)
        elif data == b"":
            self._close(conn)
        else:
            self._wait(conn, len(head))

    def _limit(self) -> int:
        # A team's configuration can allow a longer line and header.
        own: int = self.cfg.limit_request_line + self.cfg.limit_request_field_size
        return max(HEADERS_LIMIT, own)

    def _wait(self, conn: TConn, size: int) -> None:
        incoming, now = self.incoming.get(conn), time.monotonic()
        if incoming is None:
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._readable, conn))
            # Proxies and browsers open connections before they have a request.
            patience = HEADERS_TIMEOUT if size else max(self.cfg.keepalive, HEADERS_TIMEOUT)
            self.incoming[conn] = Incoming(now, now + patience, size)
        else:
            if size and not incoming.size:
                incoming.end = now + HEADERS_TIMEOUT
            incoming.size = size
        self._bound_incoming()

    def _await_body(self, conn: TConn, head: bytes, end: int) -> None:
        """Let a request with complete headers wait for a small body or for a place, or start it."""
        size = _body_size(head[:end])
        if size is None or end + size > HEADERS_LIMIT:
            self._queue(conn, len(head))
        elif len(head) >= end + size:
            self._hand_over(conn, head)
        else:
            self._wait(conn, len(head))
            if conn in self.incoming:  # it may have been closed as the longest one
                incoming = self.incoming[conn]
                incoming.whole = end + size
                incoming.end = time.monotonic() + clients.STALLED

    def _collect(self, conn: TConn, incoming: Incoming, data: bytes | None) -> None:
        incoming.size += len(data or b"")
        if incoming.size >= incoming.whole:
            self._hand_over(conn)
        elif data == b"":
            self._close(conn)
        else:
            self._bound_incoming()

    def _bound_incoming(self) -> None:
        if sum(each.size for each in self.incoming.values()) > INCOMING_LIMIT:
            self._close(max(self.incoming, key=lambda conn: self.incoming[conn].size))

    def _queue(self, conn: TConn, size: int) -> None:
        conn.sock.setblocking(False)
        self._forget(conn)
        now = time.monotonic()
        self.incoming[conn] = Incoming(now, now + clients.STALLED, size, is_queued=True)
        self.queue.append(conn)
        self._admit()
        self._bound_incoming()

    def _admit(self) -> None:
        """Give threads to requests that wait for a place, while there are places."""
        while self.queue and slots.are_free():
            conn = self.queue[0]
            if _is_gone(conn.sock):
                self._close(conn)
            elif slots.reserve():
                self.has_place.add(conn)
                self._hand_over(conn)

    def _forget(self, conn: TConn) -> None:
        incoming = self.incoming.pop(conn, None)
        if incoming is None:
            return
        if incoming.is_queued:
            self.queue.remove(conn)
        else:
            self.poller.unregister(conn.sock)

    def _hand_over(self, conn: TConn, head: bytes = b"") -> None:
        self._forget(conn)
        is_probe = head.startswith(PROBES)
        pool = self.probe_pool if is_probe and self.busy >= self.cfg.threads else self.tpool
        self._count(pool, is_probe, 1)
        future = pool.submit(self.handle, conn)
        finish = partial(self._finish, conn, pool, is_probe)
        future.add_done_callback(partial(self.method_queue.defer, finish))

    def _count(self, pool: futures.Executor, is_probe: bool, by: int) -> None:
        self.busy += by * (pool is self.tpool)
        self.answering += by * (not is_probe)
        slots.busy = self.answering >= self.cfg.threads

    def _finish(
        self,
        conn: TConn,
        pool: futures.Executor,
        is_probe: bool,
        future: futures.Future[object],
    ) -> None:
        self._count(pool, is_probe, -1)
        if conn in self.put_back:
            self.put_back.discard(conn)
            self._queue(conn, conn.parser.unreader.buf.getbuffer().nbytes)
            return
        if isinstance(conn.sock, Client) and conn.sock.kept:
            conn.sock.setblocking(False)
            self.sending[conn] = future
            self.poller.register(conn.sock, selectors.EVENT_WRITE, partial(self._send, conn))
            self._bound_kept()
        else:
            self.finish_request(conn, future)

    def _bound_kept(self) -> None:
        # A single response can have any size, because it already was in memory.
        waiting = [conn for conn in self.sending if conn.sock.kept_bytes]
        while len(waiting) > 1 and sum(conn.sock.kept_bytes for conn in waiting) > KEPT_LIMIT:
            slowest = max(waiting, key=lambda conn: conn.sock.time_left())
            self.log.info("Client %s was the slowest of many and was disconnected.", slowest.client)
            self._close(slowest)
            waiting.remove(slowest)

    def _send(self, conn: TConn, _socket: object) -> None:
        if conn not in self.sending:
            return
        try:
            conn.sock.send_kept()
        except OSError:
            self._close(conn)
            return
        if not conn.sock.kept:
            self.poller.unregister(conn.sock)
            self.finish_request(conn, self.sending.pop(conn))

    def finish_request(self, conn: TConn, future: futures.Future[object]) -> None:
        if not isinstance(conn.sock, Client) or conn.sock.goes_on:
            super().finish_request(conn, future)
            return
        # gunicorn would wait here for the client to close, up to 2 s, and serve nobody meanwhile.
        self._leave(conn)

    def _leave(self, conn: TConn) -> None:
        try:
            conn.sock.setblocking(False)
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(conn)
            return
        self.leaving[conn] = Leaving(time.monotonic() + LINGER_TIMEOUT)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._drain, conn))

    def _drain(self, conn: TConn, _socket: object) -> None:
        if conn not in self.leaving:
            return
        with contextlib.suppress(OSError):
            if data := conn.sock.recv(HEADERS_LIMIT):
                self.leaving[conn].drained += len(data)
                if self.leaving[conn].drained < LINGER_BYTES:
                    return
        self._close(conn)

    def _close(self, conn: TConn) -> None:
        self._forget(conn)
        for others in (self.sending, self.leaving):
            if others.pop(conn, None) is not None:
                self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Close connections that are too late. gunicorn calls this after each round of events."""
        super().murder_pending()
        now = time.monotonic()
        if now < self.next_look:
            return
        # While the container was paused, it did not wait for its clients.
        self.next_look, since = now + 1, min(now + 1 - self.next_look, 2)
        if not self.alive:
            latest = now + STOP_KEEPALIVE_LINGER
            for incoming in self.incoming.values():
                if not incoming.whole and not incoming.is_queued:  # its headers are incomplete
                    incoming.end = min(incoming.end, latest)
        for conn in [conn for conn, incoming in self.incoming.items() if incoming.end < now]:
            incoming = self.incoming[conn]
            if not incoming.size:
                self._close(conn)
                continue
            self._forget(conn)
            with contextlib.suppress(OSError):
                conn.sock.send(NO_PLACE if incoming.is_queued else TIMED_OUT)
            self._leave(conn)
        for conn in [conn for conn in self.sending if conn.sock.has_stalled(since)]:
            self._log_stalled(conn)
            self._close(conn)
        for conn in [conn for conn, leaving in self.leaving.items() if leaving.end < now]:
            self._close(conn)

    def handle(self, conn: TConn) -> object:
        has_place, is_ours = conn in self.has_place, isinstance(conn.sock, Client)
        self.has_place.discard(conn)
        # A request on an HTTP/2 connection cannot be started again.
        can_wait = is_ours and not has_place and "h2" not in self.cfg.http_protocols
        slots.begin(has_place=has_place, can_wait=can_wait)
        received = b""
        if is_ours:
            conn.sock.begin()
            received = conn.parser.unreader.buf.getvalue()
        try:
            goes_on = super().handle(conn)
            if is_ours:
                conn.sock.goes_on = bool(goes_on)
            return goes_on
        except slots.WaitsForPlace:
            # Restore the request, as if no thread had read it.
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader.unread(received)
            self.put_back.add(conn)
            return False
        finally:
            memory.end()
            slots.end()

    def handle_request(self, req: http.Request, conn: TConn) -> bool:
        try:
            goes_on: bool = super().handle_request(req, conn)
        except clients.StalledError:
            self._log_stalled(conn)
            return False
        return goes_on

    def _log_stalled(self, conn: TConn) -> None:
        rate = f"{clients.MINIMUM_RATE * clients.STALLED} bytes in {clients.STALLED} s"
        self.log.info("Client %s was slower than %s and was disconnected.", conn.client, rate)


def _is_gone(client: Client) -> bool:
    """Whether a waiting client has closed its connection."""
    try:
        return client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _body_size(head: bytes) -> int | None:
    """The bytes of the body after these headers, or None if only a thread can find out."""
    fields = BODY.findall(head)
    if not fields:
        return 0
    name, value = fields[0]
    is_length = name.lower() == b"content-length" and value.isdigit() and len(value) <= 20
    if len(fields) == 1 and is_length:
        return int(value)
    return None


class _TooLarge:
    """Replaces a connection's parser, so that gunicorn refuses the request with its own error."""

    def __init__(self, head: bytes, unreader: Unreader) -> None:
        self.head = head
        self.unreader = unreader

    def __next__(self) -> None:
        if b"\r\n" in self.head:
            raise LimitRequestHeaders("limit request headers")
        raise LimitRequestLine(len(self.head), HEADERS_LIMIT)
