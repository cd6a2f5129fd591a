"""Checks of starts and ends: as other users, read-only, with broken settings, and at SIGTERM."""

from __future__ import annotations

import http.client
import io
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from backend.conf.findings import OK, PROBLEM, SKIPPED, WARNING, Finding
from backend.kit.contract.outside import serving
from backend.kit.contract.outside.engine import (
    LABEL,
    Container,
    TookTooLong,
    docker,
    error_in,
    name,
    until,
)
from backend.kit.contract.outside.image import ENTRY_POINT, Image
from backend.kit.contract.outside.serving import HEALTH
from backend.kit.contract.outside.surroundings import Surroundings

OTHER_USER = "12345:0"
GRACE = 35  # seconds: gunicorn's graceful_timeout of 30, and some for the rest
# Seconds for each further start: TIMES the duration of the first, and at least AT_LEAST.
TIMES, AT_LEAST = 3, 15
NOTICED = 10  # seconds after SIGTERM within which a server stops reporting that it is ready
PLACE = "src_files/local_settings/settings.py"  # comes first, whatever the image contains
BROKEN = b"INSTALLED_APPS = this_name_is_not_defined\n"
AFTER_A_START = (
    *("processes", "/health/live", "/health/ready", "docker's health", "/", "/swagger.json"),
    *("static files, served", "another user", "read-only", "commands", "broken settings"),
    "SIGTERM",
)


@dataclass
class Lifetime:
    """An image, its surroundings, and the seconds to wait for a start.

    ``first`` is the duration of the first start.
    """

    image: Image
    surroundings: Surroundings
    facts: dict[str, Any]
    patience: float
    first: float = 0

    def checks(self) -> list[Finding]:
        """All checks that start the image."""
        container = self._start()
        try:
            began = time.monotonic()
            if not self._ready(container, self.patience):
                return [self._did_not_start(container), *_skipped()]
            self.first = time.monotonic() - began
            port = self.facts["port"]
            results = [Finding(OK, "start", f"ready, and answers on port {port}")]
            with ThreadPoolExecutor(4) as others:
                alone = [others.submit(check) for check in self._others()]
                results += serving.all_of(container, self.image, self.facts)
                results += [check.result() for check in alone]
            return [*results, self._sigterm(container)]
        finally:
            container.remove()

    def _others(self) -> list[Callable[[], Finding]]:
        return [self._another_user, self._read_only, self._command, self._broken_settings]

    def _start(self, *flags: str) -> Container:
        flags = (*self.surroundings.flags(), *flags)
        return Container.start(self.image.name, flags, self.facts["port"], self.facts["headers"])

    def _patience_with_others(self) -> float:
        """Seconds for starts that run in parallel, and have less to do than the first one."""
        return min(self.patience, max(AT_LEAST, TIMES * self.first))

    def _ready(self, container: Container, patience: float) -> bool:
        path = self.facts["prefix"] + HEALTH["ready"]

        def ended_or_ready() -> bool:
            status = container.status_of(path)
            return status == 200 or (status == 0 and not container.running())

        return until(ended_or_ready, patience) and container.status_of(path) == 200

    def _did_not_start(self, container: Container) -> Finding:
        if container.running():
            last_lines = container.log().strip().splitlines()[-1:] or ["nothing"]
            return Finding(
                PROBLEM,
                "start",
                f"not ready within {self.patience:g} s; its log ends with: {last_lines[0]}",
                f"Correct the cause that {HEALTH['ready']} names, or allow more time: --patience.",
            )
        problem, fix = error_in(container.log())
        if not self.surroundings.network:
            fix += " To run these checks with a PostGIS server, use image-test --postgis."
        return Finding(PROBLEM, "start", problem, fix)

    def _another_user(self) -> Finding:
        """Start with another UID and group 0, which some platforms give each container."""
        return self._variant("another user", f"--user {OTHER_USER}", "--user", OTHER_USER)

    def _read_only(self) -> Finding:
        conditions = "--read-only, with /tmp in memory and a volume at /data"
        flags = ("--read-only", "--tmpfs", "/tmp", "--volume", "/data")  # noqa: S108
        return self._variant("read-only", conditions, *flags)

    def _variant(self, check: str, conditions: str, *flags: str) -> Finding:
        container = self._start(*flags)
        try:
            if self._ready(container, self._patience_with_others()):
                return Finding(OK, check, f"starts with {conditions}")
            problem, fix = error_in(container.log())
            return Finding(PROBLEM, check, f"does not start with {conditions}: {problem}", fix)
        finally:
            container.remove()

    def _command(self) -> Finding:
        """`docker run IMAGE bash` starts a shell as the application's user."""
        if not self.image.has_the_images_entry_point:
            return Finding(SKIPPED, "commands", "your own entry point decides which commands run")
        command = ("bash", "-c", "echo ran as $(id -u)")
        done = self._run(*command)
        if done is None or "ran as" not in done.stdout:
            reason = "it did not end" if done is None else " ".join(done.stderr.split())[-200:]
            return Finding(
                PROBLEM,
                "commands",
                f"docker run IMAGE bash does not open a shell: {reason}",
                f"Keep the image's {ENTRY_POINT}.",
            )
        uid = done.stdout.rpartition("ran as")[2].strip()
        if uid == "0":
            return Finding(PROBLEM, "commands", "bash runs as root.", serving.NEVER_ROOT)
        return Finding(OK, "commands", f"docker run IMAGE bash opens a shell with UID {uid}")

    def _run(self, *command: str) -> subprocess.CompletedProcess[str] | None:
        """Run a command in the image. None if it does not end in time."""
        container = name()
        flags = ("--name", container, "--label", LABEL, *self.surroundings.flags())
        try:
            return docker(
                *("run", *flags, self.image.name, *command),
                check=False,
                timeout=self._patience_with_others(),
            )
        except TookTooLong:
            return None
        finally:
            docker("rm", "--force", "--volumes", container, check=False)

    def _broken_settings(self) -> Finding:
        """A broken file stops the start, and the error names it."""
        container = name()
        flags = ("--name", container, "--label", LABEL, *self.surroundings.flags())
        docker("create", *flags, self.image.name)
        try:
            docker("cp", "-", f"{container}:/code", data=_archive(PLACE, BROKEN))
            docker("start", container)
            try:
                code = int(docker("wait", container, timeout=self._patience_with_others()).stdout)
            except TookTooLong:
                code = 0
            log = docker("logs", container, check=False)
        finally:
            docker("rm", "--force", "--volumes", container, check=False)
        place = f"/code/{PLACE}, line 1"
        if code == 0:
            return Finding(
                PROBLEM,
                "broken settings",
                "A settings.py that cannot be loaded does not stop the start.",
                "Begin your entry point with set -e, and start the server with exec.",
            )
        if place not in log.stdout + log.stderr:
            return Finding(
                WARNING,
                "broken settings",
                f"stop the start with exit code {code}, but the log does not name the line",
                "Keep the image's entry point, which names the line.",
            )
        return Finding(
            OK, "broken settings", f"stop the start with exit code {code}, and are named"
        )

    def _sigterm(self, container: Container) -> Finding:
        """A request in progress gets its response, and then the container ends with 0."""
        connection = container.connect(GRACE)
        # Its body comes in two halves, with SIGTERM between them.
        connection.putrequest("POST", f"{self.facts['prefix']}/", skip_host=True)
        headers = {**container.headers, "Content-Length": "3", "Content-Type": "text/plain"}
        for header, value in headers.items():
            connection.putheader(header, value)
        connection.endheaders(b"1")
        path = self.facts["prefix"] + HEALTH["ready"]
        # A server accepts connections in their order: after this response, it has the request.
        container.status_of(path)
        docker("kill", "--signal", "TERM", container.name)
        if not until(lambda: container.status_of(path) != 200, NOTICED):
            connection.close()
            return Finding(
                PROBLEM,
                "SIGTERM",
                f"The server still reports that it is ready, {NOTICED} s after SIGTERM. Docker "
                "would kill it, and cut off running requests.",
                "Do not run the server under a shell: write CMD as a list, and put exec before the "
                "last command of a script.",
            )
        try:
            connection.send(b"23")
            answer = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            answer = None
        finally:
            connection.close()
        code = container.exit_code(GRACE)
        return _ending(code, answer)


