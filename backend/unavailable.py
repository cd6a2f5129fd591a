"""A database that is down, full or too slow is a 503 that says so, not a 500.

In REST framework's views by ``exception_handler``, in the format the client asked for;
everywhere else, and where a team has a handler of its own, by ``UnavailableMiddleware``.

What a client did wrong and Django would answer with a 500 goes the same ways: see
``backend.client_errors``.
"""

from __future__ import annotations

import logging
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, JsonResponse

from backend.client_errors import answer_to
from backend.errors import one_line

logger = logging.getLogger("backend.unavailable")

RETRY_AFTER = 5  # seconds; a restarted PostgreSQL answers again within them
NO_ANSWER = "A database that this request needs does not answer. Try again in a few seconds."
NO_SLOT = "A database that this request needs has no free connection. Try again in a few seconds."
TOO_SLOW = "The database needed more than {seconds} s for this request."
NO_ROOM = "The disk of a database that this request writes to is full. Reading goes on."
CANCELED = "The database was told to give up this request. Try again."
# https://www.postgresql.org/docs/current/errcodes-appendix.html
QUERY_CANCELED = "57014"
TOO_MANY_CONNECTIONS = "53300"
DISK_FULL = "53100"
# The second for the index of the write-ahead log. https://www.sqlite.org/rescode.html
SQLITE_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
# admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout,
# idle_in_transaction_session_timeout; and all of class 08, connection exceptions.
ENDED = ("57P01", "57P02", "57P03", "57P05", "25P03", "08")
# To a connection that is refused the server's error comes without its code.
FULL = ("remaining connection slots are reserved", "too many clients", "too many connections")


def explanation(error: BaseException | None) -> str | None:
    """What a client may know of an error that waiting mends; None for any other error.

    It names no host, no user and no SQL.
    """
    if isinstance(error, InterfaceError):
        return NO_ANSWER if "closed" in str(error) else None
    if not isinstance(error, OperationalError):
        return None
    cause = error.__cause__
    if getattr(cause, "sqlite_errorcode", None) in SQLITE_FULL:
        return NO_ROOM
    if not hasattr(cause, "pgcode") and not hasattr(cause, "sqlstate"):
        return None  # of another database than PostgreSQL
    code = getattr(cause, "pgcode", None) or getattr(cause, "sqlstate", None)
    if code == QUERY_CANCELED:
        seconds = getattr(settings, "STATEMENT_TIMEOUT", 0)
        timed_out = seconds and "statement timeout" in str(error)
        return TOO_SLOW.format(seconds=seconds) if timed_out else CANCELED
    if code == DISK_FULL:
        return NO_ROOM
    if code == TOO_MANY_CONNECTIONS or any(text in str(error) for text in FULL):
        return NO_SLOT
    # Without a code it is libpq's own: there is no connection, or no more.
    return NO_ANSWER if code is None or code.startswith(ENDED) else None


def is_outage(error: BaseException) -> bool:
    """Whether the database was not there, or went away."""
    return explanation(error) in (NO_ANSWER, NO_SLOT)


def _status_and_detail(error: BaseException | None) -> tuple[int, str] | None:
    detail = explanation(error)
    return (503, detail) if detail else error and answer_to(error)


def exception_handler(error: Exception, context: dict[str, Any]) -> Any:
    """REST framework's EXCEPTION_HANDLER: its own, and a 503 for a database's outage."""
    from rest_framework import exceptions, views

    found = _status_and_detail(error)
    if found is None:
        return views.exception_handler(error, context)
    status, detail = found
    _log(status, error)
    answered = exceptions.APIException(detail)
    answered.status_code = status
    if status == 503:
        answered.wait = RETRY_AFTER  # becomes the header Retry-After
    return views.exception_handler(answered, context)


class UnavailableMiddleware:
    """Answers 503 where a database's outage would be Django's page for errors."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # In another middleware Django has made a 500 of it by now: a session that cannot
        # be saved, for one.
        error = getattr(request, "_unavailable", None)
        return _answer(error) if error is not None and response.status_code == 500 else response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return _answer(error) if _status_and_detail(error) else None


@receiver(got_request_exception)
def _remember(sender: object, request: HttpRequest | None = None, **_: object) -> None:
    error = sys.exception()
    if request is not None and _status_and_detail(error):
        request._unavailable = error


def _answer(error: BaseException) -> HttpResponse:
    status, detail = _status_and_detail(error)
    _log(status, error)
    headers = {"Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    return JsonResponse({"detail": detail}, status=status, headers=headers)


def _log(status: int, error: BaseException) -> None:
    logger.warning("answered with %s: %s", status, one_line(error))
