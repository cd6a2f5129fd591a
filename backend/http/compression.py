"""Compresses responses with zstd, brotli, or gzip, whichever the client accepts.

It compresses only data, and only for anonymous requests. If a page contains a secret and repeats
text from the request, its compressed size reveals the secret, one letter at a time (BREACH,
https://breachattack.com/). So HTML pages, which contain the CSRF token, and all responses to
requests with a session or an ``Authorization`` header are not compressed. Neither are streams,
which a proxy can compress.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Callable

import brotli
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags

from backend.conf.variables import setting

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# Below this size, the headers outweigh the savings.
SMALLEST = 500  # bytes
# Best first, if a client accepts several equally. Above these levels, a page of GeoJSON gets hardly
# smaller but much slower; bench/compression measures them.
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstd.compress(body, level=1),
    "br": lambda body: brotli.compress(body, quality=3),
    "gzip": lambda body: gzip.compress(body, compresslevel=4, mtime=0),
}
NO_TRANSFORM = re.compile(r"(?:^|,)\s*no-transform\s*(?:,|$)", re.IGNORECASE)
DATA = (
    "application/json",
    "application/geo+json",
    "application/openapi+json",
    "application/vnd.mapbox-vector-tile",
    "application/yaml",
    "text/csv",
)


class CompressionMiddleware:
    """Django middleware, below WhiteNoise, whose files are already compressed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not setting("COMPRESS_RESPONSES"):
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "If-Match" in request.headers:
            # Clients send back strong tags that were weakened below, or by a compressing proxy. By
            # RFC 9110, 13.1.1, they would match nothing.
            given = parse_etags(request.META["HTTP_IF_MATCH"])
            request.META["HTTP_IF_MATCH"] = ", ".join(tag.removeprefix("W/") for tag in given)
        response = self.get_response(request)
        if not _is_compressible(response) or _is_to_be_kept(request, response):
            return response
        patch_vary_headers(response, ("Accept-Encoding",))
        encoding = accepted(request.headers.get("Accept-Encoding", ""))
        if encoding is None or _is_personal(request):
            return response
        body = ENCODINGS[encoding](response.content)
        if len(body) >= len(response.content):
            return response
        response.content = body
        response.headers["Content-Encoding"] = encoding
        response.headers["Content-Length"] = str(len(body))
        # The same data in other bytes: RFC 9110, 8.8.1.
        if (etag := response.headers.get("ETag", "")).startswith('"'):
            response.headers["ETag"] = f"W/{etag}"
        return response


def accepted(header: str) -> str | None:
    """The encoding that an ``Accept-Encoding`` header prefers, or None if it names none of ours.

    RFC 9110, 12.5.3: ``q=0`` refuses an encoding, ``*`` means all that are not named.
    """
    weights = {}
    for item in header.lower().split(","):
        name, _, parameters = item.partition(";")
        _, _, weight = parameters.partition("q=")
        try:
            weights[name.strip()] = float(weight) if weight.strip() else 1.0
        except ValueError:
            continue
    ours = {name: weights.get(name, weights.get("*", 0.0)) for name in ENCODINGS}
    best = max(ours, key=lambda name: ours[name])
    return best if ours[best] > 0 else None


def _is_compressible(response: HttpResponse) -> bool:
    return (
        not response.streaming
        and response.status_code == 200
        and not response.has_header("Content-Encoding")
        and response.headers.get("Content-Type", "").partition(";")[0].strip() in DATA
        and len(response.content) >= SMALLEST
    )


def _is_to_be_kept(request: HttpRequest, response: HttpResponse) -> bool:
    """Whether either side forbids another form of the body: RFC 9111, 5.2.1.6 and 5.2.2.6."""
    given = (message.headers.get("Cache-Control", "") for message in (request, response))
    return any(NO_TRANSFORM.search(directives) for directives in given)


def _is_personal(request: HttpRequest) -> bool:
    return settings.SESSION_COOKIE_NAME in request.COOKIES or "Authorization" in request.headers
