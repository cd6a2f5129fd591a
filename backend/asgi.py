"""The ASGI application: a project's own, with the image's health pages and static files.

For ``uvicorn``, ``daphne``, and other ASGI servers. The start puts it in the place of the
application that their command names.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Any

from asgiref.sync import sync_to_async
from django.core.asgi import get_asgi_application
from django.utils.module_loading import import_string

from backend.boot.asgi import PROJECTS
from backend.conf import project

project.choose()

# These read the settings.
from backend.boot.application import is_of_the_image, layered, nothing  # noqa: E402
from backend.databases import connections  # noqa: E402

Response = tuple[int, list[tuple[bytes, bytes]], bytes]

connections.prepare()
_django = get_asgi_application()
_named = os.environ.get(PROJECTS)
_project = import_string(_named.replace(":", ".")) if _named else _django
_layers = layered(nothing)


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Mapping[str, Any]], Awaitable[None]],
) -> None:
    if scope["type"] != "http" or not is_of_the_image(scope["path"]):
        await _project(scope, receive, send)
        return
    # Not in the thread of Django's views, which can all be waiting for a database.
    status, headers, body = await sync_to_async(_respond, thread_sensitive=False)(scope)
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _respond(scope: dict[str, Any]) -> Response:
    """The response of the layers, which read no body and have no large one."""
    environ = {
        "REQUEST_METHOD": scope["method"],
        "PATH_INFO": scope["path"],
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": BytesIO(),
    }
    for name, value in scope["headers"]:
        environ[f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"] = value.decode(
            "latin-1"
        )
    started: list[Any] = []

    def start(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        started[:] = HTTPStatus(int(status.split()[0])), headers

    chunks = _layers(environ, start)
    body = b"".join(chunks)
    if close := getattr(chunks, "close", None):
        close()
    status, headers = started
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return status, encoded, body
