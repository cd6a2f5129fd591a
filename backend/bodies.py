"""The WSGI layer that bounds what a request may send.

Django bounds what it parses itself (DATA_UPLOAD_MAX_MEMORY_SIZE), and neither files nor what
REST framework reads: its JSON parser takes a body of any size into memory. And Django takes a
body without a length (``Transfer-Encoding: chunked``) for an empty one.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest, get_path_info
from django.urls import Resolver404, ResolverMatch, resolve

from backend.refusals import TOO_LARGE

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

PIECE = 64 * 1024  # bytes
# A body that was refused is read and thrown away up to this: a client that sends first and reads
# later would otherwise find a broken connection, and not the answer. gunicorn ends the others.
LINGER = 16 * 2**20  # bytes
# Larger chunked bodies wait in a file, as Django's uploads do.
IN_MEMORY = 2**20  # bytes
# What Django's own views take into memory whole, and what a parser of the team's may.
TAKEN_WHOLE = re.compile(r"application/x-www-form-urlencoded|.*[/+]json")
PARSED_WHOLE = re.compile(r"application/x-www-form-urlencoded|.*[/+](json|xml|yaml)")


class TooLargeError(Exception):
    """A body of which no length was told has more bytes than it may."""


class BodyLimits:
    """Answers 413 to a body over MAX_UPLOAD_SIZE, or, where it would be taken into memory
    whole, over DATA_UPLOAD_MAX_MEMORY_SIZE (both in bytes). Chunked bodies get a length.

    Which of them it is, says the parser that the view at this address has for this type: a file
    of KML may be as large as any other where the view takes files.
    """

    def __init__(self, application: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or ""
        chunked = not length and "HTTP_TRANSFER_ENCODING" in environ
        if length.isdecimal() or chunked:
            name, limit = _limit(environ, None if chunked else int(length))
            if length and int(length) > limit:
                linger = LINGER if int(length) <= LINGER else 0
                return self._refuse(environ, start_response, name, limit, linger)
            if chunked:
                try:
                    body, size = _whole(environ["wsgi.input"], limit)
                except TooLargeError:
                    return self._refuse(environ, start_response, name, limit, LINGER)
                environ["wsgi.input"], environ["CONTENT_LENGTH"] = body, str(size)
                del environ["HTTP_TRANSFER_ENCODING"]
        return self.application(environ, start_response)

    def _refuse(
        self, environ: Environ, start_response: StartResponse, name: str, limit: int, linger: int
    ) -> Iterable[bytes]:
        """Let backend.hosts answer, in Django, whose middleware adds its headers."""
        detail = f"The body of a request of this type has at most {limit} bytes here ({name})."
        stream, empty = environ["wsgi.input"], {"CONTENT_LENGTH": "0", "wsgi.input": io.BytesIO()}
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ |= {TOO_LARGE: detail, **empty}
        return _Refusal(self.application(environ, start_response), stream, linger)


def _limit(environ: Environ, size: int | None) -> tuple[str, int]:
    """The setting that bounds this body, and its value; a ``size`` of None is not known yet."""
    limits = {"MAX_UPLOAD_SIZE": settings.MAX_UPLOAD_SIZE}
    whole = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if whole is not None and (size is None or size > whole) and _is_taken_whole(environ):
        limits["DATA_UPLOAD_MAX_MEMORY_SIZE"] = whole
    return min(limits.items(), key=lambda item: item[1])


def _is_taken_whole(environ: Environ) -> bool:
    """Whether the view that answers reads this body into memory, not from a file."""
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    match = _matched(environ)
    if match is None:
        return bool(TAKEN_WHOLE.fullmatch(kind))
    from rest_framework import parsers

    parser = _parser(match, environ)
    if isinstance(parser, (parsers.JSONParser, parsers.FormParser)):
        return True
    takes_files = (parsers.MultiPartParser, parsers.FileUploadParser, type(None))
    return not isinstance(parser, takes_files) and bool(PARSED_WHOLE.fullmatch(kind))


def _matched(environ: Environ) -> ResolverMatch | None:
    """The URL of a view of REST framework, None where another or no view answers."""
    try:
        match = resolve(get_path_info(environ))
    except Resolver404:
        return None
    return match if hasattr(getattr(match.func, "cls", None), "get_parsers") else None


def _parser(match: ResolverMatch, environ: Environ) -> Any:
    """What a view of REST framework would parse this body with, None where it has no parser."""
    view = match.func.cls(**match.func.initkwargs)
    view.request, view.args, view.kwargs = WSGIRequest(environ), match.args, match.kwargs
    return view.get_content_negotiator().select_parser(view.request, view.get_parsers())


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


class _Refusal:
    """The answer; after it was sent, ``linger`` bytes of the body are thrown away."""

    def __init__(self, answer: Iterable[bytes], stream: IO[bytes], linger: int) -> None:
        self.answer = answer
        self.stream = stream
        self.linger = linger

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.answer)

    def close(self) -> None:
        self.answer.close()  # Django's, which has one
        while self.linger > 0 and (piece := self.stream.read(PIECE)):
            self.linger -= len(piece)
