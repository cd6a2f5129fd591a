"""Changes to gunicorn's first process."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from backend.conf import overrides
from backend.logs.ending import explained
from backend.server import phase, succession

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

# It checks its workers once a second. If it slept longer than that (`docker pause`, a suspended or
# migrated machine, no CPU time), they have slept too.
ASLEEP = 5  # seconds
# For each worker to be scheduled again and to report, which it does once a second.
WAKING = 10  # seconds
# The signals with which gunicorn ends a worker.
ENDING = (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT)


def forgive_sleep(server: Arbiter) -> None:
    """From gunicorn's hook when_ready: a worker that slept with everything else is not hung.

    Otherwise, gunicorn would kill all workers in the middle of their requests: their last report is
    older than ``timeout``, because the clock does not stop with the container.
    """
    murder_workers, seen, woke = server.murder_workers, time.monotonic(), float("-inf")

    def murder_hung_workers() -> None:
        nonlocal seen, woke
        now = time.monotonic()
        if now - seen > ASLEEP:
            woke = now
            server.log.warning("The container was suspended for %.0f s; it continues", now - seen)
        seen = now
        if now - woke > WAKING:
            murder_workers()

    server.murder_workers = murder_hung_workers


def reload_with_care(server: Arbiter) -> None:
    """From gunicorn's hook when_ready: SIGHUP reads a team's gunicorn_conf.py again.

    The image's gunicorn_conf.py imports it, and Python caches imports. A broken file would end
    gunicorn. Here, the log names it, and the configuration stays.
    """
    hang_up = server.handle_hup

    def handle_hup() -> None:
        from backend.server.configuration import check_gunicorn

        if phase.draining():
            server.log.warning("SIGHUP is ignored: this container is stopping")
            return
        if (environ := succession.asked()) is not None:
            server.log.info("Replacing the code of the API")
            succession.succeed(server, environ)
        overrides.forget("gunicorn_conf")
        try:
            with explained():
                check_gunicorn()
        except SystemExit:  # the log has its two lines
            server.log.error("SIGHUP changes nothing: the configuration cannot be read")
            return
        hang_up()

    server.handle_hup = handle_hup


def refuse_a_successor(server: Arbiter) -> None:
    """From gunicorn's hook when_ready: SIGUSR2 starts no second gunicorn in a container.

    It would be a child of the container's first process and end with it, or of the only child of
    that, for which ``docker run --init`` waits. It is allowed for a daemon, whose parent also has
    the PID 1.
    """
    if os.getpid() != 1 and (os.getppid() != 1 or server.cfg.daemon):
        return

    def refuse() -> None:
        server.log.error(
            "SIGUSR2 is refused: the container ends when this process does, even if another "
            "gunicorn has started. Start another container, then stop this one."
        )

    server.reexec = refuse


def stop_new_workers_too() -> None:
    """From gunicorn's hook when_ready: a worker that has just been forked can be stopped.

    Until a worker sets its own handlers, it has those of the first process, which put signals into
    a queue that the worker does not read. So a SIGTERM was lost, and Docker killed a container that
    was stopped as it became ready. A worker has no requests that early.
    """
    first = os.getpid()

    def before() -> None:
        if os.getpid() == first:
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)

    def in_first() -> None:
        if os.getpid() == first:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    def in_worker() -> None:
        if os.getppid() == first:
            for number in ENDING:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)

    os.register_at_fork(before=before, after_in_parent=in_first, after_in_child=in_worker)
