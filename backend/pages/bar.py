"""The bar above every page that the image serves: its name, home, the documentation, log in."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import NoReverseMatch, get_script_prefix, reverse

# Those of REST framework let people in who are not staff, where a team has included them.
LOGINS = ("rest_framework", "admin")


def bar(home: str, request: HttpRequest | None = None, user: Any = None) -> dict[str, Any]:
    """What ``bar.html`` shows.

    ``home``: the start page. ``user``: who asks, where the page knows it anyway; the landing page,
    health and pages of errors do not ask a database for it, which may be what is down.
    """
    namespace = next((name for name in LOGINS if _url(f"{name}:login", home)), None)
    # Without the query, which may have a secret in it, and which a log keeps.
    back = f"?{urlencode({'next': request.path})}" if request else ""
    # What an authenticator of a team's gives may have no such attribute.
    known = request is not None and getattr(user, "is_authenticated", False)
    return {
        "home": home,
        "name": settings.PROJECT_NAME,
        "docs": _url("schema-swagger-ui", home),
        "user": str(user) if known else None,
        "login": namespace and f"{_url(f'{namespace}:login', home)}{back}",
        "logout": namespace and f"{_url(f'{namespace}:logout', home)}{back}",
        "token": get_token(request) if request and known else None,
    }


def _url(name: str, home: str) -> str | None:
    # Below Django, where health is answered, no request has set the prefix.
    try:
        return home + reverse(name).removeprefix(get_script_prefix())
    except NoReverseMatch:
        return None
