"""Projects from startproject, built, started, and tested as a team does."""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import yaml

from tests.docs import snippets
from tests.docs.reader import KEPT, Reader
from tests.support.containers import IMAGE, Containers, docker, free_port, remove_project

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("published_postgis")]

DEVELOPER = 1234  # a UID that neither this machine nor the image has


@dataclass
class Team:
    """A folder with a project, and a name and ports for Compose."""

    folder: Path
    name: str
    port: int

    @property
    def env(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        # Port 0 means any free port.
        ports = {"API_PORT": str(self.port), "POSTGRES_PORT": "0", "PROXY_PORT": "0"}
        return {**kept, **ports, "COMPOSE_PROJECT_NAME": self.name}

    def compose(self, *arguments: str) -> str:
        """The output of a Compose command, with its log."""
        done = docker("compose", *arguments, cwd=self.folder, env=self.env)
        return done.stdout + done.stderr

    def get(self, path: str) -> requests.Response:
        return requests.get(f"http://localhost:{self.port}{path}", timeout=10)


@pytest.fixture
def startproject(containers: Containers, tmp_path: Path) -> Iterator[Callable[..., Team]]:
    """Runs the image to write a project into a developer's folder."""
    teams = []

    def write(*arguments: str) -> Team:
        root = tmp_path / "work"
        root.mkdir()
        os.chown(root, DEVELOPER, DEVELOPER)
        command = ("startproject", *arguments, "--image", IMAGE)
        done = containers.run(*command, mounts={root: "/project"})
        assert done.returncode == 0, done.stderr
        teams.append(Team(root / arguments[0], f"start-{uuid.uuid4().hex[:12]}", free_port()))
        return teams[-1]

    yield write
    for team in teams:
        remove_project(team.name)
        images = (f"{team.name}-api:development", f"{team.name}-proxy")
        docker("image", "rm", "--force", *images, check=False)


def for_tests(page: Path, copy: Path) -> None:
    """Copy a page, and add the comments that tests/docs/snippets.py needs and teams do not."""
    text = page.read_text(encoding="utf-8")
    for language, comment in (("sh", "run"), ("text", "output")):
        text = text.replace(f"```{language}\n", f"<!-- {comment} -->\n```{language}\n")
    copy.write_text(text, encoding="utf-8")
    blocks = snippets.read(copy, copy.parent)
    assert len(blocks) > 4
    assert all(each.kind for each in blocks)


def assert_own_tests_pass(printed: str, count: int) -> None:
    assert re.search(rf"^Ran {count} tests in .+\n\nOK$", printed, re.MULTILINE), printed


def test_a_default_project_works_as_its_readme_says(
    startproject: Callable[..., Team], tmp_path: Path
) -> None:
    team = startproject("my-api")
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in team.folder.rglob("*")}
    assert owners == {(DEVELOPER, DEVELOPER)}
    notes = tmp_path / "notes"
    notes.mkdir()
    for_tests(team.folder / "README.md", notes / "README.md")
    instead = {"localhost:8000": f"localhost:{team.port}"}
    reader = Reader(team.folder, notes, instead=instead, env=team.env)
    reader.follow("README.md", notes)
    # The last command in the README starts the project as on a server, behind the proxy.
    address = team.compose("port", "proxy", "8080").strip()
    for path in ("/", "/admin/login/", "/api/stops/map/", "/health/"):
        assert requests.get(f"http://{address}{path}", timeout=10).status_code == 200, path
    owners = {path.stat().st_uid for path in team.folder.rglob("*")}
    assert owners == {DEVELOPER}, "files from the container belong to the developer too"


def travis(file: str) -> list[str]:
    steps = yaml.safe_load(file)
    return [*steps["install"], *steps["script"]]


def github(file: str) -> list[str]:
    (job,) = yaml.safe_load(file)["jobs"].values()
    # Steps with `uses:` run actions of GitHub.
    return [step["run"] for step in job["steps"] if "run" in step]


TRAVIS, GITHUB = (".travis.yml", travis), (".github/workflows/test.yml", github)


