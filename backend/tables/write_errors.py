"""What PostgreSQL says about a row that it does not accept: a 400, 403, or 409 with the column."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from django.db import DatabaseError, connections, router
from django.db.models import Model
from rest_framework import status
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.settings import api_settings

from backend.databases.identifiers import table_name
from backend.databases.server_errors import sqlstate
from backend.http.client_errors import IN_USE, is_quoted
from backend.lists.terms import split, unquoted

# https://www.postgresql.org/docs/current/errcodes-appendix.html
NOT_NULL, FOREIGN_KEY, UNIQUE, CHECK, EXCLUSION = "23502", "23503", "23505", "23514", "23P01"
RESTRICT, PRIVILEGE = "23001", "42501"
# Data exceptions; limits; what PostGIS raises; RAISE in a trigger; the check option of a view; and
# a column that is generated.
OF_VALUES = ("22", "54", "XX000", "P0", "44000", "428C9")
# Key ("Stop Name", hour)=(...)
KEY = re.compile(r'\(((?:"(?:[^"]|"")*"|[^")])*)\)=\(')
COLUMNS = """
SELECT a.attname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey)
WHERE k.conname = %s AND c.relname = %s AND n.nspname = %s ORDER BY a.attnum
"""


class ConflictError(APIException):
    """The row conflicts with other rows."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


def explained(error: Exception, model: type[Model], sent: Any, fields: Collection[str]) -> Any:
    """The error of a statement that writes a row, as one of REST framework's.

    ``sent`` is the body of the request, and ``fields`` are the names that an answer can use. An
    error that is not about the row is returned as it is.
    """
    code = sqlstate(error) if isinstance(error, DatabaseError) else None
    if code is None:
        return error
    diagnosis: Any = error.__cause__.diag  # type: ignore[union-attr]  # it has a code
    message = diagnosis.message_primary or ""

    def about(columns: Iterable[str], text: str) -> dict[str, list[str]]:
        names = [name for name in columns if name in fields]
        return {name: [text] for name in names or [api_settings.NON_FIELD_ERRORS_KEY]}

    if code == PRIVILEGE:
        return PermissionDenied(f"The database does not allow this: {message}.")
    if code == NOT_NULL:
        return ValidationError(about([diagnosis.column_name], "This field may not be null."))
    if code == CHECK:
        return ValidationError(about(_checked(diagnosis, model), f"The database says: {message}."))
    if code in (UNIQUE, EXCLUSION):
        text = "Another row has this value."
        if code == EXCLUSION:
            text = "This conflicts with another row."
        return ConflictError(about(_key(diagnosis), text))
    if code in (FOREIGN_KEY, RESTRICT):
        if diagnosis.table_name != table_name(model) or not sent:
            return ConflictError(IN_USE)
        return ValidationError(about(_key(diagnosis), "No row has this key."))
    if code.startswith(OF_VALUES):
        return ValidationError(about(_quoted(sent, message), f"The database says: {message}"))
    return error


def _key(diagnosis: Any) -> list[str]:
    found = KEY.search(diagnosis.message_detail or "")
    return [unquoted(term) for term in split(found[1])] if found else []


def _checked(diagnosis: Any, model: type[Model]) -> list[str]:
    """The columns of a check constraint."""
    with connections[router.db_for_write(model)].cursor() as cursor:
        cursor.execute(
            COLUMNS, [diagnosis.constraint_name, diagnosis.table_name, diagnosis.schema_name]
        )
        return [name for (name,) in cursor.fetchall()]


def _quoted(sent: Any, message: str) -> list[str]:
    """The names of sent values that a message repeats."""
    if not isinstance(sent, dict):
        return []
    properties = sent.get("properties")
    values = {**sent, **(properties if isinstance(properties, dict) else {})}
    return [
        name for name, value in values.items() if value != "" and is_quoted(str(value), message)
    ]
