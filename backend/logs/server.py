"""gunicorn's logger: its lines and the access log in the form of LOG_FORMAT."""

from __future__ import annotations

import logging
import re
import sys
from datetime import timedelta
from typing import Any

from django.conf import settings
from gunicorn import glogging
from gunicorn.config import Config

from backend.conf.environment import current
from backend.conf.variables import setting
from backend.logs import console, failed_requests, formatters, request_id
from backend.logs.masking import client_address, mask_uri, mask_uris

# gunicorn's message for an invalid request (workers/base.py), which repeats the client's text.
INVALID = re.compile(r"Invalid request from ip=(\S*): (.*)", re.DOTALL)
LONGEST = 200


class Logger(glogging.Logger):  # type: ignore[misc]  # gunicorn has no types
    """A team's ``access_log_format`` is kept in text, where it says what is written."""

    def setup(self, cfg: Config) -> None:
        console.start()
        env = current()
        self.behind_proxy = env["BEHIND_PROXY"]
        self.client_address = env["LOG_CLIENT_ADDRESS"]
        self.as_json = formatters.is_json()
        own = cfg.access_log_format != cfg.settings["access_log_format"].default
        self.teams_format = own and not self.as_json
        super().setup(cfg)

    def _set_handler(
        self, log: logging.Logger, output: str | None, fmt: logging.Formatter, stream: Any = None
    ) -> None:
        # As text, a line of the access log is already complete.
        if log is self.error_log or self.as_json:
            fmt = formatters.formatter()
        if output != "-":
            super()._set_handler(log, output, fmt, stream)
            return
        if handler := self._get_gunicorn_handler(log):
            log.removeHandler(handler)
        handler = console.ConsoleHandler()
        handler.setFormatter(fmt)
        handler._gunicorn = True  # type: ignore[attr-defined]  # by which gunicorn finds it
        log.addHandler(handler)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """One line a request, after its answer was sent; also for one that could not be read."""
        if self.teams_format:
            super().access(resp, req, environ, request_time)
        elif self.access_log_enabled:
            method, uri = environ["REQUEST_METHOD"], environ.get("RAW_URI", "")
            path, _, query = mask_uri(uri).partition("?")
            status = int(str(resp.status).split(None, 1)[0])
            fields = {
                "method": method,
                "path": path,
                "query": query,
                "protocol": environ["SERVER_PROTOCOL"],
                "status": status,
                "bytes": getattr(resp, "sent", 0),
                "duration": round(request_time.total_seconds(), 6),
                "address": self._address(environ),
            }
            if self.as_json:
                self._write("%s %s %d", method, path, status, extra=fields)
            else:
                self._write("%s", formatters.combined(fields, request_id.current()))

    def _write(self, text: str, *args: object, extra: dict[str, Any] | None = None) -> None:
        """As ``access_log.info``, but for the search for who calls it, which is always this."""
        log = self.access_log
        if log.isEnabledFor(logging.INFO):
            record = log.makeRecord(
                log.name, logging.INFO, __file__, 0, text, args, None, extra=extra
            )
            log.handle(record)

    def _address(self, environ: dict[str, Any]) -> str | None:
        address = environ.get("REMOTE_ADDR", "")
        # A team may say it in its settings, which are there when a request is.
        if setting("BEHIND_PROXY") if settings.configured else self.behind_proxy:
            # The last one is the proxy's word; those before it are whatever it was told.
            forwarded = environ.get("HTTP_X_FORWARDED_FOR", address)
            address = forwarded.rpartition(",")[2].strip()
        return client_address(address, self.client_address)

    def info(self, msg: str, *args: Any, **kwargs: Any) -> None:
        # gunicorn's own doings, of no request: a worker that answers in its main thread
        # would write the last one's id.
        request_id.leave()
        super().info(msg, *args, **kwargs)

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        if match := INVALID.fullmatch(msg):
            request_id.leave()
            address = client_address(match[1], self.client_address) or "-"
            msg, args = "Invalid request from %s: %s", (address, mask_uris(match[2])[:LONGEST])
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:
        # "Error handling request %s %s", method, uri
        masked = [mask_uri(arg) if isinstance(arg, str) else arg for arg in args]
        error = sys.exception()
        console.record()
        super().exception(msg, *masked, **kwargs)
        # A team's LOGGING and gunicorn's log level can turn this logger off.
        if error and not failed_requests.has_traceback(console.recorded(), error):
            message = str(msg) % tuple(masked) if masked else str(msg)
            console.emit(self.error_log.name, logging.ERROR, message, error)
        failed_requests.forget()
