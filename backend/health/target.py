"""What Docker's health check asks, written down by who knows it: bin/healthcheck reads it.

One line: ``starting``, ``running`` (a command that answers nobody is well while it runs),
``listening`` (a server of another kind: whatever listens is asked), or where the image's server
is: ``http HOST PORT``, ``tls HOST PORT``, ``unix PATH``.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.conf.whole_files import replacing

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

STARTING, RUNNING, LISTENING = "starting", "running", "listening"
# The first is there, and can be written, in a read-only container too.
FOLDERS = (Path("/dev/shm"), Path("/tmp"))  # noqa: S108
# In the environment of a command that the image does not see into, such as a script: its name.
# Empty for a server below it that the boot prepared for. `docker exec` has no such variable.
UNSEEN = "BACKEND_UNSEEN_COMMAND"
# Those at which a server listens are not those at which it is asked.
LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def write(line: str) -> None:
    """Write it for this container; nothing outside one, nor for what `docker exec` starts there.

    Where no folder takes it, bin/healthcheck goes by the command: no start ends for want of it.
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


def _name() -> str:
    """One that no other container has: those of a pod share folders, users and host names.

    The number of its first mount, and when its first process began. Raises OSError without /proc.
    """
    mounts, first = (
        Path("/proc", name).read_text(errors="replace") for name in ("self/mountinfo", "1/stat")
    )
    mount, began = mounts.split(maxsplit=1)[0], first.rpartition(") ")[2].split()[19]
    return f"health-check.{mount}.{began}"


def _is_written(file: Path, line: str) -> bool:
    """Write it whole or not at all; where that fails, what stood there is no longer true."""
    try:
        with replacing(file) as new:
            new.write_text(f"{line}\n")
    except OSError:  # full, read-only, or another user's
        with contextlib.suppress(OSError):
            file.unlink()
        return False
    return True


def write_server(server: Arbiter) -> None:
    """gunicorn's hooks when_ready and on_reload: where it listens, however it was told to."""
    sockets = [listener.sock.getsockname() for listener in server.LISTENERS]
    # With reuse_port each worker binds them.
    write(line_of(sockets or server.cfg.address, server.cfg))


def warn_of_unseen(server: Arbiter) -> None:
    """gunicorn's hook when_ready: what is missing where the image did not see its command."""
    if command := os.environ.get(UNSEEN):
        server.log.warning(
            "%r started gunicorn without the image's entry point: nothing waited for databases, "
            "applied migrations, or collected static files, and requests can be cut off when the "
            "container stops. Start gunicorn there with: exec /code/bin/docker-entrypoint.sh "
            "gunicorn backend.wsgi -c gunicorn_conf.py",
            command,
        )


def line_of(addresses: list[Any], config: Any) -> str:
    """The line for addresses as ``getsockname`` has them; over TCP where there is a choice."""
    if config.protocol != "http":
        return LISTENING
    tcp = next((address for address in addresses if isinstance(address, tuple)), None)
    if tcp is None:
        return f"unix {addresses[0]}"
    host, port = tcp[:2]
    return f"{'tls' if config.is_ssl else 'http'} {LOOPBACK.get(host, host)} {port}"
