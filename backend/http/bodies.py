"""The WSGI layer that limits the body of a request, and the memory for it.

Django limits what it parses itself (DATA_UPLOAD_MAX_MEMORY_SIZE), but neither files nor what REST
framework reads: its JSON parser reads a body of any size into memory. Also, Django treats a body
without a length (``Transfer-Encoding: chunked``) as empty.

If the container has a memory limit, a body reserves its part of ``backend.server.memory``: JSON
what it needs when it is parsed, and a file its size if ``/tmp`` is in memory too.
"""

from __future__ import annotations

import contextlib
import functools
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Protocol, cast

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest, get_path_info
from django.urls import ResolverMatch, resolve

from backend.conf import machine_limits
from backend.conf.variables import setting
from backend.http.refusals import REFUSED
from backend.server import memory

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

PIECE = 64 * 1024  # bytes
# A refused body is read and discarded up to this size: a client that sends first and reads later
# would otherwise see a broken connection instead of the response. gunicorn ends the others.
LINGER = 16 * 2**20  # bytes
# Bodies up to this size need little memory, whatever they contain.
SMALL = 64 * 1024  # bytes
# Larger chunked bodies are stored in a file, like Django's uploads.
IN_MEMORY = 2**20  # bytes
# Bytes of memory for each byte of a body that is read as a whole: JSON as bytes, as text, and as
# text of four bytes per character; and the most that each of its values takes in Python (measured).
OF_BYTE, OF_VALUE, OF_GROUP = 5, 64, 72
# The memory for one JSON body, as a multiple of DATA_UPLOAD_MAX_MEMORY_SIZE: coordinates take about
# ten times their size, and [{},{},{}] fifty times.
TIMES = 20
# What Django's own views read into memory as a whole, and what a team's parser can.
WHOLE = "DATA_UPLOAD_MAX_MEMORY_SIZE"
JSON = re.compile(r".*[/+]json")
FULL = "The bodies of other requests use all the memory of this server. Try again in a few seconds."
TAKEN_WHOLE = re.compile(r"application/x-www-form-urlencoded|.*[/+]json")
PARSED_WHOLE = re.compile(r"application/x-www-form-urlencoded|.*[/+](json|xml|yaml)")


