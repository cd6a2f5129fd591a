"""Sends the lines of a server to standard output, and those of a command to standard error.

The output of a command is its result, which must not contain log lines. The output of a server is a
log.
"""

from __future__ import annotations

import atexit
import functools
import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, TextIO

from backend.conf.environment import current
from backend.logs import formatters, request_id

_serving = False
# What this thread wrote to the console since ``record``.
_record: ContextVar[list[str] | None] = ContextVar("record", default=None)


class ConsoleHandler(logging.StreamHandler[TextIO]):
    """Writes to the stream that is current at the time, like logging.lastResort."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        logging.Handler.__init__(self, level)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # never set: always the current stream
        stream = sys.stdout if _serving else sys.stderr
        return stream.plain if isinstance(stream, JSONLines) else stream


def start() -> None:
    """From now on, this process is a server: all its output is log lines, as LOG_FORMAT says.

    Raises StartupError if the environment is invalid.
    """
    global _serving
    if _serving:
        return
    _serving = True
    as_json = current()["LOG_FORMAT"] == "json"
    request_id.tag_records()
    # Not logging.captureWarnings, which loses warnings before LOGGING is configured.
    warnings.showwarning = _warn
    # For records before Django has configured LOGGING, or from loggers without a handler.
    logging.lastResort = handler(logging.WARNING)
    stdout: Any = Tee(sys.stdout)
    stderr: Any = Tee(sys.stderr)
    if as_json:
        stdout = JSONLines(stdout, "stdout", logging.INFO)
        stderr = JSONLines(stderr, "stderr", logging.WARNING)
        sys.excepthook = _uncaught
        threading.excepthook = _uncaught_in_thread
        sys.unraisablehook = _unraisable
    sys.stdout, sys.stderr = stdout, stderr


def is_server() -> bool:
    """Whether this process has called ``start``."""
    return _serving


def record() -> None:
    """From now on, until ``forget``, keep what this thread writes to the console."""
    if _record.get() is None:
        _record.set([])


def recorded() -> str:
    return "".join(_record.get() or ())


def forget() -> None:
    _record.set(None)


def emit(
    logger: str, level: int, message: str, error: BaseException | None = None, **fields: Any
) -> None:
    """Write one event regardless of LOGGING, for example before it is configured."""
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord(logger, level, "", 0, message, None, info)
    vars(record).update(fields, request_id=request_id.current() or "-")
    handler().handle(record)


@functools.cache
def handler(level: int = logging.NOTSET) -> ConsoleHandler:
    handler = ConsoleHandler(level)
    handler.setFormatter(formatters.formatter())
    return handler


class Tee:
    """Replaces ``sys.stdout`` or ``sys.stderr``: its text also goes to the record, if there is one.

    What other programs and C libraries write does not pass through here.
    """

    def __init__(self, plain: TextIO) -> None:
        self.plain = plain

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def write(self, text: str) -> int:
        kept = _record.get()
        if kept is not None:
            kept.append(text)
        return self.plain.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)


class JSONLines(io.TextIOBase):
    """Replaces ``sys.stdout`` or ``sys.stderr``: each printed line is an event.

    A line that is already a JSON object, for example from a team's own handler, stays unchanged.
    The output of other programs and C libraries does not pass through here.
    """

    def __init__(self, plain: TextIO, logger: str, level: int) -> None:
        self.plain = plain
        self.logger, self.level = logger, level
        self._format = formatters.JSONFormatter().format
        # One per thread, because print() writes a line in two parts.
        self._begun = threading.local()
        atexit.register(self._end)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]  # nobody sets it
        return self.plain.encoding

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.plain.fileno()

    def flush(self) -> None:
        """Does nothing: complete lines are written at once; an incomplete line waits."""

    def close(self) -> None:
        """Does nothing, because the stream below belongs to the interpreter."""

    def write(self, text: str) -> int:
        *lines, rest = (getattr(self._begun, "text", "") + text).split("\n")
        self._begun.text = rest
        for line in lines:
            self._write(line)
        return len(text)

    def _write(self, line: str) -> None:
        if not line.strip():
            return
        if not _is_object(line):
            record = logging.LogRecord(self.logger, self.level, "", 0, line.rstrip(), None, None)
            record.request_id = request_id.current() or "-"
            line = self._format(record)
        self.plain.write(line + "\n")
        self.plain.flush()

    def _end(self) -> None:
        self.write("\n")


def _is_object(line: str) -> bool:
    try:
        return line.startswith("{") and isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _warn(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    text = f"{filename}:{lineno}: {category.__name__}: {message}"
    logging.getLogger("py.warnings").warning("%s", text)


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    emit("python", logging.CRITICAL, "Uncaught exception", error)


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    # As in Python: a thread can end itself with SystemExit.
    if args.exc_type is not SystemExit and args.exc_value is not None:
        name = args.thread.name if args.thread else "?"
        emit("python", logging.ERROR, f"Uncaught exception in thread {name}", args.exc_value)


def _unraisable(args: Any) -> None:
    message = args.err_msg or "Exception ignored in"
    emit("python", logging.ERROR, f"{message}: {args.object!r}", args.exc_value)
