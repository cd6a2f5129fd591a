"""Responses to HEAD without a body.

Django leaves the body to the server, and gunicorn logs a warning for each one that it drops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class HeadWithoutBody:
    """A WSGI layer: a response to HEAD has the headers of the one to GET, and no body."""

    def __init__(self, application: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        body = self.application(environ, start_response)
        return _Nothing(body) if environ["REQUEST_METHOD"] == "HEAD" else body


class _Nothing:
    """An empty body. The server closes it, and with it the one that nobody reads."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self.close = getattr(body, "close", lambda: None)

    def __iter__(self) -> Iterator[bytes]:
        return iter(())
