"""From SIGTERM to the end: not ready but still accepting, then gunicorn's graceful stop.

This keeps what gunicorn's stop would lose: connections in the backlog, and the reason why a request
was cut off.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import TYPE_CHECKING, Any

from backend.server import phase

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.http.message import Request
    from gunicorn.workers.base import Worker

# Seconds beyond graceful_timeout that the master gives the workers. They check the clock once a
# second. If it killed them right then, they could not log which requests they cut off.
EXTRA_GRACE = 3
# Seconds for a client that connected but sent nothing, the same as gunicorn's for idle ones.
SILENCE = 2.0
# The most requests that a line of the log names.
NAMED = 5

# The running requests of this worker, with the monotonic times of their starts.
_running: dict[Request, float] = {}


def take_over(server: Arbiter, seconds: int) -> None:
    """From gunicorn's hook when_ready: make SIGTERM drain for ``seconds`` before it stops.

    A second SIGTERM ends the draining.
    """
    stop = server.handle_term

    def handle_term() -> None:
        if server.reexec_pid or server.master_pid:
            # After SIGUSR2, another gunicorn serves on the same sockets.
            stop()
        if phase.draining() or not seconds:
            phase.drain()
            server.cfg.set("graceful_timeout", server.cfg.graceful_timeout + EXTRA_GRACE)
            stop()
        phase.drain()
        server.log.info("Draining: not ready, but accepting requests for another %d s", seconds)
        signal.signal(signal.SIGALRM, lambda *_: server.signal(signal.SIGTERM, None))
        signal.alarm(seconds)

    server.handle_term = handle_term


def prepare(worker: Worker) -> None:
    """From gunicorn's hook post_worker_init: make a gthread worker's stop lose no connection."""
    set_accept_enabled = getattr(worker, "set_accept_enabled", None)
    if set_accept_enabled is None:
        return

    def stop_accepting(enabled: bool) -> None:
        set_accept_enabled(enabled)
        # If a worker only restarts, other workers accept connections instead.
        if phase.draining() and not worker.alive:
            _accept_the_last(worker)

    worker.set_accept_enabled = stop_accepting


def begin(worker: Worker, request: Request) -> None:
    """gunicorn's hook pre_request. While draining, each response closes its connection."""
    _running[request] = time.monotonic()
    if phase.draining():
        request.force_close()


def end(worker: Worker, request: Request, environ: dict[str, Any], response: object) -> None:
    """gunicorn's hook post_request."""
    _running.pop(request, None)


def cut(server: Arbiter, worker: Worker) -> None:
    """gunicorn's hook worker_exit: log which requests did not end in time, and end them.

    Without it, Python would wait for their threads until the master kills this worker.
    """
    running = sorted(_running.copy().items(), key=lambda item: item[1])
    if not running or not phase.draining():
        return
    now = time.monotonic()
    # Without the query, which can contain a token.
    names = [f"{each.method} {each.path} ({now - start:.0f} s)" for each, start in running]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    worker.log.error(
        "Cut off after the grace period of %d s: %d request(s): %s%s",
        worker.cfg.graceful_timeout,
        len(names),
        ", ".join(names[:NAMED]),
        more,
    )
    os._exit(0)


def _accept_the_last(worker: Worker) -> None:
    """Accept all clients that have connected, and close this worker's listening sockets.

    gunicorn leaves them open without accepting, so clients would connect and wait, and get a reset
    when the worker ends. If they are closed, clients are refused, and a proxy uses the next server.
    """
    listeners = [listener for listener in worker.sockets if listener.sock is not None]
    while ready := select.select(listeners, [], [], 0)[0]:
        if any(worker.accept(listener) is False for listener in ready):
            break  # the others are refused
    for listener in listeners:
        listener.close()
    for connection in worker.pending_conns:
        connection.timeout = min(connection.timeout, time.monotonic() + SILENCE)
