"""What the image starts with: variables, a network, and on request a PostGIS server."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from backend.kit.contract.outside.engine import LABEL, docker, name, until
from backend.kit.contract.report import Impossible

POSTGIS = "postgis/postgis:17-3.5"
USER = "image_test"
PATIENCE = 120  # seconds for a new PostgreSQL server; its first start takes about ten
NOBODY_ANSWERS = 2  # pg_isready's exit code
LAST_LINES = 5  # of its log, if it does not start
KEY = "DJANGO_SECRET_KEY"


class Surroundings:
    """Flags of docker run. ``postgis`` is the name of an image. Call ``remove`` at the end."""

    def __init__(
        self,
        variables: Sequence[str],
        files: Sequence[str],
        network: str | None,
        postgis: str | None,
        databases: Sequence[str],
    ) -> None:
        self.variables = list(variables)
        self.files = list(files)
        self.network = network
        self.own_network: str | None = None
        self.server: str | None = None
        if KEY not in self._given():
            self.variables.append(f"{KEY}={secrets.token_urlsafe(50)}")
        try:
            if postgis:
                self._start_postgis(postgis, databases)
        except BaseException:
            self.remove()
            raise

    def environment(self) -> list[str]:
        """Only the flags for variables, for a check without a network."""
        flags = []
        for file in self.files:
            flags += ["--env-file", file]
        for variable in self.variables:
            flags += ["--env", variable]
        return flags

    def flags(self) -> list[str]:
        return [*self.environment(), *(["--network", self.network] if self.network else [])]

    def remove(self) -> None:
        if self.server:
            docker("rm", "--force", "--volumes", self.server, check=False)
        if self.own_network:
            docker("network", "rm", self.own_network, check=False)

    def _given(self) -> set[str]:
        lines = list(self.variables)
        for file in self.files:
            try:
                lines += Path(file).read_text(encoding="utf-8").splitlines()
            except OSError as error:
                raise Impossible(
                    f"{file} cannot be read: {error.strerror}.",
                    "Correct the path in --env-file.",
                ) from error
        names = {line.partition("=")[0].strip() for line in lines}
        return {name[: -len("_FILE")] if name.endswith("_FILE") else name for name in names}

    def _start_postgis(self, image: str, databases: Sequence[str]) -> None:
        if not self.network:
            self.network = self.own_network = name()
            docker("network", "create", "--label", LABEL, self.own_network)
        password, server = secrets.token_urlsafe(20), name()
        self.server = server
        docker(
            *("run", "--detach", "--name", server, "--label", LABEL, "--network", self.network),
            *("--env", f"POSTGRES_USER={USER}", "--env", f"POSTGRES_PASSWORD={password}"),
            *("--env", "POSTGRES_DB=default_database", image),
        )
        self._wait_for(server, image)
        self.variables += [
            f"POSTGRES_HOST={server}",
            "POSTGRES_NAME=default_database",
            f"POSTGRES_USER={USER}",
            f"POSTGRES_PASSWORD={password}",
            "POSTGRES_PORT=5432",
        ]
        for alias in databases:
            docker("exec", server, "createdb", "--username", USER, alias)
            sql = ("--username", USER, "--command", "CREATE EXTENSION postgis", alias)
            docker("exec", server, "psql", "--quiet", *sql)
            url = f"postgis://{USER}:{password}@{server}:5432/{alias}"
            self.variables.append(f"{alias.upper()}_DATABASE_URL={url}")

    def _wait_for(self, server: str, image: str) -> None:
        """Wait until it accepts connections. If it does not, raises Impossible with its log."""
        ready = ("exec", server, "pg_isready", "--quiet", "--host", "127.0.0.1")
        running = ("inspect", "--format", "{{.State.Running}}", server)

        def ended() -> bool:
            return docker(*running).stdout.strip() == "false"

        def ready_or_ended() -> bool:
            code = docker(*ready, check=False).returncode
            return code == 0 or (code != NOBODY_ANSWERS and ended())

        in_time = until(ready_or_ended, PATIENCE)
        if in_time and not ended():
            return
        log = docker("logs", "--tail", str(LAST_LINES), server)
        output = " / ".join((log.stdout + log.stderr).splitlines())
        state = "has ended" if in_time else f"did not accept connections within {PATIENCE} s"
        raise Impossible(
            f"{image} {state}. Its log ends with: {output}",
            "Name a PostgreSQL image with PostGIS in --postgis-image. If the machine is busy, try "
            "again.",
        )
