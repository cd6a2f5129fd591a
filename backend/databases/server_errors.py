"""PostgreSQL's error codes: https://www.postgresql.org/docs/current/errcodes-appendix.html"""

from __future__ import annotations

QUERY_CANCELED = "57014"


def sqlstate(error: BaseException) -> str | None:
    """The server's code for one of Django's errors. None if it did not come from the server."""
    cause = error.__cause__
    return getattr(cause, "pgcode", None) or getattr(cause, "sqlstate", None)
