"""bin/docker-deploy.sh against a real registry on loopback."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.support.containers import IMAGE, LABEL, Container, Containers, docker, until

pytestmark = pytest.mark.engine

HERE = Path(__file__).resolve().parent
SCRIPT = HERE.parent.parent / "bin" / "docker-deploy.sh"
REGISTRY_IMAGE = "backend-docker-django-registry:test"
PRODUCTION = "hackoregoncivic/backend-docker-django"
STAGING = f"{PRODUCTION}-dev"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
USER = "publisher"
PASSWORD = "p@ss 'word' $HOME \"x\" % \\n"  # everything that a shell could misread


@dataclass
class Registry:
    """A running registry, with its API, and pulls as its user."""

    container: Container
    address: str
    config: Path

    def get(self, path: str) -> requests.Response:
        return requests.get(f"http://{self.address}/v2/{path}", auth=(USER, PASSWORD), timeout=30)

    def repositories(self) -> list[str]:
        return self.get("_catalog").json()["repositories"]

    def tags(self, repository: str) -> list[str]:
        return sorted(self.get(f"{repository}/tags/list").json()["tags"])

    def pull(self, repository: str, tag: str) -> str:
        """Pull an image that this machine does not have, and return its full name."""
        self.forget_local()
        name = f"{self.address}/{repository}:{tag}"
        docker("--config", self.config, "pull", "--quiet", name)
        return name

    def log_in(self) -> None:
        login = ("login", "--username", USER, "--password-stdin", self.address)
        docker("--config", self.config, *login, input=PASSWORD)

    def image_id(self, repository: str, tag: str) -> str:
        return image_id(self.pull(repository, tag))

    def forget_local(self) -> None:
        """Remove from the engine every name that an image has in this registry."""
        listed = docker("image", "ls", "--quiet", f"{self.address}/*/*").stdout.split()
        for image in set(listed):
            names = json.loads(docker("image", "inspect", image).stdout)[0]
            for name in names["RepoTags"] + names["RepoDigests"]:
                if name.startswith(self.address):  # a digest goes with its last tag
                    docker("image", "rm", name, check=False)


@pytest.fixture(scope="session")
def registry_image() -> str:
    docker("build", "--quiet", "--label", LABEL, "--tag", REGISTRY_IMAGE, HERE / "registry")
    return REGISTRY_IMAGE


@contextmanager
def started(image: str, folder: Path) -> Iterator[Registry]:
    """An empty registry, with its user logged in."""
    containers = Containers()
    container = containers.start(
        image=image,
        env={"REGISTRY_USER": USER, "REGISTRY_PASSWORD": PASSWORD},
        options=["--publish", "127.0.0.1::5000"],
    )
    address = container.url("", port=5000).removeprefix("http://")
    registry = Registry(container, address, folder / "docker-config")

    def answers() -> bool:
        try:
            return registry.get("").status_code == 200
        except requests.ConnectionError:
            return False

    try:
        until(answers, "the registry answers")
        registry.log_in()
        yield registry
        registry.forget_local()
    finally:
        containers.clean()


@pytest.fixture
def registry(registry_image: str, tmp_path: Path) -> Iterator[Registry]:
    with started(registry_image, tmp_path) as own:
        yield own


@pytest.fixture(scope="module")
def empty_registry(
    registry_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Registry]:
    """A registry that stays empty, for tests that publish nothing."""
    with started(registry_image, tmp_path_factory.mktemp("empty")) as shared:
        yield shared


@pytest.fixture
def small_image(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Builds images with one small file, for tests that do not depend on the image."""
    names: list[str] = []

    def make() -> str:
        name = f"test-{uuid.uuid4().hex[:12]}:local"
        folder = tmp_path / name
        folder.mkdir()
        (folder / "content").write_text(name)
        (folder / "Dockerfile").write_text("FROM scratch\nCOPY content /\n")
        docker("build", "--quiet", "--label", LABEL, "--tag", name, folder)
        names.append(name)
        return name

    yield make
    docker("image", "rm", "--force", *names, check=False)


