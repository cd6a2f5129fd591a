"""Real containers for tests: started, watched, asked over their ports, always removed."""

from __future__ import annotations

import contextlib
import json
import os
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
# The names that users know them by.
PUBLISHED = "hackoregoncivic/backend-docker-django"
PUBLISHED_POSTGIS = "postgis/postgis:17-3.5"
LABEL = "backend-docker-django.test"
PATIENCE = 60  # seconds for anything that is waited for
# The test that runs, when it is not marked ``engine``: tests/conftest.py says so.
unmarked = ""


def assert_marked() -> None:
    """bin/test runs what is not marked on machines that have no engine."""
    assert not unmarked, (
        f"{unmarked} uses a Docker engine and is not marked so.\n"
        "Set pytestmark = pytest.mark.engine in its module."
    )


def docker(
    *arguments: str | Path, check: bool = True, **options
) -> subprocess.CompletedProcess[str]:
    """Run the docker command; its output is part of the error when it fails."""
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
    """The first true value of ``condition``; fails naming ``what`` when none comes in time.

    Looking takes a third of the time at most, the rest is for what is waited for.
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
    """A port of loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def remove_project(project: str) -> None:
    """Everything compose made for it, however far a page came."""
    kinds = {"container": ("--force", "--volumes"), "volume": ("--force",), "network": ()}
    for kind, force in kinds.items():
        every = ["--all"] if kind == "container" else []
        mine = ["--quiet", "--filter", f"label=com.docker.compose.project={project}"]
        if names := docker(kind, "ls", *every, *mine).stdout.split():
            docker(kind, "rm", *force, *names, check=False)
    images = (f"{project}-api", f"{project}-api:development", f"{project}-proxy")
    docker("image", "rm", "--force", *images, f"{project}-base", check=False)


class Container:
    """A container in the background, with its name, logs and published port 8000."""

    def __init__(self, name: str, expected: list[str] | None = None) -> None:
        """``expected`` is in the logs of all containers of a test; None: nobody reads this log."""
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

    def url(self, path: str = "/", port: int = 8000) -> str:
        if port not in self._published:  # asked once: a test has thousands of requests
            self._published[port] = docker("port", self.name, f"{port}/tcp").stdout.splitlines()[0]
        return f"http://{self._published[port]}{path}"

    def address(self, port: int = 8000) -> tuple[str, int]:
        """Its own, and not the published one, before which a program of Docker's reads ahead."""
        networks = self.inspect()["NetworkSettings"]["Networks"]
        return next(iter(networks.values()))["IPAddress"], port

    def get(self, path: str, **options) -> requests.Response:
        options.setdefault("timeout", 30)
        return self.session.get(self.url(path), **options)

    def exec(self, *command: str, check: bool = True, user: str | None = None) -> str:
        who = ["--user", user] if user else []
        done = docker("exec", *who, self.name, *command, check=check)
        return done.stdout + done.stderr

    def processes(self) -> list[dict[str, str]]:
        """Its processes with pid, ppid, uid and args; without Docker's passing health check."""
        top = docker("top", self.name, "-eo", "pid,ppid,uid,args").stdout.splitlines()[1:]
        rows = [
            dict(zip(("pid", "ppid", "uid", "args"), line.split(None, 3), strict=True))
            for line in top
        ]
        return [row for row in rows if "healthcheck" not in row["args"]]

    def restart(self, seconds: int) -> None:
        """Restart it, with ``seconds`` to end; its ports are published anew."""
        docker("restart", "--time", str(seconds), self.name)
        self._published.clear()

    def exit_code(self, patience: float = PATIENCE) -> int:
        """Wait for the end of the container; its exit code."""
        return int(docker("wait", self.name, timeout=patience).stdout)

    def wait_until_ready(
        self, path: str = "/health/ready", patience: float = PATIENCE
    ) -> Container:
        """Return when ``path`` answers 200; fail with the log when the container ends before."""
        return self._wait_for(path, lambda answer: answer.status_code == 200, patience)

    def wait_until_serving(self, patience: float = PATIENCE) -> Container:
        """Return when the server itself answers, whatever its databases do."""
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
        """Let its log have warnings, errors and tracebacks that contain one of these texts."""
        self._own += texts
        return self

    def remove(self) -> None:
        """Remove it; fail when its log has a warning, an error or a traceback of another kind."""
        self.session.close()
        troubles = []
        if self._expected is not None:
            troubles = logs.unexpected(self._last_log(), [*self._expected, *self._own])
        docker("rm", "--force", "--volumes", self.name, check=False)
        if troubles:
            title = f"{self.name} logged what no test expects; Container.may_log() allows it:"
            raise AssertionError("\n".join([title, *troubles]))

    def _last_log(self) -> str:
        """What it has logged, whatever the bytes; nothing when the test has removed it."""
        done = docker("logs", self.name, check=False, errors="replace")
        return "" if done.returncode else done.stdout + done.stderr


class Containers:
    """Starts containers, volumes and images for one test and removes them after it."""

    def __init__(self) -> None:
        self.started: list[Container] = []
        self.volumes: list[str] = []
        self.images: list[str] = []
        self.expected: list[str] = []

    def may_log(self, *texts: str) -> None:
        """``Container.may_log`` of all its containers, started or not."""
        self.expected += texts

    def build(self, folder: Path, *flags: str) -> str:
        """Build the Dockerfile in ``folder``; the image's name."""
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
        """Start a container in the background, its port 8000 on a free port of loopback."""
        name = f"test-{uuid.uuid4().hex[:12]}"
        arguments = ["run", "--detach", "--name", name, "--label", LABEL]
        arguments += ["--publish", "127.0.0.1::8000", *_flags(env, mounts), *options]
        if not any(option.startswith("--health-") for option in options):
            # Every few seconds a process in each container: half a core where ten are up.
            arguments.append("--no-healthcheck")
        docker(*arguments, image, *command)
        # PostgreSQL's errors are those of statements that the API answers for.
        is_read = image != POSTGIS_IMAGE and logs.are_read()
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
        """Run a container to its end, whatever its exit code; a failure when it does not end."""
        container = Container(f"test-{uuid.uuid4().hex[:12]}")
        self.started.append(container)  # to be removed where it serves instead of ending
        flags = ["--name", container.name, "--label", LABEL, *_flags(env, mounts), *options]
        try:
            return docker("run", *flags, image, *command, check=False, timeout=patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"did not end within {patience} s:\n{container.logs()}") from None

    def clean(self) -> None:
        """Remove everything, what was made last first, whichever log fails the test."""
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
