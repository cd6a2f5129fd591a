"""Whether tests run in this process, whose database and static files are their own."""

from __future__ import annotations

import sys


def tests_run() -> bool:
    """Whether Django's test runner is at work; pytest-django sets up the same.

    https://docs.djangoproject.com/en/5.2/topics/testing/advanced/, setup_test_environment()
    """
    # Who has not imported it runs no tests, and a start should not take the time to.
    utils = sys.modules.get("django.test.utils")
    return utils is not None and hasattr(utils._TestState, "saved_data")
