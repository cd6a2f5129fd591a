"""Errors that the client made, and that Django would answer with a 500."""

from __future__ import annotations

import re

from django.db import DatabaseError
from django.http import UnreadablePostError

from backend.errors import one_line

UNREADABLE = "The body of this request did not come to its end."
NUL = "This request contains a NUL character, which no text in the database can have."
MISFIT = "A geometry in this request does not fit: {reason}."
TOO_DEEP = "The JSON in this request is nested too deeply."

# PostGIS's words: a third dimension, or another kind of geometry than the column's.
GEOMETRY_MISFIT = re.compile(
    r"(?:Geometry|Column) has [ZM] dimension but (?:column|geometry) does not"
    r"|Geometry type \(\w+\) does not match column type \(\w+\)"
)


def answer_to(error: BaseException) -> tuple[int, str] | None:
    """The status for an error of the client's, and what it is; None for any other error."""
    if isinstance(error, UnreadablePostError):
        return 408, UNREADABLE
    # psycopg2's. Fields of forms and serializers refuse it earlier; a session's cookie
    # (sessionid="\000...") and a filter by hand do not.
    if isinstance(error, ValueError) and "cannot contain NUL" in str(error):
        return 400, NUL
    # The parser's own words; REST framework expects a ValueError of it.
    if isinstance(error, RecursionError) and "while decoding a JSON" in str(error):
        return 400, TOO_DEEP
    if isinstance(error, DatabaseError) and (misfit := GEOMETRY_MISFIT.search(one_line(error))):
        return 400, MISFIT.format(reason=misfit[0])
    return None
