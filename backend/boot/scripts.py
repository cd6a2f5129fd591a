"""Scripts of a team that start a server, for warnings that name their line."""

from __future__ import annotations

import os
import re
import shlex
import sys
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from backend.boot import commands
from backend.conf import places
from backend.health import target
from backend.logs.boot import warn

if TYPE_CHECKING:
    from gunicorn.arbiter import Arbiter

ENTRY_POINT = places.CODE / "bin/docker-entrypoint.sh"
# What can stand before a server on a line of a script, besides the programs in commands.WRAPPERS.
BEFORE = ("then", "else", "do", "{", "exec", ENTRY_POINT.name)
ARGUMENTS = "$@"


def place(command: list[str]) -> str:
    """The file and line where ``command``, a script of a shell, starts a server.

    Only the first word of the command if it is something else.
    """
    return _find(command)[0]


def _find(command: list[str]) -> tuple[str, str]:
    """As ``place``, and the server's name."""
    if Path(command[0]).name in commands.SHELLS:
        index = next((at for at, word in enumerate(command) if at and word[:1] != "-"), 0)
    else:
        index = 0
    lines = _lines(Path(command[index]), known=index > 0)
    for number, line in enumerate(lines, start=1):
        # A command can go on in the next line.
        if server := _server_in(line.removesuffix("\\"), command[index + 1 :]):
            return f"{command[index]}, line {number}", server
    return command[0], ""


def _lines(file: Path, *, known: bool) -> list[str]:
    """The lines of a script; empty for any other file. ``known`` if a shell runs the file."""
    try:
        if not file.is_file():
            return []
        with file.open("rb") as opened:
            first = opened.readline(100).decode(errors="replace")
        if not known and not re.match(rf"#!.*\b({'|'.join(commands.SHELLS)})\b", first):
            return []
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, ValueError):
        return []


def _server_in(line: str, arguments: list[str]) -> str:
    for words in commands.simple_commands(line):
        command = list(chain(*(arguments if word == ARGUMENTS else [word] for word in words)))
        # A variable can be empty, or hold one of them.
        while command and (command[0].startswith("$") or Path(command[0]).name in BEFORE):
            del command[0]
        if command and (server := commands.server_of(command)):
            return server.name
    return ""


def of_first_process() -> str:
    """``place`` for a container whose own script replaces the image's entry point, or empty."""
    try:
        words = Path("/proc/1/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return ""
    where = place(words) if words else ""
    return where if where not in words else ""


def is_below_shell() -> bool:
    """Whether the parent of this process is a shell, which does not forward signals."""
    try:
        return Path(f"/proc/{os.getppid()}/exe").readlink().name in commands.SHELLS
    except OSError:
        return False


def warn_of_others(command: list[str]) -> None:
    """Warn about a command that starts a server which cannot warn itself, as gunicorn does."""
    where, server = _find(command)
    if Path(command[0]).name in commands.MANAGERS:
        where, server = command[0], "servers"
    elif server in ("", commands.GUNICORN):
        return
    warn(
        f"{where} starts {server} without the image's entry point, which waits for databases, "
        "applies migrations, collects static files, and adds health pages. Write "
        f"{ENTRY_POINT} before the command of a server there"
    )


def warn_of_unseen(server: Arbiter) -> None:
    """gunicorn's hook when_ready: warn about what is missing below a script."""
    script = os.environ.get(target.UNSEEN)
    if script is None:
        script = of_first_process()
    if not script:
        return
    cut_off = (
        " The shell above it does not forward the signal that stops the container, so requests "
        "will be cut off."
        if is_below_shell()
        else ""
    )
    server.log.warning(
        "%s: gunicorn was started without the image's entry point, which waits for databases, "
        "applies migrations, and collects static files.%s Start gunicorn there with: exec %s %s",
        script,
        cut_off,
        ENTRY_POINT,
        shlex.join([commands.GUNICORN, *sys.argv[1:]]),
    )
