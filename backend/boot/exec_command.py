"""How the boot ends: as the command that the container was started for."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from pathlib import Path

from backend.conf.errors import StartupError
from backend.logs.ending import exit_with
from backend.server import stopping

# Signals are blocked until the command itself runs, so that none is lost in between.
WITH_SIGNALS = ("env", f"--default-signal={','.join(each.name[3:] for each in stopping.SIGNALS)}")


def become(command: list[str]) -> None:
    """Exec a command, under an init if this is the first process of a container.

    A first process without its own handlers, such as a shell or a migration, receives no signals,
    so ``docker stop`` would wait and then kill it.
    """
    if os.getpid() == 1:
        _exec(command, below=("tini", "--", *WITH_SIGNALS))
    stopping.unblock()
    _exec(command)


def become_with_blocked_signals(command: list[str]) -> None:
    """Exec a gunicorn whose configuration unblocks the signals: backend.server.handover."""
    _exec(command)


def _exec(command: list[str], below: tuple[str, ...] = ()) -> None:
    sys.stdout.flush()
    try:
        _check(command[0])
        os.execvp((*below, *command)[0], (*below, *command))  # noqa: S606  to become it is the point
    except OSError as error:
        exit_with(
            StartupError(
                f"The command '{command[0]}' cannot be run: {error.strerror}.",
                "Check its spelling; the image runs commands such as 'bash', "
                "'python manage.py shell', or gunicorn flags such as '--workers 2'.",
            )
        )
        # As in shells: 127 is not found, 126 is found but not runnable.
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


def _check(program: str) -> None:
    """Raise the OSError of running ``program``, which the init would report in other words."""
    if shutil.which(program):
        return
    folders = [""] if "/" in program else os.get_exec_path()
    is_there = any(Path(folder, program).exists() for folder in folders)
    number = errno.EACCES if is_there else errno.ENOENT
    raise OSError(number, os.strerror(number))
