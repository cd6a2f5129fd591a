"""Finds the server that a command starts, however the command is written."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

GUNICORN = "gunicorn"
# Commands of manage.py that a project with its own manage.py does not have.
OF_THE_IMAGE = ("config", "doctor", "wait_for_db")
# The image knows only the names of other servers: it prepares for them, then runs them.
SERVERS = (GUNICORN, "uvicorn", "daphne", "hypercorn", "granian", "waitress-serve", "uwsgi")
DJANGOS = ("runserver", "runserver_plus")
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
class Server:
    """A server that a command starts: its name, its words, and the shell's part in it.

    ``below_shell`` is true if a shell stays above it, which does not forward signals.
    """

    name: str
    words: tuple[str, ...]
    below_shell: bool = False


def without_shell(command: list[str]) -> list[str]:
    """The server's own words, if a shell would only replace the variables in them.

    Then the image can respond while it starts: CMD gunicorn mysite.wsgi --bind 0.0.0.0:$PORT
    """
    script = _script(command)
    if script is None or not ONE_COMMAND.fullmatch(script):
        return command
    words = script.strip().removeprefix("exec ")
    show = [command[0], "-c", f"printf '%s\\0' {words}"]
    done = subprocess.run(show, stdout=subprocess.PIPE, check=False)
    replaced = done.stdout.decode(errors="surrogateescape").split("\0")[:-1]
    return replaced if replaced and replaced[0] in SERVERS else command


def server_of(command: list[str]) -> Server | None:
    """The server that ``command`` starts; None for a command that answers no requests."""
    script = _script(command)
    if script is None:
        name = _name(command)
        return Server(name, tuple(command)) if name else None
    commands = list(simple_commands(script))
    for words in commands:
        if name := _name(words):
            # A shell with only one command left replaces itself with it.
            alone = len(commands) == 1 or words[0] == "exec"
            return Server(name, tuple(words), below_shell=not alone)
    return None


def _name(command: list[str]) -> str | None:
    words = iter(command)
    for word in words:
        program = Path(word).name
        if ASSIGNMENT.fullmatch(word) or word.startswith("-") or program in WRAPPERS:
            continue
        if program in SERVERS:
            return program
        if PYTHON.fullmatch(program):
            return _of_python(words)
        if program in ("manage.py", "django-admin"):
            return _of_django(words)
        return None
    return None


def _of_python(words: Iterator[str]) -> str | None:
    for word in words:
        if word in WITH_VALUE:
            next(words, None)
        elif word == "-m":
            module = next(words, "")
            return (
                module if module in SERVERS else _of_django(words) if module == "django" else None
            )
        elif word == "-c":
            return None
        elif not word.startswith("-"):
            return _of_django(words) if word.endswith(".py") else None
    return None


def _of_django(words: Iterator[str]) -> str | None:
    name = next(words, None)
    return name if name in DJANGOS else None


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
