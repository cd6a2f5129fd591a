"""Finds unexpected warnings, errors, and tracebacks in a container's log."""

from __future__ import annotations

import re
from collections.abc import Iterable

# A traceback with its last line, or a line with a level (as text or JSON) or the category of a
# warning. Both include the indented lines below.
TROUBLE = re.compile(
    r"""
    ^Traceback[ ].*(?:\n[ \t].*)*(?:\n.*)?
    | ^.*(?:\b(?:WARNING|ERROR|CRITICAL|\w+Warning)\b|Traceback[ ]\(most).*(?:\n[ \t].*)*
    """,
    re.MULTILINE | re.VERBOSE,
)
# Warnings about a 4xx, from Django, gunicorn, or the image. A client causes them, and its test
# checks the response.
CLIENTS = re.compile(
    r"WARNING (django\.request\b|django\.security\.|gunicorn\.error: Invalid request from"
    r"|backend\.http\.unavailable \[[^]]*\]: answered with 4)"
    r'|"WARNING", "logger": "django\.(request|security)\b'
)
# Texts for may_log(): requests without a response from a database, and the image's check for views
# that cannot have streams or tiles.
OUTAGE = ("answered with 503", "Service Unavailable", "WARNING backend.health")
UNREADABLE = "(backend.W004)"


def unexpected(log: str, expected: Iterable[str]) -> list[str]:
    """Each warning, error, and traceback that contains none of the texts in ``expected``."""
    troubles = (match[0] for match in TROUBLE.finditer(log))
    return [
        trouble
        for trouble in troubles
        if not CLIENTS.search(trouble) and not any(text in trouble for text in expected)
    ]
