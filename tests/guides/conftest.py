"""Follows guides that were written for other base images, as their readers do."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from backend.boot.migrations import LOCK
from tests.support import logs
from tests.support.containers import (
    IMAGE,
    POSTGIS_IMAGE,
    PUBLISHED,
    Container,
    docker,
    remove_project,
    until,
)

HERE = Path(__file__).parent
NGINX_IMAGE = "backend-docker-django-nginx:test"
# What is different in the tests' copies of the files: no registry, and any free port.
REPLACED = {
    f"FROM {PUBLISHED}": f"FROM {IMAGE}",
    # The image postgres starts as root.
    "    image: postgres:17": f"    image: {POSTGIS_IMAGE}\n    user: root",
    "FROM nginx:1.27": f"FROM {NGINX_IMAGE}",
    '"8000:8000"': '"127.0.0.1::8000"',
    '"5432:5432"': '"127.0.0.1::5432"',
    '"1337:80"': '"127.0.0.1::80"',
}
# The guides have keys such as "change_me".
EXPECTED = ["security.W009"]
DEVELOPER = 1000  # the UID that owns the reader's files


class Guide:
    """A reader's folder, and the Compose project in it."""

    def __init__(self, folder: Path, *, database: str, user: str) -> None:
        self.folder, self.database, self.user = folder, database, user
        self.name = f"test-{uuid.uuid4().hex[:12]}"
        self.files: tuple[str, ...] = ()
        self.started: list[Container] = []

    def compose(self, *arguments: str) -> str:
        files = [flag for file in self.files for flag in ("--file", file)]
        command = ("compose", *files, "--progress", "plain", *arguments)
        environment = {**os.environ, "COMPOSE_PROJECT_NAME": self.name}
        done = docker(*command, cwd=self.folder, env=environment)
        return done.stdout + done.stderr

    def startproject(self, name: str, folder: str = ".") -> Path:
        """``django-admin startproject`` on the reader's machine. Returns the settings."""
        return startproject(self.folder / folder, name)

    def own(self) -> None:
        """Give all files to the developer. The tests run as root."""
        for path in (self.folder, *self.folder.rglob("*")):
            os.chown(path, DEVELOPER, DEVELOPER)

    def sql(self, statement: str) -> str:
        psql = ("psql", "-qtA", "-U", self.user, self.database, "--command", statement)
        return self.compose("exec", "-T", "db", *psql).strip()

    @contextlib.contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """Run a statement that locks something, until the end of the body."""
        psql = ("psql", "-qtA", "-U", self.user, self.database)
        session = subprocess.Popen(
            ["docker", "exec", "-i", self.container("db").name, *psql],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        session.stdin.write(f"BEGIN; {statement}; SELECT 'locked';\n")
        session.stdin.flush()
        until(lambda: "locked" in session.stdout.readline(), statement)
        try:
            yield
        finally:
            session.communicate("COMMIT;\n", timeout=30)

    def container(self, service: str = "web") -> Container:
        return Container(self.compose("ps", "--all", "--quiet", service).split()[0])

    def start_behind_lock(self, *command: str) -> Container:
        """Start the web service while another container migrates, and wait until it serves."""
        with self.holding(f"SELECT pg_advisory_xact_lock({LOCK})"):
            self.compose(*command)
            web = self.container()
            self.started.append(web)
            log = "waiting for the migration lock of 'default', held"
            until(lambda: log in web.logs(), log)
            ready = web.get("/health/ready")
            assert (ready.status_code, ready.json()["phase"]) == (503, "migrating")
        return web.wait_until_ready()

    def assert_health(self, web: Container) -> None:
        assert web.get("/health/live").json() == {"status": "live"}
        ready = web.get("/health/ready").json()
        assert (ready["phase"], ready["checks"]) == ("ready", {"database:default": "ok"})
        until(lambda: web.inspect()["State"]["Health"]["Status"] == "healthy", "it is healthy")

    def assert_doctor(self, web: Container) -> None:
        report = web.exec("python", "-P", "-m", "backend.manage", "doctor", check=False)
        assert "ok       database default: " in report, report
        assert "Traceback" not in report

    def assert_drains(self, web: Container) -> None:
        """A request that runs at SIGTERM gets its response. Any session makes Django wait here."""
        url, answers = web.url("/admin/"), []
        cookies = {"sessionid": "x" * 32}

        def ask() -> None:
            answers.append(requests.get(url, cookies=cookies, allow_redirects=False, timeout=60))

        asking = threading.Thread(target=ask)
        with self.holding("LOCK TABLE django_session"):
            asking.start()
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            until(lambda: self.sql(waiting) == "1", "the request waits for the database")
            docker("kill", "--signal", "TERM", web.name)
            until(lambda: "Handling signal: term" in web.logs(), "it drains")
        asking.join()
        assert [answer.status_code for answer in answers] == [302]
        assert web.exit_code() == 0

    def clean(self) -> None:
        troubles = [
            trouble for web in self.started for trouble in logs.unexpected(web.logs(), EXPECTED)
        ]
        remove_project(self.name)
        docker("image", "rm", "--force", f"{self.name}-web", f"{self.name}-proxy", check=False)
        assert not troubles, "\n".join(troubles)


def startproject(folder: Path, name: str) -> Path:
    command = (sys.executable, "-m", "django", "startproject", name, str(folder))
    subprocess.run(command, check=True, env={"PATH": os.environ["PATH"]})
    return folder / name / "settings.py"


def edit(file: Path, *, top: str = "", end: str = "") -> None:
    """Write what a guide says into a file of Django's: below the imports, and at the end."""
    text = file.read_text()
    anchor = "from pathlib import Path\n"
    file.write_text(text.replace(anchor, f"{anchor}{top}", 1) + end)


@pytest.fixture(scope="module")
def follow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Guide]]:
    """Copies the files that a guide shows into a new folder of a reader."""
    with contextlib.ExitStack() as stack:

        def copy(name: str, **options: str) -> Guide:
            folder = tmp_path_factory.mktemp("reader") / name
            shutil.copytree(HERE / name, folder)
            if (folder / "proxy").exists():
                docker("build", "--quiet", "--tag", NGINX_IMAGE, HERE / "nginx")
            for file in filter(Path.is_file, folder.rglob("*")):
                text = file.read_text()
                for published, ours in REPLACED.items():
                    text = text.replace(published, ours)
                file.write_text(text)
            guide = Guide(folder, **options)
            stack.callback(guide.clean)
            return guide

        yield copy
