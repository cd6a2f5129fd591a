"""The boot's lines on standard output."""

from __future__ import annotations

import logging

from backend.logs import console, formatters

WARNING = "WARNING: "


def say(message: str) -> None:
    """Print one line, at once: a container's log is read while it starts.

    One that begins with ``WARNING: `` has that level in JSON.
    """
    if not formatters.is_json():
        print(f"boot: {formatters.one_event(message)}", flush=True)
    elif message.startswith(WARNING):
        console.emit("boot", logging.WARNING, message.removeprefix(WARNING))
    else:
        console.emit("boot", logging.INFO, message)
