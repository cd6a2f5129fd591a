"""runserver's look for saved files."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from django.utils.autoreload import StatReloader

from backend import reloader


@pytest.mark.parametrize(
    ("age", "noticed"), [(3600, False), (0, True), (-3600, False)], ids=["old", "new", "future"]
)
def test_file_saved_while_the_server_starts_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, age: int, *, noticed: bool
) -> None:
    file, told = tmp_path / "views.py", []
    # Both are put back after the test.
    monkeypatch.setattr(StatReloader, "SLEEP_TIME", 0)
    monkeypatch.setattr(StatReloader, "snapshot_files", StatReloader.snapshot_files)
    monkeypatch.setattr(StatReloader, "watched_files", lambda self: [file])
    monkeypatch.setattr(StatReloader, "notify_file_changed", lambda self, path: told.append(path))
    reloader.install()
    file.touch()
    saved = time.time() - age
    os.utime(file, (saved, saved))
    ticks = StatReloader().tick()
    next(ticks)
    assert told == [file] * noticed
    next(ticks)
    assert told == [file] * noticed, "once"
