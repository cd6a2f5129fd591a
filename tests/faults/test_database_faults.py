"""A database that dies, restarts, freezes or cannot be reached, and comes back."""

from __future__ import annotations

import time
from functools import partial

import pytest
import requests

from tests.conftest import PostGIS
from tests.faults.conftest import HUNG, Report
from tests.support.containers import Container, docker, until
from tests.support.load import Load

pytestmark = pytest.mark.engine

# Enough requests, over all workers and threads, to find a stale connection.
AFTERWARDS = 100


def status(url: str, timeout: float = 5) -> int | None:
    """The status of a response, or None if there is none in time."""
    try:
        return requests.get(url, timeout=timeout).status_code
    except requests.RequestException:
        return None


def test_service_survives_a_killed_postgresql_backend(
    api: Container, own_postgis: PostGIS, report: Report
) -> None:
    """PostgreSQL then ends every other connection too, and recovers from its log."""
    notes = api.url("/api/notes/")
    load = Load(lambda: notes)
    with load.running():
        until(lambda: load.good_answers > 50, "the load is served")
        victim = own_postgis.sql(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' "
            "AND pid <> pg_backend_pid() LIMIT 1"
        )
        own_postgis.container.exec("bash", "-c", f"kill -9 {victim}")
        killed = time.monotonic()
        until(lambda: load.first_good_since(killed + 0.2), "served again", HUNG)
        recovered = load.first_good_since(killed + 0.2)
    assert load.failed == 0, load.bad
    assert load.lost == 0, load.bad
    report.add("kill -9 of a backend of PostgreSQL", "503 while it recovers", load, recovered)


def test_ended_connections_are_replaced_without_an_error(
    api: Container, own_postgis: PostGIS, report: Report
) -> None:
    notes = api.url("/api/notes/")
    load = Load(lambda: notes)
    with load.running(clients=8, pause=0):
        until(lambda: load.good_answers > 50, "the load is served")
    own_postgis.end_connections()
    afterwards = Load(lambda: notes)
    with afterwards.running(clients=8, pause=0):
        until(lambda: afterwards.sent >= AFTERWARDS, "the load is served")
    assert (afterwards.failed, afterwards.lost, afterwards.refused) == (0, 0, 0), afterwards.bad
    report.add("all idle connections ended by the server", "nobody notices", afterwards)


# Docker commands that break the server, and commands that repair it.
FAULTS = {
    "kill -9 of PostgreSQL": (["kill", "{name}"], ["start", "{name}"]),
    "PostgreSQL stopped and started": (["stop", "{name}"], ["start", "{name}"]),
    "PostgreSQL frozen (docker pause)": (["pause", "{name}"], ["unpause", "{name}"]),
    "network to PostgreSQL cut": (
        ["network", "disconnect", "{network}", "{name}"],
        ["network", "connect", "{network}", "{name}"],
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_service_recovers_automatically_from(
    fault: str, api: Container, own_postgis: PostGIS, report: Report
) -> None:
    """Under load, the fault makes the API not ready, with 503s. After the repair, it recovers."""
    names = {"name": own_postgis.host, "network": own_postgis.network}
    hurt, heal = (
        partial(docker, *(word.format(**names) for word in command)) for command in FAULTS[fault]
    )
    notes, ready, live = (
        api.url(path) for path in ("/api/notes/", "/health/ready", "/health/live")
    )
    load = Load(lambda: notes)
    with load.running():
        until(lambda: load.good_answers > 50, "the load is served")
        # The kernel cannot freeze a process at every moment.
        until(lambda: hurt(check=False).returncode == 0, fault)
        try:
            until(lambda: status(ready) != 200, "ready says no", HUNG)
            assert status(live) == 200
        finally:
            heal()
        healed = time.monotonic()
        until(lambda: load.first_good_since(healed), "served again", HUNG)
        recovered = load.first_good_since(healed)
        until(lambda: status(ready) == 200, "ready says yes", HUNG)
    assert load.failed == 0, load.bad
    afterwards = Load(lambda: notes)
    with afterwards.running(clients=8, pause=0):
        until(lambda: afterwards.sent >= AFTERWARDS, "the load is served")
    assert (afterwards.failed, afterwards.lost, afterwards.refused) == (0, 0, 0), afterwards.bad
    assert api.inspect()["RestartCount"] == 0
    report.add(fault, "503 meanwhile, never 500; recovers automatically", load, recovered)
