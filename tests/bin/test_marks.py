"""What bin/test runs on a machine without an engine needs none."""

from __future__ import annotations

import pytest

from tests.support.containers import docker


def test_a_test_without_the_mark_cannot_use_an_engine() -> None:
    with pytest.raises(AssertionError, match=r"test_marks\.py.* is not marked so"):
        docker("version")
