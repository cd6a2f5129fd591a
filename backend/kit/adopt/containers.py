"""What a project did in containers until now: Dockerfiles, Compose files, scripts, and Procfile."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import yaml

from backend.conf.findings import PROBLEM, WARNING, Finding
from backend.kit.upgrade.rules.containers import mapping_value, scalars

# Debian packages that the image has, or that nothing needs on it.
NOT_NEEDED = re.compile(
    r"(lib)?(gdal|geos|proj|spatialite|sqlite3|pq|jpeg|png|freetype|zlib|z|ffi|ssl|xml2|xslt)"
    r"[\w.+-]*|zlib1g[\w-]*|gdal-bin|binutils|proj-(bin|data)|postgresql[\w.-]*|python3?[\w.-]*"
    r"|build-essential|gcc|g\+\+|make|musl-dev|linux-headers|netcat[\w-]*|curl|wget|ca-certificates"
    r"|[\w.+-]+-(dev|src|doc|dbg)|uwsgi[\w-]*|libpcre[\w-]*|git|vim|nano|procps|locales"
    r"|postgis|tar|dialog|net-tools|apt-utils|unzip|sudo|lsb-release|apt-transport-https"
    r"|mime-support|software-properties-common|gnupg2?|dos2unix|tini|dumb-init|supervisor|nginx|gosu|su-exec"
)
# Debian packages with another name in the image's version of Debian.
RENAMED = {
    "libgdk-pixbuf2.0-0": "libgdk-pixbuf-2.0-0",
    "libgl1-mesa-glx": "libgl1",
    "libpango1.0-0": "libpango-1.0-0",
    "libtiff5": "libtiff6",
    "libwebp6": "libwebp7",
    "ttf-dejavu": "fonts-dejavu",
}
# In the path of a file that is not for servers.
FOR_DEVELOPERS = re.compile(r"(^|[/._-])(dev\w*|local|tests?|ci|debug|examples?)([/._-]|$)")
APT = re.compile(r"\bapt(-get)?\s+(-\S+\s+)*install\s+(?P<words>[^&|;]*)")
APK = re.compile(r"\bapk\s+add\s+(?P<words>[^&|;]*)")
OPTION_WITH_VALUE = {"-t", "--target-release", "-o", "--option", "--virtual"}
WAITS = re.compile(
    r"/dev/tcp/|\bnc\s+-\w*z|\bwait[-_]for([-_]it)?(\.sh)?\b|\bdockerize\s+-wait|\bpg_isready\b"
    r"|until\s+(psql|nc|python)\b"
)
BUILDS = re.compile(r"\b(npm|yarn|pnpm|npx|bower|gulp|webpack|tailwind\w*|compilemessages)\b")
# Commands of manage.py that the image runs, that only wait, or that are for developers.
OF_THE_IMAGE = re.compile(
    r"migrate\w*|collectstatic|createsuperuser|runserver\w*|wait_\w+|makemigrations|flush|check"
    r"|shell\w*|test|dbshell"
)
WAITING = "The image waits for the databases, for DB_WAIT_TIMEOUT seconds (default: 60)."
STEPS = {
    r"manage\.py[\"',\s]+makemigrations": (
        "At startup, makemigrations writes code inside the container, where nobody commits it.",
        "Run makemigrations on your own machine, commit the migrations, and delete this.",
    ),
    r"manage\.py[\"',\s]+flush": (
        "flush deletes all rows of the database at each start.",
        "Delete it.",
    ),
    r"manage\.py[\"',\s]+migrate\b": (
        "The image migrates each database once when it starts, however many containers start.",
        "Delete it. To migrate in a release step, set MIGRATE=no, and run manage.py "
        "migrate_databases there.",
    ),
    r"manage\.py[\"',\s]+collectstatic": (
        "The image collects static files when it starts, if they have changed.",
        "Delete it.",
    ),
    r"manage\.py[\"',\s]+createsuperuser": (
        "The image creates the superuser that DJANGO_SUPERUSER_USERNAME and _PASSWORD name.",
        "Delete it, and set the two variables.",
    ),
}
POSTGRES = re.compile(r"(?:[\w.-]+/)*postgres(?::|$)")
POSTGIS = "postgis/postgis:17-3.5"
ENTRYPOINT = (
    "This replaces the image's entry point, which waits for the databases, migrates, collects "
    "static files, drops root privileges, and starts the server."
)
FROM = "FROM hackoregoncivic/backend-docker-django"


def list_findings(path: str, text: str, *, is_spatial: bool) -> Iterator[Finding]:
    """What to change in a file, by its line."""
    name = PurePosixPath(path).name.lower()
    if is_dockerfile(path, text):
        yield from _dockerfile(path, text)
    elif name == "procfile":
        yield from _procfile(path, text)
    elif name.endswith((".yml", ".yaml")):
        yield from _compose(path, text, is_spatial=is_spatial)
        if is_ci(path):
            yield from _ci(path, text)
    elif is_script(path, text):
        yield from _script(path, text)


def is_script(path: str, text: str) -> bool:
    """Whether a file is a shell script."""
    return path.endswith(".sh") or bool(re.match(r"#! ?/(usr/)?bin/(env )?(ba)?sh", text))


def is_ci(path: str) -> bool:
    """Whether a file is the configuration of a continuous integration service."""
    return path.startswith((".github/workflows/", ".circleci/")) or path in CI_FILES


CI_FILES = {
    *(".travis.yml", ".gitlab-ci.yml", "azure-pipelines.yml", "bitbucket-pipelines.yml"),
    *("Jenkinsfile", ".drone.yml", "appveyor.yml", ".woodpecker.yml"),
}


# --- Dockerfiles ------------------------------------------------------------------------


@dataclass(frozen=True)
class Instruction:
    """An instruction of a Dockerfile on one line, although it can have several."""

    word: str
    rest: str
    line: int


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile, without comments."""
    parts: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("#") or not (stripped or parts):
            continue
        first = first if parts else number
        parts.append(stripped.removesuffix("\\").strip())
        if not stripped.endswith("\\"):
            word, _, rest = " ".join(parts).partition(" ")
            yield Instruction(word.upper(), rest.strip(), first)
            parts = []


