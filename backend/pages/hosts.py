"""The response to a request for a host name that is not in ALLOWED_HOSTS."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, JsonResponse

from backend.http.refusals import REFUSED, of_view, refuse
from backend.pages.landing import render
from backend.pages.policy import POLICY
from backend.pages.tracebacks import SHOWN
from backend.server import slots

# Django's own logger, whose level teams may have changed already.
logger = logging.getLogger("django.security.DisallowedHost")


class HostMiddleware:
    """Responds to an unknown host name with a 400, and logs in one line what to set.

    Without it, Django logs the same sentence with a traceback, and only if something reads the
    host. It is the first middleware, so it also sends the refusals of ``backend.http.bodies``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            request.get_host()
        except DisallowedHost as error:
            # Django's message names the header, the quoted host, and ALLOWED_HOSTS.
            logger.warning("%s", error, extra={"status_code": 400, "request": request})
            # From here on, the request has an empty host.
            request.get_host = str  # type: ignore[method-assign]  # for the middleware
            return refuse(request, self.get_response, _refusal(request))
        if refused := request.META.get(REFUSED):
            refusal = _refused_body(*refused)
            return refuse(request, self.get_response, refusal)
        return _for_own_pages(request, self.get_response(request))

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        # Before the process_view of other middleware, such as the CSRF check.
        return of_view(request)


def _for_own_pages(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Hide a traceback from pages of other origins if CORS_ALLOW_ALL_ORIGINS allows them all."""
    if hasattr(request, SHOWN) and getattr(settings, "CORS_ALLOW_ALL_ORIGINS", False):
        for name in ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"):
            response.headers.pop(name, None)
    return response


def _refused_body(status: int, detail: str) -> HttpResponse:
    if status == 413:
        return JsonResponse({"detail": detail}, status=413, reason="Content Too Large")
    headers = {"Retry-After": str(slots.RETRY_AFTER)}
    return JsonResponse({"detail": detail}, status=status, headers=headers)


def _refusal(request: HttpRequest) -> HttpResponse:
    title = "This API does not respond to this host name"
    detail = "To change that, see the log of the API."
    if "text/html" in request.headers.get("Accept", ""):
        page = render("refusal.html", {"title": title, "detail": detail})
        answer = HttpResponse(page, status=400, headers={"Content-Security-Policy": POLICY})
    else:
        document = json.dumps({"detail": f"{title}. {detail}"})
        answer = HttpResponse(document, "application/json", status=400)
    answer["Content-Length"] = str(len(answer.content))
    return answer
