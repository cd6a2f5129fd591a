"""A pytest plugin that repeats a test at most twice if its browser lost its connections.

Chromium drops all of them when a network of the machine, such as Docker's for the containers of
another test, appears or disappears: https://issues.chromium.org/issues/41465264
"""

from __future__ import annotations

import pytest
from _pytest.runner import runtestprotocol

NETWORK_CHANGED = "ERR_NETWORK_CHANGED"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Function, nextitem: pytest.Item | None) -> bool | None:
    if item.get_closest_marker("browser") is None:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for _ in range(2):
        if not any(NETWORK_CHANGED in report.longreprtext for report in reports):
            break
        item._initrequest()  # its fixtures are set up again
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