def is_dockerfile(path: str, text: str) -> bool:
    """Whether a file is a Dockerfile that runs Python, and not a proxy or a database."""
    name = PurePosixPath(path).name.lower()
    return (
        "dockerfile" in name
        and not name.endswith((".py", ".dockerignore"))
        and any(
            each.word == "FROM" and re.search(r"\bpython\b|django", each.rest)
            for each in instructions(text)
        )
    )


def _dockerfile(path: str, text: str) -> Iterator[Finding]:
    for each in instructions(text):
        match each.word:
            case "FROM" if re.match(r"(--platform\S+\s+)?(\S+/)?python\b", each.rest):
                problem = "This is Python's own image."
                yield Finding(PROBLEM, path, problem, f"Write {FROM}.", each.line)
            case "RUN":
                yield from _run(path, each)
            case "USER":
                yield Finding(
                    PROBLEM,
                    path,
                    "The image drops root privileges itself, and gives the application's user, "
                    "1001, the folders that it writes to.",
                    "Delete the line.",
                    each.line,
                )
            case "ENTRYPOINT" if not re.search(r"/(code|opt/backend)/bin/docker-entry", each.rest):
                fix = "Delete the line, the script, and the COPY of the script."
                yield Finding(PROBLEM, path, ENTRYPOINT, fix, each.line)
            case "CMD":
                yield from _steps(path, each.rest, each.line)


