"""The landing page: what runs here and where to look."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine
from django.urls import NoReverseMatch, Resolver404, get_script_prefix, resolve, reverse
from rest_framework.schemas.generators import EndpointEnumerator

from backend.health.checks import database_states
from backend.pages.bar import bar
from backend.pages.policy import POLICY

# Of our own, because a team may have replaced TEMPLATES.
_FOLDER = Path(__file__).parent.parent / "templates" / "backend"
_engine = Engine(dirs=[str(_FOLDER)])


def render(template: str, values: dict[str, object]) -> str:
    """One of the image's own pages as text; every value is escaped.

    With ``home``, the start page, it has the bar of all pages: ``bar``, or that of somebody
    who is not logged in.
    """
    if home := values.get("home"):
        values = {"bar": bar(str(home)), **values}
    return _engine.get_template(template).render(Context(values))


def landing_page(request: HttpRequest) -> HttpResponse:
    """``GET /``: name, version, databases and their state, endpoints, links."""
    prefix = get_script_prefix()
    links = [
        (
            "API documentation",
            "Try every request in the browser: Swagger UI.",
            _url("schema-swagger-ui"),
        ),
        ("Reference", "The same documentation, for reading: ReDoc.", _url("schema-redoc")),
        ("OpenAPI document", "For tools and clients.", _url("schema", format="json")),
        ("Admin", "Edit the data.", _url("admin:index")),
        ("Health", "Is everything up?", f"{prefix}health/"),
    ]
    return HttpResponse(
        render(
            "landing.html",
            {
                "home": prefix,
                "name": settings.PROJECT_NAME,
                "version": settings.PROJECT_VERSION,
                "debug": settings.DEBUG,
                "databases": database_states(),
                "endpoints": [
                    {
                        "path": prefix + path.lstrip("/"),
                        "methods": methods,
                        "link": "{" not in path,
                        "map": (page := maps().get(path)) and prefix + page.lstrip("/"),
                    }
                    for path, methods in endpoints()
                ],
                "links": [link for link in links if link[2]],
            },
        ),
        headers={"Content-Security-Policy": POLICY},
    )


def icon(request: HttpRequest) -> HttpResponse:
    """``GET /favicon.ico``: every browser asks, for the admin and the documentation too."""
    headers = {"Cache-Control": "max-age=86400"}
    return HttpResponse((_FOLDER / "icon.svg").read_bytes(), "image/svg+xml", headers=headers)


@functools.cache
def endpoints() -> list[tuple[str, list[str]]]:
    """The API's paths, each with its methods, in alphabetical order."""
    if not apps.is_installed("rest_framework"):
        return []
    found = defaultdict(list)
    for path, method, _ in EndpointEnumerator().get_api_endpoints():
        found[path].append(method)
    return sorted(found.items())


@functools.cache
def maps() -> dict[str, str]:
    """The page with a map of an endpoint's data, by the path of its list."""
    found = {}
    for path, _, view in EndpointEnumerator().get_api_endpoints() if endpoints() else ():
        # A MapMixin, looked at without an import: that module is for those that use it.
        if hasattr(view.cls, "get_map") and _lists(view):
            page = f"{path.rstrip('/')}/map"
            found[path] = page if _resolves(page) else f"{page}/"
    return {path: page for path, page in found.items() if _resolves(page)}


def _lists(view: Callable[..., object]) -> bool:
    return "list" in getattr(view, "actions", {}).values()


def _resolves(path: str) -> bool:
    try:
        return getattr(resolve(path).func, "actions", {}).get("get") == "map"
    except Resolver404:
        return False


def _url(name: str, **kwargs: str) -> str | None:
    try:
        return reverse(name, kwargs=kwargs)
    except NoReverseMatch:
        return None