def run_as_ci(team: Team, commands: list[str]) -> str:
    """The output of the commands. They stop at the first failure."""
    done = subprocess.run(
        ["bash", "-euxc", "\n".join(commands)],
        cwd=team.folder,
        env=team.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def ci(team: Team) -> str:
    """The output of the commands from a CI file, without .env. Both CI files have the same ones.

    Afterwards, .env is restored, and the containers are removed.
    """
    kept = (team.folder / ".env").read_bytes()
    (team.folder / ".env").unlink()
    commands, same = (read((team.folder / name).read_text()) for name, read in (TRAVIS, GITHUB))
    assert commands == same
    printed = run_as_ci(team, commands)
    team.compose("down", "--volumes")
    (team.folder / ".env").write_bytes(kept)
    return printed


def test_a_project_with_two_databases_reads_the_tables_of_others(
    startproject: Callable[..., Team],
) -> None:
    team = startproject(
        *("city-data", "--app", "transit", "--no-proxy"),
        *("--database", "census:counts", "--database", "land_use"),
    )
    printed = ci(team)
    assert_own_tests_pass(printed, 18)
    assert "This image (backend-docker-django" in printed
    assert "keeps the contract; failed: 0, " in printed
    aliases = re.search(r"^ok +in_db: (.+)$", printed, re.MULTILINE)
    assert aliases, printed
    assert {"census", "land_use"} <= set(re.findall(r"\w+", aliases[1]))
    team.compose("up", "--detach", "--wait")
    for path in ("census-records", "land-use-records"):
        answer = team.get(f"/api/{path}/?in_bbox=-122.67,45.5,-122.65,45.52").json()
        assert [each["id"] for each in answer["results"]["features"]] == [2]
    log = team.compose("logs", "--no-log-prefix", "api")
    for alias in ("census", "land_use"):
        assert f"database '{alias}' has no managed models: nothing to migrate" in log


# With the two tests above and test_compose.py every pair of these occurs: a proxy or none, geometry
# or none, databases or none.
@pytest.mark.parametrize(
    ("options", "ci", "count"),
    [
        (["--no-geometry", "--no-proxy"], TRAVIS, 7),
        (["--no-geometry", "--database", "spending", "--database", "land:year"], GITHUB, 13),
    ],
    ids=["neither", "no geometry, databases"],
)
def test_each_set_of_options_passes_in_ci_and_serves(
    startproject: Callable[..., Team],
    options: list[str],
    ci: tuple[str, Callable[[str], list[str]]],
    count: int,
) -> None:
    """Without .env, as in a clone."""
    team = startproject("budget", *options)
    (team.folder / ".env").unlink()
    name, read = ci
    commands = read((team.folder / name).read_text())
    assert len(commands) == 7
    assert_own_tests_pass(run_as_ci(team, commands), count)
    # .env.example leaves this empty, and CI does not need it.
    with (team.folder / ".env").open("a") as file:
        file.write("DJANGO_SUPERUSER_PASSWORD=only-here\n")
    team.compose("up", "--detach", "--wait")
    further = ["/api/spending-records/", "/api/land-records/"] if "--database" in options else []
    for path in ("/api/stops/", "/", "/health/", *further):
        assert team.get(path).status_code == 200, path


def test_project_that_cannot_be_written_is_an_error_of_two_lines(
    containers: Containers, tmp_path: Path
) -> None:
    (tmp_path / "my-api").mkdir()
    (tmp_path / "my-api/.env").write_text("MINE=1\n")
    for arguments, mounts, problem in (
        (["my-api"], {}, "The folder /project does not exist"),
        (["my-api"], {tmp_path: "/project:ro"}, "cannot write to"),
        (["my-api"], {tmp_path: "/project"}, "my-api/.env"),
        (["tests"], {tmp_path: "/project"}, "--app tests_app"),
    ):
        done = containers.run("startproject", *arguments, mounts=mounts)
        assert done.returncode == 1
        assert re.fullmatch(r"ERROR: .+\nFIX:   .+\n", done.stderr), done.stderr
        assert problem in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["my-api", ".env"]
    assert (tmp_path / "my-api/.env").read_text() == "MINE=1\n"


def test_from_a_clone_it_writes_into_the_folder_the_user_is_in(clone: Path, tmp_path: Path) -> None:
    image = f"start-{uuid.uuid4().hex[:12]}"
    done = subprocess.run(
        [clone / "bin/startproject", "my-api"],
        cwd=tmp_path,
        env={**os.environ, "IMAGE": image},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    docker("image", "rm", "--force", image, check=False)
    assert done.returncode == 0, done.stderr
    assert "\n  cd my-api\n" in done.stdout
    assert (tmp_path / "my-api/my_api/models.py").is_file()
    # Not an image from another clone or from a registry.
    assert (tmp_path / "my-api/Dockerfile").read_text().startswith(f"ARG IMAGE={image}\n")
    assert f"\nIts Dockerfile is built FROM {image}" in done.stdout