def _run(path: str, run: Instruction) -> Iterator[Finding]:
    needed, unneeded = debian_packages(run.rest)
    if unneeded:
        fix = "Delete them." if not needed else f"Keep only {' '.join(needed)}."
        yield Finding(
            PROBLEM,
            path,
            f"The image has these, or nothing needs them on it: {' '.join(unneeded)}.",
            fix,
            run.line,
        )
    if match := APK.search(run.rest):
        yield Finding(
            PROBLEM,
            path,
            f"The image is Debian, not Alpine: apk add {match['words'].strip()}",
            "Delete it: the image has PostgreSQL's client and GDAL. For anything else, use "
            "apt-get install.",
            run.line,
        )
    if re.search(r"\bpip3? install (-\S+ )*(--upgrade|-U) pip\b", run.rest):
        yield Finding(WARNING, path, "The image has a current pip.", "Delete it.", run.line)
    if re.search(r"\b(adduser|addgroup|useradd|groupadd|chown)\b", run.rest):
        yield Finding(
            PROBLEM,
            path,
            "The image has a user for the application: 1001, with the group 0.",
            "Delete what creates a user. Write install --directory --owner=1001 --group=0 FOLDER "
            "for a folder to which the application writes.",
            run.line,
        )
    yield from _steps(path, run.rest, run.line)


def debian_packages(command: str) -> tuple[list[str], list[str]]:
    """The packages that a command installs with apt: those to keep, and those to leave out."""
    names: list[str] = []
    for match in APT.finditer(command):
        words = iter(match["words"].split())
        for word in words:
            if word in OPTION_WITH_VALUE:
                next(words, None)
            elif re.fullmatch(r"[a-z0-9][a-z0-9.+-]*(=\S+)?", word):
                names.append(word.partition("=")[0])
    needed = [RENAMED.get(name, name) for name in names if not NOT_NEEDED.fullmatch(name)]
    return needed, [name for name in names if NOT_NEEDED.fullmatch(name)]


def requirements_files(text: str) -> list[str]:
    """The requirements files that a Dockerfile installs, as it names them."""
    return [
        path
        for each in instructions(text)
        if each.word == "RUN"
        for path in re.findall(r"\bpip3? install [^&|;]*?(?:-r|--requirement)[ =](\S+)", each.rest)
    ]


def build_steps(text: str) -> list[Instruction]:
    """The steps of a Dockerfile that build files of the project, such as its style sheets."""
    return [each for each in instructions(text) if each.word == "RUN" and BUILDS.search(each.rest)]


def own_commands(path: str, text: str) -> Iterator[Finding]:
    """The commands of the project's own that a script runs, and that the image does not."""
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r"[^#]*\bmanage\.py\s+(?P<name>\w+)", line)
        if match and not OF_THE_IMAGE.fullmatch(match["name"]):
            command = f"python manage.py {match['name']}"
            yield Finding(
                WARNING,
                path,
                f"This script runs {command}, and the new containers do not.",
                f"If the project needs it: docker compose exec api {command}",
                number,
            )


# --- Scripts and commands ---------------------------------------------------------------


