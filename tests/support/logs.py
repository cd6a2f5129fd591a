"""Finds unexpected warnings, errors, and tracebacks in a container's log."""

from __future__ import annotations

import os
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
# Django logs a warning for each 4xx response. The test that sends the request checks the response.
CLIENTS = re.compile(r'WARNING django\.request\b|"WARNING", "logger": "django\.request"')
# The logs of these tests are not checked yet. Remove one, run it, and name what its tests provoke
# with may_log().
NOT_YET = (
    *("tests/bench/", "tests/boot/test_migrations.py", "tests/boot/test_signals.py"),
    *("tests/clients/", "tests/conf/", "tests/config/", "tests/databases/", "tests/docs/"),
    *("tests/doctor/", "tests/downstream/", "tests/faults/", "tests/geo/", "tests/http/"),
    *("tests/image/", "tests/kit/", "tests/lists/", "tests/openapi/", "tests/publish/"),
    *("tests/router/", "tests/server/", "tests/settings/"),
)


def are_read() -> bool:
    """Whether the current test checks the logs of its containers."""
    return not os.environ.get("PYTEST_CURRENT_TEST", "").startswith(NOT_YET)


def unexpected(log: str, expected: Iterable[str]) -> list[str]:
    """Each warning, error, and traceback that contains none of the texts in ``expected``."""
    troubles = (match[0] for match in TROUBLE.finditer(log))
    return [
        trouble
        for trouble in troubles
        if not CLIENTS.search(trouble) and not any(text in trouble for text in expected)
    ]
