"""What PostgreSQL calls its errors: https://www.postgresql.org/docs/current/errcodes-appendix.html"""

from __future__ import annotations

QUERY_CANCELED = "57014"


def sqlstate(error: BaseException) -> str | None:
    """What the server calls an error of Django's, None where it was not the server's."""
    cause = error.__cause__
    return getattr(cause, "pgcode", None) or getattr(cause, "sqlstate", None)
