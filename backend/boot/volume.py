"""Folders that containers share: created for all of them, written to by one at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from backend.boot.waiting import REPEAT
from backend.conf import locks
from backend.conf.errors import StartupError
from backend.logs.boot import say, warn

# The locks that this process holds, which it can acquire again.
_held: set[Path] = set()


def make(folder: Path, mode: int) -> None:
    """Create a folder with its parents. Raises OSError.

    An existing folder keeps its mode: it can belong to an earlier container, with another UID and
    group 0.
    """
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        if not folder.is_dir():
            raise
    else:
        folder.chmod(mode)


@contextlib.contextmanager
def locked(file: Path, what: str, timeout: int, longer: str) -> Iterator[None]:
    """Create and lock ``file``, and wait if another container holds the lock.

    The kernel releases it when its holder ends, for whatever reason. ``what`` tells the log what
    the holder is doing. Raises OSError if it cannot create the file, and StartupError after
    ``timeout`` seconds, with ``longer`` as the way to wait longer.
    """
    if file in _held:
        yield
        return
    descriptor, logged_at = _open(file), float("-inf")

    def waiting(waited: float) -> None:
        nonlocal logged_at
        if waited - logged_at >= REPEAT:
            logged_at = waited
            say(f"waiting for another container that {what}, {waited:.0f} of {timeout} s")

    try:
        if not locks.acquire(descriptor, timeout, waiting):
            warn(
                f"{file.parent} is on a filesystem without locks: start the containers that share "
                "it one after another"
            )
        _held.add(file)
        yield
    except locks.HeldError as error:
        raise StartupError(
            f"Another container, which {what}, has held the lock {file} for {timeout} s.",
            f"If it is still running, {longer}. If it hangs, stop it: that releases the lock.",
        ) from error
    finally:
        _held.discard(file)
        os.close(descriptor)


def _open(file: Path) -> int:
    # Writable from the start for the next container, with another UID and group 0.
    umask = os.umask(0)
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o660)
    finally:
        os.umask(umask)
