"""Which Django project a container serves: the image's, or a team's own in the working directory.

The image's project has ``backend.settings`` and a team's ``local_settings``. A team's own project
has its own ``manage.py`` and settings. Below Django, nothing depends on which of the two it is.
"""

from __future__ import annotations

import ast
import functools
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.conf import overrides, source
from backend.conf.errors import StartupError, explain
from backend.conf.places import CODE, ROOT

VARIABLE = "DJANGO_SETTINGS_MODULE"
IMAGES = "backend.settings"
GIVEN = f"{VARIABLE} is set"
# In the manage.py of a project that extends the image's.
ON_IMAGES = re.compile(rb"backend\.(settings|manage)\b")


@dataclass(frozen=True)
class Project:
    """A project: its folder, its settings module, and what decided that."""

    folder: Path
    settings: str
    reason: str

    def __str__(self) -> str:
        return f"{self.folder}, settings {self.settings} ({self.reason})"

    @property
    def is_own(self) -> bool:
        """Whether the project is a team's own, with settings of its own."""
        return self.settings != IMAGES


def choose(folder: Path | None = None) -> Project:
    """Find the project, and set DJANGO_SETTINGS_MODULE for this process and its children.

    ``folder`` is where the command runs, if it changes the working directory itself. Raises
    StartupError if the project's settings are unknown.
    """
    folder = folder or Path.cwd()
    manage = folder / "manage.py"
    given = os.environ.get(VARIABLE)
    if given != IMAGES and is_own(manage) and not ON_IMAGES.search(manage.read_bytes()):
        _prepare(manage)
    if not given and (named := os.environ.get(VARIABLE)):
        project = Project(folder, named, f"{manage}, line {_named(manage)[1]}")
    else:
        project = find(folder, os.environ)
    os.environ[VARIABLE] = project.settings
    # As for a program in this folder, but after the image's own modules have been found.
    for path in (str(ROOT), str(folder)):
        if path not in sys.path:
            sys.path.insert(0, path)
    return project


def find(folder: Path, environ: Mapping[str, str]) -> Project:
    """The project of this working directory. Raises StartupError if its settings are unknown."""
    if given := environ.get(VARIABLE):
        return Project(ROOT if given == IMAGES else folder, given, GIVEN)
    manage = folder / "manage.py"
    if not is_own(manage):
        if below := _elsewhere(folder):
            raise StartupError(
                f"{folder} has no manage.py, but {below} has one.",
                f"Make that folder the working directory: WORKDIR {below} in your Dockerfile, or "
                f"working_dir: {below} in your compose file. For the image's own project instead, "
                f"set {VARIABLE} to {IMAGES}.",
            )
        return Project(ROOT, IMAGES, f"{folder} has no manage.py of its own")
    named, line = _named(manage)
    if named is None:
        problem = f"line {line} computes the settings module" if line else "it names no settings"
        raise StartupError(
            f"{manage}: {problem}, so the image does not know which to use.",
            f"Set {VARIABLE} in your Dockerfile or compose file: ENV {VARIABLE}=mysite.settings",
        )
    reason = f"{manage}, line {line}"
    if named == IMAGES:
        if _hides_a_project(folder):
            raise StartupError(
                f"{reason}: the package backend of this project is hidden by the image's package "
                "of that name.",
                f"Rename the folder {folder / 'backend'}, and change its name in manage.py, in its "
                "modules, and in imports.",
            )
        return Project(ROOT, IMAGES, reason)
    return Project(folder, named, reason)


def has_own_settings() -> bool:
    """Whether the chosen project has settings of its own."""
    return os.environ[VARIABLE] != IMAGES


def place_of(setting: str) -> str:
    """File and line where the team's settings give ``setting`` its value, or only the file."""
    if has_own_settings():
        return source.place_in(sys.modules[os.environ[VARIABLE]], setting)
    return overrides.place_of(setting, "settings")


def command(name: str) -> str:
    """How to run a command of the image in a container."""
    return f"python {'-P -m backend.manage' if has_own_settings() else 'manage.py'} {name}"