def _ending(code: int | None, answer: int | None) -> Finding:
    if code is None:
        return Finding(
            PROBLEM,
            "SIGTERM",
            f"The container did not end within {GRACE} s. Docker would kill it, and cut off "
            "running requests.",
            "Set graceful_timeout in local_settings/gunicorn_conf.py to 30 or less.",
        )
    if code:
        return Finding(
            PROBLEM,
            "SIGTERM",
            f"The container ended with exit code {code}, not 0.",
            "Start the server with exec gunicorn.",
        )
    if answer is None:
        return Finding(
            PROBLEM,
            "SIGTERM",
            "The container ended with exit code 0, but cut off the running request.",
            "Set graceful_timeout in local_settings/gunicorn_conf.py to 30.",
        )
    return Finding(OK, "SIGTERM", "running requests are finished, then the exit code is 0")


def _archive(path: str, content: bytes) -> bytes:
    """A tar archive of one file in its folders, readable by everyone."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:
        member = tarfile.TarInfo(path)
        member.size, member.mode = len(content), 0o644
        folders = path.split("/")[:-1]
        for depth in range(len(folders)):
            folder = tarfile.TarInfo("/".join(folders[: depth + 1]))
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
        archive.addfile(member, io.BytesIO(content))
    return memory.getvalue()


def _skipped() -> Iterator[Finding]:
    for check in AFTER_A_START:
        yield Finding(SKIPPED, check, "not checked: the image does not start")
