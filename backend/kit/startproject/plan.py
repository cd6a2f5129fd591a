"""The files of a project, and their templates."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from backend.kit.startproject.names import Database

SCAFFOLD = Path(__file__).resolve().parents[3] / "scaffold"
SUFFIX = "-tpl"  # so that linters, git, and docker do not treat a template as its result
IMAGE = "hackoregoncivic/backend-docker-django"


@dataclass(frozen=True)
class Secrets:
    """Generated values for .env. They are letters and digits only, so that none needs quotes."""

    secret_key: str = field(default_factory=lambda: secrets.token_hex(32))
    postgres_password: str = field(default_factory=lambda: secrets.token_hex(16))
    superuser_password: str = field(default_factory=lambda: secrets.token_hex(8))
    pgadmin_password: str = field(default_factory=lambda: secrets.token_hex(8))


@dataclass(frozen=True)
class Project:
    """The user's choices, which are the templates' context."""

    project_name: str
    app_name: str
    databases: list[Database]
    geometry: bool = True
    proxy: bool = True
    image: str = IMAGE
    # Of a database whose tables the app is for, or empty.
    database_url: str = ""
    secrets: Secrets = field(default_factory=Secrets)

    @property
    def project_title(self) -> str:
        words = self.project_name.replace("_", "-").split("-")
        title = " ".join("API" if word == "api" else word for word in words)
        return title[0].upper() + title[1:]

    @property
    def source_alias(self) -> str:
        """The alias of that database. Django's own tables are in another one."""
        return self.app_name

    @property
    def url_variable(self) -> str:
        return f"{self.source_alias.upper()}_DATABASE_URL"

    def context(self) -> dict[str, object]:
        names = (*self.__dataclass_fields__, "project_title", "source_alias", "url_variable")
        return {name: getattr(self, name) for name in names}


# Templates below these paths are for some projects only.
CONDITIONS: dict[str, Callable[[Project], bool]] = {
    "proxy/": lambda project: project.proxy,
    "database/": lambda project: bool(project.databases),
}
# What an app for tables of a database has of the sample's files.
FOR_TABLES = ("app_name/tests/test_project.py",)
# Permissions that are not 0644: only the owner reads passwords.
MODES = {
    ".env": 0o600,
    "bin/native": 0o755,
    "manage.py": 0o755,
    "proxy/docker-entrypoint.sh": 0o755,
}


@dataclass(frozen=True)
class Planned:
    """One file of the project: its path, its template, and the template's extra context."""

    path: Path
    template: Path
    extra: dict[str, object]

    @property
    def mode(self) -> int:
        return MODES.get(str(self.path), 0o644)


def files(project: Project, scaffold: Path = SCAFFOLD) -> list[Planned]:
    """Every file of the project, in the order of their paths.

    The app's name replaces ``app_name`` in a path. A path with ``ALIAS`` stands for one file per
    database, which is ``database`` in the template. Raises RuntimeError if two templates have the
    same path.
    """
    planned: list[Planned] = []
    for template in sorted(path for path in scaffold.rglob("*") if path.is_file()):
        name = template.relative_to(scaffold).as_posix().removesuffix(SUFFIX)
        if project.database_url and _is_sample(name):
            continue
        if all(wanted(project) for path, wanted in CONDITIONS.items() if name.startswith(path)):
            planned += _for_each_database(name, template, project)
    planned.sort(key=lambda each: each.path)
    for first, second in itertools.pairwise(planned):
        if first.path == second.path:
            raise RuntimeError(f"{first.template} and {second.template} both write {first.path}")
    return planned


def _is_sample(name: str) -> bool:
    """Whether a file of the app is about the sample data. The code for tables has no such file."""
    return name.startswith("app_name/") and name not in FOR_TABLES


def _for_each_database(name: str, template: Path, project: Project) -> Iterator[Planned]:
    name = name.replace("app_name", project.app_name)
    # ALIAS is in capitals, which an app's name cannot contain.
    if "ALIAS" not in name:
        yield Planned(Path(name), template, {})
        return
    for database in project.databases:
        path = Path(name.replace("ALIAS", database.alias))
        yield Planned(path, template, {"database": database})
