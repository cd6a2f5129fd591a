"""Handles signals during preparation: each ends the process at once, with a line in the log.

Python runs a handler between two steps of its main thread. That thread can be in a PostgreSQL
statement for an hour, or in a team's module, where the handler's exception would look like the
team's error. So the signals are blocked, and a thread waits for them.

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
# Tells the thread that there is nothing left to end.
DONE = signal.SIGUSR1
NOT_READY = "stopped before it was ready"


@contextlib.contextmanager
def at_once(message: str, *, terminated: int) -> Iterator[None]:
    """While the body runs, a signal logs ``message`` and its name, and ends the process.

    The exit code is ``terminated`` for SIGTERM, and that of a shell for the others, such as 130 for
    SIGINT. Afterwards, the signals are still blocked, and pending until they are unblocked.
    """
    # A thread inherits the signal mask of its parent.
    signal.pthread_sigmask(signal.SIG_BLOCK, [*SIGNALS, DONE])
    thread = threading.Thread(target=_end, args=(message, terminated), name="signals", daemon=True)
    thread.start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [DONE])
    try:
        yield
    finally:
        # If the thread is ending the process right now, this never returns.
        signal.pthread_kill(thread.ident or 0, DONE)
        thread.join()


def _end(message: str, terminated: int) -> None:
    number = signal.sigwait([*SIGNALS, DONE])
    if number != DONE:
        _leave(message, terminated, number)


def _leave(message: str, terminated: int, number: int) -> None:
    try:
        say(f"{message} ({signal.Signals(number).name})")
    finally:
        # Not sys.exit(), which ends only this thread. PostgreSQL cancels the statement of a session
        # whose client is gone: VANISHED in backend.boot.migrations.
        os._exit(terminated if number == signal.SIGTERM else 128 + number)


def by_handlers(message: str, *, terminated: int) -> None:
    """Like ``at_once``, from now on, until gunicorn sets its own handlers.

    They run only between two steps of Python. That suffices, because gunicorn then loads an
    application without queries, and the handler raises nothing inside a team's module.
    """
    for each in SIGNALS:
        signal.signal(each, lambda number, _: _leave(message, terminated, number))
    unblock()


def unblock() -> None:
    """Unblock signals for the program that this process is about to become."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
