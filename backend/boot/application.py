"""The WSGI layers of the image around a project's application, whichever server runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from whitenoise import WhiteNoise

from backend.health.wsgi import HealthApplication
from backend.http.bodies import BodyLimits
from backend.http.no_body import WithoutBody
from backend.logs.request_id import RequestIdApplication
from backend.pages import landing
from backend.pages.policy import POLICY

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"


def layered(application: Application) -> RequestIdApplication:
    """``application`` with request IDs, health pages, limits of bodies, and static files."""
    if isinstance(application, RequestIdApplication):
        return application
    inner = BodyLimits(_with_static_files(application))
    # The ID is the outermost layer, so that a line about a probe, a 404, or an error has it too.
    return RequestIdApplication(WithoutBody(HealthApplication(inner, landing.render, POLICY)))


def _with_static_files(application: Application) -> Application:
    """Serve STATIC_ROOT, unless the project's middleware does, or another host."""
    prefix = urlsplit(settings.STATIC_URL or "")
    if not apps.is_installed("django.contrib.staticfiles") or WHITENOISE in settings.MIDDLEWARE:
        return application
    if prefix.netloc or not prefix.path or not settings.STATIC_ROOT:
        return application
    served: Application = WhiteNoise(
        application, root=str(settings.STATIC_ROOT), prefix=prefix.path
    )
    return served
