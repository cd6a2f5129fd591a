"""Tests without the mark ``engine`` run on machines without an engine, so they cannot use one."""

from __future__ import annotations

import pytest

from tests.support.containers import docker


def test_a_test_without_the_mark_cannot_use_an_engine() -> None:
    with pytest.raises(AssertionError, match=r"test_marks\.py.* is not marked so"):
        docker("version")
