"""Fixtures of all tests. Tests marked ``engine`` need a Docker engine."""

from __future__ import annotations

import compileall
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

import tests.support.containers as engine
from tests.support.containers import (
    IMAGE,
    LABEL,
    POSTGIS_IMAGE,
    PUBLISHED,
    PUBLISHED_POSTGIS,
    Container,
    Containers,
    docker,
    until,
)

# Loaded here, not in each folder's conftest, so that a session starts this API only once.
pytest_plugins = ["tests.support.drivers", "tests.support.places", "tests.support.repeating"]
ROOT = Path(__file__).resolve().parent.parent
_BEFORE = pytest.StashKey[dict[str, str | None]]()
_GIVEN = pytest.StashKey[set[str]]()
# Names of images that all processes of a run share.
SHARED_NAMES = (PUBLISHED, PUBLISHED_POSTGIS)
# PostgreSQL's flags: databases of tests need not survive a crash of the machine.
UNSAFE = ("-c", "fsync=off", "-c", "full_page_writes=off")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test without the mark must not use an engine, or a server that another test started."""
    marked = item.get_closest_marker("engine") is not None
    engine.unmarked = "" if marked else item.nodeid
    if "network" in item.fixturenames:
        engine.assert_marked()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown() -> None:
    """Let fixtures remove what marked tests have started, even after an unmarked last test."""
    engine.unmarked = ""


def pytest_sessionstart(session: pytest.Session) -> None:
    """Remember the images of the shared names before any process of this run changes them."""
    if not hasattr(session.config, "workerinput") and shutil.which("docker"):
        session.config.stash[_BEFORE] = {name: _image_id(name) for name in SHARED_NAMES}


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Record which shared names a process changed before it ended."""
    node.config.stash.setdefault(_GIVEN, set()).update(
        getattr(node, "workeroutput", {}).get("given", ())
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Restore the shared names when no process uses them anymore."""
    given = session.config.stash.get(_GIVEN, set())
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["given"] = sorted(given)
        return
    for name in given:
        if before := session.config.stash[_BEFORE][name]:
            docker("tag", before, name)
        else:
            docker("image", "rm", name, check=False)


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """A function that adds a line, such as a measurement, to the end of the run's report."""
    return lambda line: record_property("figure", line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures of all tests in all processes."""
    lines = [
        f"{report.nodeid}: {value}"
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for name, value in getattr(report, "user_properties", ())
        if name == "figure" and report.when == "call"
    ]
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def containers() -> Iterator[Containers]:
    """Starts containers, and removes all of them after the test."""
    started = Containers()
    yield started
    started.clean()


@dataclass
class PostGIS:
    """A running PostGIS server on a network of the tests."""

    container: Container
    network: str
    user: str = "api"
    password: str = "p@ss/word"

    @property
    def host(self) -> str:
        return self.container.name

    def sql(self, statements: str, database: str = "postgres") -> str:
        """Run SQL as superuser, and return the output, unaligned and without headers."""
        done = subprocess.run(
            [
                *("docker", "exec", "--interactive", self.host),
                *("psql", "--quiet", "--no-align", "--tuples-only", "-v", "ON_ERROR_STOP=1"),
                *("--username", self.user, database),
            ],
            input=statements,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def end_connections(self, which: str = "true") -> int:
        """End all other client connections, or those that match ``which``, a condition on
        pg_stat_activity, and return their number.

        Waits until each has ended, because a query on a connection that is ending gets a 503.
        """
        ended = self.sql(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 10000)) = count(*), count(*) "
            "FROM pg_stat_activity "
            f"WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND {which}"
        )
        all_ended, count = ended.split("|")
        assert all_ended == "t", f"connections where {which} did not end within 10 s"
        return int(count)

    def database(self) -> str:
        """Create an empty database with PostGIS, and return its name."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return name

    @cached_property
    def _template(self) -> str:
        """An empty database with PostGIS to copy: CREATE EXTENSION takes four times as long."""
        name = "with_postgis"
        self.sql(f"CREATE DATABASE {name}")
        self.sql("CREATE EXTENSION postgis", name)
        return name

    def env(self, database: str, **more: str) -> dict[str, str]:
        """The image's environment variables for a database of this server."""
        return {
            "POSTGRES_HOST": self.host,
            "POSTGRES_NAME": database,
            "POSTGRES_USER": self.user,
            "POSTGRES_PASSWORD": self.password,
            "DJANGO_SECRET_KEY": "of-the-tests-and-as-long-as-django-wants-it-" * 2,
            **more,
        }


@pytest.fixture(scope="session")
def network() -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:12]}"
    docker("network", "create", "--label", LABEL, name)
    yield name
    docker("network", "rm", name, check=False)


