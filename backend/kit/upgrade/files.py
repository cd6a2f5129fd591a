"""Which files of a project are looked at, and how one is written."""

from __future__ import annotations

import codecs
import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from backend.conf.atomic_files import replacing
from backend.kit.upgrade.git import Index

# Not the team's source: made by tools, or other people's.
FOREIGN = {
    *(".git", ".hg", ".svn", ".tox", ".nox", ".eggs", ".mypy_cache", ".pytest_cache"),
    *("node_modules", "bower_components", "site-packages", "__pycache__", "build", "dist"),
}


def paths(root: Path, index: Index | None) -> tuple[list[str], list[str]]:
    """The files to look at, relative to ``root``, with slashes, and those that are left out.

    In a repository they are those that git tracks: the others may be anything, and not the team's.
    """
    found = sorted(_walk(root))
    if index is None:
        return found, []
    tracked = [path for path in found if path in index.hashes]
    return tracked, [path for path in found if path not in index.hashes]


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
            # No links: what they lead to may lie outside of the project.
            if stat.S_ISREG(file.lstat().st_mode):
                yield file.relative_to(root).as_posix()


def write(file: Path, text: str) -> None:
    """Put ``text`` in the place of a file at once, with its mode and, where allowed, its owner.

    A byte order mark stays. Raises OSError; the file is then as it was.
    """
    before = file.stat()
    marked = file.read_bytes().startswith(codecs.BOM_UTF8)
    content = text.encode("utf-8-sig" if marked else "utf-8")
    with replacing(file, alone=True) as path:
        # What the file holds may be nobody else's to read.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
            with contextlib.suppress(PermissionError):  # only root may give a file away
                os.fchown(new.fileno(), before.st_uid, before.st_gid)
            os.fchmod(new.fileno(), stat.S_IMODE(before.st_mode))
