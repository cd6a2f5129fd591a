"""What the image's own pages may load, told to the browser.

Of the pages that are the image's alone: landing, health, map, Swagger UI, ReDoc. Those that
teams extend (the admin, the browsable API, their own) keep the headers of Django's
SecurityMiddleware and no policy.
"""

from __future__ import annotations

import functools
from urllib.parse import urlsplit

from django.templatetags.static import static

_NOTHING_ELSE = "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
# A page of our own without scripts, and its style inside.
POLICY = f"default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; {_NOTHING_ELSE}"


@functools.cache
def policy_with_scripts(connect: str = "'self'", images: str = "") -> str:
    """The policy of a page that shows something by a script of the static files.

    ``connect``: where its scripts may ask; ``images``: one more origin of pictures. Inline
    scripts do not run. OpenLayers, Swagger UI and ReDoc set styles, draw images from data, and
    ReDoc searches in a worker made of a blob.
    """
    files = " ".join(filter(None, ("'self'", _origin_of_static_files())))
    return (
        f"default-src 'none'; script-src {files}; style-src {files} 'unsafe-inline'; "
        f"img-src {files} data: blob: {images}; font-src {files} data:; worker-src blob:; "
        f"connect-src {connect} {_origin_of_static_files()}; {_NOTHING_ELSE}"
    )


def _origin_of_static_files() -> str:
    """Of another host, where a team's storage has them there; else empty."""
    url = urlsplit(static("backend/map.css"))
    return f"{url.scheme or 'https'}://{url.netloc}" if url.netloc else ""
