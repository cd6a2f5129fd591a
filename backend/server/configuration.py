"""Checks gunicorn's configuration as gunicorn does, but without a traceback."""

from __future__ import annotations

import runpy
from typing import TYPE_CHECKING, Any

from backend.conf import machine_limits, overrides, places
from backend.conf.errors import StartupError, one_line
from backend.logs.boot import say, warn

if TYPE_CHECKING:
    from gunicorn.config import Config


def check_gunicorn() -> dict[str, Any]:
    """Check the values as gunicorn will, but without a traceback. Returns them."""
    from gunicorn.config import Config

    values = runpy.run_path(str(places.CODE / "gunicorn_conf.py"))
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
