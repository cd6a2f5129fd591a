"""`adopt` in a container, and the image that its Dockerfile builds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.adopt.projects import PIPENV
from tests.kit.adopt.test_adopt_units import repository
from tests.kit.upgrade.by_hand import git
from tests.support.containers import IMAGE, Containers

pytestmark = pytest.mark.engine


def test_the_written_files_belong_to_the_owner_of_the_folder(
    containers: Containers, tmp_path: Path
):
    project = repository(tmp_path, PIPENV.files)
    give = ("-R", "1234:1234", "/project")
    containers.run(*give, options=["--entrypoint", "chown"], mounts={project: "/project"})
    done = containers.run("adopt", "--force", mounts={project: "/project"})
    assert done.returncode == 0, done.stderr
    written = ("Dockerfile", "docker-compose.yml", ".env", ".github/workflows/test.yml")
    assert {(project / name).stat().st_uid for name in written} == {1234}
    assert git(project, "diff", "--stat", "--", "*.py") == ""


def test_the_packages_of_a_lock_file_are_installed_without_those_of_the_image(
    containers: Containers, tmp_path: Path
):
    """The lock names an older Django, and a package that the image does not have."""
    lock = PIPENV.files["Pipfile.lock"].replace(
        '"==3.1.14"}', '"==3.1.14"},\n"six": {"version": "==1.16.0"}'
    )
    project = repository(tmp_path, {**PIPENV.files, "Pipfile.lock": lock})
    containers.run("adopt", "--force", "--image", IMAGE, mounts={project: "/project"})
    image = containers.build(project)
    versions = "import django, six; print(django.VERSION[:2], six.__version__)"
    done = containers.run("python", "-c", versions, image=image)
    assert done.stdout.strip() == "(5, 2) 1.16.0", done.stderr
