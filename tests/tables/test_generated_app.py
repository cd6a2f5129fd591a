"""The folder of an app with generated code: all files of a run are written, or none."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from backend.conf.errors import StartupError
from backend.tables.project import generated_app
from backend.tables.project.generated_app import Kept

KEPT = Kept(
    {"database": "default", "schemas": ["city"]},
    {"city": {"stops": {"comment": "größer", "columns": {}}}},
    {"models.py": "A = 1\n", "tests/__init__.py": ""},
    ["models.py (Stops)"],
)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    generated_app.write(tmp_path / "city", {"models.py": "A = 1\n", "views.py": "B = 1\n"})
    return tmp_path / "city"


def content(app: Path) -> dict[str, bytes]:
    return {
        path.relative_to(app).as_posix(): path.read_bytes()
        for path in sorted(app.rglob("*"))
        if path.is_file()
    }


def fail_at(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Simulate a full disk when a file of this name is put in place."""
    replace = Path.replace

    def replaced(self: Path, target: Path) -> Path:
        if Path(target).name == name:
            raise OSError(28, "No space left on device", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", replaced)


def test_what_is_kept_is_read_again(app: Path):
    assert generated_app.read_kept(app) is None
    generated_app.write(app, KEPT.texts())
    assert generated_app.read_kept(app) == KEPT


def test_kept_files_are_no_python_to_other_programs(app: Path):
    generated_app.write(app, KEPT.texts())
    assert not [path for path in app.glob(".inspectapi/**/*") if path.suffix == ".py"]


def test_damaged_folder_is_an_error_of_two_lines(app: Path):
    generated_app.write(app, {**KEPT.texts(), ".inspectapi/database.json": "{<<<<<<< HEAD\n"})
    with pytest.raises(StartupError) as raised:
        generated_app.read_kept(app)
    assert str(raised.value).startswith(f"ERROR: {app}/.inspectapi cannot be read: ")
    assert "FIX:   Restore that folder, for example with git checkout" in str(raised.value)


def test_line_ends_byte_order_mark_and_mode_stay(app: Path):
    (app / "models.py").write_bytes(b"\xef\xbb\xbfA = 1\r\nB = 2\r\n")
    (app / "models.py").chmod(0o640)
    files, _ = generated_app.read_files(app, {"models.py"})
    assert files == {"models.py": "A = 1\nB = 2\n"}
    generated_app.write(app, {"models.py": "A = 1\nC = 3\n"})
    assert (app / "models.py").read_bytes() == b"\xef\xbb\xbfA = 1\r\nC = 3\r\n"
    assert stat.S_IMODE((app / "models.py").stat().st_mode) == 0o640


def test_other_python_files_are_told_apart(app: Path):
    generated_app.write(app, {**KEPT.texts(), "reports/sums.py": "C = 1\n", "notes.txt": "no"})
    files, others = generated_app.read_files(app, {"models.py", "views.py", "urls.py"})
    assert files == {"models.py": "A = 1\n", "views.py": "B = 1\n"}
    assert others == {"reports/sums.py": "C = 1\n"}


@pytest.mark.parametrize("name", ["models.py", "new.py", "database.json"])
def test_if_one_file_fails_all_stay_as_they_were(
    app: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    before = content(app)
    fail_at(monkeypatch, name)
    changes = {"views.py": None, "models.py": "A = 2\n", "sub/new.py": "", **KEPT.texts()}
    with pytest.raises(StartupError) as raised:
        generated_app.write(app, changes)
    assert "No space left on device. Nothing was changed." in str(raised.value)
    assert content(app) == before
    assert sorted(path.name for path in app.iterdir()) == ["models.py", "views.py"]


def test_a_first_run_that_fails_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fail_at(monkeypatch, "views.py")
    with pytest.raises(StartupError):
        generated_app.write(tmp_path / "city", {"models.py": "A = 1\n", "views.py": "B = 1\n"})
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_longer_generated_is_removed(app: Path):
    generated_app.write(app, {"views.py": None, "models.py": "A = 2\n"})
    assert content(app) == {"models.py": b"A = 2\n"}
