"""A test is repeated only if its browser lost its connections."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
TESTS = """
import pytest

tries = []

@pytest.fixture(scope="module")
def site():
    tries.append("site")

@pytest.fixture
def page(site):
    problems = []
    yield problems
    assert not problems

@pytest.mark.browser
def test_lost_once(page):
    tries.append("lost")
    if tries.count("lost") == 1:
        page.append("failed: net::ERR_NETWORK_CHANGED")
        raise TimeoutError

@pytest.mark.browser
def test_wrong(page):
    tries.append("wrong")
    raise AssertionError("wrong")

def test_tries(site):
    assert tries == ["site", "lost", "lost", "wrong"]
"""


def test_test_whose_browser_lost_its_connections_is_repeated_and_no_other(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(TESTS)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    plugins = ("-p", "tests.support.repeating", "-p", "no:django")
    result = pytester.runpytest_subprocess(*plugins)
    result.assert_outcomes(passed=2, failed=1)
