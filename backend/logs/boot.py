"""The boot's lines on standard output."""

from __future__ import annotations

import logging

from backend.logs import console, formatters


def say(message: str, level: int = logging.INFO) -> None:
    """Print one line without buffering, because people read the log while a container starts."""
    if formatters.is_json():
        console.emit("boot", level, message)
        return
    named = "" if level == logging.INFO else f"{logging.getLevelName(level)}: "
    print(f"boot: {named}{formatters.one_event(message)}", flush=True)


def warn(message: str) -> None:
    """The same, of what somebody has to do something about."""
    say(message, logging.WARNING)
