"""What a project's settings need from the container, and the lines that a person must decide."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from backend.conf.findings import PROBLEM, WARNING, Finding
from backend.kit.adopt.databases import Connection, connections
from backend.kit.adopt.values import Names
from backend.kit.adopt.variables import Read, Reader
from backend.kit.upgrade import project as django_projects
from backend.kit.upgrade.project import DjangoProject
from backend.kit.upgrade.rules import rewrites
from backend.kit.upgrade.rules.settings_by_hand import is_true_or_false
from backend.kit.upgrade.source import Assignment, Source, assignments, constant, of_module

ROOT = "/app"  # where the Dockerfile copies the repository
FOLDERS = ("STATIC_ROOT", "MEDIA_ROOT")
FROM_URL = (
    'import environ, and write DATABASES = {"default": environ.Env().db("DATABASE_URL")}. The '
    "image has django-environ. A new Compose file of adopt sets the variable, to "
    "postgis://USER:PASSWORD@db:5432/NAME."
)
HEROKU = {"django_heroku.settings", "django_on_heroku.settings"}
FILE_HANDLERS = {
    "logging.FileHandler",
    *(f"logging.handlers.{name}FileHandler" for name in ("Rotating", "TimedRotating", "Watched")),
}


@dataclass(frozen=True)
class Variable:
    """A variable of .env. ``setting`` is the setting that needs it, if it is only one."""

    name: str
    setting: str
    is_required: bool
    path: str
    line: int


@dataclass
class Settings:
    """The settings that the server uses: a file, or several that import each other."""

    files: list[str]
    variables: dict[str, Variable] = field(default_factory=dict)
    connections: list[Connection] = field(default_factory=list)
    folders: dict[str, str] = field(default_factory=dict)  # absolute, in the container
    findings: list[Finding] = field(default_factory=list)
    texts: set[str] = field(default_factory=set)  # all texts in them, such as names of apps
    is_spatial: bool = False
    asks_for_tls: bool = False  # of the database, unless its URL says otherwise
    has_own_users: bool = False
    asgi: str = ""  # ASGI_APPLICATION, if the project has channels

    @property
    def connection(self) -> Connection | None:
        """The connection in effect. A URL, if the settings read one, replaces the others."""
        by_url = [each for each in self.connections if each.url]
        return next(iter([*by_url[::-1], *self.connections[::-1]]), None)


def read(sources: Mapping[str, Source], project: DjangoProject) -> Settings:
    """Read the settings of the project."""
    files = django_projects.settings_files(sources, project)
    reader = Reader(sources[path] for path in files)
    names = Names(ROOT)
    settings = Settings(files, is_spatial=_is_spatial(sources))
    # What has its value for certain, because no condition is around it.
    last: dict[str, tuple[Source, Assignment]] = {}
    for path in files:
        source = sources[path]
        names.read(source)
        settings.connections += connections(reader, source)
        _add_variables(settings, reader, source)
        settings.findings += _heroku(source)
        settings.texts |= {
            value for node in ast.walk(source.tree) if isinstance(value := constant(node), str)
        }
        for name, assignment in assignments(of_module(source.tree.body)):
            if assignment.statement in source.tree.body:
                last[name] = (source, assignment)
            else:
                last.pop(name, None)
    settings.has_own_users = "AUTH_USER_MODEL" in names.values
    settings.asks_for_tls = "sslmode" in settings.texts
    if "channels" in settings.texts:
        settings.asgi = names.path("ASGI_APPLICATION") or ""
    for name in FOLDERS:
        if folder := names.path(name):
            settings.folders[name] = posixpath.join(ROOT, project.folder, folder)
    of_lines = [
        *_secret_key(last, reader),
        *_debug(last, reader),
        *_hosts(last),
        *_database(settings),
    ]
    settings.findings += _in_one_edit(of_lines, [sources[path] for path in files])
    settings.findings += _logging(last)
    return settings


def _is_spatial(sources: Mapping[str, Source]) -> bool:
    return any(
        name.startswith("django.contrib.gis.db") or text == "django.contrib.gis"
        for source in sources.values()
        for name, text in [
            *((each, "") for each in source.origins.values()),
            *(("", str(constant(node))) for node in ast.walk(source.tree)),
        ]
    )


def _add_variables(settings: Settings, reader: Reader, source: Source) -> None:
    for statement in of_module(source.tree.body):
        # Of a compound statement, only its header: its body follows.
        parts: list[ast.AST] = [statement]
        if hasattr(statement, "body"):
            parts = [
                child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.expr)
            ]
        setting = next((name for name, _ in assignments([statement])), "")
        for read in (read for part in parts for read in reader.reads(source, part)):
            known = settings.variables.get(read.name)
            is_required = read.is_required and statement in source.tree.body
            if known is None or (is_required and not known.is_required):
                settings.variables[read.name] = Variable(
                    read.name, setting, is_required, source.path, read.node.lineno
                )


# --- The lines that a person must decide ------------------------------------------------


# What adopt suggests for a setting, as a whole line.
SUGGESTED = {
    "SECRET_KEY": 'SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]',
    "DEBUG": 'DEBUG = os.environ.get("DEBUG", "").lower() in ("true", "1")',
    "ALLOWED_HOSTS": 'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")',
    "DATABASES": 'DATABASES = {"default": environ.Env().db("DATABASE_URL")}',
}


def _in_one_edit(findings: list[Finding], sources: list[Source]) -> list[Finding]:
    """The findings, but one for all settings that new lines at the end of the last file correct.

    These are the settings that no other setting uses.
    """
    source = sources[-1]
    names = {each: _suggested(each) for each in findings}
    appended = [each for each in findings if names[each] and not _is_used(sources, names[each])]
    if len({names[each] for each in appended}) < 2:
        return findings
    new = list(dict.fromkeys(SUGGESTED[names[each]] for each in appended))
    modules = [name for name in ("os", "environ") if any(f"{name}." in line for line in new)]
    imports = [f"import {name}" for name in modules if source.origins.get(name) != name]
    places = [
        f"{'Line' if each.subject == source.path else f'{each.subject}, line'} {each.line}: "
        f"{each.message}"
        for each in appended
    ]
    end = len(source.text.splitlines())
    finding = Finding(
        PROBLEM,
        source.path,
        f"Some settings are not for a server. {' '.join(places)}",
        "Append these lines. The files of adopt set their variables:",
        end,
        (*imports, *new),
    )
    return [finding, *(each for each in findings if each not in appended)]


def _suggested(finding: Finding) -> str:
    """The setting whose suggested line a finding contains, or empty for another finding."""
    lines = (name for name, line in SUGGESTED.items() if line in finding.fix)
    return next(lines, "") if finding.level == PROBLEM else ""


def _is_used(sources: list[Source], name: str) -> bool:
    """Whether the settings use the value of a setting, so that a new value at the end is too late.

    DATABASES at the end replaces what they change in it.
    """
    return name != "DATABASES" and any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        for source in sources
        for node in ast.walk(source.tree)
    )


def _secret_key(last: Mapping[str, tuple[Source, Assignment]], reader: Reader) -> Iterator[Finding]:
    if "SECRET_KEY" not in last:
        return
    source, assignment = last["SECRET_KEY"]
    fix = f"{_with_os(source)}rite {SUGGESTED['SECRET_KEY']}. Set it in .env."
    if isinstance(constant(assignment.value), str):
        level = PROBLEM
        problem = "SECRET_KEY is in the code: whoever can read the code can forge logins."
    elif not any(reader.reads(source, assignment.value)):
        level, fix = WARNING, f"If it is not set in the container: {fix}"
        problem = "adopt cannot tell where this SECRET_KEY comes from."
    else:
        return
    yield Finding(level, source.path, problem, fix, assignment.lineno)


def _debug(last: Mapping[str, tuple[Source, Assignment]], reader: Reader) -> Iterator[Finding]:
    if "DEBUG" not in last:
        return
    source, assignment = last["DEBUG"]
    reads = [read for read in reader.reads(source, assignment.value) if read.is_plain]
    if constant(assignment.value) is True:
        problem = "DEBUG is always on, so errors show your settings and code to every visitor."
    elif (
        reads
        and not is_true_or_false(assignment.value)
        and _fails(source, assignment, reads)
        and not rewrites.debug(source)  # `upgrade` corrects it
    ):
        problem = f"This line treats {reads[0].name}=false as true, or fails."
    else:
        return
    yield Finding(
        PROBLEM,
        source.path,
        problem,
        f"{_with_os(source)}rite {SUGGESTED['DEBUG']}.",
        assignment.lineno,
    )


def _fails(source: Source, assignment: Assignment, reads: list[Read]) -> bool:
    """Whether a line uses the text of a variable as it is, or in bool() or int()."""
    value = assignment.value
    while isinstance(value, ast.Call) and source.dotted(value.func) in ("bool", "int"):
        value = value.args[0] if value.args else ast.Constant(None)
    return any(value is read.node for read in reads)


def _hosts(last: Mapping[str, tuple[Source, Assignment]]) -> Iterator[Finding]:
    if "ALLOWED_HOSTS" in last:
        source, assignment = last["ALLOWED_HOSTS"]
        if isinstance(assignment.value, (ast.List, ast.Tuple)) and not assignment.value.elts:
            yield Finding(
                PROBLEM,
                source.path,
                "ALLOWED_HOSTS is empty, so Django refuses every request when DEBUG is off.",
                f"{_with_os(source)}rite {SUGGESTED['ALLOWED_HOSTS']}.",
                assignment.lineno,
            )


def _with_os(source: Source) -> str:
    """The beginning of an advice that needs the module os."""
    return "W" if source.origins.get("os") == "os" else "Import os, and w"


def _logging(last: Mapping[str, tuple[Source, Assignment]]) -> Iterator[Finding]:
    if "LOGGING" not in last:
        return
    source, assignment = last["LOGGING"]
    for node in ast.walk(assignment.value):
        if isinstance(node, ast.Constant) and node.value in FILE_HANDLERS:
            yield Finding(
                PROBLEM,
                source.path,
                f"{node.value} writes into the container, where the application's user may not "
                "write, and nobody reads the file.",
                'Use "logging.StreamHandler", and delete the handler\'s filename: `docker logs` '
                "shows the log.",
                node.lineno,
            )
    yield Finding(
        WARNING,
        source.path,
        "LOG_LEVEL and LOG_FORMAT have no effect on a LOGGING of your own.",
        "Keep it, or use the image's: from backend.hacko_settings import LOGGING.",
        assignment.lineno,
    )


def _database(settings: Settings) -> Iterator[Finding]:
    connection = settings.connection
    if connection is None:
        return
    for each in settings.connections:
        # A condition such as `if "DYNO" in os.environ` can choose SQLite although a URL is set.
        if connection.url and connection.is_conditional and each.is_sqlite:
            yield Finding(
                PROBLEM,
                each.path,
                f"DATABASES is SQLite here, even if {connection.url} is set.",
                f"Delete the condition and this value: {FROM_URL}",
                each.line,
            )
    engine = connection.fixed.get("ENGINE", "")
    if not connection.url and connection.is_sqlite:
        problem = "DATABASES is SQLite, a file that is lost with its container."
        yield Finding(PROBLEM, connection.path, problem, _sentence(FROM_URL), connection.line)
    elif connection.is_local:
        host = connection.fixed.get("HOST", "") or "this machine"
        problem = f"DATABASES is on {host}, which in a container is the container itself."
        yield Finding(PROBLEM, connection.path, problem, _sentence(FROM_URL), connection.line)
    elif "HOST" in connection.unknown:
        problem = "adopt cannot tell where this HOST of DATABASES comes from."
        fix = f"Let it come from the Compose file: {FROM_URL}"
        yield Finding(PROBLEM, connection.path, problem, fix, connection.line)
    elif any(name in engine for name in ("mysql", "oracle")):
        problem = f"The image has no driver for {engine}."
        fix = "Move to PostgreSQL, or install the driver in the Dockerfile."
        yield Finding(PROBLEM, connection.path, problem, fix, connection.line)
    elif settings.is_spatial and engine == "django.db.backends.postgresql":
        problem = "GeoDjango's fields need PostGIS, but ENGINE is plain PostgreSQL."
        fix = 'Write "ENGINE": "django.contrib.gis.db.backends.postgis".'
        yield Finding(PROBLEM, connection.path, problem, fix, connection.line)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _heroku(source: Source) -> Iterator[Finding]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and source.dotted(node.func) in HEROKU:
            yield Finding(
                PROBLEM,
                source.path,
                f"{source.dotted(node.func)}() replaces DATABASES, ALLOWED_HOSTS, and LOGGING, and "
                "requires HTTPS for the database.",
                f"Delete it, its import, and its requirement. For the database, {FROM_URL}",
                node.lineno,
            )
