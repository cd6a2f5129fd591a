"""The address for Docker's health check, written by the server and read by bin/healthcheck.

One line: ``starting``, ``running`` (a command that is not a server is healthy while it runs),
``beating SECONDS`` (a worker of Celery, which repeats the line with the machine's uptime),
``listening`` (another kind of server: the check tries whatever listens), or the address of the
image's server: ``http HOST PORT``, ``tls HOST PORT``, ``unix PATH``.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.conf.atomic_files import replacing

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

STARTING, RUNNING, BEATING, LISTENING = "starting", "running", "beating", "listening"
# The first exists and is writable in a read-only container too.
FOLDERS = (Path("/dev/shm"), Path("/tmp"))  # noqa: S108
# In the environment of a command that the image does not understand, such as a script: its name,
# and the line that starts a server.
# Empty for a server below it that the boot prepared. `docker exec` does not have this variable.
UNSEEN = "BACKEND_UNSEEN_COMMAND"
# The address for requests differs from the address that a server listens on.
LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def write(line: str) -> None:
    """Write the line for this container. Does nothing outside one, or under `docker exec`.

    If no folder is writable, bin/healthcheck uses the command, so that the start does not fail.
    """
    if 1 not in (os.getpid(), os.getppid()) and UNSEEN not in os.environ:
        return
    try:
        name = _name()
    except OSError:
        return
    for folder in FOLDERS:
        if _is_written(folder / name, line):
            return


def beat() -> None:
    """Write that a worker is alive now."""
    uptime = Path("/proc/uptime").read_text().partition(".")[0]
    write(f"{BEATING} {uptime}")


def _name() -> str:
    """A unique name, because containers of a pod share folders, users, and host names.

    The number of its first mount, and the start of its first process. Raises OSError without /proc.
    """
    mounts, first = (
        Path("/proc", name).read_text(errors="replace") for name in ("self/mountinfo", "1/stat")
    )
    mount, began = mounts.split(maxsplit=1)[0], first.rpartition(") ")[2].split()[19]
    return f"health-check.{mount}.{began}"


def _is_written(file: Path, line: str) -> bool:
    """Write it atomically. If that fails, the old content is no longer true."""
    try:
        with replacing(file) as new:
            new.write_text(f"{line}\n")
    except OSError:  # full, read-only, or another user's
        with contextlib.suppress(OSError):
            file.unlink()
        return False
    return True


def write_server(server: Arbiter) -> None:
    """gunicorn's hooks when_ready and on_reload: write where it listens, however that is set."""
    sockets = [listener.sock.getsockname() for listener in server.LISTENERS]
    # With reuse_port each worker binds them.
    write(line_of(sockets or server.cfg.address, server.cfg))


def line_of(addresses: list[Any], config: Any) -> str:
    """The line for addresses from ``getsockname``; TCP if there is a choice."""
    if config.protocol != "http":
        return LISTENING
    tcp = next((address for address in addresses if isinstance(address, tuple)), None)
    if tcp is None:
        return f"unix {addresses[0]}"
    host, port = tcp[:2]
    return f"{'tls' if config.is_ssl else 'http'} {LOOPBACK.get(host, host)} {port}"
