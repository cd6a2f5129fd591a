"""The users of a container's processes, read from /proc."""

from __future__ import annotations

import pytest

from backend.kit.contract.outside.engine import users_of


def status(pid: int, parent: int, *uids: int) -> str:
    real, effective, saved, files = uids if len(uids) > 1 else uids * 4
    return (
        f"Name:\tpython\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t{pid}\nNgid:\t0\nPid:\t{pid}\n"
        f"PPid:\t{parent}\nTracerPid:\t0\nUid:\t{real}\t{effective}\t{saved}\t{files}\n"
        f"Gid:\t0\t0\t0\t0\n"
    )


SERVER = status(1, 0, 1001) + status(12, 1, 1001) + status(13, 12, 1001)


@pytest.mark.parametrize(
    ("statuses", "users"),
    [
        (SERVER, ["1001"]),
        # Started from outside, with its children, like the health check.
        (SERVER + status(40, 0, 0) + status(41, 40, 0), ["1001"]),
        (SERVER + status(14, 13, 0), ["0", "1001"]),
        (SERVER + status(14, 13, 1001, 1001, 0, 1001), ["0", "1001"]),
        (status(1, 0, 0) + status(7, 1, 1001), ["0", "1001"]),
        ("", []),
    ],
    ids=["server", "exec", "child of root's", "may become root again", "first", "ended"],
)
def test_users_are_those_of_the_first_process_and_all_below_it(statuses: str, users: list[str]):
    assert users_of(statuses) == users
