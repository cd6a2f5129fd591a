"""Real containers for tests, which start, watch, and query them, and always remove them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import requests

from tests.support import logs

IMAGE = os.environ.get("IMAGE", "backend-docker-django:local")
POSTGIS_IMAGE = os.environ.get("POSTGIS_IMAGE", "backend-docker-django-postgis:local")
# The names that users know.
PUBLISHED = "hackoregoncivic/backend-docker-django"
PUBLISHED_POSTGIS = "postgis/postgis:17-3.5"
LABEL = "backend-docker-django.test"
PATIENCE = 60  # seconds for every wait
# The current test if it is not marked ``engine``. tests/conftest.py sets this.
unmarked = ""


def assert_marked() -> None:
    """bin/test runs unmarked tests on machines without an engine."""
    assert not unmarked, (
        f"{unmarked} uses a Docker engine and is not marked so.\n"
        "Set pytestmark = pytest.mark.engine in its module."
    )


def docker(
    *arguments: str | Path, check: bool = True, **options
) -> subprocess.CompletedProcess[str]:
    """Run the docker command. If it fails, the error contains its output."""
    assert_marked()
    options.setdefault("timeout", 600)
    done = subprocess.run(
        ["docker", *map(str, arguments)], capture_output=True, text=True, check=False, **options
    )
    if check and done.returncode:
        raise AssertionError(
            f"docker {arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done


def until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> object:
    """The first true value of ``condition``. If none comes in time, the failure names ``what``.

    The checks take at most a third of the time, and leave the rest to the awaited program.
    """
    end = time.monotonic() + patience
    while True:
        looked = time.monotonic()
        if value := condition():
            return value
        now = time.monotonic()
        if now > end:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(min(max(0.1, 2 * (now - looked)), 1))


def free_port() -> int:
    """A loopback port on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def remove_project(project: str) -> None:
    """Remove everything that compose created for it, even if a page failed halfway."""
    label = "label=com.docker.compose"
    kinds = {"container": ("--force", "--volumes"), "volume": ("--force",), "network": ()}
    for kind, force in kinds.items():
        # An image that compose built has the project's label too, and gives it to the containers of
        # others.
        own = ["--all", "--filter", f"{label}.oneoff"] if kind == "container" else []
        mine = ["--quiet", "--filter", f"{label}.project={project}"]
        if names := docker(kind, "ls", *own, *mine).stdout.split():
            docker(kind, "rm", *force, *names, check=False)
    images = (f"{project}-api", f"{project}-api:development", f"{project}-proxy")
    docker("image", "rm", "--force", *images, f"{project}-base", check=False)


class Container:
    """A container in the background, with its name, logs, and published port 8000."""

    def __init__(self, name: str, expected: list[str] | None = None) -> None:
        """``expected`` are texts that all logs of a test may have. None: the log is not checked."""
        self.name = name
        self._expected = expected
        self._own: list[str] = []
        self.session = requests.Session()
        self._published: dict[int, str] = {}

    def inspect(self) -> dict:
        return json.loads(docker("inspect", self.name).stdout)[0]

    @property
    def running(self) -> bool:
        return self.inspect()["State"]["Running"]

    def logs(self) -> str:
        done = docker("logs", self.name)
        return done.stdout + done.stderr

    def wait_for_log(self, pattern: str) -> None:
        """Wait until its log matches. Docker passes a line on a moment after it is written.

        Fails with the log if the container ends first.
        """
        found = re.compile(pattern)
        until(lambda: found.search(self.logs()) or not self.running, f"the log has {pattern}")
        assert found.search(self.logs()), self.logs()

    def url(self, path: str = "/", port: int = 8000) -> str:
        if port not in self._published:  # looked up once: a test has thousands of requests
            self._published[port] = docker("port", self.name, f"{port}/tcp").stdout.splitlines()[0]
        return f"http://{self._published[port]}{path}"

    def address(self, port: int = 8000) -> tuple[str, int]:
        """Its own address. Docker's proxy in front of the published port would read ahead."""
        networks = self.inspect()["NetworkSettings"]["Networks"]
        return next(iter(networks.values()))["IPAddress"], port

    def get(self, path: str, **options) -> requests.Response:
        options.setdefault("timeout", 30)
        return self.session.get(self.url(path), **options)

    def exec(self, *command: str, check: bool = True, user: str | None = None) -> str:
        options = ["--user", user] if user else []
        done = docker("exec", *options, self.name, *command, check=check)
        return done.stdout + done.stderr

    def processes(self) -> list[dict[str, str]]:
        """Its processes with pid, ppid, uid, and args, but without Docker's health check."""
        top = docker("top", self.name, "-eo", "pid,ppid,uid,args").stdout.splitlines()[1:]
        rows = [
            dict(zip(("pid", "ppid", "uid", "args"), line.split(None, 3), strict=True))
            for line in top
        ]
        return [row for row in rows if "healthcheck" not in row["args"]]

    def restart(self, seconds: int) -> None:
        """Restart it, with ``seconds`` to end. Docker then publishes other ports."""
        docker("restart", "--time", str(seconds), self.name)
        self._published.clear()

    def exit_code(self, patience: float = PATIENCE) -> int:
        """Wait for the end of the container, and return its exit code."""
        return int(docker("wait", self.name, timeout=patience).stdout)

    def wait_until_ready(
        self, path: str = "/health/ready", patience: float = PATIENCE
    ) -> Container:
        """Wait until ``path`` responds with 200. Fails with the log if the container ends first."""
        return self._wait_for(path, lambda answer: answer.status_code == 200, patience)

    def wait_until_serving(self, patience: float = PATIENCE) -> Container:
        """Wait until the server itself responds, even without its databases."""
        return self._wait_for("/health/live", lambda answer: "phase" not in answer.text, patience)

    def _wait_for(
        self, path: str, condition: Callable[[requests.Response], bool], patience: float
    ) -> Container:
        def answers() -> bool:
            if self._published:
                with contextlib.suppress(requests.ConnectionError):
                    return condition(self.get(path))
            if not self.running:
                raise AssertionError(f"{self.name} ended:\n{self.logs()}")
            self.url()
            return False

        try:
            until(answers, f"{self.name}{path} answers as it should", patience)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from None
        return self

    def may_log(self, *texts: str) -> Container:
        """Allow warnings, errors, and tracebacks in its log that contain one of these texts."""
        self._own += texts
        return self

    def remove(self) -> None:
        """Remove it. Fails if its log has any other warning, error, or traceback."""
        self.session.close()
        troubles = []
        if self._expected is not None:
            troubles = logs.unexpected(self._last_log(), [*self._expected, *self._own])
        docker("rm", "--force", "--volumes", self.name, check=False)
        if troubles:
            title = f"{self.name} logged what no test expects; Container.may_log() allows it:"
            raise AssertionError("\n".join([title, *troubles]))

    def _last_log(self) -> str:
        """Its log, even with invalid bytes, or empty if the test has removed the container."""
        done = docker("logs", self.name, check=False, errors="replace")
        return "" if done.returncode else done.stdout + done.stderr


