"""Binds gunicorn's sockets before gunicorn runs, and hands them over without closing them.

A connection that arrives between preparing and serving waits in their backlog.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from backend.conf.errors import StartupError, one_line
from backend.server import handover

if TYPE_CHECKING:
    from socket import socket

    from gunicorn.config import Config

NO_SUCH_ADDRESS = (
    "The container does not have this address, or the host has disabled IPv6. Bind to 0.0.0.0, or "
    "connect the container to that network."
)
NO_FOLDER = (
    "Mount a volume that UID {uid} can write to at the folder of the socket, or choose an existing "
    "folder, such as /tmp, with bind in gunicorn_conf.py."
)
ANOTHER = "choose another address with PORT, or with bind in gunicorn_conf.py."
# By the system's error, which is all that gunicorn passes on.
FIXES = {
    errno.EADDRINUSE: f"Stop the program that listens there, or {ANOTHER}",
    errno.EADDRNOTAVAIL: NO_SUCH_ADDRESS,
    errno.EAFNOSUPPORT: NO_SUCH_ADDRESS,
    errno.ENOENT: NO_FOLDER,
    errno.ENOTDIR: NO_FOLDER,
    errno.EROFS: NO_FOLDER,
    errno.EACCES: NO_FOLDER,
}
# For TCP: the kernel reserves ports below net.ipv4.ip_unprivileged_port_start for root.
LOW_PORT = (
    "This host reserves low ports for root. Keep PORT=8000 and publish it as a low port (docker "
    "run -p 80:8000), or lower the limit: --sysctl net.ipv4.ip_unprivileged_port_start=0"
)


def listen(config: Config, prefix: str) -> handover.Answering | None:
    """Listen and respond where gunicorn with ``config`` will; None if gunicorn must do it itself.

    It must for inherited sockets, with TLS, with one socket per worker (reuse_port), as a daemon,
    without this image's gunicorn_conf.py, and if it only checks its configuration. ``prefix`` is
    PATH_PREFIX.

    Raises StartupError if it cannot listen on an address.
    """
    itself = (
        config.is_ssl,
        config.reuse_port,
        config.daemon,
        config.check_config,
        config.print_config,
        not handover.is_taken_by(config),
        any(isinstance(address, int) for address in config.address),
        os.environ.get("LISTEN_PID") == str(os.getpid()),
    )
    if any(itself):
        return None
    return handover.Answering(bind(config), prefix)


class _Complaints(list[str]):
    """A log for gunicorn's function, which tries five times in five seconds."""

    def error(self, message: str, *arguments: object) -> None:
        self.append(message % arguments if arguments else message)

    def debug(self, message: str) -> None:
        """Ignore the message that it will try again."""


def bind(config: Config) -> list[socket]:
    """Listening sockets for the addresses of ``config``. Raises StartupError if one is refused."""
    from gunicorn.sock import create_sockets

    complaints = _Complaints()
    try:
        sockets = [listener.sock for listener in create_sockets(config, complaints)]
    except (SystemExit, OSError, ValueError) as error:
        # The last one has no reason; the one before it has.
        reason = complaints[-2] if len(complaints) > 1 else error
        problem = f"The server cannot listen: {one_line(reason)}."
        raise StartupError(problem, _fix(reason)) from error
    for listener in sockets:
        # A migration can start programs, which must not inherit it.
        listener.set_inheritable(False)
    return sockets


def _fix(reason: object) -> str:
    message = str(reason)
    if os.strerror(errno.EACCES) in message and message.startswith("connection to ("):
        return LOW_PORT
    fixes = (fix for number, fix in FIXES.items() if os.strerror(number) in message)
    return next(fixes, f"C{ANOTHER[1:]}").format(uid=os.geteuid())
