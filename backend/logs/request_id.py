"""The ID of a request, from ``X-Request-ID`` or new, in its response and all its log lines."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

HEADER = "X-Request-ID"
# Allows UUIDs, hexadecimal trace IDs, and AWS's Root=1-..., but nothing that ends a line, a quoted
# text, or a shell word.
VALID = re.compile(r"[A-Za-z0-9._:+/=@~-]{1,128}", re.ASCII)

_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def current() -> str | None:
    """The ID of the request that this thread handles; None outside a request.

    A thread that a view starts has it if ``contextvars.copy_context().run`` runs it.
    """
    return _current.get()


def enter(given: str | None) -> None:
    """From now on, log lines of this thread have this ID, or a new one if it is invalid."""
    _current.set(accept(given))


def leave() -> None:
    """From now on, log lines of this thread belong to no request."""
    _current.set(None)


def accept(given: str | None) -> str:
    """``given`` if it is a valid ID, or else a new one of 32 hexadecimal digits."""
    return given if given and VALID.fullmatch(given) else os.urandom(16).hex()


class RequestIdApplication:
    """The outermost WSGI layer: every response below it has the ID.

    A team's code finds it in ``request.headers["X-Request-ID"]``.
    """

    def __init__(self, application: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        # Set until this thread's next request, because the server still sends the body and logs its
        # lines after this returns. With a wrapper around the body to notice its end, the kernel
        # could no longer send it (wsgi.file_wrapper).
        request_id = environ["HTTP_X_REQUEST_ID"] = accept(environ.get("HTTP_X_REQUEST_ID"))
        _current.set(request_id)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            others = [header for header in headers if header[0].lower() != "x-request-id"]
            return start_response(status, [*others, (HEADER, request_id)], *error)

        return self.application(environ, start)


def tag_records() -> None:
    """Give every log record a ``request_id``, which is ``-`` outside a request.

    Not with a filter, which each handler of a team's own LOGGING would have to name. This way,
    ``%(request_id)s`` works in any format.
    """
    make = logging.getLogRecordFactory()
    if getattr(make, "tags_requests", False):
        return

    def tagged(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make(*arguments, **named)
        record.request_id = _current.get() or "-"
        return record

    tagged.tags_requests = True  # type: ignore[attr-defined]  # a mark for the next call
    logging.setLogRecordFactory(tagged)
