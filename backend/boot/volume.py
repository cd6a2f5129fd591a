"""Folders that containers share: made for all of them, and written to by one at a time."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from backend.boot.patience import REPEAT
from backend.conf import locks
from backend.conf.errors import StartupError
from backend.logs.boot import say, warn

# The locks that this process holds: whoever holds one may take it again.
_held: set[Path] = set()


def make(folder: Path, mode: int) -> None:
    """Make a folder with its parents. Raises OSError.

    One that exists keeps its mode: it may be of a container before, under another UID of group 0.
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
    """Hold a lock on ``file``, which is made, and wait for another container that holds it.

    The kernel frees it when its holder ends, however that ends. ``what`` is for the log: what
    the others may be doing. Raises OSError when the file cannot be made, and StartupError after
    ``timeout`` seconds; its reader then is to do ``longer`` to wait for longer.
    """
    if file in _held:
        yield
        return
    descriptor, said = _open(file), float("-inf")

    def waiting(waited: float) -> None:
        nonlocal said
        if waited - said >= REPEAT:
            said = waited
            say(f"waiting for another container that {what}, {waited:.0f} of {timeout} s")

    try:
        if not locks.acquire(descriptor, timeout, waiting):
            warn(
                f"{file.parent} is on a filesystem without locks: start containers that "
                "share it one after the other"
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
    # Writable from its first moment for the next container, under another UID of group 0.
    umask = os.umask(0)
    try:
        return os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o660)
    finally:
        os.umask(umask)
