"""Signals while something prepares: each ends it at once, with a line, whatever it is doing.

Python runs a handler between two steps of its main thread. That may be inside a statement of
PostgreSQL for an hour, or inside a team's module, where the handler's exception looks like a
mistake of the team. So the signals are blocked, and a thread waits for them.

``bin/docker-entrypoint.sh`` blocks them before Python runs: the kernel discards a signal for which
a container's first process has no handler, unless that process blocks it.
https://man7.org/linux/man-pages/man7/pid_namespaces.7.html
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator

from backend.logs.boot import say

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
# Tells the thread that nothing is left to end.
DONE = signal.SIGUSR1
NOT_READY = "stopped before it was ready"


@contextlib.contextmanager
def at_once(said: str, *, terminated: int) -> Iterator[None]:
    """While the body runs, a signal says ``said`` and its name, and ends the process.

    The exit code is ``terminated`` for SIGTERM, and that of a shell for the others: 130 for SIGINT.
    Afterwards the signals are still blocked, and kept for whoever unblocks them.
    """
    # A thread is born with the mask of its parent.
    signal.pthread_sigmask(signal.SIG_BLOCK, [*SIGNALS, DONE])
    thread = threading.Thread(target=_end, args=(said, terminated), name="signals", daemon=True)
    thread.start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [DONE])
    try:
        yield
    finally:
        # The thread may be ending the process just now: then this never returns.
        signal.pthread_kill(thread.ident or 0, DONE)
        thread.join()


def _end(said: str, terminated: int) -> None:
    number = signal.sigwait([*SIGNALS, DONE])
    if number != DONE:
        _leave(said, terminated, number)


def _leave(said: str, terminated: int, number: int) -> None:
    try:
        say(f"{said} ({signal.Signals(number).name})")
    finally:
        # Not sys.exit(), which ends this thread only. PostgreSQL cancels the statement of a
        # session whose client is gone: VANISHED in backend.boot.migrations.
        os._exit(terminated if number == signal.SIGTERM else 128 + number)


def by_handlers(said: str, *, terminated: int) -> None:
    """As ``at_once``, from now on, until gunicorn has handlers of its own.

    They run between two steps of Python only: gunicorn then loads an application that asks no
    database, and a handler that ends the process raises nothing inside a team's module.
    """
    for each in SIGNALS:
        signal.signal(each, lambda number, _: _leave(said, terminated, number))
    unblock()


def unblock() -> None:
    """Let signals through to what this process is about to be."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
