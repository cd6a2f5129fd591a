"""Every request that fails leaves its traceback in the log, whatever LOGGING a team wrote.

A team's LOGGING can lose it in many ways: no handler for ``django.request``, or only mail, a file,
a level, a filter, or ``disable_existing_loggers``. So what counts is what the console got. If it
got no traceback of an error by the end of the request, the image writes one.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from contextvars import ContextVar
from typing import Any

from django.apps import apps
from django.core.handlers.base import BaseHandler
from django.core.signals import got_request_exception, request_finished, request_started
from django.http import HttpRequest

from backend.logs import console

# The errors of the current request, with its path.
_errors: ContextVar[tuple[tuple[str, BaseException], ...]] = ContextVar("errors", default=())


def install() -> None:
    """Watch the requests of this process, if it is a server. For use after ``django.setup``."""
    if not console.is_server():
        return
    request_started.connect(forget)
    got_request_exception.connect(_note_uncaught)
    request_finished.connect(_end)
    BaseHandler.process_exception_by_middleware = _process_exception  # type: ignore[method-assign]
    if apps.is_installed("rest_framework"):
        _watch_rest_framework()


def has_traceback(text: str, error: BaseException) -> bool:
    """Whether the text has a traceback of the error, in any format: its type, and where it rose."""
    frames = list(traceback.walk_tb(error.__traceback__))
    if not frames:
        return False
    frame, line = frames[-1]
    return (
        type(error).__name__ in text
        and frame.f_code.co_filename in text
        and re.search(rf"(?<!\d){line}(?!\d)", text) is not None
    )


def forget(**_: Any) -> None:
    """Keep nothing of the current request, or of one before it whose error left Django."""
    _errors.set(())
    console.forget()


def _note_uncaught(request: HttpRequest | None = None, **_: Any) -> None:
    error = sys.exception()
    if request is not None and error is not None:
        _note(request, error)


def _note(request: HttpRequest, error: BaseException) -> None:
    console.record()
    _errors.set((*_errors.get(), (request.path, error)))


def _end(**_: Any) -> None:
    # The last one is first: its traceback has those of the errors that it followed.
    for path, error in reversed(_errors.get()):
        if not has_traceback(console.recorded(), error):
            message = f"Internal Server Error: {path}"
            console.emit("django.request", logging.ERROR, message, error)
    forget()


_stock_process_exception = BaseHandler.process_exception_by_middleware


def _process_exception(self: BaseHandler, exception: Exception, request: HttpRequest) -> Any:
    """Like the stock method. Notes an error for which a team's middleware has a 500."""
    console.record()
    response = _stock_process_exception(self, exception, request)
    if response is not None and response.status_code == 500:
        _note(request, exception)
    return response


def _watch_rest_framework() -> None:
    """Note errors for which a team's EXCEPTION_HANDLER has a 500: Django does not see them."""
    from rest_framework.response import Response
    from rest_framework.views import APIView

    stock = APIView.handle_exception

    def handle_exception(self: APIView, exc: Exception) -> Response:
        console.record()
        response = stock(self, exc)
        if response.status_code == 500:
            _note(self.request, exc)
        return response

    APIView.handle_exception = handle_exception  # type: ignore[method-assign]