def _script(path: str, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.lstrip().startswith(("#", "echo ", "printf ")):
            yield from _steps(path, line, number)


def _steps(path: str, command: str, line: int) -> Iterator[Finding]:
    for pattern, (problem, fix) in STEPS.items():
        if re.search(pattern, command):
            yield Finding(PROBLEM, path, problem, fix, line)
    if WAITS.search(command) or re.search(r"manage\.py[\"',\s]+wait_for_(db|database)", command):
        yield Finding(PROBLEM, path, WAITING, "Delete the loop or the command.", line)


# --- Compose ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Service:
    """A service of a Compose file, with the line where it begins."""

    name: str
    node: yaml.Node
    line: int

    def text(self, key: str) -> str:
        """The value of a key, as one text, or empty without it."""
        return " ".join(scalars(node)) if (node := mapping_value(self.node, key)) else ""

    @property
    def is_built(self) -> bool:
        """Whether it is built from a Dockerfile."""
        return mapping_value(self.node, "build") is not None

    def line_of(self, key: str) -> int:
        """The line of a key's value."""
        node = mapping_value(self.node, key)
        return node.start_mark.line + 1 if node else self.line


def services(text: str) -> list[Service]:
    """The services of a Compose file, or none if it is not one."""
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return []
    node = mapping_value(document, "services")
    if not isinstance(node, yaml.MappingNode):
        return []
    return [Service(key.value, value, key.start_mark.line + 1) for key, value in node.value]


def compose_files(texts: Mapping[str, str]) -> list[str]:
    """The Compose files, the most likely one for servers first.

    Those for developers are left out, if there are others.
    """
    found = [
        path
        for path, text in texts.items()
        if path.endswith((".yml", ".yaml")) and not is_ci(path) and services(text)
    ]
    found = [path for path in found if not FOR_DEVELOPERS.search(path)] or found
    return sorted(found, key=lambda path: (path.count("/"), "prod" not in path, path))


def is_database(service: Service) -> bool:
    """Whether a service is a PostgreSQL server."""
    return bool(re.search(r"postgres|postgis", service.text("image")))


def _compose(path: str, text: str, *, is_spatial: bool) -> Iterator[Finding]:
    for service in services(text):
        for key in ("command", "entrypoint"):
            yield from _steps(path, service.text(key), service.line_of(key))
        if re.search(r"entrypoint\S*\.sh\b", service.text("entrypoint")):
            line = service.line_of("entrypoint")
            yield Finding(PROBLEM, path, ENTRYPOINT, "Delete entrypoint.", line)
        image = service.text("image")
        if is_spatial and POSTGRES.match(image):
            yield Finding(
                PROBLEM,
                path,
                f"Your models use GeoDjango, but {image} does not include PostGIS.",
                f"Write image: {POSTGIS}.",
                service.line_of("image"),
            )
        old = re.search(r"(?:postgres|postgis\S*):(\d+)", image)
        if old and int(old[1]) < OLDEST:
            yield Finding(
                PROBLEM,
                path,
                f"The PostgreSQL in {image} is too old: Django 5.2 needs {OLDEST} or later.",
                "Dump the data with it (pg_dump --format=custom), then restore it in "
                f"{POSTGIS} (pg_restore).",
                service.line_of("image"),
            )
        yield from _volumes(path, service)


OLDEST = 14  # of PostgreSQL: https://docs.djangoproject.com/en/5.2/ref/databases/


def _volumes(path: str, service: Service) -> Iterator[Finding]:
    node = mapping_value(service.node, "volumes")
    for item in node.value if isinstance(node, yaml.SequenceNode) else []:
        if isinstance(item, yaml.ScalarNode) and re.fullmatch(r"\.[^:]*", item.value):
            yield Finding(
                PROBLEM,
                path,
                f"The volume {item.value} names no folder in the container.",
                f"Write {item.value}:/app, or delete the line.",
                item.start_mark.line + 1,
            )


# --- Heroku and CI ----------------------------------------------------------------------


def processes(text: str) -> Iterator[tuple[str, str, int]]:
    """The name, the command, and the line of each process in a Procfile."""
    for number, line in enumerate(text.splitlines(), 1):
        if match := re.match(r"\s*([\w-]+):\s*(\S.*)", line):
            yield match[1], match[2].strip(), number


def _procfile(path: str, text: str) -> Iterator[Finding]:
    for name, command, line in processes(text):
        if name == "release" and re.search(r"manage\.py\s+migrate\b", command):
            yield Finding(
                WARNING,
                path,
                "The image migrates when it starts, so this release step finds nothing to do.",
                "Delete the line. To migrate only in this step, keep it, and set MIGRATE=no.",
                line,
            )
        elif name == "web" and re.search(r"\brunserver\b", command):
            yield Finding(
                PROBLEM,
                path,
                "runserver is Django's server for development.",
                "Delete the line: the image serves the project with gunicorn.",
                line,
            )


def command_of(command: str) -> list[str] | None:
    """The words of a process's command, or None if it needs a shell."""
    if re.search(r"[$&|;<>`]", command):
        return None
    try:
        return shlex.split(command)
    except ValueError:
        return None


def _ci(path: str, text: str) -> Iterator[Finding]:
    old = re.compile(r"\bdocker-compose\s+(run|up|build|exec|down|pull|-f)\b")
    found = [number for number, line in enumerate(text.splitlines(), 1) if old.search(line)]
    if found:
        more = f" Lines {', '.join(map(str, found))} have it." if len(found) > 1 else ""
        yield Finding(
            PROBLEM,
            path,
            f"docker-compose is the first version of Compose, which is no longer maintained.{more}",
            "Write docker compose, with a space. If you renamed the service, write api.",
            found[0],
        )
