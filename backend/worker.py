"""gunicorn's worker of threads, of which slow clients hold none and probes have one more.

gunicorn's own (``gthread``) reads a request in the thread that will answer it, and waits
there for as long as the client likes: as many halves of a request as there are threads, and
nobody else is served. Here the one thread that watches all sockets collects the headers; a
thread is taken when they are in. https://docs.gunicorn.org/en/stable/deploy.html

With all threads waiting for a database that is silent, a probe would wait behind them, and
a container that only has to wait would be killed for it. Probes then get a thread apart.

A body is still read by the thread, because the view decides whether it wants it: a client
that stalls there, or does not take its answer, is let go after ``STALLED``.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
import time
from concurrent import futures
from functools import partial

from gunicorn import http
from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine
from gunicorn.http2 import negotiation
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from backend.environment import current

# Seconds from the first byte of a request to the end of its headers. nginx gives 60,
# Apache 20 and more while bytes come; ours are a kilobyte, and no proxy needs a second.
HEADERS_TIMEOUT = 10
# Seconds from the connection to the first byte where connections run out: a way around the
# world.
FIRST_BYTES_TIMEOUT = 0.2
# Seconds in which a client sends nothing of its body, or takes nothing of its answer.
STALLED = 30
# Bytes of one request's line and headers; nginx takes 32 KiB.
HEADERS_LIMIT = 64 * 1024

TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
PROBES = tuple(
    f"{method} {prefix}/health/{page}{end}".encode()
    for method in ("GET", "HEAD")
    for prefix in {"", current()["PATH_PREFIX"]}
    for page in ("live", "ready")
    for end in (" ", "/ ", "?")
)


class Worker(ThreadWorker):
    """``gthread`` whose threads only meet requests with all their headers, probes first."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        # Connections without all of their headers, oldest first; when each came and when it is
        # given up (time.monotonic).
        self.incoming: dict[TConn, tuple[float, float]] = {}
        self.next_look = 0.0
        self.busy = 0

    def init_process(self) -> None:
        self.probe_pool = futures.ThreadPoolExecutor(max_workers=1)
        super().init_process()

    def accept(self, listener: socket.socket) -> None:
        # At the limit gunicorn stops accepting; then thousands of silent connections would
        # lock everybody out. The oldest of them makes room instead, once it had the time
        # that a client needs for its first bytes; until then the next ones wait.
        if self.nr_conns >= self.worker_connections - 1 and self.incoming:
            oldest, (came, _) = next(iter(self.incoming.items()))
            if time.monotonic() < came + FIRST_BYTES_TIMEOUT:
                return
            self._close(oldest)
        super().accept(listener)

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to a thread, or wait for the rest of its headers.

        Called in the thread that watches the sockets: for a new connection, for a kept
        one that becomes readable, and for one whose next request has been read already.
        """
        if not self._speaks_plain_http(conn):
            self._hand_over(conn)
            return
        if conn.parser is None:
            conn.parser = http.get_parser(self.cfg, conn.sock, conn.client)
            conn.data_ready = True
            limit = struct.pack("@ll", STALLED, 0)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self._receive(conn)

    def _speaks_plain_http(self, conn: TConn) -> bool:
        other = self.cfg.is_ssl or self.cfg.protocol != "http"
        return not other and not negotiation.prior_knowledge_allowed(self.cfg, conn.client)

    def _readable(self, conn: TConn, _socket: object) -> None:
        # One that made room in this very round of events is closed by now.
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
        head = buffer.getvalue()
        # What came with the request before it has not been looked at yet.
        looked_at = max(known - 3, 0) if conn in self.incoming else 0
        if head.find(b"\r\n\r\n", looked_at) >= 0:
            self._hand_over(conn, head)
        elif len(head) > self._limit():
            conn.parser = _TooLarge(head)
            self._hand_over(conn)
        elif data == b"":
            self._close(conn)
        else:
            self._wait(conn, begun=bool(head), first_bytes=not known)

    def _limit(self) -> int:
        # A team may allow one header more than that.
        return max(HEADERS_LIMIT, self.cfg.limit_request_line + self.cfg.limit_request_field_size)

    def _wait(self, conn: TConn, *, begun: bool, first_bytes: bool) -> None:
        if conn not in self.incoming:
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._readable, conn))
        elif not first_bytes:
            return
        # A proxy opens connections ahead of their first request, and a browser does.
        patience = HEADERS_TIMEOUT if begun else max(self.cfg.keepalive, HEADERS_TIMEOUT)
        now = time.monotonic()
        came, _ = self.incoming.get(conn, (now, now))
        self.incoming[conn] = (came, now + patience)

    def _forget(self, conn: TConn) -> None:
        if self.incoming.pop(conn, None) is not None:
            self.poller.unregister(conn.sock)

    def _hand_over(self, conn: TConn, head: bytes = b"") -> None:
        self._forget(conn)
        probe = self.busy >= self.cfg.threads and head.startswith(PROBES)
        pool = self.probe_pool if probe else self.tpool
        self.busy += pool is self.tpool
        future = pool.submit(self.handle, conn)
        future.add_done_callback(partial(self.method_queue.defer, self._finish, conn, pool))

    def _finish(self, conn: TConn, pool: futures.Executor, future: futures.Future) -> None:
        self.busy -= pool is self.tpool
        self.finish_request(conn, future)

    def _close(self, conn: TConn) -> None:
        self._forget(conn)
        self.nr_conns -= 1
        conn.close()

    def murder_pending(self) -> None:
        """Give up those that are late; gunicorn calls it after each round of events."""
        super().murder_pending()
        now = time.monotonic()
        if now < self.next_look:
            return
        self.next_look = now + 1
        if not self.alive:
            latest = now + STOP_KEEPALIVE_LINGER
            self.incoming = {
                conn: (came, min(end, latest)) for conn, (came, end) in self.incoming.items()
            }
        for conn in [conn for conn, (_, end) in self.incoming.items() if end < now]:
            if conn.parser.unreader.buf.getbuffer().nbytes:
                with contextlib.suppress(OSError):
                    conn.sock.send(TIMED_OUT)
            self._close(conn)

    def handle_request(self, req: http.Request, conn: TConn) -> bool:
        try:
            return super().handle_request(req, conn)
        except BlockingIOError:
            self.log.info("Client %s stalled for %s s and was let go.", conn.client, STALLED)
            return False


class _TooLarge:
    """In place of a connection's parser: its request is refused as gunicorn refuses one."""

    def __init__(self, head: bytes) -> None:
        self.head = head

    def __next__(self) -> None:
        if b"\r\n" in self.head:
            raise LimitRequestHeaders("limit request headers")
        raise LimitRequestLine(len(self.head), HEADERS_LIMIT)
