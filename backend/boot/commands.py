"""Finds the server or the worker that a command starts, however the command is written."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from backend.conf import places

GUNICORN = "gunicorn"
# Commands of manage.py that a project with its own manage.py does not have.
OF_THE_IMAGE = ("config", "doctor", "wait_for_db")
# The image knows only the names of other servers: it prepares for them, then runs them.
SERVERS = (GUNICORN, "uvicorn", "daphne", "hypercorn", "granian", "waitress-serve", "uwsgi")
# Options for a folder that programs add to Python's path.
FOLDER_OPTIONS = ("--chdir", "--pythonpath", "--app-dir", "--workdir")
DJANGOS = ("runserver", "runserver_plus")
# Programs that work beside the server, with the subcommands that do, and commands of manage.py.
# ROLE=worker says it of any other command.
CELERY = "celery"
WORKERS: Mapping[str, tuple[str, ...]] = {
    CELERY: ("worker", "beat"),
    "arq": (),
    "dramatiq": (),
    "huey_consumer": (),
    "huey_consumer.py": (),
    "rq": ("worker", "worker-pool"),
}
WORKING_DJANGOS = (
    *("db_worker", "process_tasks", "qcluster", "rqscheduler", "rqworker", "run_huey"),
    *("rundramatiq", "runworker"),
)
# In the environment of a worker that the boot has prepared for. `docker exec` does not have it.
PREPARED = "BACKEND_PREPARED_WORKER"
# Options before a subcommand that take the next word as their value.
OPTIONS_WITH_VALUE = (
    *("-A", "--app", "-b", "--broker", "--result-backend", "--loader", "--config", "--workdir"),
    *("-u", "--url"),
)
# They start other programs, which a file names.
MANAGERS = ("honcho", "supervisord", "circusd")
SHELLS = ("sh", "bash", "dash")
# They run the command that follows them.
WRAPPERS = (
    *("exec", "env", "tini", "dumb-init", "ddtrace-run", "opentelemetry-instrument"),
    *("newrelic-admin", "run-program"),
)
ASSIGNMENT = re.compile(r"\w+=.*", re.DOTALL)
PYTHON = re.compile(r"python[\d.]*")
# Options of Python that take the next word as their value.
WITH_VALUE = ("-W", "-X", "--check-hash-based-pycs")
# No list, pipe, redirection, substitution, or comment, and no parameter of the shell itself.
ONE_COMMAND = re.compile(r"(?:[^$;&|<>()`#\n\\]|\$[A-Za-z_]|\$\{\w+(?::?-[\w.:/-]*)?\})+")


@dataclass(frozen=True)
class Program:
    """A program that a command starts: its name, its words, and the shell's part in it.

    ``below_shell`` is true if a shell stays above it, which does not forward signals.
    """

    name: str
    words: tuple[str, ...]
    below_shell: bool = False


@dataclass(frozen=True)
class Kind:
    """What a program is called: alone, with a subcommand, or as a command of manage.py."""

    programs: Mapping[str, tuple[str, ...]]
    djangos: Collection[str]

    def name_of(self, program: str, words: Iterator[str]) -> str | None:
        """The name of a program with these words after it, if it is of this kind."""
        subcommands = self.programs.get(program)
        if not subcommands:
            return program if subcommands is not None else None
        for word in words:
            if word in OPTIONS_WITH_VALUE:
                next(words, None)
            elif not word.startswith("-"):
                return f"{program} {word}" if word in subcommands else None
        return None


SERVER = Kind(dict.fromkeys(SERVERS, ()), DJANGOS)
WORKER = Kind(WORKERS, WORKING_DJANGOS)


def without_shell(command: list[str]) -> list[str]:
    """The program's own words, if a shell would only replace the variables in them.

    Then the image can respond while it starts: CMD gunicorn mysite.wsgi --bind 0.0.0.0:$PORT
    """
    script = _script(command)
    if script is None or not ONE_COMMAND.fullmatch(script):
        return command
    words = script.strip().removeprefix("exec ")
    show = [command[0], "-c", f"printf '%s\\0' {words}"]
    done = subprocess.run(show, stdout=subprocess.PIPE, check=False)
    replaced = done.stdout.decode(errors="surrogateescape").split("\0")[:-1]
    return replaced if replaced and replaced[0] in (*SERVERS, *WORKERS) else command


def server_of(command: list[str]) -> Program | None:
    """The server that ``command`` starts; None for a command that answers no requests."""
    return _find(command, SERVER)


def worker_of(command: list[str]) -> Program | None:
    """The worker that ``command`` starts; None if only ROLE=worker can say that it is one."""
    return _find(command, WORKER)


def is_one_off(command: list[str]) -> bool:
    """Whether a person types ``command``: a shell, or a command of manage.py that Django has.

    In a container of a worker, ROLE=worker does not mean such a command.
    """
    if Path(command[0]).name in SHELLS and all(word.startswith("-") for word in command[1:]):
        return True
    return _find(command, Kind({}, _commands_of_django())) is not None


def _commands_of_django() -> set[str]:
    import django

    places_of_commands = (
        (Path(django.__file__).parent, "core/management/commands/*.py"),
        (Path(django.__file__).parent, "contrib/*/management/commands/*.py"),
        (places.CODE, "backend/management/commands/*.py"),
    )
    return {file.stem for folder, names in places_of_commands for file in folder.glob(names)}


def _find(command: list[str], kind: Kind) -> Program | None:
    script = _script(command)
    if script is None:
        name = _name(command, kind)
        return Program(name, tuple(command)) if name else None
    commands = list(simple_commands(script))
    for words in commands:
        if name := _name(words, kind):
            # A shell with only one command left replaces itself with it.
            alone = len(commands) == 1 or words[0] == "exec"
            return Program(name, tuple(words), below_shell=not alone)
    return None


def is_script(command: list[str]) -> bool:
    """Whether ``command`` runs Python, a shell, or a team's file, not an installed program."""
    name = Path(command[0]).name
    return name in SHELLS or "/" in command[0] or PYTHON.fullmatch(name) is not None


