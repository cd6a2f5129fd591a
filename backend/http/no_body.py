"""No body for responses that have none: to HEAD, and with the status 204 or 304.

Django and REST framework leave it to the server, and gunicorn logs a warning for each body that it
drops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
STATUSES = ("204", "304")


class WithoutBody:
    """A WSGI layer. A response to HEAD keeps the headers of the one to GET.

    https://www.rfc-editor.org/rfc/rfc9110#section-6.4.1
    """

    def __init__(self, application: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        has_none = environ["REQUEST_METHOD"] == "HEAD"

        def start(status: str, headers: list[tuple[str, str]], *error: Any) -> Any:
            nonlocal has_none
            if status.startswith(STATUSES):
                has_none = True
                # It would be the length of the body that is left out.
                headers = [each for each in headers if each[0].lower() != "content-length"]
            return start_response(status, headers, *error)

        body = self.application(environ, start)
        return _Nothing(body) if has_none else body


class _Nothing:
    """An empty body. The server closes it, and with it the one that nobody reads."""

    def __init__(self, body: Iterable[bytes]) -> None:
        self.close = getattr(body, "close", lambda: None)

    def __iter__(self) -> Iterator[bytes]:
        return iter(())
