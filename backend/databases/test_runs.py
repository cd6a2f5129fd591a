"""Whether tests run in this process. They use a separate database and static files."""

from __future__ import annotations

import sys


def tests_run() -> bool:
    """Whether Django's test runner is active. pytest-django sets up the same.

    https://docs.djangoproject.com/en/5.2/topics/testing/advanced/, setup_test_environment()
    """
    # A process without this module runs no tests, and importing it would slow the start.
    utils = sys.modules.get("django.test.utils")
    return utils is not None and hasattr(utils._TestState, "saved_data")
