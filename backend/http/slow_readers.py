"""Responses that occupy a thread as long as their reader wants, and their places."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, cast

from django.http import HttpRequest, HttpResponseBase, JsonResponse

from backend.server import slots
from backend.server.clients import AHEAD

if TYPE_CHECKING:
    from django.http import StreamingHttpResponse


def placed(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """``response``, or a 503 if it is a stream and this worker has no place for one."""
    if not _keeps_its_thread(response):
        return response
    if request.method == "HEAD":
        # A server would read the whole body to discard it, and would not notice a client that left.
        cast("StreamingHttpResponse", response).streaming_content = ()
        return response
    if slots.take():
        return response
    response.close()
    headers = {"Retry-After": str(slots.RETRY_AFTER), "Cache-Control": "no-store"}
    return JsonResponse({"detail": slots.NO_PLACE}, status=503, headers=headers)


def _keeps_its_thread(response: HttpResponseBase) -> bool:
    if not response.streaming:
        return False
    file = getattr(response, "file_to_stream", None)
    if file is None:
        return True
    try:
        file.fileno()
    except (AttributeError, io.UnsupportedOperation):
        # For example a part of a file from WhiteNoise: up to this size, it is buffered for a slow
        # client.
        return int(response.get("Content-Length", str(AHEAD + 1))) > AHEAD
    return False
