"""The network, the database, and the containers of one run. They are removed at its end."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

HERE = Path(__file__).parent
IMAGE = os.environ.get("IMAGE", "backend-docker-django:local")
POSTGIS_IMAGE = os.environ.get("POSTGIS_IMAGE", "backend-docker-django-postgis:local")
LABEL = "backend-docker-django.bench"
# The contestant has a core to itself. The load generator runs on the database's core: it needs only
# a few percent of it, and in most cases the database waits for the contestant anyway.
CONTESTANT_CORE, DATABASE_CORE = "0", "1"
DATABASE = "bench"


class LabError(Exception):
    """A step of the benchmark failed. The message says which one, and why."""


def docker(*arguments: str | Path, timeout: float | None = 900) -> str:
    """Run the docker command, and return its output. Raises LabError with its errors."""
    done = subprocess.run(
        ["docker", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        words = [str(word) for word in arguments if "=" not in str(word)]  # no --env, no secrets
        raise LabError(f"docker {' '.join(words)}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(name: str, image: str = IMAGE, *, tag: str = "") -> str:
    """Build ``bench/NAME/Dockerfile`` on an image. Returns the new name, ``bdd-bench:TAG``."""
    tag = f"bdd-bench:{tag or name}"
    images = {"IMAGE": image, "POSTGIS_IMAGE": POSTGIS_IMAGE}
    file = HERE / name / "Dockerfile"
    wanted = {key: value for key, value in images.items() if f"ARG {key}" in file.read_text()}
    options = [x for key, value in wanted.items() for x in ("--build-arg", f"{key}={value}")]
    docker("build", "--quiet", "--tag", tag, "--file", file, *options, HERE)
    return tag


class Lab:
    """A context manager that starts containers on a network of their own."""

    def __init__(self) -> None:
        self.name = f"bench-{secrets.token_hex(4)}"
        self.password = secrets.token_hex(16)
        self.containers: set[str] = set()

    @property
    def label(self) -> tuple[str, str]:
        return "--label", f"{LABEL}={self.name}"

    def __enter__(self) -> Lab:
        docker("network", "create", "--label", LABEL, self.name)
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for interruption in (signal.SIGINT, signal.SIGTERM):
            signal.signal(interruption, signal.SIG_IGN)
        # The label also finds a container whose start was interrupted.
        left = docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}={self.name}").split()
        if left:
            docker("rm", "--force", "--volumes", *left)
        docker("network", "rm", self.name)

    def start(
        self,
        name: str,
        image: str,
        *command: str,
        core: str,
        env: dict[str, str] | None = None,
        options: Iterable[str] = (),
    ) -> str:
        """Start a container in the background. Returns its name."""
        container = f"{self.name}-{name}"
        flags = [x for key, value in (env or {}).items() for x in ("--env", f"{key}={value}")]
        self.containers.add(container)
        docker(
            *("run", "--detach", "--init=false", "--name", container, *self.label),
            *("--network", self.name, "--cpuset-cpus", core, *flags, *options),
            *(image, *command),
        )
        return container

    def stop(self, container: str) -> None:
        docker("rm", "--force", "--volumes", container)
        self.containers.remove(container)

    # --- the database ---------------------------------------------------------

    @property
    def database(self) -> str:
        return f"{self.name}-database"

    def start_database(self) -> None:
        env = {"POSTGRES_PASSWORD": self.password, "POSTGRES_USER": DATABASE}
        # PostgreSQL's defaults, except that the whole dataset fits into memory, as on any server.
        self.start(
            *("database", POSTGIS_IMAGE, "postgres", "-c", "shared_buffers=1GB"),
            core=DATABASE_CORE,
            env={**env, "POSTGRES_DB": DATABASE},
            options=("--shm-size", "512m"),
        )
        end = time.monotonic() + 120
        while True:
            with contextlib.suppress(LabError):
                docker("exec", self.database, "pg_isready", "--quiet", "--host=127.0.0.1")
                return
            if time.monotonic() > end:
                raise LabError(f"PostgreSQL did not start:\n{docker('logs', self.database)}")
            time.sleep(0.3)

    def env(self) -> dict[str, str]:
        """The variables with which a Django contestant finds the database."""
        return {
            "POSTGRES_NAME": DATABASE,
            "POSTGRES_USER": DATABASE,
            "POSTGRES_PASSWORD": self.password,
            "POSTGRES_HOST": self.database,
            "DJANGO_SECRET_KEY": secrets.token_hex(32),
            "ALLOWED_HOSTS": "*",  # the load generator uses the container's name
        }

    def url(self) -> str:
        return f"postgresql://{DATABASE}:{self.password}@{self.database}:5432/{DATABASE}"

    def psql(self, statement: str) -> str:
        return docker("exec", self.database, *self._psql, "--command", statement).strip()

    def psql_file(self, file: str) -> None:
        self.psql((HERE / file).read_text())

    @property
    def _psql(self) -> tuple[str, ...]:
        strict = ("--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1")
        return ("psql", "--username", DATABASE, *strict, DATABASE)

    def copy(self, table: str, rows: Iterable[str]) -> None:
        """Fill a table with COPY from lines in PostgreSQL's text format."""
        command = ["docker", "exec", "--interactive", self.database, *self._psql]
        copy = subprocess.Popen(
            [*command, "--command", f"COPY {table} FROM STDIN"],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with contextlib.suppress(BrokenPipeError):  # its reason is in stderr
            copy.stdin.writelines(rows)
        _, errors = copy.communicate()
        if copy.returncode:
            raise LabError(f"COPY {table}: {errors}")

    # --- the load generator ---------------------------------------------------

    @property
    def load(self) -> str:
        return f"{self.name}-load"

    def start_load(self) -> None:
        self.start("load", build("load"), core=DATABASE_CORE)

    def client(self, *arguments: str, timeout: float = 900) -> dict:
        """The result of bench/load/client.py."""
        words = ("exec", self.load, "python3", "/bench/client.py", *arguments)
        return json.loads(docker(*words, timeout=timeout))

    def client_in_background(self, *arguments: str) -> subprocess.Popen[str]:
        words = ["docker", "exec", self.load, "python3", "/bench/client.py", *arguments]
        return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def memory(self, container: str, *arguments: str) -> dict:
        """The result of bench/load/memory.py for a container, in bytes."""
        return json.loads(
            docker(
                *("run", "--rm", f"--pid=container:{container}", "--cap-add", "SYS_PTRACE"),
                *(*self.label, "--cpuset-cpus", DATABASE_CORE, "bdd-bench:load"),
                *("python3", "/bench/memory.py", *arguments),
            )
        )
