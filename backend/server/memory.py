"""The memory that bodies of requests may take in this worker, where the container has a limit.

Each request takes of it what its body needs before that is there, and gives it back when it ends.
Bounded by ``backend.server.worker``; with another worker, and with Django's own server, it is
endless.
"""

from __future__ import annotations

import math
import threading

_lock = threading.Lock()
_of_thread = threading.local()
_most: float = math.inf
_free: float = math.inf


def bound(size: float) -> None:
    """From now on all bodies together take ``size`` bytes."""
    global _most, _free
    _most = _free = size


def most() -> float:
    """Bytes that one body may take while there is no other."""
    return _most


def take(size: int) -> bool:
    """Whether there were ``size`` bytes more for this thread's request, which has them now."""
    global _free
    with _lock:
        if size > _free:
            return False
        _free -= size
    _of_thread.taken = getattr(_of_thread, "taken", 0) + size
    return True


def end() -> None:
    """This thread's request has ended."""
    global _free
    taken, _of_thread.taken = getattr(_of_thread, "taken", 0), 0
    if taken:
        with _lock:
            _free += taken
