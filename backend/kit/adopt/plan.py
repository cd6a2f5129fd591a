"""The files that adopt writes around a project."""

from __future__ import annotations

import posixpath
import re
import secrets
import shlex
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.conf.findings import PROBLEM, WARNING, Finding
from backend.kit.adopt import compose as of_team
from backend.kit.adopt import containers, processes, stages
from backend.kit.adopt.databases import LOCAL, Connection
from backend.kit.adopt.packages import Installation
from backend.kit.adopt.settings import ROOT, Settings, Variable
from backend.kit.startproject.render import render_file
from backend.kit.upgrade.project import VARIABLE, DjangoProject

TEMPLATES = Path(__file__).with_name("templates")
COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
# The image or the platform sets these.
NOT_IN_ENV = {"CI", "DYNO", "HOME", "HOSTNAME", "PATH", "PORT", "PWD", "USER"}
POSTGRES = {"POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"}
PRIVATE = 0o600


@dataclass(frozen=True)
class Line:
    """A line of .env. It is a comment if ``is_off``."""

    name: str
    value: str = ""
    comment: str = ""
    is_off: bool = False
    is_secret: bool = False


@dataclass(frozen=True)
class Postgres:
    """What the database server creates on its first start."""

    name: str
    user: str
    password: str


@dataclass(frozen=True)
class Adoption:
    """Everything about a project that the files depend on.

    ``paths`` are all its files, and ``texts`` those that are read, by path.
    """

    project: DjangoProject
    settings: Settings
    packages: Installation
    texts: Mapping[str, str]
    paths: Collection[str]
    image: str

    @property
    def requirements(self) -> str:
        """The texts of the files that name the packages."""
        return "\n".join(self.texts.get(path, "") for path in self.packages.files)

    @property
    def connection(self) -> Connection:
        """The connection of the settings, or one by URL, which adopt suggests."""
        connection = self.settings.connection
        if (
            connection is None
            or connection.is_sqlite
            or connection.is_local
            or "HOST" in connection.unknown
        ):
            return Connection("", 0, url="DATABASE_URL")
        return connection

    @property
    def server(self) -> str:
        """The name of the database's service, which can be in the settings."""
        host = self.connection.fixed.get("HOST", "")
        return host if re.fullmatch(r"[a-z][a-z0-9_-]*", host) and host not in LOCAL else "db"

    @property
    def folders(self) -> dict[str, str]:
        """STATIC_ROOT and MEDIA_ROOT, if they are not on the image's own volume."""
        return {
            name: folder
            for name, folder in self.settings.folders.items()
            if folder != ROOT and not folder.startswith("/data")
        }

    def folders_of_code(self) -> list[str]:
        """Those of the folders that are in the repository's folder, but have no file of git."""
        relative = [
            posixpath.relpath(folder, ROOT)
            for folder in self.folders.values()
            if folder.startswith(f"{ROOT}/")
        ]
        return [each for each in relative if not any(p.startswith(f"{each}/") for p in self.texts)]


# --- Dockerfile and Compose -------------------------------------------------------------


def database(adoption: Adoption) -> dict[str, str]:
    """The variables through which the API reaches the database server."""
    connection = adoption.connection
    server = adoption.server
    if connection.url:
        scheme = "postgis" if adoption.settings.is_spatial else "postgres"
        login = "${POSTGRES_USER}:${POSTGRES_PASSWORD}"
        # The server of the Compose file has no certificate, and no other host reaches it.
        options = "?sslmode=disable" if adoption.settings.asks_for_tls else ""
        return {connection.url: f"{scheme}://{login}@{server}:5432/${{POSTGRES_DB}}{options}"}
    engine = "django.contrib.gis.db.backends.postgis"
    if not adoption.settings.is_spatial:
        engine = "django.db.backends.postgresql"
    values = {
        "ENGINE": engine,
        "NAME": "${POSTGRES_DB}",
        "USER": "${POSTGRES_USER}",
        "PASSWORD": "${POSTGRES_PASSWORD}",
        "HOST": server,
        "PORT": "5432",
    }
    pairs = {variable: values[part] for part, variable in connection.variables.items()}
    return {name: value for name, value in pairs.items() if name not in POSTGRES}


def postgres(adoption: Adoption) -> Postgres:
    """The names and the password that the settings fix, or new ones."""
    fixed = adoption.connection.fixed
    name = adoption.project.settings.partition(".")[0].lower()
    return Postgres(
        _quoted(fixed.get("NAME") or name),
        _quoted(fixed.get("USER") or name),
        _quoted(fixed.get("PASSWORD") or secrets.token_hex(16)),
    )


def _quoted(value: str) -> str:
    """A value as Compose reads it from .env, where a $ begins the name of a variable."""
    if re.fullmatch(r"[\w.@%/:+-]*", value):
        return value
    return "'" + value.replace("'", "\\'") + "'"


