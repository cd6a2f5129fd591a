"""The memory for request bodies in this worker, if the container has a memory limit.

Each request reserves what its body needs before the body arrives, and releases it at its end.
``backend.server.worker`` sets the bound. With another worker, or with Django's own server, there is
none.
"""

from __future__ import annotations

import math
import threading

_lock = threading.Lock()
_of_thread = threading.local()
_most: float = math.inf
_free: float = math.inf


def bound(size: float) -> None:
    """From now on, all bodies together can use ``size`` bytes."""
    global _most, _free
    _most = _free = size


def most() -> float:
    """Bytes that one body can use while there is no other."""
    return _most


def take(size: int) -> bool:
    """Reserve ``size`` more bytes for this thread's request, and return whether that succeeded."""
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
