"""Errors that the client made, and that Django would answer with a 500.

An error is the client's by two things together: its kind (by type and SQLSTATE) is one that a value
can cause, and a value of this request reached the call that failed (``backend.error_sources``). All
others are the project's own, and stay a 500 with their traceback.
"""

from __future__ import annotations

import re
import sqlite3
from http import HTTPStatus
from typing import Any

from django.core.exceptions import FieldError, ValidationError
from django.db import DatabaseError, InterfaceError
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpRequest, UnreadablePostError

from backend import error_sources
from backend.bodies import RefusedError

UNREADABLE = "The body of this request did not come to its end."
NUL = "This request contains a NUL character, which no text in the database can have."
TOO_DEEP = "The JSON in this request is nested too deeply."
UNUSABLE = "A value in this request cannot be used{names}{reason}."
CONFLICT = "A value in this request conflicts with other rows{names}."
IN_USE = "Other rows refer to this one. Change or delete those first."

# https://www.postgresql.org/docs/current/errcodes-appendix.html
# Data exceptions; program limits (too long for an index, too deep for the stack); and what PostGIS,
# which has no codes of its own, raises for a geometry.
VALUE_CLASSES = ("22", "54", "XX000")
# Of a statement; and of a text that is parsed by its type: hstore, tsquery, jsonpath, ltree.
SYNTAX = "42601"
GRAMMAR = "scanner_yyerror"  # the function of PostgreSQL that finds it in a statement
CHECK_VIOLATION = "23514"
# foreign_key_violation, unique_violation, exclusion_violation
CONFLICTS = ("23503", "23505", "23P01")

# What only a value can cause, wherever it is used.
OF_VALUES = (ArithmeticError, UnicodeError, ValidationError, RecursionError, re.error)
# What a value causes where the request is read.
OF_READING = (ValueError, TypeError, LookupError, AttributeError)
# What a value causes in the function that was given it by the team's code. Without such code it is
# the framework that calls, and a mistake in the team's own: a view that takes other arguments.
OF_ARGUMENTS = (ValueError, TypeError, FieldError)


def answer_to(error: BaseException, request: HttpRequest | None) -> tuple[int, str] | None:
    """The status for an error of the client's, and what it is; None for any other error."""
    if isinstance(error, UnreadablePostError):
        if refused := _refused_body(error):
            return refused.status, refused.detail
        return HTTPStatus.REQUEST_TIMEOUT, UNREADABLE
    if request is None or isinstance(error, InterfaceError):
        return None
    if isinstance(error, (ProtectedError, RestrictedError)):
        return (HTTPStatus.CONFLICT, IN_USE) if request.method == "DELETE" else None
    params = error_sources.parameters(error)
    if params is None:
        return None if isinstance(error, DatabaseError) else _of_call(error, request)
    if isinstance(error, DatabaseError) and (code := sqlstate(error)):
        return _of_server(error, code, params, request)
    return _of_driver(error, params, request)


def _refused_body(error: BaseException | None) -> RefusedError | None:
    """What a body could not be read for, if it was refused; Django chains it, also twice."""
    while error is not None and not isinstance(error, RefusedError):
        error = error.__cause__
    return error


def sqlstate(error: BaseException) -> str | None:
    """What the server calls an error, None where it was not the server's."""
    cause = error.__cause__
    return getattr(cause, "pgcode", None) or getattr(cause, "sqlstate", None)


def _of_server(
    error: DatabaseError, code: str, params: Any, request: HttpRequest
) -> tuple[int, str] | None:
    """For what the server says of a statement with these parameters."""
    diagnosis = getattr(error.__cause__, "diag", None)
    if code in CONFLICTS:
        # A key that the database makes is not the client's: its sequence is behind.
        constraint = getattr(diagnosis, "constraint_name", None) or ""
        is_possible = not constraint.endswith("_pkey")
    elif code == SYNTAX:
        is_possible = _is_within_literal(error.__cause__, diagnosis)
    else:
        is_possible = code == CHECK_VIOLATION or code.startswith(VALUE_CLASSES)
    names = error_sources.names_of_sent(request, error, params) if is_possible else []
    if not names:
        return None
    if code in CONFLICTS:
        return HTTPStatus.CONFLICT, CONFLICT.format(names=_listed(names))
    return HTTPStatus.BAD_REQUEST, UNUSABLE.format(names=_listed(names), reason=_reason(code))


