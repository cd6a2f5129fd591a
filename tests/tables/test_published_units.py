"""Files of PUBLISH_SCHEMAS: metadata.yml, and the folder of the code that is written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from backend.conf.errors import StartupError
from backend.tables import published
from backend.tables.generator import metadata

# A list in a list in a list, with ten million values.
ALIASES = "- &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 7)
)


def test_message_about_metadata_is_short_even_if_its_value_is_not(tmp_path: Path) -> None:
    file = tmp_path / "metadata.yml"
    file.write_text(f"title:\n{ALIASES}")
    with pytest.raises(StartupError) as stopped:
        metadata.read(file)
    assert "title is [['x', 'x'" in str(stopped.value)
    assert len(str(stopped.value)) < 400


def test_code_is_not_written_into_a_temporary_folder_of_someone_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    data = tmp_path / "data"
    data.touch()  # a folder in it cannot be made
    written = published.write({"models.py": ""}, {"has_accounts": True, "title": ""}, data)
    assert written.folder.parent.parent == tmp_path / "tmp"
    assert published.find(data) == written

    (tmp_path / "theirs").mkdir()
    written.folder.parent.rename(tmp_path / "ours")
    written.folder.parent.symlink_to(tmp_path / "theirs")
    with pytest.raises(StartupError, match="it belongs to someone else"):
        published.write({"models.py": ""}, {"has_accounts": True, "title": ""}, data)
    assert published.find(data) is None
    assert not list((tmp_path / "theirs").iterdir())


def test_a_folder_that_cannot_be_read_has_no_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path / published.APP)
    published.write({"models.py": ""}, {"has_accounts": True, "title": ""}, tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    assert published.find(tmp_path) is None
