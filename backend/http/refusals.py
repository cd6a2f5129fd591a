"""Requests that are refused before a view is looked for, answered as any other is.

What refuses lies around Django's middleware, which adds headers: of CORS, of security, a team's
own. So the request passes all of it, and meets its refusal where a view would be called.
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
    """What stands in for a view's answer; None for a request that is not refused."""
    return getattr(request, _REFUSAL, None)


# Every path leads to it, so that nothing is redirected or not found; and only with a refusal.
urlpatterns = [re_path("", cast("Callable[..., HttpResponse]", of_view))]
