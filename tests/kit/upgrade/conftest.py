"""The old project as a git repository."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.conftest import new_reader  # noqa: F401  a fixture
from tests.kit.upgrade.by_hand import git

OLD_PROJECT = Path(__file__).parent / "old_project"


def copy_of_old_project(folder: Path) -> Path:
    """A copy in the folder ``trees-api``, committed like a team's project."""
    project = folder / "trees-api"
    shutil.copytree(OLD_PROJECT, project, ignore=shutil.ignore_patterns("__pycache__"))
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "--message", "2019")
    return project


@pytest.fixture
def old_project(tmp_path: Path) -> Path:
    return copy_of_old_project(tmp_path)
