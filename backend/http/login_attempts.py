"""Stops password guessing after a few wrong ones, in the admin and with Basic.

A password is wrong if ``django.contrib.auth.authenticate`` finds no user for it, with any of the
project's backends, and however often each backend compares it. The image does not add its own
backend (as django-axes does), because then a team's ``login(request, user)`` without a backend
would raise a ValueError.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.contrib import auth
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from backend.conf.variables import setting
from backend.http.throttles import SharedCounts

WINDOW = 300  # seconds in which wrong passwords count
# For all names that one address tries, because offices share an address.
NAMES = 10
# The attribute of a request during a password check: the counts for a wrong password.
TRIED = "_backend_login_tried"

logger = logging.getLogger("backend.http.login_attempts")


def limit(counts: SharedCounts) -> None:
    """From now on, this server refuses a login after LOGIN_ATTEMPTS wrong passwords."""
    if setting("LOGIN_ATTEMPTS"):
        # A function that ``authenticate`` calls, because modules have already imported
        # ``authenticate``.
        module: Any = auth  # with what is private
        module._get_compatible_backends = _limited(module._get_compatible_backends, counts)
        auth.user_login_failed.connect(functools.partial(_count, counts), weak=False)


def _limited(
    backends: Callable[..., Iterable[Any]], counts: SharedCounts
) -> Callable[..., Iterable[Any]]:
    @functools.wraps(backends)
    @sensitive_variables("credentials")
    def allowed(request: HttpRequest | None, **credentials: Any) -> Iterable[Any]:
        if request is None:
            return backends(request, **credentials)
        keys = dict(_keys(request, credentials))
        for key, most in keys.items():
            if len(_recent(counts, key)) >= most:
                logger.warning("A login is refused: %s wrong passwords in %s s.", most, WINDOW)
                setattr(request, TRIED, None)
                # Without a backend, Django responds as to a wrong password.
                return ()
        setattr(request, TRIED, keys)
        return backends(request, **credentials)

    return allowed


def _count(counts: SharedCounts, request: HttpRequest | None = None, **_: Any) -> None:
    keys = getattr(request, TRIED, None)
    if keys:
        setattr(request, TRIED, None)  # once, even if a backend calls authenticate itself
    for key in keys or ():
        with counts.locked(key):
            counts.set(key, [time.time(), *_recent(counts, key)], WINDOW)


def _keys(request: HttpRequest, credentials: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """The keys under which passwords are counted, and the most wrong ones for each."""
    if credentials.get("password") is None:
        return
    address = request.META.get("REMOTE_ADDR", "")
    if setting("BEHIND_PROXY"):
        address = request.META.get("HTTP_X_FORWARDED_FOR", address).rpartition(",")[2].strip()
    for field in ("username", auth.get_user_model().USERNAME_FIELD):
        if (name := credentials.get(field)) is not None:
            yield f"login {address} {str(name).casefold()}", setting("LOGIN_ATTEMPTS")
    yield f"login {address}", setting("LOGIN_ATTEMPTS") * NAMES


def _recent(counts: SharedCounts, key: str) -> list[float]:
    return [moment for moment in counts.get(key, []) if moment > time.time() - WINDOW]
