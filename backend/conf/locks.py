"""Locks on files of a shared volume. The kernel releases a lock when its holder ends."""

from __future__ import annotations

import errno
import fcntl
import time
from collections.abc import Callable

# The errors of a filesystem without locks, such as a network share mounted with nolock.
NONE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
PAUSE = 0.2  # seconds between two attempts


class HeldError(Exception):
    """Another process has held the lock for the whole wait."""


def acquire(
    descriptor: int, timeout: float, waiting: Callable[[float], None] = lambda waited: None
) -> bool:
    """Lock an open file; False if its filesystem has no locks.

    While another process holds it, ``waiting`` is called with the seconds so far. Raises
    HeldError after ``timeout`` seconds, and OSError.
    """
    started = time.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError as error:
            waited = time.monotonic() - started
            if waited >= timeout:
                raise HeldError from error
        except OSError as error:
            if error.errno not in NONE:
                raise
            return False
        waiting(waited)
        time.sleep(min(PAUSE, timeout - waited))
