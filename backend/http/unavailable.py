"""Returns a 503 with the reason, not a 500, if a database is down, full, or too slow.

In REST framework's views, ``exception_handler`` does so, in the format of the client. Everywhere
else, and if a team has its own handler, ``UnavailableMiddleware`` does. It also refuses a stream if
no thread is free.

A client's errors for which Django would return a 500 are handled in the same way: see
``backend.http.client_errors``.
"""

from __future__ import annotations

import enum
import logging
import re
import sqlite3
import sys
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.signals import got_request_exception
from django.db import DatabaseError, InterfaceError, OperationalError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from backend.conf.errors import one_line
from backend.conf.variables import setting
from backend.databases import driver
from backend.databases.server_errors import QUERY_CANCELED, sqlstate
from backend.http import slow_readers
from backend.http.client_errors import answer_to
from backend.http.error_sources import driver_connection, driver_wrapper

logger = logging.getLogger("backend.http.unavailable")

RETRY_AFTER = 5  # seconds, in which a restarted PostgreSQL answers again
NO_ANSWER = "A database that this request needs does not answer. Try again in a few seconds."
NO_SLOT = "A database that this request needs has no free connection. Try again in a few seconds."
TOO_SLOW = "The database needed more than {seconds} s for this request."
NO_ROOM = "The disk of a database that this request writes to is full. Reading goes on."
CANCELED = "The database was told to cancel this request. Try again."
READ_ONLY = "A database that this request writes to is read-only at the moment. Reading goes on."
BUSY = (
    "Another request holds a lock in the database that this one needs. Try again in a few seconds."
)
# https://www.postgresql.org/docs/current/errcodes-appendix.html
TOO_MANY_CONNECTIONS = "53300"
DISK_FULL = "53100"
READ_ONLY_TRANSACTION = "25006"
# What a server tells every client of itself, from PostgreSQL 14 on: a standby, and a role, a
# database or a server that was set so.
READ_ONLY_SERVER = ("in_hot_standby", "default_transaction_read_only")
# lock_not_available; and all of class 40: deadlocks, and transactions that are not serializable.
WAITING = ("55P03", "40")
# The second for the index of the write-ahead log. https://www.sqlite.org/rescode.html
SQLITE_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
# admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout,
# idle_in_transaction_session_timeout; all of class 08, connection exceptions, and of 28, logins.
ENDED = ("57P01", "57P02", "57P03", "57P05", "25P03", "08", "28")
# libpq reports a refused connection without its code. These words only choose the name of an
# outage.
FULL = ("remaining connection slots are reserved", "too many clients", "too many connections")
LOGIN = re.compile(
    r"password authentication failed|no password supplied|no pg_hba\.conf entry"
    r'|role "[^"]*" does not exist|authentication method',
)
# Errors of libpq itself about what this side requires: encryption, certificates, options.
OPTIONS = re.compile(
    r"server does not support (SSL|GSSAPI)|certificate verify failed|does not match host name"
    r"|root certificate file|client certificate|private key file|invalid \w+ value|invalid port"
    r"|invalid connection option|channel binding required",
)
# An attribute of a request with such an error: the error, and the response.
_REMEMBERED = "_unavailable"


def explanation(error: BaseException | None) -> str | None:
    """A message for the client about a temporary error; None for any other error.

    It names no host, no user and no SQL.
    """
    if isinstance(error, InterfaceError):
        return NO_ANSWER if _has_lost_connection(error) else None
    if not isinstance(error, DatabaseError):
        return None
    cause, code = error.__cause__, sqlstate(error)
    if getattr(cause, "sqlite_errorcode", None) in SQLITE_FULL:
        return NO_ROOM
    if not hasattr(cause, "pgcode") and not hasattr(cause, "sqlstate"):
        return None  # of another database than PostgreSQL
    if code is None:
        return _of_connection(error)
    if code == QUERY_CANCELED:
        seconds = setting("STATEMENT_TIMEOUT")
        timed_out = seconds and "statement timeout" in str(error)
        return TOO_SLOW.format(seconds=seconds) if timed_out else CANCELED
    if code == READ_ONLY_TRANSACTION:
        return None if is_read_only(driver_connection(error)) is False else READ_ONLY
    if code.startswith(WAITING):
        return BUSY
    if code == TOO_MANY_CONNECTIONS:
        return NO_SLOT
    if code == DISK_FULL:
        return NO_ROOM
    return NO_ANSWER if code.startswith(ENDED) else None