def debian_packages(texts: Mapping[str, str], packages: Installation) -> list[str]:
    """The Debian packages that the project's Dockerfiles install, and that the image lacks."""
    names: list[str] = ["git"] if packages.is_from_git else []
    for path, text in texts.items():
        if containers.is_dockerfile(path, text):
            for each in containers.instructions(text):
                names += containers.debian_packages(each.rest)[0]
        elif path == "Aptfile":
            lines = " ".join(line for line in text.splitlines() if not line.startswith("#"))
            names += containers.debian_packages(f"apt install {lines}")[0]
    return sorted(set(names))


# --- .env -------------------------------------------------------------------------------


def lines(adoption: Adoption) -> list[Line]:
    """The lines of .env, apart from those of the database server."""
    variables = adoption.settings.variables
    of_database = set(database(adoption)) | POSTGRES | set(adoption.connection.variables.values())
    others = {
        name: variable
        for name, variable in variables.items()
        if name not in of_database | NOT_IN_ENV | {VARIABLE} and re.fullmatch(r"\w+", name)
    }
    listed = list(_secret_keys(others))
    listed += _superuser(adoption)
    listed.append(Line("DEBUG", "true", "Never use debug mode on a server.", is_off=True))
    known = {line.name for line in listed}
    for name in [*others, "ALLOWED_HOSTS"]:
        if name in known:
            continue
        known.add(name)
        listed.append(_line(adoption, name, others.get(name)))
    return sorted(listed, key=lambda line: line.is_off)


def _secret_keys(variables: Mapping[str, Variable]) -> Iterator[Line]:
    names = [name for name, variable in variables.items() if variable.setting == "SECRET_KEY"]
    for name in names or ["DJANGO_SECRET_KEY"]:
        yield Line(name, secrets.token_hex(32), "Signs logins.", is_secret=True)


def _superuser(adoption: Adoption) -> Iterator[Line]:
    """The admin's account. A user model of the project's own can need other fields."""
    if "django.contrib.admin" not in adoption.settings.texts:
        return
    is_off = adoption.settings.has_own_users
    comment = "Created at the first start. Log in at http://localhost:8000/admin/"
    yield Line("DJANGO_SUPERUSER_USERNAME", "admin", comment, is_off=is_off)
    yield Line("DJANGO_SUPERUSER_PASSWORD", secrets.token_hex(8), is_off=is_off, is_secret=True)


def _line(adoption: Adoption, name: str, variable: Variable | None) -> Line:
    if variable is None:
        return Line(name, "api.example.org", "For a server: its host names.", is_off=True)
    copies = of_team.copies(adoption.texts, adoption.settings.variables)
    value = of_team.known_value(adoption.texts, copies, name, is_required=variable.is_required)
    if value and variable.setting != "ALLOWED_HOSTS":
        return Line(name, value)
    if not variable.is_required:
        return Line(name, is_off=True)
    if variable.setting == "ALLOWED_HOSTS":
        return Line(name, "localhost", "The host names of the API.")
    return Line(name, "", f"{variable.path}, line {variable.line}, needs it.")


# --- All files --------------------------------------------------------------------------


def files(adoption: Adoption) -> dict[str, str]:
    """The text of every file, by path, whether or not it exists."""
    folders = adoption.folders
    in_code = adoption.folders_of_code()
    listed = lines(adoption)
    server = postgres(adoption)
    private = Postgres(server.name, server.user, "")
    hidden = [Line(e.name, "" if e.is_secret else e.value, e.comment, e.is_off) for e in listed]
    project = adoption.project
    is_named = project.settings != project.managed
    compose = next((name for name in COMPOSE if name in adoption.texts), COMPOSE[-1])
    copies = of_team.copies(adoption.texts, adoption.settings.variables)
    ending = "/media/" if "MEDIA_ROOT" in folders else ""
    context: dict[str, object] = {
        "image": adoption.image,
        "root": ROOT,
        "folder": project.folder,
        "packages": adoption.packages,
        "debian": debian_packages(adoption.texts, adoption.packages),
        "kept": stages.kept(adoption.texts, adoption.paths, ROOT),
        "environment": [
            *([(VARIABLE, project.settings)] if is_named else []),
            *_of_python_images(adoption.texts),
        ],
        "command": processes.server(
            adoption.texts, project.folder, adoption.settings.asgi, adoption.requirements
        ),
        "has_procfile": "Procfile" in adoption.texts,
        "database": database(adoption),
        "server": adoption.server,
        "volumes": [("media", folders["MEDIA_ROOT"])] if ending else [],
        "workers": list(processes.workers(adoption.texts)),
        "copies": copies,
        "more_volumes": sorted({volume for each in copies for volume in each.volumes}),
        "secrets": [
            *(each.name for each in hidden if not each.value and not each.is_off),
            "POSTGRES_PASSWORD",
        ],
    }

    def rendered(name: str, **more: object) -> str:
        return render_file(TEMPLATES / f"{name}-tpl", {**context, **more})

    shown = [
        shlex.quote(posixpath.relpath(folder, ROOT) if folder.startswith(f"{ROOT}/") else folder)
        for folder in dict.fromkeys([*folders.values(), *stages.folders(adoption.texts, ROOT)])
    ]
    ignored = rendered(".gitignore", folders=in_code)
    made = {
        "Dockerfile": rendered("Dockerfile", folders=shown),
        ".dockerignore": rendered(".dockerignore", folders=in_code),
        compose: rendered("docker-compose.yml"),
        ".env": rendered(".env", variables=listed, postgres=server, example=False),
        ".env.example": rendered(".env", variables=hidden, postgres=private, example=True),
        ".gitignore": ".env\n" if ".gitignore" in adoption.texts else ignored,
    }
    if not any(containers.is_ci(path) for path in adoption.texts):
        path = ".github/workflows/test.yml"
        made[path] = rendered(path)
    return made


