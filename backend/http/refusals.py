"""Responds to requests that are refused before Django looks for a view.

The refusal happens outside Django's middleware, which adds headers for CORS, security, and a team's
own. So the request passes all middleware, and is refused in place of a view.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse
from django.urls import re_path

from backend.http.headers import HEADERS

GetResponse = Callable[[HttpRequest], HttpResponse]
# In the environment of WSGI: with what status and in what words backend.http.bodies refuses the
# request, whose body is gone.
REFUSED = "backend.refused"
_REFUSAL = "_backend_refusal"


def refuse(request: HttpRequest, get_response: GetResponse, refusal: HttpResponse) -> HttpResponse:
    """``refusal`` with the headers that the middleware in ``get_response`` gives an answer.

    Whatever else the middleware makes of the request is not answered, except that a browser
    which asks before its request (CORS) is told whether it may read the answer.
    """
    setattr(request, _REFUSAL, refusal)
    request.urlconf = __name__
    response = get_response(request)
    preflight = "Access-Control-Request-Method" in request.headers and not response.streaming
    if response is refusal or (preflight and response.status_code == 200 and not response.content):
        return response
    for name, value in HEADERS:
        refusal.headers.setdefault(name, value)
    return refusal


def of_view(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse | None:
    """The response in place of a view's; None if the request is not refused."""
    return getattr(request, _REFUSAL, None)


# It matches every path, so that no path is redirected or not found, but only with a refusal.
urlpatterns = [re_path("", cast("Callable[..., HttpResponse]", of_view))]
