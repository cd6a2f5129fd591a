"""A project of 2019 with all known problems, upgraded as docs/upgrading.md describes.

The tests run the page's commands exactly as written, make the listed edits with `by_hand.py`, and
then test the upgraded API with PostGIS.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.docs import snippets
from tests.docs.reader import Reader
from tests.kit.upgrade.by_hand import BY_HAND, git, move_data
from tests.kit.upgrade.conftest import copy_of_old_project
from tests.support.containers import (
    IMAGE,
    POSTGIS_IMAGE,
    PUBLISHED,
    PUBLISHED_POSTGIS,
    Containers,
    docker,
)

pytestmark = pytest.mark.engine

ADMIN = ("admin", "admin-of-a-laptop")
SETTINGS = """\
DEBUG=false
POSTGRES_HOST=db
POSTGRES_PORT=5432
POSTGRES_NAME=trees
POSTGRES_USER=trees
POSTGRES_PASSWORD=only-for-this-laptop
DJANGO_SECRET_KEY=of-the-tests-and-as-long-as-django-wants-it-of-the-tests
"""
POINT = {"type": "Point", "coordinates": [-122.66, 45.5]}
DETAILS = {"height": 12}


@dataclass
class Team(Reader):
    """Follows the page, and makes the listed edits where the page asks for them."""

    rewritten: bool = False

    def run(self, snippet: snippets.Snippet, text: str) -> None:
        if self.rewritten and snippet.kind == "run, fails":
            for edit in BY_HAND:
                edit.apply(self.folder)
            move_data(self.folder)
            put(self.folder / "docker-compose.yml", PUBLISHED_POSTGIS, POSTGIS_IMAGE)
            git(self.folder, "add", "--all")
        try:
            super().run(snippet, text)
        except AssertionError as error:
            logs = docker(
                "compose", "--project-name", f"{self.prefix}-trees-api", "logs", check=False
            )
            raise AssertionError(f"{error}\n{logs.stdout}") from None
        self.rewritten = self.rewritten or text.strip().endswith(" upgrade")

    def compose(self, *arguments: str) -> str:
        self.run(
            snippets.Snippet("this test", 1, "sh", "", "run"),
            f"docker compose {' '.join(arguments)}",
        )
        return self.printed

    def address(self, path: str) -> str:
        return f"http://localhost:{self.env['PORT']}{path}"


def put(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new))


@pytest.fixture(scope="module")
def moved(new_reader: Callable[[], Reader]) -> Team:
    """The project after all steps of the page, with a running server."""
    reader = new_reader()
    project = copy_of_old_project(reader.folder)
    (project / ".env").write_text(SETTINGS)
    # Use the local name, because a concurrent test can give the published one to another image.
    instead = {**reader.instead, PUBLISHED: IMAGE}
    put(project / "DOCKERFILE", PUBLISHED, IMAGE)
    git(project, "commit", "--quiet", "--all", "--message", "The image under test")
    # In the project's compose file, this variable is the port inside the network.
    env = {name: value for name, value in reader.env.items() if name != "POSTGRES_PORT"}
    team = Team(project, reader.notes, instead, env, reader.prefix)
    team.follow("docs/upgrading.md")
    return team


@pytest.fixture(scope="module")
def client(moved: Team) -> requests.Session:
    """A client with write permission, which has created two trees and a neighborhood."""
    moved.compose(
        *("exec", "-T", "--env", f"DJANGO_SUPERUSER_PASSWORD={ADMIN[1]}", "api", "python"),
        *(
            "manage.py",
            "createsuperuser",
            "--noinput",
            "--username",
            ADMIN[0],
            "--email",
            "a@b.org",
        ),
    )
    session = requests.Session()
    session.auth = ADMIN
    for name, alive in (("Oak", True), ("Ash", None)):
        properties = {"name": name, "alive": alive, "details": DETAILS}
        feature = {"type": "Feature", "geometry": POINT, "properties": properties}
        answer = session.post(moved.address("/trees/trees/"), json=feature, timeout=30)
        assert answer.status_code == 201, answer.text
    name = {"name": "Sellwood"}
    session.post(moved.address("/trees/neighborhoods/"), json=name, timeout=30).raise_for_status()
    return session


def names(answer: requests.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [tree["properties"]["name"] for tree in answer.json()["results"]["features"]]


# --- Before -----------------------------------------------------------------------------


def test_before_the_upgrade_the_build_stops_in_setup_py(old_project: Path):
    flags = ("--build-arg", f"BASE={IMAGE}", "--file", old_project / "DOCKERFILE")
    built = docker("build", "--progress", "plain", *flags, old_project, check=False)
    assert built.returncode != 0
    assert "NameError: name 'setuptools' is not defined" in built.stderr


def test_before_the_upgrade_the_image_does_not_start_with_the_overrides(
    containers: Containers, old_project: Path
):
    mounts = {old_project: "/code/src_files"}
    done = containers.run("--check-config", mounts=mounts)
    assert done.returncode == 1
    # Of several faulty files, the error names the one that is read first.
    assert "gunicorn_conf.py, line 2: worker_class = 'gevent'" in done.stderr


# --- The program ------------------------------------------------------------------------


def upgrade(containers: Containers, project: Path, *arguments: str):
    return containers.run("upgrade", *arguments, mounts={project: "/project"})


def test_files_keep_owner_and_mode_and_a_second_run_changes_nothing(containers, old_project):
    """The owner is not root, and only the owner and the group can read one of the files."""
    give = ("-R", "1234:1234", "/project")
    containers.run(*give, options=["--entrypoint", "chown"], mounts={old_project: "/project"})
    settings = old_project / "local_settings/settings.py"
    settings.chmod(0o640)

    first = upgrade(containers, old_project)
    assert first.returncode == 0, first.stderr
    after = git(old_project, "diff")
    assert "+DEBUG = (os.environ.get('DEBUG', \"\").lower()" in after
    status = settings.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (1234, 1234, 0o640)
    source = [path for path in old_project.rglob("*") if ".git" not in path.parts]
    assert {path.lstat().st_uid for path in source} == {1234}
    assert git(old_project, "ls-files", "--others") == ""

    again = upgrade(containers, old_project)
    assert again.returncode == 0
    assert git(old_project, "diff") == after
    assert "0 files rewritten" in again.stdout


def test_a_folder_that_cannot_be_written_is_an_error_of_two_lines(containers, old_project):
    done = containers.run("upgrade", mounts={old_project: "/project:ro"})
    assert done.returncode == 1
    assert re.fullmatch(
        r"ERROR: The owner of .* cannot write .* Nothing was changed\.\nFIX: .*:ro.*\n",
        done.stderr,
    )
    assert git(old_project, "diff") == ""


def test_without_a_project_it_says_how_to_mount_one(containers: Containers):
    done = containers.run("upgrade")
    assert done.returncode == 1
    assert done.stderr.startswith("ERROR: The folder /project does not exist, ")


# --- After ------------------------------------------------------------------------------


def test_its_api_serves_what_is_written(moved: Team, client: requests.Session):
    assert names(requests.get(moved.address("/trees/trees/"), timeout=30)) == ["Oak", "Ash"]
    tree = requests.get(moved.address("/trees/trees/"), timeout=30).json()["results"]["features"][0]
    assert tree["geometry"] == POINT
    assert tree["properties"]["details"] == DETAILS
    assert tree["properties"]["alive"] is True
    assert names(requests.get(moved.address("/trees/2018/oaks/"), timeout=30)) == ["Oak", "Ash"]


def test_its_template_serves(moved: Team):
    page = requests.get(moved.address("/trees/"), timeout=30).text
    assert re.search(r'href="/trees/static/admin/css/base\.[0-9a-f]+\.css"', page)


def test_its_filters_are_no_longer_ignored(moved: Team, client: requests.Session):
    filtered = requests.get(moved.address("/trees/trees/?alive=true"), timeout=30)
    assert names(filtered) == ["Oak"]
    filtered = requests.get(moved.address("/trees/neighborhoods/?name=Alameda"), timeout=30)
    assert filtered.json()["count"] == 0


def test_its_extra_route_serves_and_knows_ajax(moved: Team, client: requests.Session):
    address = moved.address("/trees/trees/names/")
    assert requests.get(address, timeout=30).json() == ["Oak", "Ash"]
    ajax = {"X-Requested-With": "XMLHttpRequest"}
    assert requests.get(address, headers=ajax, timeout=30).json() == {"ajax": True}


def test_anonymous_users_cannot_write(moved: Team):
    answer = requests.post(moved.address("/trees/neighborhoods/"), json={"name": "A"}, timeout=30)
    assert answer.status_code == 403


def test_its_documentation_has_its_paths_and_its_filters_parameters(moved: Team):
    document = requests.get(moved.address("/swagger.json"), timeout=30).json()
    prefix = "" if document["basePath"].startswith("/trees") else "/trees"
    parameters = document["paths"][f"{prefix}/trees/"]["get"]["parameters"]
    assert "years" in {parameter["name"] for parameter in parameters}
    page = requests.get(
        moved.address("/trees/schema/"), headers={"Accept": "text/html"}, timeout=30
    )
    assert "swagger-ui" in page.text


def test_its_admin_edits_a_tree_on_a_map(moved: Team, client: requests.Session):
    session = requests.Session()
    login = moved.address("/admin/login/")
    token = re.search(
        r'name="csrfmiddlewaretoken" value="(.+?)"', session.get(login, timeout=30).text
    )
    form = {"username": ADMIN[0], "password": ADMIN[1], "csrfmiddlewaretoken": token[1]}
    session.post(login, data=form, timeout=30)
    page = session.get(moved.address("/admin/trees/tree/1/change/"), timeout=30)
    assert page.status_code == 200
    assert 'name="place"' in page.text
    style = re.search(r'href="(/trees/static/admin/css/base\.[0-9a-f]+\.css)"', page.text)
    assert requests.get(moved.address(style[1]), timeout=30).status_code == 200


def test_its_models_and_migrations_agree(moved: Team):
    output = moved.compose("exec", "-T", "api", "python", "manage.py", "makemigrations", "--check")
    assert output.strip() == "No changes detected"
    faked = ("migrate", "parks", "--fake-initial")
    output = moved.compose("exec", "-T", "api", "python", "manage.py", *faked)
    assert "No migrations to apply" in output


def test_its_health_pages_answer(moved: Team):
    assert requests.get(moved.address("/health/ready"), timeout=30).json()["status"] == "ready"
    page = requests.get(moved.address("/health/"), headers={"Accept": "text/html"}, timeout=30)
    assert "DatabaseBackend" in page.text


def test_live_check_finds_only_the_undescribed_actions(moved: Team):
    """Its action returns a list, or an object if a header marks the request as AJAX."""
    output = moved.compose("run", "--rm", "--no-deps", "-T", "api", "check", "--live", "||", "true")
    reported = re.findall(r"^(failed|warning) +(.+?): (.+)$", output, re.MULTILINE)
    described = "it differs from the document at the whole: ['check'] is not of type 'object'"
    actions = ("GET /trees/2018/oaks/names/", "GET /trees/trees/names/")
    assert reported == [("failed", action, described) for action in actions], output
    assert "4 empty tables got a row" in output
