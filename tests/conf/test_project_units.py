"""Which project a container serves, by its working directory and environment."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.conf import global_settings

from backend.conf import project
from backend.conf.errors import StartupError
from backend.conf.places import CODE, ROOT
from backend.conf.variables import TABLE

STARTPROJECT = """\
import os, sys
def main():
    os.environ.setdefault('DJANGO_SETTINGS_MODULE', '{}')
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""
ASSIGNED = 'import os\nos.environ["DJANGO_SETTINGS_MODULE"] = "{}"\n'


@pytest.mark.parametrize(("form", "line"), [(STARTPROJECT, 3), (ASSIGNED, 2)])
def test_manage_py_of_the_working_directory_names_the_settings(tmp_path: Path, form, line):
    manage = tmp_path / "manage.py"
    manage.write_text(form.format("airline.settings"))
    found = project.find(tmp_path, {})
    assert (found.folder, found.settings, found.is_own) == (tmp_path, "airline.settings", True)
    assert found.reason == f"{manage}, line {line}"


def test_variable_wins_over_manage_py_unless_it_is_empty(tmp_path: Path):
    (tmp_path / "manage.py").write_text(STARTPROJECT.format("airline.settings"))
    found = project.find(tmp_path, {"DJANGO_SETTINGS_MODULE": "airline.production"})
    assert (found.settings, found.folder) == ("airline.production", tmp_path)
    assert found.reason == "DJANGO_SETTINGS_MODULE is set"
    assert project.find(tmp_path, {"DJANGO_SETTINGS_MODULE": ""}).settings == "airline.settings"


@pytest.mark.parametrize(
    "manage",
    [
        STARTPROJECT.format("backend.settings"),
        (CODE / "scaffold/manage.py-tpl").read_text(),
        None,
    ],
    ids=["a project of 2019", "startproject's", "none"],
)
def test_project_on_the_settings_of_the_image_is_the_images(tmp_path: Path, manage):
    if manage:
        (tmp_path / "manage.py").write_text(manage)
    found = project.find(tmp_path, {})
    assert (found.folder, found.settings, found.is_own) == (ROOT, "backend.settings", False)


def test_project_named_as_the_image_is_an_error_unless_it_is_a_copy_of_it(tmp_path: Path):
    (tmp_path / "manage.py").write_text(STARTPROJECT.format("backend.settings"))
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend/settings.py").touch()
    with pytest.raises(StartupError) as raised:
        project.find(tmp_path, {})
    assert raised.value.problem.startswith(f"{tmp_path / 'manage.py'}, line ")
    assert f"Rename the folder {tmp_path / 'backend'}, and" in raised.value.fix
    (tmp_path / "backend/hacko_settings.py").touch()
    assert not project.find(tmp_path, {}).is_own


def test_link_to_the_manage_py_of_the_image_is_no_project_of_a_team(tmp_path: Path):
    (tmp_path / "manage.py").symlink_to(CODE / "manage.py")
    assert not project.find(tmp_path, {}).is_own


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import os\nname = os.environ['X']\n", "it names no settings"),
        (
            "import os, sys\n"
            "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.' + sys.argv[1])\n",
            "line 2 computes the settings module",
        ),
    ],
)
def test_unknown_settings_are_an_error_that_names_the_variable(tmp_path: Path, text, problem):
    manage = tmp_path / "manage.py"
    manage.write_text(text)
    with pytest.raises(StartupError) as raised:
        project.find(tmp_path, {})
    assert raised.value.problem.startswith(f"{manage}: {problem}, ")
    assert "ENV DJANGO_SETTINGS_MODULE=" in raised.value.fix


def test_manage_py_with_a_wrong_line_is_named_with_it(tmp_path: Path):
    (tmp_path / "manage.py").write_text("import os\ndef main(:\n")
    with pytest.raises(StartupError) as raised:
        project.find(tmp_path, {})
    assert f"{tmp_path / 'manage.py'}, line 2" in raised.value.problem


def test_files_with_names_of_the_image_are_named_as_hidden(tmp_path: Path):
    assert list(project.hidden(tmp_path)) == []
    (tmp_path / "backend").mkdir()
    (tmp_path / "backend/__init__.py").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker-entrypoint.sh").touch()
    package, entry = project.hidden(tmp_path)
    assert f"{tmp_path / 'backend'} is hidden" in package.problem
    assert f"{tmp_path / 'bin/docker-entrypoint.sh'} does not run" in entry.problem


# DATA_DIR is set for every project: boot/configuration.complete_settings.
OF_THE_IMAGE = {name for name in TABLE if not hasattr(global_settings, name)} - {"DATA_DIR"}
ROOMS = "boot server health logs http databases pages".split()


def test_nothing_below_django_needs_a_setting_of_the_image():
    """A project with its own settings has only Django's."""
    needed = []
    for file in sorted(path for room in ROOMS for path in (CODE / "backend" / room).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            is_read = (
                isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "settings"
            )
            if is_read and node.attr in OF_THE_IMAGE:
                needed.append(f"{file.name}, line {node.lineno}: settings.{node.attr}")
    assert not needed, "read it with backend.conf.variables.setting, which has a default"