def other_settings(project: Project, module: str) -> StartupError | None:
    """If the WSGI or ASGI module of a server names other settings than its manage.py.

    None unless both name them as text, because then nothing else, such as a .env file, decides.
    """
    file = project.folder.joinpath(*module.split(".")).with_suffix(".py")
    if not project.is_own or project.reason == GIVEN or not file.is_file():
        return None
    named, line = _named(file)
    if named in (None, project.settings):
        return None
    if _named(project.folder / "manage.py")[0] != project.settings:
        return None
    return StartupError(
        f"{file}, line {line} names the settings {named}, but {project.reason} names "
        f"{project.settings}, which this server uses.",
        f"Say which: ENV {VARIABLE}={named}",
    )


def is_own(manage: Path) -> bool:
    """Whether a manage.py exists and is not the image's."""
    return manage.is_file() and manage.resolve() != (CODE / "manage.py").resolve()


def hidden(folder: Path) -> Iterator[StartupError]:
    """What a team's files would replace, if the image's code were not elsewhere."""
    for root in sorted({ROOT, folder} - {CODE}):
        if list(root.glob("backend/*.py")):
            yield StartupError(
                f"The package {root / 'backend'} is hidden by the image's package of that name.",
                "Rename the folder, and change the imports of it.",
            )
        entry = root / "bin/docker-entrypoint.sh"
        ours = CODE / "bin/docker-entrypoint.sh"
        if entry.is_file() and entry.resolve() != ours.resolve():
            yield StartupError(
                f"{entry} does not run: the image's entry point is {ours}.",
                f'If yours must run, set ENTRYPOINT to it, and end it with: exec {ours} "$@"',
            )


def _elsewhere(folder: Path) -> Path | None:
    """A folder in ``folder`` with an own project, unless a team extends the image's project."""
    teams = (ROOT.joinpath(*package.split(".")) for package in overrides.PACKAGES)
    if folder == CODE or any(map(Path.exists, teams)):
        return None
    own = (path for path in sorted(folder.glob("*/manage.py")) if is_own(path))
    return next((path.parent for path in own if not ON_IMAGES.search(path.read_bytes())), None)


def _hides_a_project(folder: Path) -> bool:
    """Whether the folder has settings of a team in a package with the name of the image's.

    A copy of the image's own package, as in the repositories of 2019, has a hacko_settings.py.
    """
    package = folder / "backend"
    if package.resolve() == (CODE / "backend").resolve():
        return False
    named = package / "settings.py", package / "settings/__init__.py"
    return any(map(Path.is_file, named)) and not (package / "hacko_settings.py").exists()


@functools.cache  # once in a process
def _prepare(manage: Path) -> None:
    """Let a manage.py do what it does before a command.

    It can read a .env file, add folders to Python's path, compute which settings to use, and
    install django-configurations. Raises StartupError if it fails.
    """
    from django.core import management  # a shell does not wait for it

    command, arguments = management.execute_from_command_line, sys.argv
    management.execute_from_command_line = lambda argv=None: None
    sys.argv = [str(manage), "check"]
    sys.path.insert(0, str(manage.parent))
    try:
        code = compile(manage.read_bytes(), str(manage), "exec")
        exec(code, {"__name__": "__main__", "__file__": str(manage)})  # noqa: S102  it is the project's
    except SystemExit as end:
        if end.code:
            raise explain(end, manage) from end
    except Exception as error:
        raise explain(error, manage) from error
    finally:
        sys.path.remove(str(manage.parent))
        management.execute_from_command_line, sys.argv = command, arguments


def _named(manage: Path) -> tuple[str | None, int]:
    """The settings that a manage.py names, and the line; None if it computes or names none.

    Raises StartupError if it cannot be parsed.
    """
    try:
        tree = ast.parse(manage.read_bytes(), str(manage))
    except (SyntaxError, OSError) as error:
        raise explain(error, manage) from error
    computed = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "backend.manage":
            return IMAGES, node.lineno
        value = _value(node)
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value, node.lineno  # type: ignore[attr-defined]  # a statement or call
        if value is not None:
            computed = node.lineno  # type: ignore[attr-defined]
    return None, computed


def _value(node: ast.AST) -> ast.expr | None:
    """What ``node`` sets DJANGO_SETTINGS_MODULE to: by setdefault(), or by an assignment."""
    match node:
        case ast.Call(ast.Attribute(attr="setdefault"), [ast.Constant(value=name), value]):
            return value if name == VARIABLE else None
        case ast.Assign([ast.Subscript(slice=ast.Constant(value=name))], value):
            return value if name == VARIABLE else None
    return None
