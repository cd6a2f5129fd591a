"""The WSGI layer that bounds what a request may send.

Django bounds what it parses itself (DATA_UPLOAD_MAX_MEMORY_SIZE), and neither files nor what
REST framework reads: its JSON parser takes a body of any size into memory. And Django takes a
body without a length (``Transfer-Encoding: chunked``) for an empty one.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import IO, Any

from django.conf import settings

from backend.pages import HEADERS

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

PIECE = 64 * 1024  # bytes
# A body that was refused is read and thrown away up to this: a client that sends first and reads
# later would otherwise find a broken connection, and not the answer. gunicorn ends the others.
LINGER = 16 * 2**20  # bytes
# Larger chunked bodies wait in a file, as Django's uploads do.
IN_MEMORY = 2**20  # bytes
# What parsers take into memory whole; a body without a type goes to the first parser, JSON's.
PARSED_WHOLE = re.compile(r"|application/x-www-form-urlencoded|.*[/+](geo\+)?(json|xml|yaml)")


class TooLargeError(Exception):
    """A body of which no length was told has more bytes than it may."""


class BodyLimits:
    """Answers 413 to a body over MAX_UPLOAD_SIZE, or, of a type that parsers take into memory
    whole, over DATA_UPLOAD_MAX_MEMORY_SIZE (both in bytes). Chunked bodies get a length.
    """

    def __init__(self, application: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or ""
        chunked = not length and "HTTP_TRANSFER_ENCODING" in environ
        if length.isdecimal() or chunked:
            name, limit = _limit(environ.get("CONTENT_TYPE", ""))
            if length and int(length) > limit:
                linger = LINGER if int(length) <= LINGER else 0
                return _refuse(environ, start_response, name, limit, linger)
            if chunked:
                try:
                    body, size = _whole(environ["wsgi.input"], limit)
                except TooLargeError:
                    return _refuse(environ, start_response, name, limit, LINGER)
                environ["wsgi.input"], environ["CONTENT_LENGTH"] = body, str(size)
                del environ["HTTP_TRANSFER_ENCODING"]
        return self.application(environ, start_response)


def _limit(content_type: str) -> tuple[str, int]:
    """The setting that bounds a body of this type, and its value."""
    limits = {"MAX_UPLOAD_SIZE": settings.MAX_UPLOAD_SIZE}
    kind = content_type.partition(";")[0].strip().lower()
    if PARSED_WHOLE.fullmatch(kind) and settings.DATA_UPLOAD_MAX_MEMORY_SIZE is not None:
        limits["DATA_UPLOAD_MAX_MEMORY_SIZE"] = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return min(limits.items(), key=lambda item: item[1])


def _whole(stream: IO[bytes], limit: int) -> tuple[IO[bytes], int]:
    """All of a chunked body, and its length in bytes. Raises TooLargeError above ``limit``."""
    body = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  closed with the request
    while piece := stream.read(PIECE):
        body.write(piece)
        if body.tell() > limit:
            raise TooLargeError
    size = body.tell()
    body.seek(0)
    return body, size


def _refuse(
    environ: Environ, start_response: StartResponse, name: str, limit: int, linger: int
) -> Iterable[bytes]:
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    detail = f"The body of a request of this type has at most {limit} bytes here ({name})."
    body = json.dumps({"detail": detail}).encode()
    start_response(
        f"{status.value} Content Too Large",
        [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *HEADERS],
    )
    return _Refusal(body, environ["wsgi.input"], linger)


class _Refusal:
    """The answer; after it was sent, ``linger`` bytes of the body are thrown away."""

    def __init__(self, answer: bytes, stream: IO[bytes], linger: int) -> None:
        self.answer = answer
        self.stream = stream
        self.linger = linger

    def __iter__(self) -> Iterator[bytes]:
        yield self.answer

    def close(self) -> None:
        while self.linger > 0 and (piece := self.stream.read(PIECE)):
            self.linger -= len(piece)
