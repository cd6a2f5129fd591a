"""The id of a request: taken from ``X-Request-ID`` or made, in its answer and all its lines."""

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
# Room for UUIDs, hexadecimal trace ids and AWS's Root=1-...; nothing that ends a line, a
# quoted text or a shell's word.
VALID = re.compile(r"[A-Za-z0-9._:+/=@~-]{1,128}", re.ASCII)

_current: ContextVar[str | None] = ContextVar("request_id", default=None)


def current() -> str | None:
    """The id of the request that this thread answers; None outside of one.

    A thread that a view starts has it when it is run by
    ``contextvars.copy_context().run``.
    """
    return _current.get()


def leave() -> None:
    """What this thread logs from now on belongs to no request."""
    _current.set(None)


def accept(given: str | None) -> str:
    """``given`` when it is a usable id, else a new one of 32 hexadecimal digits."""
    return given if given and VALID.fullmatch(given) else os.urandom(16).hex()


class RequestIdApplication:
    """The outermost WSGI layer: whatever is answered below it has the id.

    A team's own code finds it in ``request.headers["X-Request-ID"]``.
    """

    def __init__(self, application: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        # Set until this thread's next request, because the server still sends the body and
        # writes its lines when this has returned. A body that were wrapped to notice its end
        # would no longer be sent by the kernel (wsgi.file_wrapper).
        request_id = environ["HTTP_X_REQUEST_ID"] = accept(environ.get("HTTP_X_REQUEST_ID"))
        _current.set(request_id)

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            others = [header for header in headers if header[0].lower() != "x-request-id"]
            return start_response(status, [*others, (HEADER, request_id)], *error)

        return self.application(environ, start)


def tag_records() -> None:
    """Give every log record ``request_id``, ``-`` outside of a request.

    Not by a filter, which each handler of a team's own LOGGING would have to name: with
    this ``%(request_id)s`` works in any format.
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
