"""Where lines go: a server's to standard output, a command's to standard error.

What a command prints is its result, which a log line must not get into; what a server
prints is a log.
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
from types import TracebackType
from typing import Any, TextIO

from backend.conf.environment import current
from backend.logs import formatters, request_id

_serving = False


class ConsoleHandler(logging.StreamHandler[TextIO]):
    """Writes to the stream that is right at the time, as logging's own last resort does."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        logging.Handler.__init__(self, level)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]  # never set: it is what it is now
        stream = sys.stdout if _serving else sys.stderr
        return stream.plain if isinstance(stream, JSONLines) else stream


def start() -> None:
    """From now on this process serves: all that it writes is log lines, in the form of LOG_FORMAT.

    Raises StartupError when the environment cannot be read.
    """
    global _serving
    if _serving:
        return
    _serving = True
    as_json = current()["LOG_FORMAT"] == "json"
    request_id.tag_records()
    # Not logging.captureWarnings, which loses what is warned of before LOGGING is read.
    warnings.showwarning = _warn
    # For what is logged before Django has read LOGGING, or by loggers it has no handler for.
    logging.lastResort = _handler(logging.WARNING)
    if as_json:
        sys.stdout = JSONLines(sys.stdout, "stdout", logging.INFO)
        sys.stderr = JSONLines(sys.stderr, "stderr", logging.WARNING)
        sys.excepthook = _uncaught
        threading.excepthook = _uncaught_in_thread
        sys.unraisablehook = _unraisable


def emit(
    logger: str, level: int, message: str, error: BaseException | None = None, **fields: Any
) -> None:
    """Write one event, whatever LOGGING says, for instance before it is read."""
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord(logger, level, "", 0, message, None, info)
    vars(record).update(fields, request_id=request_id.current() or "-")
    _handler().handle(record)


@functools.cache
def _handler(level: int = logging.NOTSET) -> ConsoleHandler:
    handler = ConsoleHandler(level)
    handler.setFormatter(formatters.formatter())
    return handler


class JSONLines(io.TextIOBase):
    """Stands in for ``sys.stdout`` or ``sys.stderr``: each line that is printed is an event.

    A line that is a JSON object already, as a team's own handler may write it, is left as
    it is. What other programs and C libraries write does not come through here.
    """

    def __init__(self, plain: TextIO, logger: str, level: int) -> None:
        self.plain = plain
        self.logger, self.level = logger, level
        self._format = formatters.JSONFormatter().format
        # Of each thread its own, because print() writes a line in two parts.
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
        """What is whole was written at once; a begun line waits for its end."""

    def close(self) -> None:
        """The stream below belongs to the interpreter."""

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
    # As Python's own: a thread may end itself by SystemExit.
    if args.exc_type is not SystemExit and args.exc_value is not None:
        name = args.thread.name if args.thread else "?"
        emit("python", logging.ERROR, f"Uncaught exception in thread {name}", args.exc_value)


def _unraisable(args: Any) -> None:
    message = args.err_msg or "Exception ignored in"
    emit("python", logging.ERROR, f"{message}: {args.object!r}", args.exc_value)
