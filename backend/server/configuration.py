"""Checks gunicorn's configuration as gunicorn does, but without a traceback."""

from __future__ import annotations

import importlib.util
import os
import runpy
import shlex
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.conf import machine_limits, overrides, places
from backend.conf.errors import StartupError, one_line
from backend.logs.boot import say, warn

if TYPE_CHECKING:
    from gunicorn.config import Config

# gunicorn reads flags from it. The flags of its command win.
FLAGS = "GUNICORN_CMD_ARGS"
# The image's own. It is an absolute path, because a project has its own working directory.
FILE = places.CODE / "gunicorn_conf.py"
# What gunicorn loads if nothing names a file.
DEFAULT = "gunicorn.conf.py"


def find_named(words: Sequence[str]) -> bool:
    """Let the image's configuration load the one that gunicorn would, as it does a team's.

    ``words`` are gunicorn's command. Returns whether they name a file. Raises StartupError if the
    file does not exist.
    """
    try:
        in_variable = shlex.split(os.environ.get(FLAGS, ""))
    except ValueError as error:
        raise StartupError(
            f"{FLAGS} cannot be read: {error}.", "Correct its quotation marks."
        ) from error
    in_command = list(_named(words))
    default = [DEFAULT] if Path(DEFAULT).exists() else []
    files = map(_file, in_command or list(_named(in_variable)) or default)
    # After the team's, gunicorn's command has the image's.
    theirs = [file for file in files if file.resolve() != FILE.resolve()]
    if theirs:
        if not theirs[-1].is_file():
            raise StartupError(
                f"gunicorn's configuration {theirs[-1]} does not exist.",
                f"Correct -c or --config in the command, or in {FLAGS}.",
            )
        os.environ[overrides.NAMED] = str(theirs[-1])
    return bool(in_command)


def _named(words: Sequence[str]) -> Iterator[str]:
    for word, following in pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if word in ("-c", "--config"):
            yield os.path.expandvars(following)
        elif name == "--config" and equals:
            yield os.path.expandvars(value)
        elif word.startswith("-c") and not word.startswith("--"):
            yield os.path.expandvars(word.removeprefix("-c"))


def _file(named: str) -> Path:
    """The file that ``--config`` names in one of its three forms."""
    if named.startswith("python:"):
        spec = importlib.util.find_spec(named.removeprefix("python:"))
        return Path(str(spec and spec.origin))
    return Path(named.removeprefix("file:")).absolute()


def check_gunicorn() -> dict[str, Any]:
    """Check the values as gunicorn will, but without a traceback. Returns them."""
    from gunicorn.config import Config

    values = runpy.run_path(str(FILE))
    config = Config()
    for name in values.keys() & config.settings.keys():
        try:
            config.set(name, values[name])
        except Exception as error:
            fix = f"Correct {name}. Gunicorn's documentation of settings lists the valid values."
            raise _bad_value(name, values, error, fix) from error
    try:
        _ = config.worker_class
    except Exception as error:
        fix = "Correct worker_class, or add the package it needs to your requirements.txt."
        raise _bad_value("worker_class", values, error, fix) from error
    try:
        _ = config.address
    except Exception as error:
        fix = 'Correct bind, in the form "0.0.0.0:8000", or remove it and set PORT.'
        raise _bad_value("bind", values, error, fix) from error
    if shortage := machine_limits.shortage(config.workers):
        say(*shortage)
    return values


def check_worker_class(config: Config) -> None:
    """Check the class that gunicorn's flags name, without its setup, which patches Python."""
    from gunicorn.util import load_class

    uri = config.settings["worker_class"].get()
    try:
        load_class(uri)
    except Exception as error:
        raise StartupError(
            f"gunicorn's worker class {uri!r} cannot be loaded: {_reason(error)}",
            "Correct -k (or GUNICORN_CMD_ARGS), or add the package it needs to your "
            "requirements.txt.",
        ) from error


def warn_about_restarts(config: Config) -> None:
    """Warn that a single worker leaves a gap, because gunicorn replaces it only after its end."""
    if config.max_requests and config.workers == 1:
        warn(
            f"max_requests = {config.max_requests} with one worker: while the worker finishes its "
            "last requests (up to graceful_timeout), the API serves no others. Set "
            "WEB_CONCURRENCY=2."
        )


def _bad_value(name: str, values: dict[str, Any], error: Exception, fix: str) -> StartupError:
    place = overrides.place_of(name, "gunicorn_conf")
    return StartupError(f"{place}: {name} = {values[name]!r}: {_reason(error)}", fix)


def _reason(error: Exception) -> str:
    # For a worker class, gunicorn's message ends with a traceback in brackets.
    lines = str(error).strip().rstrip("]").strip().splitlines() or [type(error).__name__]
    return one_line(lines[0] if len(lines) == 1 else f"{lines[0].rstrip(': ')}: {lines[-1]}")
