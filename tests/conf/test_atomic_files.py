"""Files that are replaced whole."""

from __future__ import annotations

from pathlib import Path

from backend.kit.upgrade.files import write


def test_a_link_beside_the_file_is_not_written_through(tmp_path: Path) -> None:
    """A project that somebody sent may have one where the new file is written."""
    outside, file = tmp_path / "outside", tmp_path / "settings.py"
    outside.write_text("stays")
    file.write_text("before")
    (tmp_path / ".settings.py.new").symlink_to(outside)
    write(file, "after")
    assert (outside.read_text(), file.read_text(), file.is_symlink()) == ("stays", "after", False)
