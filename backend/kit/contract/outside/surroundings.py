"""What the image is started with: variables, a network, a PostGIS server where one is wanted."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from backend.kit.contract.outside.engine import LABEL, docker, name, until
from backend.kit.contract.report import Impossible

POSTGIS = "postgis/postgis:17-3.5"
USER = "image_test"
PATIENCE = 120  # seconds for a new PostgreSQL; its first start takes some ten
KEY = "DJANGO_SECRET_KEY"


class Surroundings:
    """Flags of docker run. With ``postgis`` the name of its image; ``remove`` when all is done."""

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
        """The flags for variables alone: what a check without network needs."""
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
                    f"{file} cannot be read: {error.strerror}.", "Correct --env-file."
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
        ready = ("exec", server, "pg_isready", "--quiet", "--host", "127.0.0.1")
        if not until(lambda: docker(*ready, check=False).returncode == 0, PATIENCE):
            raise Impossible(
                f"{image} takes no connections within {PATIENCE} s.",
                f"See why: docker run --env POSTGRES_PASSWORD=x {image}",
            )
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
