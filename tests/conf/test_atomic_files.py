"""Files are replaced atomically."""

from __future__ import annotations

from pathlib import Path

from backend.kit.upgrade.files import write


def test_a_link_beside_the_file_is_not_written_through(tmp_path: Path) -> None:
    """A project from someone else can contain a link at the path of the new file."""
    outside, file = tmp_path / "outside", tmp_path / "settings.py"
    outside.write_text("stays")
    file.write_text("before")
    (tmp_path / ".settings.py.new").symlink_to(outside)
    write(file, "after")
    assert (outside.read_text(), file.read_text(), file.is_symlink()) == ("stays", "after", False)
