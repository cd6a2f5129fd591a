"""The threads of this worker that wait for one client each: fewer than it has.

A stream lasts as long as its reader likes, and a large body as long as its writer. Both take a
place first, and one thread is left for everybody else. Bounded by ``backend.server.worker``; with
another worker, and with Django's own server, there is a place for each.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

# Seconds after which a client that found no place may try again.
RETRY_AFTER = 10
NO_PLACE = (
    "All threads that this server has for streams and uploads are busy. Try again in a few seconds."
)


class WaitsForPlace(BaseException):
    """Ends this thread's work on a request that waits for a place; the worker begins it again.

    No Exception, so that nobody takes it for an error and answers it.
    """


class _OfThread(threading.local):
    has_place: bool
    can_wait: bool


_lock = threading.Lock()
_of_thread = _OfThread()
_free: float = math.inf
_on_free: Callable[[], object] = bool
# Whether every thread has a request by now; the worker keeps it up to date.
busy = False


def bound(count: int, on_free: Callable[[], object]) -> None:
    """From now on there are ``count`` places; ``on_free`` is called whenever one is given back."""
    global _free, _on_free
    _free, _on_free = count, on_free


def are_free() -> bool:
    """Whether there is a place now; a thread may take it before the caller does."""
    return _free >= 1


def reserve() -> bool:
    """Whether there was a place, which is now taken for a request that no thread has yet."""
    global _free
    with _lock:
        if _free < 1:
            return False
        _free -= 1
        return True


def take() -> bool:
    """Whether this thread's request has a place, which it keeps until it ends."""
    if not getattr(_of_thread, "has_place", False):
        _of_thread.has_place = reserve()
    return _of_thread.has_place


def take_or_wait() -> None:
    """Take a place, or raise WaitsForPlace where the request can be begun again.

    To be called before a view has done anything: what it did would be done twice.
    """
    if not take() and _of_thread.can_wait:
        raise WaitsForPlace


def begin(*, has_place: bool, can_wait: bool) -> None:
    """This thread has a new request, maybe with the place that was reserved for it."""
    _of_thread.has_place, _of_thread.can_wait = has_place, can_wait


def end() -> None:
    """This thread's request has ended; its place is free."""
    global _free
    if getattr(_of_thread, "has_place", False):
        _of_thread.has_place = False
        with _lock:
            _free += 1
        _on_free()
