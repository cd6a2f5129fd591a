"""gunicorn's settings in the server: from its file, GUNICORN_CMD_ARGS, and its flags."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import Any

from gunicorn.config import Config

from backend.boot import commands
from backend.conf import overrides
from backend.conf.environment import Environment
from backend.conf.variables import TABLE
from backend.config.origins import Origin, Tracer
from backend.server.configuration import FILE, FLAGS, check_gunicorn, find_named

# Shown even if nothing sets them, because they limit what the server accepts.
ALWAYS = ("worker_connections", "backlog", "max_requests", "limit_request_line")


def settings(
    env: Environment, command: list[str] | None = None
) -> dict[str, tuple[Any, tuple[Origin, ...]]]:
    """Values and origins by name, for settings that are set and those that limit the server.

    ``command`` is the server's flags; None reads those of the container's first process.
    Raises StartupError for errors with which gunicorn_conf.py would end the process.
    """
    for name in TABLE:
        env[name]
    words = running_flags() if command is None else command
    find_named(words)
    team = overrides.load(overrides.GUNICORN)
    values = check_gunicorn()
    flags = _flags(words)
    from_environment = _flags(shlex.split(env.raw.get(FLAGS, "")))
    tracer = Tracer(env, [FILE], team)
    config, result = Config(), {}
    for name in config.settings:
        if name in ("config", "wsgi_app"):
            continue
        if name in values:
            config.set(name, values[name])
            origins = tracer.origins(name, values[name])
        elif name in ALWAYS:
            origins = (Origin("gunicorn"),)
        elif name not in from_environment and name not in flags:
            continue
        if name in from_environment:
            config.set(name, from_environment[name])
            origins = (Origin("environment", FLAGS),)
        if name in flags:
            config.set(name, flags[name])
            origins = (Origin("flag", _option(config, name)),)
        value = config.settings[name].get()
        if not callable(value):
            result[name] = (value, origins)
    return result


def running_flags(process: Path = Path("/proc/1")) -> list[str]:
    """The words after ``gunicorn`` in the command of the container's first process, if any."""
    try:
        words = (process / "cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return []
    shell = next((at for at, word in enumerate(words) if Path(word).name in commands.SHELLS), None)
    if shell is not None and (server := commands.server_of(words[shell:])):
        words = [*server.words]
    for index, word in enumerate(words):
        if Path(word).name == commands.GUNICORN:
            return [word for word in words[index + 1 :] if word]
    # The command has only flags, which the boot passed to the server that it became.
    start = words.index("backend.boot") + 1 if "backend.boot" in words else len(words)
    flags = [word for word in words[start:] if word]
    return flags if flags and flags[0].startswith("-") else []


def _flags(words: list[str]) -> dict[str, Any]:
    """Flags as gunicorn's own parser reads them. Unknown ones are for gunicorn to report."""
    parser: argparse.ArgumentParser = Config().parser()
    known, _ = parser.parse_known_args(words)
    return {
        name: value for name, value in vars(known).items() if value is not None and name != "args"
    }


def _option(config: Config, name: str) -> str:
    option: str = config.settings[name].cli[-1]
    return option
