"""Guessing a password stops after a few wrong ones, at the admin and by Basic alike.

Where Django compares a password: in its ModelBackend, which a team's own backends extend. Not a
backend of our own before it (as of django-axes), with which ``login(request, user)`` of a team
that names no backend would raise a ValueError.
"""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from backend.http.throttles import SharedCounts

WINDOW = 300  # seconds in which wrong passwords count
# For all names that one address tries: offices share an address.
NAMES = 10

logger = logging.getLogger("backend.http.login_attempts")


def limit(counts: SharedCounts) -> None:
    """From now on this server refuses a login after LOGIN_ATTEMPTS wrong passwords."""
    if settings.LOGIN_ATTEMPTS:
        limited = _limited(ModelBackend.authenticate, counts)
        ModelBackend.authenticate = limited  # type: ignore[method-assign]  # of every backend


def _limited(authenticate: Callable[..., Any], counts: SharedCounts) -> Callable[..., Any]:
    @functools.wraps(authenticate)
    def checked(
        backend: ModelBackend,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        name = username if username is not None else kwargs.get(get_user_model().USERNAME_FIELD)
        if request is None or name is None or password is None:
            return authenticate(backend, request, username, password, **kwargs)
        keys = dict(_keys(request, str(name)))
        for key, most in keys.items():
            if len(_recent(counts, key)) >= most:
                logger.warning("A login is refused: %s wrong passwords in %s s.", most, WINDOW)
                # Django asks no other backend, and tells the client what it tells of a wrong one.
                raise PermissionDenied
        user = authenticate(backend, request, username, password, **kwargs)
        if user is None:
            for key in keys:
                with counts.locked(key):
                    counts.set(key, [time.time(), *_recent(counts, key)], WINDOW)
        return user

    return checked


def _keys(request: HttpRequest, name: str) -> Iterator[tuple[str, int]]:
    """What is counted, and how many wrong passwords each may have."""
    address = request.META.get("REMOTE_ADDR", "")
    if settings.BEHIND_PROXY:
        address = request.META.get("HTTP_X_FORWARDED_FOR", address).rpartition(",")[2].strip()
    yield f"login {address} {name.casefold()}", settings.LOGIN_ATTEMPTS
    yield f"login {address}", settings.LOGIN_ATTEMPTS * NAMES


def _recent(counts: SharedCounts, key: str) -> list[float]:
    return [moment for moment in counts.get(key, []) if moment > time.time() - WINDOW]
