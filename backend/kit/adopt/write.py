"""Writes the files that do not exist, and replaces others only if nothing is lost."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from backend.conf.errors import StartupError
from backend.kit.adopt.plan import PRIVATE
from backend.kit.upgrade.git import Index
from backend.kit.upgrade.reading import Unreadable, read
from backend.kit.upgrade.run import LARGEST

ASIDE = ".before-adopt"
OURS = "ARG IMAGE="  # the first words of the Dockerfile
# With --force, these only get the lines that they lack: the database has the passwords in .env.
MERGED = {".env", ".env.example", ".gitignore", ".dockerignore"}


def to_write(root: Path, made: Mapping[str, str], *, force: bool) -> dict[str, str]:
    """The files to write: the missing ones, and with ``force`` also those that differ."""
    chosen = {}
    for path, text in made.items():
        file = root / path
        if not os.path.lexists(file):
            chosen[path] = text
        elif force and (new := _merged(file, path, text)) is not None:
            chosen[path] = new
    return chosen


def _merged(file: Path, path: str, text: str) -> str | None:
    """The text for a file that exists, or None if it needs none.

    A Dockerfile or Compose file of adopt has what it took from the one before, so it stays.
    """
    try:
        old = read(file, LARGEST).decode()
    except (Unreadable, UnicodeDecodeError, OSError):
        return text  # set aside before the new file is written
    if path not in MERGED:
        is_ours = old.partition("\n")[0] == text.partition("\n")[0] or old.startswith(OURS)
        return None if is_ours else text
    given = {_name(line) for line in old.splitlines()}
    new = [line for line in text.splitlines() if not _is_note(line) and _name(line) not in given]
    return "\n".join([old.rstrip("\n"), "", *new, ""]) if new else None


def _is_note(line: str) -> bool:
    """Whether a line says nothing to a program, not even when its # is removed."""
    return not line.strip() or bool(re.match(r"#(?!\w+=)", line))


def _name(line: str) -> str:
    """What a line sets or ignores."""
    name = re.sub(r"^(#|export\s+)", "", line.strip()).partition("=")[0]
    return name.strip().removeprefix("**/").strip("/")


def write(root: Path, index: Index | None, files: Mapping[str, str]) -> dict[str, str]:
    """Write the files. Returns the new names of those that git cannot restore."""
    saved = {}
    for path, text in files.items():
        file = root / path
        try:
            if os.path.lexists(file) and not _is_restorable(index, path, file):
                saved[path] = _set_aside(file).relative_to(root).as_posix()
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)
            file.touch(mode=PRIVATE if path == ".env" else 0o644)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise StartupError(
                f"{path} cannot be written: {error.strerror}. The files before it are written.",
                "Correct the cause, and run this again. It continues with this file.",
            ) from error
    return saved


def _is_restorable(index: Index | None, path: str, file: Path) -> bool:
    return (
        index is not None
        and not file.is_symlink()
        and file.is_file()
        and index.holds(path, file.read_bytes())
    )


def _set_aside(file: Path) -> Path:
    """Rename a file to a name that is free."""
    number = 1
    while os.path.lexists(
        new := file.with_name(f"{file.name}{ASIDE}{number if number > 1 else ''}")
    ):
        number += 1
    file.rename(new)
    return new
