"""The folder of an app with generated code, and what is kept of the last time in it.

``.inspectapi/`` in the app contains the code as it was generated last, and what the database was.
It belongs into version control: without it, a merge would not know what people wrote.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.conf.errors import StartupError
from backend.tables.project.snapshot import Snapshot

KEPT = ".inspectapi"
DATABASE = "database.json"
SUFFIX = ".txt"  # so that Python, linters, and searches do not treat a copy as code


@dataclass(frozen=True)
class Kept:
    """What is kept of the last time."""

    options: dict[str, Any]
    tables: Snapshot
    files: dict[str, str]
    conflicts: list[str] = field(default_factory=list)  # that are not settled

    def texts(self) -> dict[str, str]:
        """The files that keep it, by their paths in the app."""
        database = {
            "note": "What inspectapi found in the database. Commit it, and do not edit it.",
            "options": self.options,
            "conflicts": self.conflicts,
            "tables": self.tables,
        }
        texts = {f"{KEPT}/{name}{SUFFIX}": text for name, text in self.files.items()}
        text = json.dumps(database, indent=1, ensure_ascii=False)
        return {f"{KEPT}/{DATABASE}": f"{text}\n", **texts}


def read_kept(app: Path) -> Kept | None:
    """What the app's folder keeps, or None if it has no generated code. Raises StartupError."""
    folder = app / KEPT
    file = folder / DATABASE
    if not file.exists():
        return None
    try:
        database = json.loads(file.read_text(encoding="utf-8"))
        copies = sorted(path for path in folder.rglob(f"*{SUFFIX}"))
        files = {
            path.relative_to(folder).as_posix().removesuffix(SUFFIX): _plain(path.read_bytes())
            for path in copies
        }
        return Kept(database["options"], database["tables"], files, database["conflicts"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StartupError(
            f"{file.parent} cannot be read: {type(error).__name__}: {error}.",
            f"Restore that folder, for example with git checkout {file.parent}.",
        ) from error


def read_files(app: Path, names: set[str]) -> tuple[dict[str, str], dict[str, str]]:
    """The files of these names that exist, and the other Python files of the app.

    Raises StartupError for one that is not readable as UTF-8.
    """
    files: dict[str, str] = {}
    others: dict[str, str] = {}
    for path in sorted(app.rglob("*")):
        name = path.relative_to(app).as_posix()
        if name.startswith(f"{KEPT}/") or not path.is_file():
            continue
        if name in names or path.suffix == ".py":
            try:
                (files if name in names else others)[name] = _plain(path.read_bytes())
            except (OSError, UnicodeDecodeError) as error:
                raise StartupError(f"{path}: {error}.", "Save the file as UTF-8.") from error
    return files, others


def _plain(content: bytes) -> str:
    return content.decode("utf-8-sig").replace("\r\n", "\n")


def write(app: Path, texts: Mapping[str, str | None]) -> None:
    """Write all files, or remove those with None. If one fails, all stay as they were.

    A file keeps its mode, line ends, and byte order mark. Raises StartupError.
    """
    with contextlib.ExitStack() as undo:
        try:
            for name, text in texts.items():
                if text is not None:
                    _prepare(app / name, text, undo)
            for name, text in texts.items():
                _put(app / name, undo, remove=text is None)
        except OSError as error:
            raise StartupError(
                f"{error.filename or app} cannot be written: {error.strerror or error}. Nothing "
                "was changed.",
                "Correct the cause, and run the command again.",
            ) from error
        undo.pop_all()


def _new(file: Path) -> Path:
    return file.with_name(f".{file.name}.new")


def _prepare(file: Path, text: str, undo: contextlib.ExitStack) -> None:
    """Write the new content beside the file."""
    for folder in reversed([each for each in file.parents if not each.exists()]):
        folder.mkdir()
        undo.callback(_remove_folder, folder)
        _give_to_owner(folder)
    content, mode = text.encode(), 0o644
    if file.exists():
        before, mode = file.read_bytes(), stat.S_IMODE(file.stat().st_mode)
        mark = codecs.BOM_UTF8 if before.startswith(codecs.BOM_UTF8) else b""
        content = mark + (content.replace(b"\n", b"\r\n") if b"\r\n" in before else content)
    undo.callback(_new(file).unlink, missing_ok=True)
    _new(file).write_bytes(content)
    _new(file).chmod(mode)
    _give_to_owner(_new(file))


def _put(file: Path, undo: contextlib.ExitStack, *, remove: bool) -> None:
    """Let the new content take the file's place."""
    if file.exists():
        undo.callback(file.write_bytes, file.read_bytes())
    elif not remove:
        undo.callback(file.unlink, missing_ok=True)
    if remove:
        file.unlink(missing_ok=True)
    else:
        _new(file).replace(file)


def _remove_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else's file is in it
        folder.rmdir()


def _give_to_owner(path: Path) -> None:
    """Let new files of root, such as those of ``docker exec``, belong to the developer."""
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
