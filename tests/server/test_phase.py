"""The phase that all processes of a container share."""

import os
import re

import pytest

from backend.server import phase


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(phase, "_words", phase._shared())


def test_since_is_the_time_when_the_phase_began(monkeypatch):
    monkeypatch.setattr(phase, "_now", lambda: 1_792_000_000_123)
    assert phase.enter(phase.MIGRATING).since == "2026-10-14T17:46:40Z"
    monkeypatch.setattr(phase, "_now", lambda: 1_792_000_009_000)
    assert phase.enter(phase.MIGRATING).since == "2026-10-14T17:46:40Z"
    assert phase.enter(phase.READY).since == "2026-10-14T17:46:49Z"
    assert phase.current() == phase.Phase("ready", 1_792_000_009_000)


def test_phase_that_one_process_enters_is_visible_to_another():
    phase.enter(phase.READY)
    child = os.fork()
    if child == 0:
        phase.enter(phase.WAITING)
        os._exit(0)
    os.waitpid(child, 0)
    assert phase.current().name == "waiting-for-database"


def test_draining_is_the_last_phase():
    phase.drain()
    assert phase.enter(phase.READY).name == "draining"
    assert phase.current().name == "draining"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", phase.current().since)


def test_first_phase_with_number_0_has_a_beginning():
    assert phase.enter(phase.STARTING).milliseconds > 0
