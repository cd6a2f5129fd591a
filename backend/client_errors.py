"""Errors that the client made, and that Django would answer with a 500."""

from __future__ import annotations

from django.http import UnreadablePostError

UNREADABLE = "The body of this request did not come to its end."
NUL = "This request contains a NUL character, which no text in the database can have."
TOO_DEEP = "The JSON in this request is nested too deeply."


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
    return None
