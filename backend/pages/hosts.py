"""What a request under a host name that is not in ALLOWED_HOSTS is told."""

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

# Django's own name for it, which teams may have silenced or raised already.
logger = logging.getLogger("django.security.DisallowedHost")


class HostMiddleware:
    """Answers a request under a foreign host name with 400, and says in one line what to set.

    First of all middleware: without it Django logs the same sentence with a traceback, and
    only where something asks for the host. So it also answers what ``backend.http.bodies`` refused.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            request.get_host()
        except DisallowedHost as error:
            # Django's sentence: it names the header, the host, quoted, and ALLOWED_HOSTS.
            logger.warning("%s", error, extra={"status_code": 400, "request": request})
            # From here on it has no host.
            request.get_host = str  # type: ignore[method-assign]  # for the middleware
            return refuse(request, self.get_response, _refusal(request))
        if refused := request.META.get(REFUSED):
            refusal = _refused_body(*refused)
            return refuse(request, self.get_response, refusal)
        return _for_own_pages(request, self.get_response(request))

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        # Before the process_view of any other, such as the check for CSRF.
        return of_view(request)


def _for_own_pages(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """A traceback is not for pages of any origin, but for those that CORS_ALLOWED_ORIGINS names."""
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
