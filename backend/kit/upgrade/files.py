"""Lists the files of a project to read, and writes a file."""

from __future__ import annotations

import codecs
import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from backend.conf.atomic_files import replacing
from backend.kit.upgrade.git import Index

# Folders without the team's own code: from tools, or from other people.
FOREIGN = {
    *(".git", ".hg", ".svn", ".tox", ".nox", ".eggs", ".mypy_cache", ".pytest_cache"),
    *("node_modules", "bower_components", "site-packages", "__pycache__", "build", "dist"),
}


def paths(root: Path, index: Index | None) -> tuple[list[str], list[str]]:
    """The files to read and those to leave out, relative to ``root``, with slashes.

    In a repository, git must track a file: other files may not be the team's own.
    """
    every_path = sorted(_walk(root))
    if index is None:
        return every_path, []
    tracked = [path for path in every_path if path in index.hashes]
    return tracked, [path for path in every_path if path not in index.hashes]


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
            # No links, because their targets may be outside the project.
            if stat.S_ISREG(file.lstat().st_mode):
                yield file.relative_to(root).as_posix()


def write(file: Path, text: str) -> None:
    """Replace a file's text atomically, and keep its mode and, if allowed, its owner.

    A byte order mark stays. If it raises OSError, the file is unchanged.
    """
    before = file.stat()
    marked = file.read_bytes().startswith(codecs.BOM_UTF8)
    content = text.encode("utf-8-sig" if marked else "utf-8")
    with replacing(file, alone=True) as path:
        # Others may not be allowed to read the content.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as new:
            new.write(content)
            new.flush()
            os.fsync(new.fileno())
            with contextlib.suppress(PermissionError):  # only root can change the owner
                os.fchown(new.fileno(), before.st_uid, before.st_gid)
            os.fchmod(new.fileno(), stat.S_IMODE(before.st_mode))
