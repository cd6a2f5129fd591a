"""Limits the threads of this worker that wait for one client each.

The client decides how long a stream or a large body takes. Both reserve a place first, so that one
thread stays free for all other requests. ``backend.server.worker`` sets the bound. With another
worker, or with Django's own server, there is a place for each.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

# Seconds after which a client without a place can try again.
RETRY_AFTER = 10
NO_PLACE = (
    "All threads that this server has for streams and uploads are busy. Try again in a few seconds."
)


class WaitsForPlace(BaseException):
    """Ends this thread's work on a request that waits for a place. The worker starts it again.

    Not an Exception, so that no code handles it as an error.
    """


class _OfThread(threading.local):
    has_place: bool
    can_wait: bool


_lock = threading.Lock()
_of_thread = _OfThread()
_most: int | None = None
_free: float = math.inf
_on_free: Callable[[], object] = bool
# Whether every thread has a request. The worker updates it.
busy = False


def of_threads(threads: int) -> int:
    """The places of a worker with so many threads: one of them stays free for other requests."""
    return max(threads - 1, 1)


def bound(count: int, on_free: Callable[[], object]) -> None:
    """From now on, there are ``count`` places. Each release of one calls ``on_free``."""
    global _most, _free, _on_free
    _most, _free, _on_free = count, count, on_free


def most() -> int | None:
    """How many places there are, or None if nothing limits them."""
    return _most


def are_free() -> bool:
    """Whether there is a place now. A thread can take it before the caller does."""
    return _free >= 1


def reserve() -> bool:
    """Reserve a place for a request that no thread has yet, and return whether there was one."""
    global _free
    with _lock:
        if _free < 1:
            return False
        _free -= 1
        return True


def take() -> bool:
    """Whether this thread's request has a place. It keeps the place until it ends."""
    if not getattr(_of_thread, "has_place", False):
        _of_thread.has_place = reserve()
    return _of_thread.has_place


def take_or_wait() -> None:
    """Take a place, or raise WaitsForPlace if the request can be started again.

    Call this before a view has done anything, because it would be done twice.
    """
    if not take() and _of_thread.can_wait:
        raise WaitsForPlace


def begin(*, has_place: bool, can_wait: bool) -> None:
    """This thread has a new request, possibly with a reserved place."""
    _of_thread.has_place, _of_thread.can_wait = has_place, can_wait


def end() -> None:
    """This thread's request has ended; its place is free."""
    global _free
    if getattr(_of_thread, "has_place", False):
        _of_thread.has_place = False
        with _lock:
            _free += 1
        _on_free()