def folder_of(command: list[str]) -> Path:
    """Where ``command`` looks for its project: the working directory, or a folder below it."""
    folder = Path.cwd()
    script = _script(command)
    for words in [command] if script is None else simple_commands(script):
        if words[0] == "cd" and len(words) == 2:
            folder /= words[1]
        elif script is None or _name(words, SERVER) or _name(words, WORKER):
            return folder / _own_folder(words)
    return folder


def _own_folder(words: list[str]) -> str:
    """The folder that a command names: its manage.py, or an option such as --chdir."""
    for word, following in pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if name in FOLDER_OPTIONS:
            return value if equals else following
        if Path(word).name == "manage.py":
            return str(Path(word).parent)
    return ""


def _name(command: list[str], kind: Kind) -> str | None:
    words = iter(command)
    for word in words:
        program = Path(word).name
        if ASSIGNMENT.fullmatch(word) or word.startswith("-") or program in WRAPPERS:
            continue
        if PYTHON.fullmatch(program):
            return _of_python(words, kind)
        if program in ("manage.py", "django-admin"):
            return _of_django(words, kind)
        return kind.name_of(program, words)
    return None


def _of_python(words: Iterator[str], kind: Kind) -> str | None:
    for word in words:
        if word in WITH_VALUE:
            next(words, None)
        elif word == "-m":
            module = next(words, "")
            return _of_django(words, kind) if module == "django" else kind.name_of(module, words)
        elif word == "-c":
            return None
        elif not word.startswith("-"):
            return _of_django(words, kind) if word.endswith(".py") else None
    return None


def _of_django(words: Iterator[str], kind: Kind) -> str | None:
    name = next(words, None)
    return name if name in kind.djangos else None


def _script(command: list[str]) -> str | None:
    """The script of a shell, in the form that Docker gives to CMD without brackets."""
    if Path(command[0]).name not in SHELLS:
        return None
    for option, script in pairwise(command[1:]):
        if re.fullmatch(r"-\w*c", option):
            return script
        if not option.startswith("-"):
            break
    return None


def simple_commands(script: str) -> Iterator[list[str]]:
    """The words of each simple command; empty if the script cannot be parsed."""
    for line in script.replace("\\\n", " ").splitlines():
        reader = shlex.shlex(line, posix=True, punctuation_chars=True)
        reader.whitespace_split = True
        try:
            words = list(reader)
        except ValueError:
            return
        command: list[str] = []
        for word in [*words, ";"]:
            if not set(word) <= set(";&|()"):
                command.append(word)
            elif command:
                yield command
                command = []
