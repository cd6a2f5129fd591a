"""gunicorn's gthread worker, with a thread kept free for probes.

With all threads waiting for a database that is silent, a probe would wait behind them,
and a container that only has to wait would be killed for it.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from concurrent import futures
from functools import partial

from gunicorn.workers.gthread import TConn, ThreadWorker

from backend.environment import current

PROBES = tuple(
    f"{method} {prefix}/health/{page}{end}".encode()
    for method in ("GET", "HEAD")
    for prefix in {"", current()["PATH_PREFIX"]}
    for page in ("live", "ready")
    for end in (" ", "/ ", "?")
)


class Worker(ThreadWorker):
    """Answers probes at once; every other request takes its turn, as in gthread."""

    def init_process(self) -> None:
        self.busy = 0
        self.probe_pool = futures.ThreadPoolExecutor(max_workers=1)
        super().init_process()

    def enqueue_req(self, conn: TConn) -> None:
        """Submit a connection to the threads.

        When there is none free, look first at what is asked, as soon as the client has
        said it.
        """
        pool = self.tpool
        if self.busy >= self.cfg.threads and self.alive:
            start = _peek(conn)
            if start is None:
                self._await_request(conn)
                return
            if start.startswith(PROBES):
                pool = self.probe_pool
        self.busy += pool is self.tpool
        future = pool.submit(self.handle, conn)
        future.add_done_callback(partial(self.method_queue.defer, self._finish, conn, pool))

    def _finish(self, conn: TConn, pool: futures.Executor, future: futures.Future) -> None:
        self.busy -= pool is self.tpool
        self.finish_request(conn, future)

    def _await_request(self, conn: TConn) -> None:
        # As gthread does with clients that are slow to begin.
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + self.cfg.keepalive
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)


def _peek(conn: TConn) -> bytes | None:
    """What the client has sent so far, left in place; None while that is nothing."""
    if conn.initialized and conn.parser.unreader.buf.getvalue():
        return b""  # read already, behind the request before it
    with contextlib.suppress(BlockingIOError):
        return conn.sock.recv(256, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return None
