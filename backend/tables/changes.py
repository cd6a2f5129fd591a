"""A table whose rows the database cannot give, or no longer has: a 503 for it, and no traceback."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError
from rest_framework import status
from rest_framework.exceptions import APIException, ParseError

from backend.databases import identifiers
from backend.databases.server_errors import sqlstate
from backend.http.client_errors import answer_to

logger = logging.getLogger("backend.tables")

# https://www.postgresql.org/docs/current/errcodes-appendix.html: a column or a table that does not
# exist, another type, a function that does not exist or became several, a missing permission, and
# a materialized view without data.
CHANGED = frozenset({"42703", "42P01", "42804", "42883", "42725", "42501", "55000"})
# What only the values of rows, or the code of a view, can cause, if the request does not: data
# exceptions such as a division by zero, errors of functions and programs, of limits, of a foreign
# server, and of PostGIS.
OF_ROWS = ("22", "38", "39", "54", "HV", "P0", "XX", "08001")
# Of Python's ValueError, for an integer of more than 4,300 digits in a JSON document. PostgreSQL
# writes streams, and so they have it: https://docs.python.org/3/library/stdtypes.html#int-max-str-digits
LONG_INTEGER = "for integer string conversion"


class TableChangedError(APIException):
    """The database no longer has what the code of the table reads."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "table_changed"
    default_detail = "This table has changed in the database. Try again in a minute."
    wait = 60  # REST framework's header Retry-After: the time between two looks


class RowsUnavailableError(APIException):
    """An expression of a view, or a value, is an error."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "rows_unavailable"
    default_detail = "The database cannot compute the rows of this table."


def explained(error: Exception, view: Any) -> Exception:
    """The error of a request to a table, as a 503 if the request is not its cause."""
    table, reason = identifiers.table(view.queryset.model), str(error).partition("\n")[0]
    if isinstance(error, ValueError) and LONG_INTEGER in reason:
        logger.error("A row of %s has a number that Python does not read: %s", table, reason)
        return RowsUnavailableError()
    code = sqlstate(error) if isinstance(error, DatabaseError) else None
    if code is None:
        return error
    if code in CHANGED:
        logger.warning("The table %s has changed: %s", table, reason)
        return TableChangedError()
    if not code.startswith(OF_ROWS) or answer_to(error, view.request._request) is not None:
        return error
    cause: Any = error.__cause__  # the driver's
    if cause.diag.statement_position:  # of a literal, and so not of a row
        return ParseError(f"The database cannot read a value in this request: {reason}.")
    logger.error("The rows of %s cannot be computed: %s", table, reason)
    return RowsUnavailableError()
