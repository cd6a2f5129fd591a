"""A fresh Django project on the image, as docs/adopt.md describes."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.docs.conftest import new_reader  # noqa: F401  a fixture
from tests.docs.reader import Reader
from tests.kit.adopt.projects import PIPENV
from tests.kit.adopt.test_adopt_units import repository
from tests.kit.upgrade.by_hand import git
from tests.support.containers import IMAGE, PUBLISHED, Containers, docker

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def adopted(new_reader: Callable[[], Reader], published_postgis: None) -> Reader:  # noqa: F811
    """The project after all steps of the page, with a running server."""
    reader = new_reader()
    reader.folder = reader.folder / "mysite"
    reader.folder.mkdir()
    start = [sys.executable, "-m", "django", "startproject", "mysite", "."]
    subprocess.run(start, cwd=reader.folder, check=True)
    repository(reader.folder, {})
    # Use the local name, because a concurrent test can give the published one to another image.
    adopt = f"{IMAGE} adopt --image {IMAGE}"
    reader.instead = {f"{PUBLISHED} adopt": adopt, PUBLISHED: IMAGE, **reader.instead}
    reader.follow("docs/adopt.md")
    return reader


def address(reader: Reader, path: str) -> str:
    return f"http://localhost:{reader.env['API_PORT']}{path}"


def compose(reader: Reader, *arguments: str) -> str:
    project = f"{reader.prefix}-mysite"
    return docker("compose", "--project-name", project, *arguments, cwd=reader.folder).stdout


def test_its_health_pages_answer(adopted: Reader):
    for page in ("live", "ready"):
        assert requests.get(address(adopted, f"/health/{page}"), timeout=30).status_code == 200


def test_its_superuser_logs_in_and_its_pages_have_their_styles(adopted: Reader):
    env = dict(re.findall(r"^(\w+)=(.*)$", (adopted.folder / ".env").read_text(), re.MULTILINE))
    session = requests.Session()
    login = address(adopted, "/admin/login/?next=/admin/")
    page = session.get(login, timeout=30).text
    token = re.search(r'name="csrfmiddlewaretoken" value="(.+?)"', page)
    form = {
        "username": "admin",
        "password": env["DJANGO_SUPERUSER_PASSWORD"],
        "csrfmiddlewaretoken": token[1],
    }
    answer = session.post(login, data=form, timeout=30)
    assert "Site administration" in answer.text
    style = re.search(r'href="(/static/admin/css/base[\w.]*\.css)"', answer.text)
    assert requests.get(address(adopted, style[1]), timeout=30).status_code == 200


def test_it_uses_the_database_server(adopted: Reader):
    tables = compose(adopted, "exec", "-T", "db", "psql", "-U", "mysite", "-c", "\\dt")
    assert "django_migrations" in tables


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
    """The lock names an older Django, a package that fits, and one that needs a later version."""
    lock = PIPENV.files["Pipfile.lock"].replace(
        '"==3.1.14"}',
        '"==3.1.14"},\n"six": {"version": "==1.16.0"},\n'
        '"typing-extensions": {"version": "==4.5.0"}',
    )
    project = repository(tmp_path, {**PIPENV.files, "Pipfile.lock": lock})
    containers.run("adopt", "--force", "--image", IMAGE, mounts={project: "/project"})
    # The certificates of the machine that runs the tests.
    dockerfile = (project / "Dockerfile").read_text()
    (project / "Dockerfile").write_text(
        dockerfile.replace("WORKDIR /project\n", "WORKDIR /project\nENV UV_SYSTEM_CERTS=true\n")
    )
    image = containers.build(project)
    versions = (
        "import django, six; from importlib.metadata import version; "
        "print(django.VERSION[:2], six.__version__, version('typing-extensions').split('.')[1])"
    )
    done = containers.run("python", "-c", versions, image=image)
    django, kept, raised = done.stdout.rsplit(maxsplit=2)
    assert (django, kept) == ("(5, 2)", "1.16.0"), done.stderr
    assert int(raised) >= 12
