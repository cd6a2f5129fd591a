"""Files that users upload: served in debug mode, left to a proxy in production.

A thread of gunicorn that sends a large file to a slow client answers nobody else, and a proxy
sends it from the disk; so production has the one line in its log that says what to set up.
"""

from __future__ import annotations

import functools
import logging
import re

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import URLPattern, get_script_prefix, re_path
from django.views.decorators.http import require_safe
from django.views.static import serve

logger = logging.getLogger("backend.http.media")

# What a browser shows without running anything in it. All else is offered for saving: a page or
# an SVG that somebody uploaded would otherwise act as whoever is logged in here.
SHOWN = re.compile(r"image/(?!svg)[\w.+-]+|(audio|video)/[\w.+-]+|text/plain|application/pdf")


def urlpatterns() -> list[URLPattern]:
    """The path of MEDIA_URL; none where that is empty or another host's."""
    # Django has put PATH_PREFIX before it.
    prefix = settings.MEDIA_URL.removeprefix(get_script_prefix()).strip("/")
    if not prefix or "//" in settings.MEDIA_URL:
        return []
    return [re_path(rf"^{re.escape(prefix)}/(?P<path>.+)$", media)]


@require_safe
def media(request: HttpRequest, path: str) -> HttpResponseBase:
    """``GET MEDIA_URL/path``: the file in debug mode, 404 in production."""
    if not settings.DEBUG or not settings.MEDIA_ROOT:
        _say_who_serves()
        raise Http404("Uploaded files are not served by this API.")
    response = serve(request, path, document_root=settings.MEDIA_ROOT)
    response["X-Content-Type-Options"] = "nosniff"
    # What the browser is told, not what the path looks like. A 304 has none: it shows its copy.
    kind = response.headers.get("Content-Type")
    if kind is not None and not SHOWN.fullmatch(kind):
        response["Content-Disposition"] = "attachment"
    return response


@functools.cache
def _say_who_serves() -> None:
    """Once a process: each picture of a page would repeat it."""
    logger.warning(
        "A client requests %s. With DEBUG=false, this API does not serve uploaded files. Let your "
        "proxy serve the folder %s (MEDIA_ROOT) there; docs/static-and-media.md has the lines for "
        "nginx. Each worker logs this once.",
        settings.MEDIA_URL,
        settings.MEDIA_ROOT,
    )
