"""Reads files of an unknown project: only regular files, and only up to a limit."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class Unreadable(Exception):  # noqa: N818  it is a state, not an error of this program
    """The reason why a file is not readable, such as "is not a regular file"."""


def read(file: Path, largest: int) -> bytes:
    """The content of a file of at most ``largest`` bytes. Raises Unreadable, and OSError.

    It does not follow links, and does not wait for a pipe without a writer.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(file, flags), "rb") as opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("is not a regular file")
        if status.st_size > largest:
            megabytes = status.st_size / 1_000_000
            raise Unreadable(f"has {megabytes:.0f} MB, more than {largest / 1_000_000:.0f} MB")
        return opened.read()
