"""``check --live`` of a project that runs."""

from __future__ import annotations

import re
from collections.abc import Collection

from tests.support.containers import Container


def assert_nothing_wrong(
    container: Container, user: str = "", password: str = "", *, but: Collection[str] = ()
) -> None:
    """What ``check --live`` says of a running project, which it asks everything.

    As ``user``, too, who logs in by a session and by Basic. ``but`` are the starts of the
    failures of the project's own, such as ``GET /own/``: each is found, and no other.
    """
    login = ("--user", user) if user else ()
    said = container.exec(
        *("env", f"CHECK_PASSWORD={password}", "/code/bin/docker-entrypoint.sh"),
        *("check", "--live", "http://127.0.0.1:8000", *login),
        check=False,
    )
    assert "the contract; failed: " in said, said
    failed = re.findall(r"^failed +(.+)$", said, re.MULTILINE)
    unknown = [line for line in failed if not line.startswith(tuple(but))]
    assert not unknown, said
    assert not [each for each in but if not any(line.startswith(each) for line in failed)], said
