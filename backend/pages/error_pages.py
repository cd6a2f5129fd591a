"""Error pages for requests that no view of REST framework handles, such as an unknown URL.

Django's own pages are HTML for every client, and do not fit a phone. Here, programs get the JSON
that REST framework would send. Clients that ask for HTML, such as browsers, get a page like the
image's others. If a team has its own template, such as ``404.html``, everyone gets it except
clients that ask for JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import TemplateDoesNotExist, loader
from django.urls import get_script_prefix
from django.utils.cache import patch_vary_headers
from django.views import csrf, defaults

from backend.pages.bar import bar
from backend.pages.landing import render
from backend.pages.policy import POLICY

# The first of them is for clients that accept anything.
JSON, HTML = "application/json", "text/html"


# The text of the page, by status.
DETAILS = {
    400: "The server does not understand this request.",
    403: "You may not see this page.",
    404: "There is no page at this address.",
    500: "Something went wrong on the server. The error is in its log.",
}
CSRF = (
    "CSRF verification failed. This form is out of date, or the browser keeps no cookies of this "
    "site. Go back, reload the page and send the form again."
)


def _page(status: int, page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    detail = f"{HTTPStatus(status).phrase}."

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        has_team_page = _has_template(f"{status}.html")
        if request.get_preferred_type([HTML, JSON] if has_team_page else [JSON, HTML]) != HTML:
            response: HttpResponse = JsonResponse({"detail": detail}, status=status)
        elif has_team_page:
            response = page(request, *args, **kwargs)
        else:
            response = _own_page(request, status, DETAILS[status])
        # Otherwise a cache could give the page to a program, or the JSON to a browser.
        patch_vary_headers(response, ["Accept"])
        return response

    return answer


def _own_page(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    # Without the user: to look at the session would add Cookie to Vary, also of the redirects that
    # Django's middleware makes of a 404, and would need a database, which may be down.
    home = get_script_prefix()
    values = {"home": home, "bar": bar(home, request)}
    title = HTTPStatus(status).phrase
    page = render("refusal.html", {**values, "title": title, "detail": detail})
    return HttpResponse(page, status=status, headers={"Content-Security-Policy": POLICY})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A team's ``403_csrf.html``, Django's explanation in debug mode, or a page like the others."""
    if settings.DEBUG or _has_template(csrf.CSRF_FAILURE_TEMPLATE_NAME):
        return csrf.csrf_failure(request, reason)
    return _own_page(request, 403, CSRF)


def _has_template(name: str) -> bool:
    try:
        loader.get_template(name)
    except TemplateDoesNotExist:
        return False
    return True


handler400 = _page(400, defaults.bad_request)
handler403 = _page(403, defaults.permission_denied)
handler404 = _page(404, defaults.page_not_found)
handler500 = _page(500, defaults.server_error)
