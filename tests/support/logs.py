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
# What a client causes, whose test checks the response: a 4xx, also of gunicorn, Django's security,
# and of the image.
CLIENTS = re.compile(
    r"WARNING (django\.request\b|django\.security\.|gunicorn\.error: Invalid request from"
    r"|backend\.http\.unavailable \[[^]]*\]: answered with 4)"
    r'|"WARNING", "logger": "django\.(request|security)\b'
)
# Texts for may_log(): of a request that a database did not answer, and of views that the image's
# check says have no streams or tiles.
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
