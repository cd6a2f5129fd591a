"""What a container's log has that no test expects: warnings, errors and tracebacks."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

# A traceback that Python prints, with its last line; or a line with a level, text or JSON, or with
# the category of a warning. Both with the lines that are indented below.
TROUBLE = re.compile(
    r"""
    ^Traceback[ ].*(?:\n[ \t].*)*(?:\n.*)?
    | ^.*(?:\b(?:WARNING|ERROR|CRITICAL|\w+Warning)\b|Traceback[ ]\(most).*(?:\n[ \t].*)*
    """,
    re.MULTILINE | re.VERBOSE,
)
# Django warns of each answer of 4xx. The test that sends such a request asserts the answer.
CLIENTS = re.compile(r'WARNING django\.request\b|"WARNING", "logger": "django\.request"')
# Nobody has looked at the logs of these yet. Take one out, run it, and let its tests say what they
# provoke with may_log().
NOT_YET = (
    *("tests/bench/", "tests/boot/test_migrations.py", "tests/boot/test_signals.py"),
    *("tests/clients/", "tests/conf/", "tests/config/", "tests/databases/", "tests/docs/"),
    *("tests/doctor/", "tests/downstream/", "tests/faults/", "tests/geo/", "tests/http/"),
    *("tests/image/", "tests/kit/", "tests/lists/", "tests/openapi/", "tests/publish/"),
    *("tests/router/", "tests/server/", "tests/settings/"),
)


def are_read() -> bool:
    """Whether a container that is started now belongs to a test whose log fails it."""
    return not os.environ.get("PYTEST_CURRENT_TEST", "").startswith(NOT_YET)


def unexpected(log: str, expected: Iterable[str]) -> list[str]:
    """Each warning, error and traceback that contains none of the texts ``expected``."""
    troubles = (match[0] for match in TROUBLE.finditer(log))
    return [
        trouble
        for trouble in troubles
        if not CLIENTS.search(trouble) and not any(text in trouble for text in expected)
    ]