class RefusedError(OSError):
    """A body that has more bytes, or needs more memory, than it can have.

    Raised while the body is read. Django turns it into an UnreadablePostError.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


class BodyLimits:
    """Answers 413 to a body over MAX_UPLOAD_SIZE, or, where it would be taken into memory
    whole, over DATA_UPLOAD_MAX_MEMORY_SIZE (both in bytes). Chunked bodies get a length.

    The view's parser for this type decides which of the two: a KML file can be as large as any
    other if the view accepts files.
    """

    def __init__(self, application: Callable[[Environ, StartResponse], Iterable[bytes]]) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or ""
        size = int(length) if length.isdecimal() else 0
        try:
            if size and size > min(SMALL, *_bounds().values()):
                environ["wsgi.input"] = _Body(environ, size)
            elif not length and "HTTP_TRANSFER_ENCODING" in environ:
                body, size = _whole(_Body(environ))
                del environ["HTTP_TRANSFER_ENCODING"]
                environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(size)}
        except RefusedError as error:
            return self._refuse(environ, start_response, error, size)
        return self.application(environ, start_response)

    def _refuse(
        self, environ: Environ, start_response: StartResponse, refused: RefusedError, size: int
    ) -> Iterable[bytes]:
        """Let backend.pages.hosts respond, inside Django, whose middleware adds its headers."""
        linger = LINGER if size <= LINGER else 0
        stream, empty = environ["wsgi.input"], {"CONTENT_LENGTH": "0", "wsgi.input": io.BytesIO()}
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        environ |= {REFUSED: (refused.status, refused.detail), **empty}
        answer = cast("_Answer", self.application(environ, start_response))
        return _Refusal(answer, stream, linger)


class _Body:
    """A replacement for ``wsgi.input`` that reads no more than there is memory for.

    ``size`` is in bytes, or 0 if it is unknown. Raises RefusedError.
    """

    def __init__(self, environ: Environ, size: int = 0) -> None:
        self._stream = environ["wsgi.input"]
        kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
        bounds, is_whole = _bounds(), _is_read_into_memory(environ, kind)
        whole = bounds.get(WHOLE)
        if not is_whole:
            bounds.pop(WHOLE, None)
        self._name, self._limit = min(bounds.items(), key=lambda item: item[1])
        self._is_json = is_whole and bool(JSON.fullmatch(kind))
        self._of_byte = OF_BYTE if is_whole else int(_are_files_in_memory())
        self._most = memory.most(), "the container's memory limit"
        if self._is_json and whole is not None:
            self._most = min(self._most, (whole * TIMES, f"{TIMES} times {WHOLE}"))
        self._announced, self._read, self._taken = size, 0, 0
        if size:
            self._check_size(size)
            self._take(size * self._of_byte)

    def read(self, size: int | None = None) -> bytes:
        return self._passed(self._stream.read(size))

    def readline(self, size: int | None = None) -> bytes:
        return self._passed(self._stream.readline(size))

    def readlines(self, _hint: int | None = None) -> list[bytes]:
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def _passed(self, data: bytes) -> bytes:
        need = 0
        if not self._announced:
            self._read += len(data)
            self._check_size(self._read)
            need = len(data) * self._of_byte
        if self._is_json:
            need += memory_of_values(data)
        self._take(need)
        return data

    def _check_size(self, size: int) -> None:
        limit, name = self._limit, self._name
        if self._of_byte and memory.most() < limit * self._of_byte:
            limit, name = int(memory.most()) // self._of_byte, "the container's memory limit"
        if size > limit:
            detail = f"The body of a request of this type can have at most {limit} bytes ({name})."
            raise RefusedError(413, detail)

    def _take(self, need: int) -> None:
        self._taken += need
        most, name = self._most
        if self._taken > most:
            raise RefusedError(
                413,
                f"The values in this body take more than {int(most)} bytes of memory ({name}). "
                "Send them in several requests.",
            )
        if need and not memory.take(need):
            raise RefusedError(503, FULL)


def memory_of_values(data: bytes) -> int:
    """The most bytes that Python needs for the values in this part of a JSON text."""
    values = data.count(b",") + data.count(b":")
    groups = data.count(b"[") + data.count(b"{")
    return values * OF_VALUE + groups * OF_GROUP


def _bounds() -> dict[str, int]:
    """The settings that limit a body, in bytes."""
    bounds = {"MAX_UPLOAD_SIZE": setting("MAX_UPLOAD_SIZE")}
    if settings.DATA_UPLOAD_MAX_MEMORY_SIZE is not None:
        bounds[WHOLE] = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return bounds


@functools.cache
def _are_files_in_memory() -> bool:
    return machine_limits.is_in_memory(settings.FILE_UPLOAD_TEMP_DIR or tempfile.gettempdir())


def _is_read_into_memory(environ: Environ, kind: str) -> bool:
    """Whether the view reads a body of this type into memory, not from a file."""
    match = _matched(environ)
    if match is None:
        return bool(TAKEN_WHOLE.fullmatch(kind))
    from rest_framework import parsers

    try:
        parser = _parser(match, environ)
    except Exception:  # noqa: BLE001  a team's code, without what Django's middleware adds
        return bool(PARSED_WHOLE.fullmatch(kind))
    if isinstance(parser, (parsers.JSONParser, parsers.FormParser)):
        return True
    takes_files = (parsers.MultiPartParser, parsers.FileUploadParser, type(None))
    return not isinstance(parser, takes_files) and bool(PARSED_WHOLE.fullmatch(kind))


def _matched(environ: Environ) -> ResolverMatch | None:
    """The match of a REST framework view; None if another view or none matches."""
    try:
        match = resolve(get_path_info(environ))
    except Exception:  # noqa: BLE001  no view, or an error in a team's converter: Django raises it again
        return None
    return match if hasattr(getattr(match.func, "cls", None), "get_parsers") else None


def _parser(match: ResolverMatch, environ: Environ) -> Any:
    """The parser of a REST framework view for this body, or None."""
    made: Any = match.func  # as_view() leaves the class and its arguments on it
    view = made.cls(**made.initkwargs)
    view.action_map = getattr(made, "actions", None)
    # Without the body, which Django reads.
    request = WSGIRequest({**environ, "wsgi.input": io.BytesIO()})
    view.request, view.args, view.kwargs = request, match.args, match.kwargs
    return view.get_content_negotiator().select_parser(view.request, view.get_parsers())


def _whole(stream: _Body) -> tuple[IO[bytes], int]:
    """The whole of a chunked body, and its length in bytes. Raises RefusedError."""
    body = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  closed with the request
    while piece := stream.read(PIECE):
        body.write(piece)
    size = body.tell()
    body.seek(0)
    return body, size


class _Answer(Protocol):
    """Django's responses, which can be closed."""

    def __iter__(self) -> Iterator[bytes]: ...

    def close(self) -> None: ...


class _Refusal:
    """The response. After it is sent, ``linger`` bytes of the body are discarded."""

    def __init__(self, answer: _Answer, stream: IO[bytes], linger: int) -> None:
        self.answer = answer
        self.stream = stream
        self.linger = linger

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.answer)

    def close(self) -> None:
        self.answer.close()
        # The response is sent, so errors in the rest of the body do not matter.
        with contextlib.suppress(OSError):
            while self.linger > 0 and (piece := self.stream.read(PIECE)):
                self.linger -= len(piece)