def _of_python_images(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """A variable of the images named python, if the project's code needs it."""
    name = "PYTHON_VERSION"
    if any(f'environ["{name}"]' in text.replace("'", '"') for text in texts.values()):
        yield name, ".".join(map(str, sys.version_info[:2]))


def list_findings(adoption: Adoption, made: Mapping[str, str]) -> Iterator[Finding]:
    """What the files that exist already lack. ``made`` are those that adopt writes."""
    texts = {**adoption.texts, **made}
    yield from _chosen_settings(adoption)
    yield from _hidden_package(adoption)
    yield from _without_value(adoption)
    if ".env" in adoption.texts:
        needed = {line.name: line.value for line in lines(adoption) if not line.is_off}
        needed |= dict.fromkeys(POSTGRES, "")
        given = set(re.findall(r"^\s*(?:export\s+)?(\w+)\s*=", texts.get(".env", ""), re.MULTILINE))
        if missing := sorted(needed.keys() - given):
            problem = f"It has no {', '.join(missing)}."
            yield Finding(PROBLEM, ".env", problem, "Add them with values of your own.", 1)
    if ".gitignore" in texts and not re.search(
        r"^/?(\*\*/)?(\.env|\.env\*|\*\.env)\s*$", texts[".gitignore"], re.MULTILINE
    ):
        problem = "git does not ignore .env, which contains passwords."
        yield Finding(PROBLEM, ".gitignore", problem, "Add the line .env", 1)
    if ".dockerignore" in texts:
        lines_of = (
            line.strip().removeprefix("**/") for line in texts[".dockerignore"].splitlines()
        )
        ignored = {line.strip("/") for line in lines_of}
        if missing := [name for name in (".env", ".git") if not ignored & {name, "*", f"{name}*"}]:
            problem = f"Docker copies {' and '.join(missing)} into the image."
            fix = f"Add {' and '.join(missing)}, each on its own line."
            yield Finding(PROBLEM, ".dockerignore", problem, fix, 1)


def _without_value(adoption: Adoption) -> Iterator[Finding]:
    """One finding for all variables of .env that only a person knows."""
    set_before = re.findall(r"^(\w+)=.", adoption.texts.get(".env", ""), re.MULTILINE)
    listed = [(line, adoption.settings.variables.get(line.name)) for line in lines(adoption)]
    places = [
        (line.name, variable)
        for line, variable in listed
        if variable and not line.value and not line.is_off and line.name not in set_before
    ]
    if places:
        problem = "The API does not start without these variables: " + ", ".join(
            f"{name} ({variable.path}, line {variable.line})" for name, variable in places
        )
        fix = "Set them in .env, which has a line for each."
        yield Finding(PROBLEM, ".env", f"{problem}.", fix, 1)


def _hidden_package(adoption: Adoption) -> Iterator[Finding]:
    path = posixpath.join(adoption.project.folder, "backend/__init__.py")
    if path in adoption.texts:
        yield Finding(
            PROBLEM,
            path,
            "The package of the image is called backend too, and hides this one.",
            "Rename the folder, and its name in imports and settings.",
            1,
        )


def _chosen_settings(adoption: Adoption) -> Iterator[Finding]:
    project = adoption.project
    if project.managed == project.settings:
        return
    named = f"manage.py names {project.managed}" if project.managed else "Nothing names settings"
    yield Finding(
        WARNING,
        project.manage,
        f"{named}. The Dockerfile sets {VARIABLE}={project.settings}, for the server.",
        f"To use others, change {VARIABLE} in the Dockerfile.",
        1,
    )
