"""The WSGI layers of the image around a project's application, whichever server runs it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from whitenoise import WhiteNoise

from backend.boot.configuration import complete_settings
from backend.health.wsgi import HealthApplication, team_has_health
from backend.http.bodies import BodyLimits
from backend.http.no_body import WithoutBody
from backend.logs import failed_requests
from backend.logs.request_id import RequestIdApplication
from backend.pages import landing
from backend.pages.policy import POLICY

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
# It sends the refusals of BodyLimits.
REFUSING = "backend.pages.hosts.HostMiddleware"


HEALTH = ("/health", "/health/", "/health/live", "/health/live/", "/health/ready", "/health/ready/")


def nothing(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """A WSGI application without any page, for what another kind of application serves."""
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return []


def is_of_the_image(path: str) -> bool:
    """Whether the layers respond to ``path``, and not the application that they surround."""
    outside = settings.FORCE_SCRIPT_NAME or ""
    if f"{path}/".startswith(f"{outside}/"):
        path = path.removeprefix(outside)
    if path in HEALTH:
        return path not in HEALTH[:2] or not team_has_health()
    prefix = _static_prefix()
    return prefix is not None and path.startswith(prefix)


def layered(application: Application) -> RequestIdApplication:
    """``application`` with request IDs, health pages, and static files.

    Bodies have limits too, unless a project's own settings leave that to Django.
    """
    if isinstance(application, RequestIdApplication):
        return application
    complete_settings()
    for name in ("gunicorn.error", "gunicorn.access"):
        # disable_existing_loggers is the default of a team's LOGGING.
        logging.getLogger(name).disabled = False
    failed_requests.install()
    inner: Application = _with_static_files(application)
    if REFUSING in settings.MIDDLEWARE:
        inner = BodyLimits(inner)
    # The ID is the outermost layer, so that a line about a probe, a 404, or an error has it too.
    return RequestIdApplication(WithoutBody(HealthApplication(inner, landing.render, POLICY)))


def _with_static_files(application: Application) -> Application:
    """Serve STATIC_ROOT, unless the project's middleware does, or another host."""
    prefix = _static_prefix()
    if prefix is None:
        return application
    served: Application = WhiteNoise(application, root=str(settings.STATIC_ROOT), prefix=prefix)
    return served


def _static_prefix() -> str | None:
    """The path of the static files; None if the middleware or another host serves them.

    Without FORCE_SCRIPT_NAME, which the layer around them removes from a request's path.
    """
    url = urlsplit(settings.STATIC_URL or "")
    installed = apps.is_installed("django.contrib.staticfiles")
    if not installed or WHITENOISE in settings.MIDDLEWARE or not settings.STATIC_ROOT:
        return None
    path = url.path.removeprefix(settings.FORCE_SCRIPT_NAME or "")
    return path if path.strip("/") and not url.netloc else None
