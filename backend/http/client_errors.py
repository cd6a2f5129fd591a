"""Errors of the client for which Django would return a 500.

An error is the client's if two things are true: a value can cause its kind (by type and SQLSTATE),
and that value is from this request (``backend.http.error_sources``). PostgreSQL names the value by
its position in the statement, or repeats it. If it does neither, only a few kinds have no other
cause. All other errors are the project's own, and stay a 500 with their traceback.
"""

from __future__ import annotations

import re
import sqlite3
from decimal import Decimal
from http import HTTPStatus
from itertools import islice
from typing import Any

from django.core.exceptions import FieldError, ValidationError
from django.db import DatabaseError, InterfaceError
from django.db.models import ProtectedError, RestrictedError
from django.http import HttpRequest, UnreadablePostError

from backend.databases import driver
from backend.databases.server_errors import sqlstate
from backend.http import error_sources
from backend.http.bodies import RefusedError

UNREADABLE = "The body of this request is incomplete."
NUL = "This request contains a NUL character, which the database cannot store in a text."
TOO_DEEP = "The JSON in this request is nested too deeply."
UNUSABLE = "A value in this request cannot be used{names}{reason}."
CONFLICT = "A value in this request conflicts with other rows{names}."
IN_USE = "Other rows refer to this one. Change or delete those first."

# https://www.postgresql.org/docs/current/errcodes-appendix.html Data exceptions; program limits
# (too long for an index, too deep for the stack); and what PostGIS, which does not have its own
# codes, raises for a geometry.
VALUE_CLASSES = ("22", "54", "XX000")
# Of a statement; and of a text that is parsed by its type: hstore, tsquery, jsonpath, ltree.
SYNTAX = "42601"
GRAMMAR = "scanner_yyerror"  # the PostgreSQL function that finds it in a statement
CHECK_VIOLATION = "23514"
# invalid_text_representation, invalid_datetime_format: the server repeats what it could not read.
UNREAD = ("22P02", "22007", SYNTAX)
DIVISION_BY_ZERO, OUT_OF_RANGE = "22012", "22003"
# string_data_right_truncation, and program limits
TOO_LONG = ("22001", "54")
# invalid_regular_expression, invalid_escape_sequence
PATTERNS = ("2201B", "22025")
# PostGIS, and invalid_parameter_value, which it raises for a geometry that is not the column's.
GEOMETRIES = ("XX000", "22023")
# foreign_key_violation, unique_violation, exclusion_violation
CONFLICTS = ("23503", "23505", "23P01")

LITERAL = re.compile(r"E'(?:[^'\\]+|''|\\.)*'|'(?:[^']+|'')*'", re.DOTALL)
QUOTES = '["«»„“”]'  # quotation marks of PostgreSQL's messages in all its languages
WRITES = re.compile(r"\s*(?:INSERT|UPDATE|DELETE|MERGE)\b", re.IGNORECASE)

# Errors that only a value can cause, wherever it is used.
OF_VALUES = (ArithmeticError, UnicodeError, ValidationError, RecursionError, re.error)
# Errors that a value causes while the request is read.
OF_READING = (ValueError, TypeError, LookupError, AttributeError)
# Errors that a value causes in the function that the team's code calls with it. Without such code,
# the framework calls, and the mistake is the team's: a view with other arguments.
OF_ARGUMENTS = (ValueError, TypeError, FieldError)


def answer_to(error: BaseException, request: HttpRequest | None) -> tuple[int, str] | None:
    """The status for an error of the client, and its description; None for any other error."""
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
    """The reason why a body was refused, if it was. Django chains it, sometimes twice."""
    while error is not None and not isinstance(error, RefusedError):
        error = error.__cause__
    return error


def _of_server(
    error: DatabaseError, code: str, params: Any, request: HttpRequest
) -> tuple[int, str] | None:
    """For an error from the server about a statement with these parameters."""
    names = error_sources.names_of_sent(request, error, _causes(error, code, _singly(params)))
    if not names:
        return None
    if code in CONFLICTS:
        return HTTPStatus.CONFLICT, CONFLICT.format(names=_listed(names))
    return HTTPStatus.BAD_REQUEST, UNUSABLE.format(names=_listed(names), reason=_reason(code))


def _causes(error: DatabaseError, code: str, params: list[Any]) -> list[Any]:
    """The parameters that the error is about."""
    diagnosis = getattr(error.__cause__, "diag", None)
    if code == CHECK_VIOLATION:
        return params
    if code in CONFLICTS:
        # A key that the database generates is not the client's: its sequence is behind.
        if (getattr(diagnosis, "constraint_name", None) or "").endswith("_pkey"):
            return []
        key = key_values(getattr(diagnosis, "message_detail", None) or "")
        return error_sources.named(params, key) if key else params
    if code != SYNTAX and not code.startswith(VALUE_CLASSES):
        return []
    if getattr(diagnosis, "source_function", None) == GRAMMAR:
        return []
    statement = error_sources.statement(error)
    position = getattr(diagnosis, "statement_position", None)
    if position and statement:
        return _pointed_at(error, statement, int(position) - 1, params)
    message = getattr(diagnosis, "message_primary", None) or ""
    leaves = list(islice(error_sources.leaves(params), error_sources.MOST))
    quoted = [leaf for leaf in leaves if is_quoted(str(leaf), message)]
    if quoted or code in UNREAD:
        return quoted
    return capable(code, params, leaves, writes=WRITES.match(statement) is not None)