def start_postgis(
    started: Containers, network: str, *flags: str, options: Sequence[str] = ()
) -> PostGIS:
    """Start a separate PostGIS server with flags of PostgreSQL and options of docker run."""
    container = started.start(
        *("postgres", *UNSAFE, *flags),
        image=POSTGIS_IMAGE,
        env={"POSTGRES_USER": PostGIS.user, "POSTGRES_PASSWORD": PostGIS.password},
        options=["--network", network, *options],
    )
    server = PostGIS(container, network)
    wait_for(server)
    return server


def wait_for(server: PostGIS) -> None:
    """Wait until it accepts connections. A failure contains its log."""
    ready = ("exec", server.host, "pg_isready", "--quiet", "--host", "127.0.0.1")

    def is_ready() -> bool:
        assert server.container.running, "PostGIS ended"
        return docker(*ready, check=False).returncode == 0

    try:
        until(is_ready, "PostGIS accepts connections")
    except AssertionError as error:
        raise AssertionError(f"{error}\n{server.container.logs()}") from None


@pytest.fixture(scope="session")
def postgis(network: str) -> Iterator[PostGIS]:
    """One PostGIS server for all tests. Each test creates its own database on it."""
    started = Containers()
    yield start_postgis(started, network)
    started.clean()


@pytest.fixture(scope="session")
def redis_image() -> Iterator[str]:
    started = Containers()
    yield started.build(ROOT / "tests/support/redis")
    started.clean()


@pytest.fixture(scope="session")
def published_postgis(pytestconfig: pytest.Config) -> None:
    """Give PostGIS the name that compose files use: pull it, or else use the tests' image."""
    if _image_id(PUBLISHED_POSTGIS) is None:
        pulled = docker("pull", "--quiet", PUBLISHED_POSTGIS, check=False)
        if pulled.returncode:
            _give(pytestconfig, POSTGIS_IMAGE, PUBLISHED_POSTGIS)


@pytest.fixture(scope="session")
def published_names(pytestconfig: pytest.Config, published_postgis: None) -> None:
    """Give the image under test and PostGIS the names that the documentation uses."""
    _give(pytestconfig, IMAGE, PUBLISHED)


def _give(config: pytest.Config, image: str, name: str) -> None:
    config.stash.setdefault(_GIVEN, set()).add(name)
    docker("tag", image, name)


def _image_id(name: str) -> str | None:
    done = docker("image", "inspect", "--format", "{{.Id}}", name, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the current files, committed or not."""
    folder = tmp_path_factory.mktemp("origin") / "backend-docker-django"
    git = ["git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-z"]
    listed = subprocess.run(
        [*git, "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    commit_all(folder)
    return folder


def commit_all(folder: Path) -> None:
    """Turn a folder into a repository with one commit."""
    author = ["-c", "user.name=Tests", "-c", "user.email=tests@example.org"]
    for arguments in (["init"], ["add", "--all"], [*author, "commit", "--message", "Now"]):
        options = ["-c", "core.hooksPath=", "-c", "commit.gpgSign=false"]
        subprocess.run(["git", *options, "-C", folder, *arguments], capture_output=True, check=True)


def crlf_checkout(repository: Path, folder: Path) -> Path:
    """A clone with the settings of git for Windows. Fails if any byte differs."""
    clone = ["git", "-c", "core.autocrlf=true", "clone", "--quiet", repository, folder]
    subprocess.run(clone, check=True)
    for file in folder.rglob("*"):
        name = file.relative_to(folder)
        if file.is_file() and name.parts[0] != ".git":
            assert file.read_bytes() == (repository / name).read_bytes(), name
    return folder


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own files, compiled as in the image, so that processes start faster."""
    folder = tmp_path_factory.mktemp("compiled") / "code"
    pycache = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "backend", folder / "backend", ignore=pycache)
    for name in ("manage.py", "gunicorn_conf.py"):
        shutil.copy2(ROOT / name, folder)
    assert compileall.compile_dir(folder / "backend", quiet=1)
    return folder


@pytest.fixture
def project(tmp_path: Path, compiled: Path) -> Path:
    """A copy of the project's own files, to which a test can add a local_settings folder."""
    return shutil.copytree(compiled, tmp_path / "code")
