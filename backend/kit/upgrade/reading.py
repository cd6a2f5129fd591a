"""Reads a file of a stranger's folder: never what is not a file, and never more than a bound."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class Unreadable(Exception):  # noqa: N818  it is a state, not an error of this program
    """Says of a file what it is instead, such as "is not a file"."""


def read(file: Path, largest: int) -> bytes:
    """The content of a file of at most ``largest`` bytes. Raises Unreadable, and OSError.

    A link is not followed, and a pipe that nobody writes to is not waited for.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags), "rb") as opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("is not a file")
        if status.st_size > largest:
            megabytes = status.st_size / 1_000_000
            raise Unreadable(f"has {megabytes:.0f} MB, more than {largest / 1_000_000:.0f} MB")
        return opened.read()
