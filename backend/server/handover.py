"""Takes the listening sockets that the boot bound, and answered on, before gunicorn ran."""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter
    from gunicorn.config import Config

# Names the process and the sockets' file descriptors: 1:5,6. A variable of our own, and not
# systemd's LISTEN_FDS, after which gunicorn would leave the file of a Unix socket behind.
VARIABLE = "BACKEND_LISTENERS"


def give(descriptors: list[int]) -> None:
    """Leave open sockets to the gunicorn that this process is about to be, or to exec."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    os.environ[VARIABLE] = f"{os.getpid()}:{','.join(map(str, descriptors))}"


def take(server: Arbiter) -> None:
    """gunicorn's hook on_starting: take what was left to this process, if anything was."""
    from gunicorn.sock import create_sockets

    process, _, descriptors = os.environ.pop(VARIABLE, "").partition(":")
    # After SIGUSR2 the next gunicorn finds the variable again, under another process id.
    if process == str(os.getpid()):
        numbers = [int(number) for number in descriptors.split(",")]
        server.LISTENERS = create_sockets(server.cfg, server.log, numbers)


def is_taken_by(config: Config) -> bool:
    """Whether gunicorn runs this image's hooks: its configuration file is the image's."""
    return inspect.unwrap(config.on_starting) is take
