"""``check --live`` on a running project."""

from __future__ import annotations

import re
from collections.abc import Collection

from tests.support.containers import Container


def assert_nothing_wrong(
    container: Container, user: str = "", password: str = "", *, but: Collection[str] = ()
) -> None:
    """Run ``check --live``, which sends every read request to a running project.

    ``user`` also logs in with a session and with Basic. ``but`` are the beginnings of the
    project's own failures, such as ``GET /own/``. Each of them must occur, and no others.
    """
    login = ("--user", user) if user else ()
    output = container.exec(
        *("env", f"CHECK_PASSWORD={password}", "/code/bin/docker-entrypoint.sh"),
        *("check", "--live", "http://127.0.0.1:8000", *login),
        check=False,
    )
    assert "the contract; failed: " in output, output
    failed = re.findall(r"^failed +(.+)$", output, re.MULTILINE)
    unknown = [line for line in failed if not line.startswith(tuple(but))]
    assert not unknown, output
    assert not [each for each in but if not any(line.startswith(each) for line in failed)], output
