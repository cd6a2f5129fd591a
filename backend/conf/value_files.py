"""Files whose whole text is the value of a variable: for NAME_FILE, and in a folder of secrets."""

from __future__ import annotations

import os
import stat
from pathlib import Path

BOM = "\ufeff"


class UnreadableError(Exception):
    """A file that does not contain a value. ``str()`` says why, without the content."""


class MissingError(UnreadableError):
    """The file does not exist."""


def read(file: Path) -> str:
    """The value of a file."""
    return value(text(file))


def text(file: Path) -> str:
    """The whole text of a file, its line ends as they are, without a byte order mark.

    Raises UnreadableError, also for a pipe, which would block, and MissingError if the file does
    not exist.
    """
    try:
        # To open a pipe would wait for a writer. A check before the open could see another file.
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as opened:  # noqa: PTH123  of a descriptor
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UnreadableError("it is not a regular file")
            content = opened.read()
    except FileNotFoundError as error:
        raise MissingError(error.strerror) from error
    except OSError as error:
        raise UnreadableError(error.strerror or str(error)) from error
    try:
        decoded = content.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8 text") from None
    if "\0" in decoded:
        raise UnreadableError("it is not text: it contains a NUL byte")
    return decoded.removeprefix(BOM)


def value(text: str) -> str:
    """The text without the line end that editors and ``echo`` add, like ``$(cat FILE)``."""
    return text.removeprefix(BOM).rstrip("\r\n")
