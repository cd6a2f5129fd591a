"""Takes over the listening sockets of the boot, and responds on them until gunicorn's workers do.

The boot ran in the same process, which may have executed a new Python since.
"""

from __future__ import annotations

import inspect
import os
import socket
from typing import TYPE_CHECKING

from backend.server import stopping
from backend.server.responder import Responder

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.config import Config

# Names the process and the sockets' file descriptors: 1:5,6. This is not systemd's LISTEN_FDS, with
# which gunicorn would not delete the file of a Unix socket.
VARIABLE = "BACKEND_LISTENERS"
# PATH_PREFIX, if a new Python responds while it loads the application.
PREFIX = "BACKEND_LISTENERS_PREFIX"


class Answering:
    """Sockets on which the image responds until gunicorn takes them over."""

    def __init__(self, sockets: list[socket.socket], prefix: str) -> None:
        self._sockets = sockets
        self.responder = Responder(sockets, prefix)

    def stop(self) -> list[int]:
        """Stop responding. Returns the file descriptors, which stay open."""
        self.responder.stop()
        return [each.detach() for each in self._sockets]


_answering: Answering | None = None


def keep(answering: Answering) -> None:
    """Respond until gunicorn, in this process, takes over the sockets."""
    global _answering
    _answering = answering


def give(descriptors: list[int], prefix: str | None) -> None:
    """Leave signals and open sockets to the gunicorn that this process is about to exec.

    It responds with ``prefix`` while it loads the application, unless that is None.
    """
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    os.environ[VARIABLE] = f"{os.getpid()}:{','.join(map(str, descriptors))}"
    if prefix is not None:
        os.environ[PREFIX] = prefix


def resume() -> None:
    """From gunicorn's configuration, before the application: continue what the boot did.

    That is to respond, and to end on a signal. Does nothing if there was no boot.
    """
    numbers, prefix = _given(), os.environ.pop(PREFIX, None)
    if numbers is None:
        return
    stopping.by_handlers(stopping.NOT_READY, terminated=0)
    if numbers and prefix is not None:
        keep(Answering([socket.socket(fileno=number) for number in numbers], prefix))


def take(server: Arbiter) -> None:
    """gunicorn's hook on_starting: take over the sockets of the boot, if any."""
    from gunicorn.sock import create_sockets

    global _answering
    numbers = _answering.stop() if _answering else _given()
    _answering = None
    os.environ.pop(VARIABLE, None)
    if numbers:
        server.LISTENERS = create_sockets(server.cfg, server.log, numbers)


def is_taken_by(config: Config) -> bool:
    """Whether gunicorn runs this image's hooks: its configuration file is the image's."""
    return inspect.unwrap(config.on_starting) is take


def _given() -> list[int] | None:
    process, _, descriptors = os.environ.get(VARIABLE, "").partition(":")
    # After SIGUSR2, the next gunicorn finds the variable again, under another process ID.
    if process != str(os.getpid()):
        return None
    return [int(each) for each in descriptors.split(",") if each]
