"""One event as text or as a JSON object.

The image has its own formatters because python-json-logger (maintained, small) would need as much
code around it for the time, the exception, and the names of the fields, and does not write text.
"""

from __future__ import annotations

import json
import logging
import os
import time
from typing import Any

from backend.conf.environment import current
from backend.conf.errors import StartupError, escaped, in_line
from backend.logs.extra import plain, text_of

INDENT = "\n    "
# The attributes of every record. Anything else is from extra=.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {
    *("message", "asctime", "taskName", "request_id"),
    # Django's: its text has the query string.
    "request",
}


def is_json() -> bool:
    """Whether LOG_FORMAT is json, even if the environment is invalid."""
    try:
        form: str = current()["LOG_FORMAT"]
    except StartupError:
        form = os.environ.get("LOG_FORMAT", "").strip().lower()
    return form == "json"


def formatter() -> logging.Formatter:
    """The formatter that LOG_FORMAT names, for LOGGING and gunicorn."""
    return JSONFormatter() if is_json() else TextFormatter()


def rfc3339(seconds: float) -> str:
    """A time in seconds since the epoch as RFC 3339, in UTC, to the millisecond."""
    # Truncated, not rounded: .9996 is not 1000 milliseconds.
    milliseconds = int(seconds * 1000) % 1000
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03d}Z"


def one_event(text: str) -> str:
    """Text that cannot look like another event: lines after the first are indented."""
    return escaped(text.rstrip("\n")).replace("\n", INDENT)


def quoted(text: str) -> str:
    """Text inside double quotes on one line, as web servers write a request."""
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{in_line(text)}"'


def _request_id(record: logging.LogRecord) -> str | None:
    value = record.__dict__.get("request_id")
    return None if value == "-" else value


class TextFormatter(logging.Formatter):
    """``TIME LEVEL LOGGER [REQUEST ID]: MESSAGE``, a traceback indented below it."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info and record.exc_info[0]:
            text += "\n" + self.formatException(record.exc_info)
        if record.stack_info:
            text += "\n" + record.stack_info
        request_id = _request_id(record)
        logger = f"{record.name} [{request_id}]" if request_id else record.name
        return f"{rfc3339(record.created)} {record.levelname} {logger}: {one_event(text)}"


def combined(fields: dict[str, Any], request_id: str | None) -> str:
    """A request in the combined format of web servers, followed by its seconds and its ID.

    The format has fields for user, referer, and user agent, but they are left out.
    """
    uri = f"{fields['path']}?{fields['query']}" if fields["query"] else fields["path"]
    request = quoted(f"{fields['method']} {uri} {fields['protocol']}")
    return (
        f"{fields['address'] or '-'} - - [{time.strftime('%d/%b/%Y:%H:%M:%S %z')}] {request} "
        f'{fields["status"]} {fields["bytes"]} "-" "-" {fields["duration"]:.3f} '
        f"{request_id or '-'}"
    )


class JSONFormatter(logging.Formatter):
    """A JSON object on one line, which includes the ``extra=`` of the logger."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, Any] = {
            "time": rfc3339(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": _request_id(record),
            "process": record.process,
        }
        for name, value in vars(record).items():
            if name not in STANDARD and name not in fields:
                fields[name] = plain(name, value)
        if record.exc_info and record.exc_info[0]:
            fields["exception"] = self._exception(record.exc_info)
        if record.stack_info:
            fields["stack"] = record.stack_info
        # In ASCII, so that no reader treats a character as the end of a line.
        return json.dumps(fields, allow_nan=False)

    def _exception(self, info: Any) -> dict[str, str]:
        kind, error, _ = info
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        return {
            "type": f"{module}{kind.__qualname__}",
            "message": text_of(error),
            "traceback": self.formatException(info),
        }
