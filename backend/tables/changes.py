"""A table that has changed since its code was written: a 503 for that table, and no traceback."""

from __future__ import annotations

import logging
from typing import Any

from django.db import DatabaseError
from rest_framework import status
from rest_framework.exceptions import APIException

from backend.databases.server_errors import sqlstate

logger = logging.getLogger("backend.tables")

# https://www.postgresql.org/docs/current/errcodes-appendix.html: a column or a table that does not
# exist, another type, a missing permission, and a materialized view without data.
CHANGED = frozenset({"42703", "42P01", "42804", "42883", "42501", "55000"})


class TableChangedError(APIException):
    """The database no longer has what the code of the table reads."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "table_changed"
    default_detail = "This table has changed in the database. Try again in a minute."
    wait = 60  # REST framework's header Retry-After: the time between two looks


def explained(error: Exception, view: Any) -> Exception:
    """The error of a request to a table, as a 503 if the table has changed."""
    if not isinstance(error, DatabaseError) or sqlstate(error) not in CHANGED:
        return error
    table = view.queryset.model._meta.db_table
    first = str(error).partition("\n")[0]
    logger.warning("The table %s has changed: %s", table, first)
    return TableChangedError()
