"""manage.py: the errors of commands that cannot start, and the commands that the image adds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.broken import write
from tests.support.projects import assert_two_lines, run


@pytest.mark.parametrize("command", ["check", "help"])
def test_app_that_does_not_exist_is_an_error_of_two_lines_for_any_command(
    project: Path, command: str
) -> None:
    settings = "from backend.hacko_settings import *\n\nINSTALLED_APPS += ['censsus']\n"
    write(project, {"local_settings/settings.py": settings})
    done = run(project, "manage.py", command)
    assert done.returncode == 1
    place = f"{project}/local_settings/settings.py, line 3"
    problem = "ModuleNotFoundError: No module named 'censsus'"
    assert_two_lines(done.stderr, place, problem, "Check the spelling of 'censsus'")


def test_wait_for_db_says_what_answers_and_gives_up_in_time(project: Path) -> None:
    answers = run(project, "manage.py", "wait_for_db", DATA_DIR=str(project))
    assert (answers.returncode, answers.stderr) == (0, "")
    assert "database 'default'" in answers.stdout
    late = run(
        *(project, "manage.py", "wait_for_db", "--timeout", "0"),
        DATABASE_URL="postgis://api:hush@127.0.0.1:1/api",
        DJANGO_SECRET_KEY="of-the-tests-and-as-long-as-django-wants-it",
    )
    assert late.returncode == 1
    place = "The database 'default' (127.0.0.1:1/api) did not answer within 0 s"
    assert_two_lines(late.stderr, place, "Connection refused", "Check that the server is running")


def test_second_app_passes_the_linters_of_the_project(project: Path) -> None:
    done = run(project, "manage.py", "startapp", "trees", DATA_DIR=str(project))
    assert done.returncode == 0, done.stderr
    shutil.copy(ROOT / "scaffold/ruff.toml-tpl", project / "trees/ruff.toml")
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."]
        checked = subprocess.run(
            command, cwd=project / "trees", capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