class Containers:
    """Creates containers, volumes, and images for one test, and removes them after it."""

    def __init__(self) -> None:
        self.started: list[Container] = []
        self.volumes: list[str] = []
        self.images: list[str] = []
        self.expected: list[str] = []

    def may_log(self, *texts: str) -> None:
        """``Container.may_log`` for all its containers, started or not."""
        self.expected += texts

    def build(self, folder: Path, *flags: str) -> str:
        """Build the Dockerfile in ``folder``, and return the image's name."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        docker("build", "--tag", name, *flags, folder)
        self.images.append(name)
        return name

    def volume(self) -> str:
        name = f"test-{uuid.uuid4().hex[:12]}"
        docker("volume", "create", "--label", LABEL, name)
        self.volumes.append(name)
        return name

    def start(
        self,
        *command: str,
        image: str = IMAGE,
        env: Mapping[str, str] | None = None,
        options: tuple[str, ...] | list[str] = (),
        mounts: Mapping[str | Path, str] | None = None,
    ) -> Container:
        """Start a container in the background, with its port 8000 on a free loopback port."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        arguments = ["run", "--detach", "--name", name, "--label", LABEL]
        arguments += ["--publish", "127.0.0.1::8000", *_flags(env, mounts), *options]
        if not any(option.startswith("--health-") for option in options):
            # A health check starts a process every few seconds: ten containers take half a core.
            arguments.append("--no-healthcheck")
        docker(*arguments, image, *command)
        # Errors in PostgreSQL's log come from statements of the API, whose own log is checked.
        is_read = image != POSTGIS_IMAGE
        container = Container(name, self.expected if is_read else None)
        self.started.append(container)
        return container

    def run(
        self,
        *command: str,
        image: str = IMAGE,
        env: Mapping[str, str] | None = None,
        options: tuple[str, ...] | list[str] = (),
        mounts: Mapping[str | Path, str] | None = None,
        patience: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Run a container to its end, with any exit code. Fails if it does not end."""
        container = Container(f"test-{uuid.uuid4().hex[:12]}")
        self.started.append(container)  # to remove it if it serves instead of ending
        flags = ["--name", container.name, "--label", LABEL, *_flags(env, mounts), *options]
        try:
            return docker("run", *flags, image, *command, check=False, timeout=patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end within {patience} s:\n{container.logs()}") from None

    def clean(self) -> None:
        """Remove everything in reverse order, even if a log fails the test."""
        with contextlib.ExitStack() as stack:
            for image in self.images:
                stack.callback(docker, "rmi", "--force", image, check=False)
            for volume in self.volumes:
                stack.callback(docker, "volume", "rm", "--force", volume, check=False)
            for container in self.started:
                stack.callback(container.remove)


def _flags(env: Mapping[str, str] | None, mounts: Mapping[str | Path, str] | None) -> list[str]:
    flags = []
    for name, value in (env or {}).items():
        flags += ["--env", f"{name}={value}"]
    for source, target in (mounts or {}).items():
        flags += ["--volume", f"{source}:{target}"]
    return flags
