"""The bar at the top of the image's pages: the API's name, home, the documentation, and login."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import NoReverseMatch, get_script_prefix, resolve, reverse

from backend.conf.variables import setting
from backend.pages.policy import POLICY

# REST framework's login, if a team includes it, also accepts people who are not staff.
LOGINS = ("rest_framework", "admin")


def bar(home: str, request: HttpRequest | None = None, user: Any = None) -> dict[str, Any]:
    """The values of ``bar.html``.

    ``home`` is the start page. ``user`` is the visitor, if the page knows it. Health and the error
    pages do not look it up.
    """
    namespace = next((name for name in LOGINS if _url(f"{name}:login", home)), None)
    # Without the query, which can contain a secret and would be logged.
    back = f"?{urlencode({'next': request.path})}" if request else ""
    # A user from a team's own authenticator may not have this attribute.
    known = request is not None and getattr(user, "is_authenticated", False)
    logs_out = known and (namespace != "admin" or _admin_lets_in(request, user))
    return {
        "home": home,
        "name": setting("PROJECT_NAME"),
        "docs": _url("schema-swagger-ui", home),
        "known": known,
        "user": str(user) if known else None,
        "login": namespace and f"{_url(f'{namespace}:login', home)}{back}",
        "logout": namespace and logs_out and f"{_url(f'{namespace}:logout', home)}{back}",
        "token": get_token(request) if request and known else None,
    }


def bar_for_visitor(request: HttpRequest) -> dict[str, Any]:
    """The bar of a page that must not fail if the visitor cannot be looked up.

    Only a visitor with a session causes queries.
    """
    home = get_script_prefix()
    try:
        return bar(home, request, getattr(request, "user", None))
    except Exception:  # noqa: BLE001  # of a session store or a team's user: this page must not fail
        return bar(home, request)


def headers(values: dict[str, Any]) -> dict[str, str]:
    """The headers of a page with this bar. A page that names a user is for that user alone."""
    private = {"Cache-Control": "private"} if values["known"] else {}
    return {"Content-Security-Policy": POLICY, **private}


def _admin_lets_in(request: HttpRequest | None, user: Any) -> bool:
    """The admin's logout does nothing for users without access to the admin."""
    logout = resolve("/" + reverse("admin:logout").removeprefix(get_script_prefix())).func
    site: Any = getattr(logout, "admin_site", None)
    return hasattr(user, "is_staff") and site is not None and bool(site.has_permission(request))


def _url(name: str, home: str) -> str | None:
    # Health is served below Django, where no request has set the prefix.
    try:
        return home + reverse(name).removeprefix(get_script_prefix())
    except NoReverseMatch:
        return None