@dataclass
class Deploy:
    """Runs the script as CI does, without this machine's environment."""

    folder: Path

    def __call__(
        self, registry: str, branch: str, *, flags: tuple[str, ...] = (), **env: str | None
    ) -> subprocess.CompletedProcess[str]:
        for name in ("bin", "home/.docker", "tmp"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.own_login.write_text('{"auths": {}}')
        watched = self.folder / "bin" / "docker"
        watched.write_text(
            f'#!/bin/sh\necho "$@" >>"{self.command_lines}"\nexec "{shutil.which("docker")}" "$@"\n'
        )
        watched.chmod(0o755)
        settings = {
            "PATH": f"{watched.parent}:{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "tmp"),
            "IMAGE": IMAGE,
            "DOCKER_REGISTRY": registry,
            "DOCKER_USERNAME": USER,
            "DOCKER_PASSWORD": PASSWORD,
            "TRAVIS_BRANCH": branch,
            "TRAVIS_PULL_REQUEST": "false",
            "TRAVIS_COMMIT": COMMIT,
            **env,
        }
        if host := os.environ.get("DOCKER_HOST"):
            settings["DOCKER_HOST"] = host
        done = subprocess.run(
            ["bash", *flags, str(SCRIPT)],
            env={name: value for name, value in settings.items() if value is not None},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert PASSWORD not in done.stdout + done.stderr
        assert self.files() == [self.own_login], "credentials were left behind"
        assert self.own_login.read_text() == '{"auths": {}}'
        return done

    @property
    def command_lines(self) -> Path:
        return self.folder / "command-lines"

    @property
    def own_login(self) -> Path:
        """The login of the machine's user, which must stay unchanged."""
        return self.folder / "home" / ".docker" / "config.json"

    def files(self) -> list[Path]:
        files = [*(self.folder / "home").rglob("*"), *(self.folder / "tmp").rglob("*")]
        return [file for file in files if file.is_file()]


@pytest.fixture
def deploy(tmp_path: Path) -> Deploy:
    return Deploy(tmp_path / "ci")


def image_id(reference: str) -> str:
    return docker("image", "inspect", "--format", "{{.Id}}", reference).stdout.strip()


def assert_error(done: subprocess.CompletedProcess[str], *texts: str) -> None:
    assert done.returncode != 0, done.stdout
    error, fix = done.stderr.splitlines()[-2:]
    assert error.startswith("ERROR: ")
    assert fix.startswith("FIX:   ")
    for words in texts:
        assert words in error + fix


# --- What is published -----------------------------------------------------------------------


def test_a_push_publishes_the_tested_image_and_it_runs(
    registry: Registry, deploy: Deploy, containers: Containers
) -> None:
    """In the repository of its branch, and in no other."""
    tested = image_id(IMAGE)
    tags: dict[str, list[str]] = {}
    pushes = (("staging", STAGING, "1111111aaaa"), ("master", PRODUCTION, "2222222bbbb"))
    for branch, published, commit in pushes:
        done = deploy(registry.address, branch, IMAGE=tested, TRAVIS_COMMIT=commit)

        assert done.returncode == 0, done.stderr
        tags[published] = registry.tags(published)
        assert {name: registry.tags(name) for name in registry.repositories()} == tags
        lasting, latest = tags[published]
        assert latest == "latest"
        assert re.fullmatch(rf"20\d{{6}}-\d{{6}}-{commit[:7]}", lasting)
        assert registry.image_id(published, "latest") == tested
        pulled = registry.pull(published, lasting)
        assert image_id(pulled) == tested
        containers.start(image=pulled).wait_until_ready()


def test_variables_of_another_ci_and_another_repository_are_accepted(
    registry: Registry, deploy: Deploy, small_image: Callable[[], str]
) -> None:
    done = deploy(
        registry.address,
        "ignored",
        IMAGE=small_image(),
        TRAVIS_COMMIT=None,
        TRAVIS_PULL_REQUEST=None,
        PUBLISH_BRANCH="staging",
        PUBLISH_COMMIT="fedcba9876543210",
        DOCKER_REPOSITORY="someone/something",
    )

    assert done.returncode == 0, done.stderr
    assert registry.repositories() == ["someone/something-dev"]
    assert registry.tags("someone/something-dev")[0].endswith("-fedcba9")


def test_another_try_with_the_same_image_keeps_its_tag(
    registry: Registry, deploy: Deploy, small_image: Callable[[], str]
) -> None:
    image = small_image()
    deploy(registry.address, "staging", IMAGE=image)
    tags = registry.tags(STAGING)

    done = deploy(registry.address, "staging", IMAGE=image)

    assert done.returncode == 0, done.stderr
    assert "is already published, with this content" in done.stdout
    assert registry.tags(STAGING) == tags


def test_the_next_image_keeps_the_tag_of_the_one_before(
    registry: Registry, deploy: Deploy, small_image: Callable[[], str]
) -> None:
    first, second = small_image(), small_image()
    deploy(registry.address, "staging", IMAGE=first, TRAVIS_COMMIT="1111111aaaa")
    deploy(registry.address, "staging", IMAGE=second, TRAVIS_COMMIT="2222222bbbb")

    of_first, of_second, latest = registry.tags(STAGING)
    assert of_first.endswith("-1111111")
    assert registry.image_id(STAGING, of_first) == image_id(first)
    assert registry.image_id(STAGING, of_second) == image_id(second)
    assert registry.image_id(STAGING, latest) == image_id(second)


def test_a_permanent_tag_never_gets_other_content(
    registry: Registry, deploy: Deploy, small_image: Callable[[], str]
) -> None:
    image, other = small_image(), small_image()
    deploy(registry.address, "staging", IMAGE=image)
    lasting, _ = registry.tags(STAGING)
    name = registry.pull(STAGING, lasting)
    docker("tag", other, name)
    docker("--config", registry.config, "push", name)
    registry.forget_local()

    done = deploy(registry.address, "staging", IMAGE=image)

    assert_error(done, f"{name} is already published, with different content", "new tag")
    assert registry.image_id(STAGING, lasting) == image_id(other)


# --- What is not -----------------------------------------------------------------------------


@pytest.mark.parametrize("branch", ["staging", "master"])
def test_a_pull_request_publishes_nothing_and_says_so(
    branch: str, empty_registry: Registry, deploy: Deploy, small_image: Callable[[], str]
) -> None:
    done = deploy(empty_registry.address, branch, IMAGE=small_image(), TRAVIS_PULL_REQUEST="17")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Nothing is published: this is pull request 17.\n"
    assert empty_registry.repositories() == []


@pytest.mark.parametrize("branch", ["feature/maps", "master-2", "not-staging", ""])
def test_another_branch_publishes_nothing_and_says_so(
    branch: str, empty_registry: Registry, deploy: Deploy, small_image: Callable[[], str]
) -> None:
    done = deploy(empty_registry.address, branch, IMAGE=small_image())

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Nothing is published: '{branch}' is neither staging nor master.\n"
    assert empty_registry.repositories() == []


# --- What fails the build --------------------------------------------------------------------


def test_a_wrong_password_fails_the_build(
    empty_registry: Registry, deploy: Deploy, small_image: Callable[[], str]
) -> None:
    wrong = "not the password"
    done = deploy(empty_registry.address, "master", IMAGE=small_image(), DOCKER_PASSWORD=wrong)

    assert_error(done, f"{empty_registry.address} refused the login of {USER}", "DOCKER_PASSWORD")
    assert wrong not in done.stdout + done.stderr
    assert empty_registry.repositories() == []


def test_a_registry_that_is_down_fails_the_build(
    registry: Registry, deploy: Deploy, small_image: Callable[[], str]
) -> None:
    registry.container.remove()

    done = deploy(registry.address, "master", IMAGE=small_image())

    assert_error(
        done, f"Cannot log in to {registry.address}", "connection refused", "DOCKER_REGISTRY"
    )


def test_a_failed_push_fails_the_build(
    registry: Registry, deploy: Deploy, small_image: Callable[[], str]
) -> None:
    # The storage accepts layers but no manifest. Docker would retry a read-only one for a minute.
    storage = f"/var/lib/docker-registry/docker/registry/v2/repositories/{PRODUCTION}"
    registry.container.exec("mkdir", "--parents", storage)
    registry.container.exec("touch", f"{storage}/_manifests")

    done = deploy(registry.address, "master", IMAGE=small_image())

    assert_error(done, f"The push of {registry.address}/{PRODUCTION}:20", f"that {USER} can write")
    assert "Published" not in done.stdout


@pytest.mark.parametrize("empty", ["", None], ids=["empty", "unset"])
@pytest.mark.parametrize("name", ["DOCKER_USERNAME", "DOCKER_PASSWORD", "TRAVIS_COMMIT"])
def test_a_missing_setting_is_named_and_fails_the_build(
    name: str,
    empty: str | None,
    empty_registry: Registry,
    deploy: Deploy,
    small_image: Callable[[], str],
) -> None:
    done = deploy(empty_registry.address, "master", IMAGE=small_image(), **{name: empty})

    setting = name.replace("TRAVIS", "PUBLISH")
    assert_error(done, f"To publish, set these variables: {setting}.", "settings of the CI")
    assert empty_registry.repositories() == []


def test_an_image_that_was_not_built_fails_the_build(
    empty_registry: Registry, deploy: Deploy
) -> None:
    done = deploy(empty_registry.address, "master", IMAGE="never-built:local")

    assert_error(done, "There is no image never-built:local", "bin/test")


# --- The password ----------------------------------------------------------------------------


def test_the_password_is_on_no_command_line_and_in_no_trace(
    registry: Registry, deploy: Deploy, small_image: Callable[[], str]
) -> None:
    done = deploy(registry.address, "staging", IMAGE=small_image(), flags=("-x",))

    assert done.returncode == 0, done.stderr
    command_lines = deploy.command_lines.read_text()
    assert "login --username publisher --password-stdin" in command_lines
    assert "p@ss" not in command_lines
    assert "p@ss" not in done.stdout + done.stderr
