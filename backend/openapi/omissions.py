"""What the document goes on without, because a team's own code raised: others read it too."""

from __future__ import annotations

import logging

from backend.conf.errors import explain, one_line

logger = logging.getLogger("backend.openapi")

_logged: set[tuple[str, str]] = set()


def warn(where: str, unknown: str, error: Exception) -> None:
    """One line without a traceback, once a process: each operation of each fetch comes here."""
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
    """As ``warn``, of a whole operation: an error, with the file and the line."""
    if (where, what) in _logged:
        return
    _logged.add((where, what))
    reason = explain(error).problem.removeprefix("the project: ").rstrip(".")
    logger.error("%s: %s: %s. Each worker logs this once.", where, what, reason)


def name(cls: type) -> str:
    """Where a reader of the log finds a class."""
    return f"{cls.__module__}.{cls.__qualname__}"
