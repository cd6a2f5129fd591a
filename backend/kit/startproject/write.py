"""Writes all files of a project or none, and never overwrites a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from backend.conf.errors import StartupError


def check_root(root: Path) -> None:
    """Raises StartupError unless the parent of the project's folder is writable."""
    if not root.is_dir():
        raise StartupError(
            f"The folder {root} does not exist, so nothing is mounted there.",
            'Mount the current folder: docker run --rm -v "$PWD:/project" IMAGE startproject '
            "my-api",
        )
    if not os.access(root, os.W_OK | os.X_OK):
        raise StartupError(
            f"The user {os.geteuid()} cannot write to the folder {root}.",
            "Change to your own folder, and leave out --user and :ro.",
        )


def check_free(folder: Path, paths: list[Path]) -> None:
    """Raises StartupError with the names of files that are in the way."""
    in_the_way = [path for path in paths if os.path.lexists(folder / path)]
    # Files in the place of folders.
    parents = {parent for path in paths for parent in path.parents}
    in_the_way += [path for path in parents if _is_not_a_folder(folder / path)]
    if in_the_way:
        names = sorted(str(Path(folder.name) / path) for path in in_the_way)
        raise StartupError(
            f"Nothing was written, because these paths already exist: {', '.join(names)}.",
            "Choose another name for the project, or move them elsewhere.",
        )


def _is_not_a_folder(path: Path) -> bool:
    return os.path.lexists(path) and not path.is_dir()


def write(folder: Path, texts: Mapping[Path, str], modes: Mapping[Path, int]) -> None:
    """Create the project's folder with all its files in one step.

    Raises StartupError if a file is in the way or the disk rejects the files. Then nothing is left
    behind, or the error names it.
    """
    check_free(folder, list(texts))
    try:
        # If the whole folder became the project's, there is nothing left to remove.
        with tempfile.TemporaryDirectory(
            prefix=f".{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True
        ) as made:
            _fill(Path(made), texts, modes)
            _move(Path(made), folder, list(texts))
    except OSError as error:
        raise StartupError(
            f"{folder} could not be written: {error.strerror or error}.",
            "Correct the cause, and start again. Nothing was left behind.",
        ) from error


def _fill(made: Path, texts: Mapping[Path, str], modes: Mapping[Path, int]) -> None:
    for path, text in texts.items():
        file = made / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
        file.chmod(modes.get(path, 0o644))
    for inner in (made, *(path for path in made.rglob("*") if path.is_dir())):
        inner.chmod(0o755)


def _move(made: Path, folder: Path, paths: list[Path]) -> None:
    """Rename the whole folder, or move each file if the target exists.

    If a file fails, removes the moved ones and raises OSError, or StartupError with the names of
    those that cannot be removed.
    """
    if not folder.exists():
        made.rename(folder)
        return
    moved: list[Path] = []
    try:
        for path in paths:
            for parent in reversed(path.parents[:-1]):
                if not (folder / parent).is_dir():
                    (folder / parent).mkdir()
                    moved.append(folder / parent)
            (made / path).rename(folder / path)
            moved.append(folder / path)
    except OSError as error:
        if left := [str(path) for path in reversed(moved) if not _removed(path)]:
            raise StartupError(
                f"{folder} could not be written: {error.strerror or error}. Left behind: "
                f"{', '.join(left)}.",
                "Correct the cause, remove what was left behind, and start again.",
            ) from error
        raise


def _removed(path: Path) -> bool:
    """Whether it was removed. A folder may contain other files by now."""
    try:
        path.rmdir() if path.is_dir() else path.unlink()
    except OSError:
        return False
    return True
