"""Which files of a project are looked at, and how one is written."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from backend.upgrade.git import Index

# Not the team's source: made by tools, or other people's.
FOREIGN = {
    *(".git", ".hg", ".svn", ".tox", ".nox", ".eggs", ".mypy_cache", ".pytest_cache"),
    *("node_modules", "bower_components", "site-packages", "__pycache__", "build", "dist"),
}
LARGEST = 1_000_000  # bytes; nobody writes such a source file by hand


def paths(root: Path, index: Index | None) -> list[str]:
    """The files to look at, relative to ``root``, with slashes: in a repository what git tracks."""
    found = sorted(_walk(root))
    return [path for path in found if index is None or path in index.hashes]


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        here = Path(folder)
        folders[:] = [
            name
            for name in folders
            if name not in FOREIGN
            and not name.endswith(".egg-info")
            and not (here / name / "pyvenv.cfg").exists()
        ]
        for name in names:
            file = here / name
            status = file.lstat()
            # No links: what they lead to may lie outside of the project.
            if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST:
                yield file.relative_to(root).as_posix()


def write(file: Path, content: bytes) -> None:
    """Put ``content`` in the place of a file at once, with its mode and, where allowed, its owner.

    Raises OSError; the file is then as it was.
    """
    before = file.stat()
    number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(number, "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(number)
            with contextlib.suppress(PermissionError):  # only root may give a file away
                os.fchown(number, before.st_uid, before.st_gid)
            os.fchmod(number, stat.S_IMODE(before.st_mode))
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
