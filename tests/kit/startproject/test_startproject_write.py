"""``startproject`` leaves nothing behind if it cannot write its files."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest

from backend.conf.errors import StartupError
from backend.kit.startproject.write import write

TEXTS = {Path("a/one.txt"): "1", Path("b/two.txt"): "2"}
MODES = dict.fromkeys(TEXTS, 0o644)
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def error_of(folder: Path) -> str:
    with pytest.raises(StartupError) as raised:
        write(folder, TEXTS, MODES)
    return str(raised.value)


def fail_at(monkeypatch: pytest.MonkeyPatch, name: str, *, put: Path | None = None) -> None:
    """Simulate a full disk when ``name`` is moved into place, after somebody else wrote ``put``."""
    rename = Path.rename

    def renamed(self: Path, target: Path) -> Path:
        if self.name == name:
            if put:
                put.write_text("mine")
            raise FULL
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)


def test_a_disk_without_room_for_a_folder_is_an_error_of_two_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*arguments: object, **options: object) -> str:
        raise FULL

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    assert error_of(tmp_path / "my-api") == (
        f"ERROR: {tmp_path}/my-api could not be written: No space left on device.\n"
        "FIX:   Correct the cause, and start again. Nothing was left behind."
    )


def test_files_written_before_a_fault_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "my-api"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    fail_at(monkeypatch, "two.txt")
    assert "Nothing was left behind" in error_of(folder)
    assert sorted(tmp_path.rglob("*")) == [folder, folder / "mine.txt"]


def test_folder_that_cannot_be_removed_is_named_in_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = tmp_path / "my-api"
    folder.mkdir()
    fail_at(monkeypatch, "two.txt", put=folder / "a/mine.txt")
    error = error_of(folder)
    assert f"No space left on device. Left behind: {folder}/a.\n" in error
    assert sorted(tmp_path.rglob("*")) == [folder, folder / "a", folder / "a/mine.txt"]
