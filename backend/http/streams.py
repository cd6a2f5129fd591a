"""Which answers keep a thread for as long as their reader likes, and what they need for it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from backend.server import places
from backend.server.clients import AHEAD

if TYPE_CHECKING:
    from django.http import StreamingHttpResponse


def placed(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """``response``, or a 503 where it is a stream and this worker has no place for one."""
    if not _keeps_its_thread(response):
        return response
    if request.method == "HEAD":
        # A server reads the whole body, to throw it away, and would not notice who has left.
        cast("StreamingHttpResponse", response).streaming_content = ()
        return response
    if places.take():
        return response
    response.close()
    headers = {"Retry-After": str(places.RETRY_AFTER), "Cache-Control": "no-store"}
    return JsonResponse({"detail": places.NO_PLACE}, status=503, headers=headers)


def _keeps_its_thread(response: HttpResponseBase) -> bool:
    if not response.streaming:
        return False
    file = getattr(response, "file_to_stream", None)
    if file is None:
        return True
    try:
        file.fileno()
    except (AttributeError, io.UnsupportedOperation):
        # Such as a part of a file, of WhiteNoise: up to here it is kept for a slow client.
        return int(response.get("Content-Length", str(AHEAD + 1))) > AHEAD
    return False
