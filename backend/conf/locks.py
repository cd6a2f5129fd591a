"""Locks on files of a volume, which containers share. The kernel frees them with their holder."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Callable

# What a filesystem answers that has no locks, such as a network share mounted with nolock.
NONE = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def acquire(descriptor: int, waiting: Callable[[], None] = lambda: None) -> bool:
    """Lock an open file; False where its filesystem has no locks.

    ``waiting`` is called before another process is waited for. Raises OSError.
    """
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in NONE:
            raise
        return False
    return True
