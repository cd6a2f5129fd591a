"""The docker command, and containers that respond on their published ports."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

from backend.kit.contract.report import Impossible

LABEL = "backend-docker-django.image-test"
LOOK_AGAIN = 0.1  # seconds, or twice as long as a check took: docker costs 50 ms of CPU


class TookTooLong(Impossible):
    """A docker command did not end in time."""


def docker(
    *arguments: str, check: bool = True, data: bytes | None = None, timeout: float = 600
) -> subprocess.CompletedProcess[str]:
    """Run the docker command, for at most ``timeout`` seconds.

    Raises Impossible with its message if it fails, and TookTooLong.
    """
    command = ["docker", *arguments]
    try:
        raw = subprocess.run(command, capture_output=True, check=False, input=data, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise TookTooLong(
            f"docker {' '.join(arguments[:2])} did not end within {timeout:g} s.",
            "Find out what keeps the Docker engine busy, with docker ps, docker system df, and the "
            "engine's log.",
        ) from error
    stdout, stderr = (each.decode(errors="replace") for each in (raw.stdout, raw.stderr))
    done = subprocess.CompletedProcess(raw.args, raw.returncode, stdout, stderr)
    if check and done.returncode:
        output = " ".join(done.stderr.split())
        raise Impossible(
            f"docker {' '.join(arguments[:2])} failed: {output}",
            "Correct the cause that the message names.",
        )
    return done


def require(*, ports: bool) -> None:
    """Raises Impossible if no engine answers, or if ``ports`` are needed and cannot be reached.

    Through ssh, docker runs commands on another machine, but does not publish ports on this one.
    """
    try:
        if ports and endpoint().startswith("ssh://"):
            raise Impossible(
                f"The Docker engine is on another machine, {endpoint()}, whose ports this program "
                "cannot reach through ssh.",
                "Run this program on that machine, or use --no-start to check the image without "
                "starting it.",
            )
        answers = docker("info", check=False, timeout=60).returncode == 0
    except FileNotFoundError:
        answers = False
    if not answers:
        raise Impossible(
            "No Docker engine answers.", "Start Docker, or install it: https://docs.docker.com/"
        )


def name() -> str:
    return f"image-test-{uuid.uuid4().hex[:12]}"


def until(condition: Callable[[], bool], patience: float) -> bool:
    """Whether the condition becomes true within ``patience`` seconds."""
    end = time.monotonic() + patience
    while True:
        looked = time.monotonic()
        if condition():
            return True
        now = time.monotonic()
        if now > end:
            return False
        time.sleep(min(max(LOOK_AGAIN, 2 * (now - looked)), 1))


@dataclass(frozen=True)
class Answer:
    """An HTTP response, with the names of headers in lowercase."""

    status: int
    headers: dict[str, str]
    body: bytes


class Container:
    """A container in the background."""

    def __init__(self, name: str, port: int, headers: dict[str, str]) -> None:
        self.name = name
        self.headers = headers
        self.address = self._published(port)

    @classmethod
    def start(
        cls, image: str, flags: Sequence[str], port: int, headers: dict[str, str]
    ) -> Container:
        container = name()
        publish = f"{_local()}:{port}" if _local() else str(port)
        docker(
            *("run", "--detach", "--name", container, "--label", LABEL, "--publish", publish),
            *flags,
            image,
        )
        return cls(container, port, headers)

    def _published(self, port: int) -> tuple[str, int] | None:
        """Host and port of the published port, or None if the container has ended."""
        shown = docker("port", self.name, f"{port}/tcp", check=False).stdout.split()
        if not shown:
            return None
        return _host(), int(shown[0].rpartition(":")[2])

    def connect(self, timeout: float) -> http.client.HTTPConnection:
        if self.address is None:
            raise ConnectionError("the container has ended")
        return http.client.HTTPConnection(*self.address, timeout=timeout)

    def ask(self, path: str, timeout: float = 30) -> Answer:
        """Send a GET. Raises OSError or http.client.HTTPException if there is no response."""
        connection = self.connect(timeout)
        try:
            connection.request("GET", path, headers=self.headers)
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, headers, answer.read())
        finally:
            connection.close()

    def status_of(self, path: str) -> int:
        """The status of a GET, or 0 if there is no response."""
        try:
            return self.ask(path).status
        except (OSError, http.client.HTTPException):
            return 0

    def running(self) -> bool:
        shown = docker("inspect", "--format", "{{.State.Running}}", self.name, check=False)
        state: str = shown.stdout
        return state.strip() == "true"

    def log(self) -> str:
        done = docker("logs", self.name, check=False)
        return f"{done.stdout}{done.stderr}"

    def exit_code(self, patience: float) -> int | None:
        """Wait for its end. None if it does not end in time."""
        try:
            return int(docker("wait", self.name, timeout=patience).stdout)
        except TookTooLong:
            return None

    def users(self) -> list[str]:
        """The UIDs of its processes as the container sees them, or empty if unreadable.

        docker top would show the host's UIDs. On a rootless engine, root has another UID there.
        https://docs.docker.com/engine/security/userns-remap/
        """
        read = ("exec", "--user", "0", self.name, "sh", "-c", "cat /proc/[0-9]*/status")
        # If a process ends meanwhile, cat fails, which does not matter.
        return users_of(docker(*read, check=False).stdout)

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", self.name, check=False)


def users_of(statuses: str) -> list[str]:
    """The UIDs (real, effective, saved, filesystem) of the first process and its descendants.

    ``statuses`` is the content of several /proc/PID/status files. A process of docker exec, such
    as the health check, has no parent inside, and is left out with its children.
    https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
    """
    parents: dict[str, str] = {}
    uids: dict[str, set[str]] = {}
    number = ""
    for line in statuses.splitlines():
        key, _, value = line.partition(":")
        if key == "Pid":
            number = value.strip()
        elif key == "PPid":
            parents[number] = value.strip()
        elif key == "Uid":
            uids[number] = set(value.split())

    def is_of_the_first(process: str) -> bool:
        while process in parents and process != "1":
            process = parents[process]
        return process == "1"

    return sorted({uid for process in uids if is_of_the_first(process) for uid in uids[process]})


def error_in(log: str) -> tuple[str, str]:
    """A log's last reason for a failed start: the image's two lines, or else the last line."""
    errors = re.findall(r"^ERROR: (.*)\nFIX: +(.*)$", log, re.MULTILINE)
    if errors:
        problem, fix = errors[-1]
        return problem, fix
    lines = [line for line in log.splitlines() if line.strip()]
    return (
        lines[-1] if lines else "the log is empty"
    ), "Run the image with docker run and the same flags, and read its log."


@cache
def endpoint() -> str:
    """Where docker finds the engine: DOCKER_HOST, or else its context."""
    if host := os.environ.get("DOCKER_HOST"):
        return host
    shown = docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}", check=False)
    address: str = shown.stdout
    return address.strip()


def _engine() -> str | None:
    """The engine's host if it is reached over the network, as in some CI."""
    return urlsplit(endpoint()).hostname if _is_remote() else None


def _is_remote() -> bool:
    return endpoint().startswith("tcp://")


def _host() -> str:
    return _engine() or "127.0.0.1"


def _local() -> str:
    """This machine's address to publish ports on, or "" if the engine is on another machine."""
    return "" if _is_remote() else "127.0.0.1:"
