"""Ends a process that cannot continue: with two lines, or one event with both."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator

from backend.conf.environment import TRUE
from backend.conf.errors import StartupError
from backend.logs import console, formatters


def exit_with(error: StartupError, *, whole: bool = False) -> int:
    """Print the two lines (in debug mode the traceback before them) and return exit code 1.

    With LOG_FORMAT=json they are one event, with the fields ``message`` and ``fix``. With
    ``whole``, there is always a traceback.
    """
    cause = error.__cause__ if os.environ.get("DEBUG", "").lower() in TRUE else None
    if whole:
        cause = error.__cause__ or error
    if formatters.is_json():
        console.emit("boot", logging.CRITICAL, error.problem, cause, fix=error.fix)
        return 1
    if cause is not None:
        traceback.print_exception(cause)
    print(error, file=sys.stderr, flush=True)
    return 1


@contextlib.contextmanager
def explained(*, whole: bool = False) -> Iterator[None]:
    """End the process with the two lines if the body raises a StartupError; as ``exit_with``."""
    try:
        yield
    except StartupError as error:
        sys.exit(exit_with(error, whole=whole))
