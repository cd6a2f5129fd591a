"""What Docker's health check asks, written down by who knows it: bin/healthcheck reads it.

One line: ``starting``, ``running`` (a command that answers nobody is well while it runs),
``listening`` (a server of another kind: whatever listens is asked), or where the image's server
is: ``http HOST PORT``, ``tls HOST PORT``, ``unix PATH``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

STARTING, RUNNING, LISTENING = "starting", "running", "listening"
# The first is there, and can be written, in a read-only container too.
FOLDERS = (Path("/dev/shm"), Path("/tmp"))  # noqa: S108
NAME = "health-check"
# Those at which a server listens are not those at which it is asked.
LOOPBACK = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def write(line: str) -> None:
    """Write it for this container; nothing outside one, and of what `docker exec` starts there."""
    if 1 not in (os.getpid(), os.getppid()):
        return
    for folder in FOLDERS:
        if os.access(folder, os.W_OK):
            # Whole or not at all.
            new = folder / f"{NAME}.{os.getpid()}"
            new.write_text(f"{line}\n")
            new.replace(folder / NAME)
            return


def write_server(server: Arbiter) -> None:
    """gunicorn's hooks when_ready and on_reload: where it listens, however it was told to."""
    sockets = [listener.sock.getsockname() for listener in server.LISTENERS]
    # With reuse_port each worker binds them.
    write(line_of(sockets or server.cfg.address, server.cfg))


def line_of(addresses: list[Any], config: Any) -> str:
    """The line for addresses as ``getsockname`` has them; over TCP where there is a choice."""
    if config.protocol != "http":
        return LISTENING
    tcp = next((address for address in addresses if isinstance(address, tuple)), None)
    if tcp is None:
        return f"unix {addresses[0]}"
    host, port = tcp[:2]
    return f"{'tls' if config.is_ssl else 'http'} {LOOPBACK.get(host, host)} {port}"
