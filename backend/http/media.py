"""Uploaded files: served in debug mode, but by a proxy in production.

While a gunicorn thread sends a large file to a slow client, it handles no other request, but a
proxy sends it from the disk. So in production, a line in the log says what to set up.
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

# Types that a browser shows without running code. It offers to save all others: an uploaded page or
# SVG could otherwise act as the logged-in user.
SHOWN = re.compile(r"image/(?!svg)[\w.+-]+|(audio|video)/[\w.+-]+|text/plain|application/pdf")


def urlpatterns() -> list[URLPattern]:
    """The path of MEDIA_URL; no pattern if it is empty or on another host."""
    # Django has prepended PATH_PREFIX.
    prefix = settings.MEDIA_URL.removeprefix(get_script_prefix()).strip("/")
    if not prefix or "//" in settings.MEDIA_URL:
        return []
    return [re_path(rf"^{re.escape(prefix)}/(?P<path>.+)$", media)]


@require_safe
def media(request: HttpRequest, path: str) -> HttpResponseBase:
    """``GET MEDIA_URL/path``: the file in debug mode, 404 in production."""
    if not settings.DEBUG or not settings.MEDIA_ROOT:
        _warn_not_served()
        raise Http404("Uploaded files are not served by this API.")
    response = serve(request, path, document_root=settings.MEDIA_ROOT)
    response["X-Content-Type-Options"] = "nosniff"
    # The declared type, not that of the path. A 304 has none: the browser shows its copy.
    kind = response.headers.get("Content-Type")
    if kind is not None and not SHOWN.fullmatch(kind):
        response["Content-Disposition"] = "attachment"
    return response


@functools.cache
def _warn_not_served() -> None:
    """Once per process, because each picture of a page would repeat it."""
    logger.warning(
        "A client requests %s. With DEBUG=false, this API does not serve uploaded files. Let your "
        "proxy serve the folder %s (MEDIA_ROOT) there; docs/static-and-media.md has the lines for "
        "nginx. Each worker logs this once.",
        settings.MEDIA_URL,
        settings.MEDIA_ROOT,
    )
