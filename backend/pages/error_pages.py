"""Errors that no view of REST framework answers: a URL that is none, a host that is not allowed.

Django's own are HTML for everybody. A program gets the JSON that REST framework would send; what
asks for HTML, as browsers do, gets Django's page. A team with a template of its own, such as
``404.html``, wants it to be seen: there JSON is for those who ask for it.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import TemplateDoesNotExist, loader
from django.utils.cache import patch_vary_headers
from django.views import defaults

# The first is for those who take anything.
JSON, HTML = "application/json", "text/html"


def _page(status: int, page: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    detail = f"{HTTPStatus(status).phrase}."

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        kinds = [HTML, JSON] if _has_template(f"{status}.html") else [JSON, HTML]
        if request.get_preferred_type(kinds) == HTML:
            response = page(request, *args, **kwargs)
        else:
            response = JsonResponse({"detail": detail}, status=status)
        # A cache would give the page of a browser to a program, and the other way round.
        patch_vary_headers(response, ["Accept"])
        return response

    return answer


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