def _of_connection(error: DatabaseError) -> str | None:
    """For an error of libpq itself: there is no connection, or no longer."""
    if not isinstance(error, OperationalError):
        return None  # of the driver, about a parameter
    if driver_connection(error) is not None and not _has_lost_connection(error):
        return None
    return NO_SLOT if refusal(error) == Refusal.SLOTS else NO_ANSWER


class Refusal(enum.Enum):
    """Why there is no connection, although the server responds."""

    LOGIN = enum.auto()
    SLOTS = enum.auto()
    OPTIONS = enum.auto()


def refusal(error: BaseException) -> Refusal | None:
    """The reason of the server for refusing a connection; None if it is not known to refuse."""
    message = one_line(error)
    if LOGIN.search(message):
        return Refusal.LOGIN
    if OPTIONS.search(message):
        return Refusal.OPTIONS
    return Refusal.SLOTS if any(text in message for text in FULL) else None


def _has_lost_connection(error: BaseException) -> bool:
    """Whether the driver refuses to work because the connection broke.

    A cursor or a connection that the project closed itself is a bug of the project.
    """
    if driver.is_lost(driver_connection(error), error):
        return True
    before = error.__context__
    while before is not None:
        if isinstance(before, OperationalError) and explanation(before) == NO_ANSWER:
            return True
        before = before.__context__
    return False


def is_read_only(connection: Any) -> bool | None:
    """Whether the server, the database, or the role is read-only, not only a transaction.

    ``connection`` is the driver's. None before PostgreSQL 14, which does not report it.
    """
    values = [driver.parameter_status(connection, name) for name in READ_ONLY_SERVER]
    return "on" in values if any(values) else None


def is_outage(error: BaseException) -> bool:
    """Whether the database was unreachable, or the connection broke."""
    return explanation(error) in (NO_ANSWER, NO_SLOT)


def _status_and_detail(
    error: BaseException | None, request: HttpRequest | None
) -> tuple[int, str] | None:
    if error is None:
        return None
    detail = explanation(error)
    return (503, detail) if detail else answer_to(error, request)


def exception_handler(error: Exception, context: dict[str, Any]) -> Any:
    """REST framework's EXCEPTION_HANDLER, with a 503 for a database's outage."""
    from rest_framework import exceptions, views

    request = context.get("request")
    answer = _status_and_detail(error, getattr(request, "_request", request))
    if answer is None:
        return views.exception_handler(error, context)
    status, detail = answer
    _note(status, error)
    answered = exceptions.APIException(detail)
    answered.status_code = status
    if status == 503:
        # Becomes the Retry-After header of any error that has it.
        answered.wait = RETRY_AFTER  # type: ignore[attr-defined]  # the stubs: of Throttled only
    return views.exception_handler(answered, context)


class UnavailableMiddleware:
    """Returns a 503 if a database's outage would cause Django's error page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        # In another middleware, Django has already turned it into a 500, for example if a session
        # cannot be saved.
        remembered = getattr(request, _REMEMBERED, None)
        if remembered and response.status_code == 500:
            return _answer(*remembered)
        return slow_readers.placed(request, response)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        answer = _status_and_detail(error, request)
        return _answer(error, *answer) if answer else None


@receiver(got_request_exception)
def _remember(sender: object, request: HttpRequest | None = None, **_: object) -> None:
    error = sys.exception()
    if request is not None and (answer := _status_and_detail(error, request)):
        setattr(request, _REMEMBERED, (error, *answer))


def _answer(error: BaseException, status: int, detail: str) -> HttpResponse:
    _note(status, error)
    headers = {"Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = str(RETRY_AFTER)
    return JsonResponse({"detail": detail}, status=status, headers=headers)


def _note(status: int, error: BaseException) -> None:
    """Log the error, and close a connection that leads to the wrong server."""
    # Developers need the line. In production, a client could fill the log with tracebacks.
    logger.warning(
        "answered with %s: %s", status, one_line(error), exc_info=error if settings.DEBUG else None
    )
    wrapper = driver_wrapper(error)
    if wrapper is not None and sqlstate(error) == READ_ONLY_TRANSACTION:
        # After a failover, the primary's name leads to another server, which only a new connection
        # reaches. Django closes this one at the end of the request.
        wrapper.close_at = time.monotonic()