def _is_within_literal(cause: Any, diagnosis: Any) -> bool:
    """Whether a syntax error is of a value that is parsed itself, and not of the statement."""
    position = getattr(diagnosis, "statement_position", None)
    if position is None:
        return True
    statement = (getattr(cause.cursor, "query", None) or b"").decode(errors="replace")
    is_literal = statement[int(position) - 1 :].startswith(("'", "E'"))
    return is_literal and diagnosis.source_function != GRAMMAR


def _of_driver(error: BaseException, params: Any, request: HttpRequest) -> tuple[int, str] | None:
    """For what the driver says of one of these parameters, which the server never sees."""
    connection = error_sources.driver_connection(error)
    refused = [value for value in _singly(params) if _is_refused(value, connection)]
    names = error_sources.names_of_sent(request, error, refused)
    if not names:
        return None
    if any("\0" in value for value in refused if isinstance(value, str)):
        return HTTPStatus.BAD_REQUEST, NUL
    return HTTPStatus.BAD_REQUEST, UNUSABLE.format(names=_listed(names), reason="")


def _singly(params: Any) -> list[Any]:
    """The parameters of one statement, or of one that is executed many times."""
    if isinstance(params, dict):
        return list(params.values())
    if isinstance(params, list) and all(isinstance(each, (list, tuple)) for each in params):
        return [value for each in params for value in each]
    return list(params or ())


def _is_refused(value: Any, connection: Any) -> bool:
    """Whether the driver alone, without the statement, cannot write this parameter."""
    try:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("SELECT ?", [value])
        else:
            connection.cursor().mogrify("%s", [value])
    except Exception:  # noqa: BLE001  any: that it cannot is the answer
        return True
    return False


def _of_call(error: BaseException, request: HttpRequest) -> tuple[int, str] | None:
    """For what Python says of the arguments of a call."""
    call = error_sources.failing_call(error)
    if not call:
        return None
    if isinstance(error, RecursionError) and error_sources.is_parsing(call):
        return HTTPStatus.BAD_REQUEST, TOO_DEEP
    reading = error_sources.reading(call)
    if isinstance(error, _of_values()):
        frames = reading or ([] if error_sources.is_writing(call) else call)
    elif reading and isinstance(error, OF_READING):
        frames = reading
    elif isinstance(error, OF_ARGUMENTS) and error_sources.is_made_by_the_team(error, call):
        frames = call[:1]
    else:
        return None
    given = [error_sources.arguments(frame) for frame in frames]
    names = error_sources.names_of_sent(request, error, given)
    if not names:
        return None
    return HTTPStatus.BAD_REQUEST, UNUSABLE.format(names=_listed(names), reason="")


def _of_values() -> tuple[type[BaseException], ...]:
    from django.contrib.gis.gdal import GDALException
    from django.contrib.gis.geos import GEOSException

    return (*OF_VALUES, GDALException, GEOSException)


def _listed(names: list[str]) -> str:
    """The names as the end of a sentence; they are the client's own."""
    shown = ", ".join(name[:50] for name in names[:3])
    return f" ({shown})"


def _reason(code: str) -> str:
    """PostgreSQL's name for a code, in words."""
    import psycopg2.errors

    try:
        name = psycopg2.errors.lookup(code).__name__
    except KeyError:
        return ""
    if name == "InternalError_":  # PostGIS: of any geometry that it cannot use
        return ""
    return ": " + re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
