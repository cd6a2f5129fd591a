"""Replaces gunicorn and its code by a new Python in the same process, without a lost request.

gunicorn's own ways do not: SIGHUP keeps a preloaded application, and after SIGUSR2 the container
would end with its first process. Here, the first process execs itself and inherits the listening
sockets. The workers that it had serve on, until a worker of its successor is ready.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from backend.server import handover, stopping

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

# The workers of the predecessor.
VARIABLE = "BACKEND_PREDECESSORS"


def ask(environ: Mapping[str, str]) -> None:
    """From a worker: let the first process exec itself, with these variables."""
    first = os.getppid()
    file = _file(first)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as new:
        json.dump(dict(environ), new)
    Path(new.name).replace(file)
    os.kill(first, signal.SIGHUP)


def asked() -> dict[str, str] | None:
    """The variables that a worker gave. None if SIGHUP comes from somebody else."""
    file = _file(os.getpid())
    try:
        if file.stat().st_uid != os.geteuid():
            return None
        environ: dict[str, str] = json.loads(file.read_text())
        file.unlink()
    except FileNotFoundError:
        return None
    return environ


def succeed(server: Arbiter, environ: Mapping[str, str]) -> None:
    """Exec this process again. Does not return."""
    os.environ.update(environ)
    os.environ[VARIABLE] = ",".join(map(str, server.WORKERS))
    if server.pidfile is not None:
        server.pidfile.unlink()
    # Its configuration unblocks them.
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping.SIGNALS)
    handover.give([listener.fileno() for listener in server.LISTENERS], None)
    sys.stdout.flush()
    os.execv(sys.argv[0], sys.argv)  # noqa: S606  the same program


def dismiss_predecessors() -> None:
    """From gunicorn's hook post_worker_init: the old workers finish their requests, and end."""
    for process in filter(None, os.environ.pop(VARIABLE, "").split(",")):
        # Not another process, which got its number in the meantime.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            status = Path(f"/proc/{process}/status").read_text()
            if f"\nPPid:\t{os.getppid()}\n" in status:
                os.kill(int(process), signal.SIGTERM)


def _file(process: int) -> Path:
    return Path(tempfile.gettempdir()) / f"backend-successor-{os.geteuid()}-{process}"
