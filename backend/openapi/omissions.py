"""Log lines about what the document leaves out because a team's own code raised an exception."""

from __future__ import annotations

import logging

from backend.conf.errors import explain, one_line

logger = logging.getLogger("backend.openapi")

_logged: set[tuple[str, str]] = set()


def warn(where: str, unknown: str, error: Exception) -> None:
    """Log one line without a traceback, once per process: each fetch of the document calls this."""
    if (where, unknown) in _logged:
        return
    _logged.add((where, unknown))
    logger.warning(
        "%s: %s: %s: %s. Each worker logs this once.",
        where,
        unknown,
        type(error).__name__,
        one_line(error),
    )


def fail(where: str, what: str, error: Exception) -> None:
    """Like ``warn``, but an error about a whole operation, with the file and the line."""
    if (where, what) in _logged:
        return
    _logged.add((where, what))
    reason = explain(error).problem.removeprefix("the project: ").rstrip(".")
    logger.error("%s: %s: %s. Each worker logs this once.", where, what, reason)


def name(cls: type) -> str:
    """The dotted name of a class, for readers of the log."""
    return f"{cls.__module__}.{cls.__qualname__}"
