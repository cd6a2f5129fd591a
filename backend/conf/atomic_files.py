"""Files that others read while they are written: they find the one before, or the whole new one."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(file: Path, *, alone: bool = False) -> Iterator[Path]:
    """A path beside ``file`` to write to, which takes its place when the body is done.

    Where the body fails, the file stays as it was, and nothing is left beside it. What a process
    that was killed leaves there, the next one that writes ``alone`` replaces too.
    """
    # Others may be writing the same file.
    writer = "" if alone else f".{threading.get_native_id()}"
    new = file.with_name(f".{file.name}{writer}.new")
    if alone:
        new.unlink(missing_ok=True)  # it may also be a link to somewhere else
    try:
        yield new
        new.replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
