"""Puts a project's files into their folder: all of them or none, and never over another's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from backend.conf.errors import StartupError


def check_root(root: Path) -> None:
    """StartupError unless the folder that the project's folder goes into can be written to."""
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
    """StartupError, naming them, when files are where the project's would go."""
    in_the_way = [path for path in paths if os.path.lexists(folder / path)]
    # What should become a folder, and is a file.
    parents = {parent for path in paths for parent in path.parents}
    in_the_way += [path for path in parents if _is_no_folder(folder / path)]
    if in_the_way:
        names = sorted(str(Path(folder.name) / path) for path in in_the_way)
        raise StartupError(
            f"Nothing was written, because these exist already: {', '.join(names)}.",
            "Choose another name for the project, or move them elsewhere.",
        )


def _is_no_folder(path: Path) -> bool:
    return os.path.lexists(path) and not path.is_dir()


def write(folder: Path, texts: Mapping[Path, str], modes: Mapping[Path, int]) -> None:
    """Make the project's folder with all its files, in one step.

    Raises StartupError when a file is in the way, or when the disk does not take them; then
    nothing is left of what was written, or it is named.
    """
    check_free(folder, list(texts))
    try:
        # Where all of it became the project's folder, it has nothing left to remove.
        with tempfile.TemporaryDirectory(
            prefix=f".{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True
        ) as made:
            _fill(Path(made), texts, modes)
            _move(Path(made), folder, list(texts))
    except OSError as error:
        raise StartupError(
            f"{folder} could not be written: {error.strerror or error}.",
            "Correct that, and start again. Nothing was left behind.",
        ) from error


def _fill(made: Path, texts: Mapping[Path, str], modes: Mapping[Path, int]) -> None:
    for path, text in texts.items():
        file = made / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
        file.chmod(modes[path])
    for inner in (made, *(path for path in made.rglob("*") if path.is_dir())):
        inner.chmod(0o755)


def _move(made: Path, folder: Path, paths: list[Path]) -> None:
    """Rename the whole folder; into one that exists, file by file, and back when one fails.

    Raises OSError when one fails, and StartupError, naming them, when some then cannot be taken
    away again.
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
                f"{folder} could not be written: {error.strerror or error}. Left there: "
                f"{', '.join(left)}.",
                "Correct that, remove what was left, and start again.",
            ) from error
        raise


def _removed(path: Path) -> bool:
    """Whether it could be: a folder may have got files of others meanwhile."""
    try:
        path.rmdir() if path.is_dir() else path.unlink()
    except OSError:
        return False
    return True