def key_values(detail: str) -> list[str]:
    """The values in the conflicting key, from ``Key (a, b)=(1, x) already exists.``

    Empty if none of them is comparable: all requests have booleans.
    """
    _, *rest = detail.split(")=(")
    if not rest:
        return []
    # An exclusion also names the existing key.
    own = rest[0].rpartition("(")[0] if len(rest) > 1 else rest[0]
    key = own.rpartition(")")[0]
    return [value for value in dict.fromkeys((key, *key.split(", "))) if value not in ("t", "f")]


def is_quoted(text: str, message: str) -> bool:
    """Whether a message repeats a value, in any language."""
    # French has a space within the quotes.
    pattern = rf"{QUOTES}\s?{re.escape(text)}\s?{QUOTES}"
    return text in message and re.search(pattern, message) is not None


def _pointed_at(error: DatabaseError, statement: str, index: int, params: list[Any]) -> list[Any]:
    """The parameters that are, or contain, the literal at this place of the statement."""
    literal = LITERAL.match(statement, index)
    if literal is None:
        return []
    connection = error_sources.driver_connection(error)
    written = ((param, driver.mogrify("%s", [param], connection)) for param in params)
    return [param for param, text in written if literal[0] in text]


def capable(code: str, params: list[Any], leaves: list[Any], *, writes: bool) -> list[Any]:
    """The parameters that can have caused an error for which PostgreSQL names no value.

    A statement that reads also computes with rows. One that writes uses sent or computed values.
    """
    texts = [leaf for leaf in leaves if isinstance(leaf, str)]
    # Without NaN, which compares with none. Any: the others compare, whatever the stubs say.
    numbers: list[Any] = [
        leaf for leaf in leaves if isinstance(leaf, (int, float, Decimal)) and leaf == leaf
    ]
    if code in PATTERNS:
        return texts
    if code in GEOMETRIES:
        return [param for param in params if error_sources.is_geometry(param)]
    if not writes:
        return []
    if code.startswith(TOO_LONG):
        longest = max(map(len, texts), default=0)
        return [text for text in texts if len(text) == longest]
    if code == OUT_OF_RANGE:
        largest = max(map(abs, numbers), default=0)
        return [number for number in numbers if abs(number) == largest]
    if code == DIVISION_BY_ZERO:
        return [number for number in numbers if number == 0]
    return params


def _of_driver(error: BaseException, params: Any, request: HttpRequest) -> tuple[int, str] | None:
    """For an error from the driver about a parameter, which the server never sees."""
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
            driver.mogrify("%s", [value], connection)
    except Exception:  # noqa: BLE001  any error means that it cannot
        return True
    return False


def _of_call(error: BaseException, request: HttpRequest) -> tuple[int, str] | None:
    """For an error from Python about the arguments of a call."""
    call = error_sources.failing_call(error)
    if not call:
        return None
    if isinstance(error, RecursionError) and error_sources.is_parsing(call):
        return HTTPStatus.BAD_REQUEST, TOO_DEEP
    if isinstance(error, TypeError) and error_sources.is_of_a_slice(call):
        return None
    team = error_sources.callers(error, call)
    if error_sources.is_writing(team):
        return None  # the team's code was called for a row
    reading = error_sources.reading(call)
    if reading and isinstance(error, (*_of_values(), *OF_READING)):
        frames, names_of = reading, error_sources.names_of_sent
    elif error_sources.is_writing(call):
        return None
    elif isinstance(error, _of_values()):
        frames, names_of = error_sources.without_request(call), error_sources.names_of_passed
    elif isinstance(error, OF_ARGUMENTS) and team:
        frames, names_of = call[:1], error_sources.names_of_passed
    else:
        return None
    names = names_of(request, error, [error_sources.arguments(frame) for frame in frames])
    if not names:
        return None
    return HTTPStatus.BAD_REQUEST, UNUSABLE.format(names=_listed(names), reason="")


def _of_values() -> tuple[type[BaseException], ...]:
    from django.contrib.gis.gdal import GDALException
    from django.contrib.gis.geos import GEOSException

    return (*OF_VALUES, GDALException, GEOSException)


def _listed(names: list[str]) -> str:
    """The names as the end of a sentence. The client chose them."""
    shown = ", ".join(name[:50] for name in names[: error_sources.NAMED])
    return f" ({shown})"


def _reason(code: str) -> str:
    """PostgreSQL's name for a code, in words."""
    try:
        name = driver.errors.lookup(code).__name__
    except KeyError:
        return ""
    if name == "InternalError_":  # PostGIS: of any geometry that it cannot use
        return ""
    return ": " + re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()
