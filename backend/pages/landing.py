"""The landing page: what the API offers, and links to it."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template import Context, Engine
from django.urls import NoReverseMatch, get_script_prefix, reverse

from backend.conf.variables import setting
from backend.health.probes import database_states
from backend.pages import resources
from backend.pages.bar import bar, bar_for_visitor, headers

# Our own engine, because a team may have replaced TEMPLATES.
_FOLDER = Path(__file__).parent.parent / "templates" / "backend"
_engine = Engine(dirs=[str(_FOLDER)])


def render(template: str, values: dict[str, object]) -> str:
    """One of the image's own pages as text, with every value escaped.

    With ``home``, the start page, it has the bar of all pages: ``bar``, or the one for a visitor
    who is not logged in.
    """
    if home := values.get("home"):
        values = {"bar": bar(str(home)), **values}
    return _engine.get_template(template).render(Context(values))


def landing_page(request: HttpRequest) -> HttpResponse:
    """``GET /``: name, version, the API's lists, other endpoints, links, and databases."""
    prefix = get_script_prefix()
    states, cards = database_states(), resources.cards()
    is_up = all(state.ok for state in states)  # else a look-up of the visitor could take long
    visitor = bar_for_visitor(request) if is_up else bar(prefix, request)
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
                "bar": visitor,
                "name": setting("PROJECT_NAME"),
                "version": setting("PROJECT_VERSION"),
                "debug": settings.DEBUG,
                "databases": states,
                "cards": cards,
                "others": [
                    {
                        "path": prefix + path.lstrip("/"),
                        "methods": methods,
                        "link": "{" not in path,
                    }
                    for path, methods in resources.others()
                ],
                "links": [link for link in links if link[2]],
            },
        ),
        headers=headers(visitor),
    )


def icon(request: HttpRequest) -> HttpResponse:
    """``GET /favicon.ico``: browsers request it for every page, including the admin."""
    headers = {"Cache-Control": "max-age=86400"}
    return HttpResponse((_FOLDER / "icon.svg").read_bytes(), "image/svg+xml", headers=headers)


def _url(name: str, **kwargs: str) -> str | None:
    try:
        return reverse(name, kwargs=kwargs)
    except NoReverseMatch:
        return None
