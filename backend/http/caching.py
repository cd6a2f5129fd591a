"""What caches between the server and its clients can keep."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponseBase
from django.utils.cache import patch_cache_control, patch_vary_headers
from rest_framework.request import Request

# The credentials that REST framework's own authentication reads, whatever the view says.
CREDENTIALS = ("Authorization", "Cookie")


def guard(
    request: Request,
    response: HttpResponseBase,
    cache_control: dict[str, Any] | None = None,
    vary: tuple[str, ...] = (),
) -> None:
    """Set ``Cache-Control`` and ``Vary``, so that no user gets a response for another.

    ``cache_control`` is for requests without credentials: arguments of Django's
    ``patch_cache_control``. A response to a request with credentials is private, even if
    ``cache_control`` or the response itself says public.
    """
    options = cache_control or {}
    if is_personal(request):
        shared = ("public", "s_maxage")
        kept = {name: value for name, value in options.items() if name not in shared}
        options = {"private": True, **kept}
        _forget_shared_age(response)
    if options:
        patch_cache_control(response, **options)
    patch_vary_headers(response, (*CREDENTIALS, *vary))


def is_personal(request: Request) -> bool:
    """Whether the request has credentials, of whatever kind."""
    if "Authorization" in request.headers or settings.SESSION_COOKIE_NAME in request.COOKIES:
        return True
    # Before authentication, nothing is shown, and this check would authenticate the request.
    if not hasattr(request, "_user"):
        return False
    user = request.user
    return request.auth is not None or bool(getattr(user, "is_authenticated", False))


def _forget_shared_age(response: HttpResponseBase) -> None:
    """Remove ``s-maxage``, which lets a shared cache keep a response: RFC 9111, 3.5."""
    given = response.headers.get("Cache-Control", "")
    if "s-maxage" in given.lower():
        kept = [item for item in given.split(",") if "s-maxage" not in item.lower()]
        response.headers["Cache-Control"] = ",".join(kept).strip()
