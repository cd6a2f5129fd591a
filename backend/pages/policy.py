"""The Content-Security-Policy of the image's own pages.

These are landing, health, map, Swagger UI, and ReDoc. Pages that teams extend (the admin, the
browsable API, their own) have only the headers of Django's SecurityMiddleware, and no policy.
"""

from __future__ import annotations

import functools
from urllib.parse import urlsplit

from django.templatetags.static import static

_NOTHING_ELSE = "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
# For a page without scripts, and with its styles inline.
POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; {_NOTHING_ELSE}"


@functools.cache
def policy_with_scripts(connect: str = "'self'", images: str = "") -> str:
    """The policy of a page with scripts from the static files.

    ``connect`` is where its scripts can send requests, and ``images`` is one more origin of
    images. Inline scripts do not run. OpenLayers, Swagger UI, and ReDoc set styles and use images
    from data URLs. ReDoc searches in a worker that it creates from a blob.
    """
    files = " ".join(filter(None, ("'self'", _origin_of_static_files())))
    return (
        f"default-src 'none'; script-src {files}; style-src {files} 'unsafe-inline'; "
        f"img-src {files} data: blob: {images}; font-src {files} data:; worker-src blob:; "
        f"connect-src {connect} {_origin_of_static_files()}; {_NOTHING_ELSE}"
    )


def _origin_of_static_files() -> str:
    """The origin of static files if a team's storage has them on another host, or else empty."""
    url = urlsplit(static("backend/map.css"))
    return f"{url.scheme or 'https'}://{url.netloc}" if url.netloc else ""
