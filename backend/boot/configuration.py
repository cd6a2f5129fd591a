"""Loads everything a team can get wrong, so that it is found now and not at a request."""

from __future__ import annotations

import ast
import importlib
import os
import runpy
import sys
from pathlib import Path

import django
from django.core import checks

from backend import __version__, overrides
from backend.boot.log import say
from backend.environment import current
from backend.errors import StartupError, explain, one_line


def load() -> None:
    """Load environment, settings, applications, URLs and gunicorn's configuration.

    Raises StartupError, naming file and line, for whatever fails.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    for name, meant in current().misspelt().items():
        say(f"WARNING: {name} is set and means nothing here; did you mean {meant}?")
    _applications()
    say(f"image {__version__}, Django {django.__version__}, {_overrides_found()}")
    _urls()
    _gunicorn()
    _system_checks()


def _overrides_found() -> str:
    found = [overrides.find(module) for module in overrides.MODULES]
    files = [str(item[1]) for item in found if item]
    return f"overrides: {', '.join(files)}" if files else "no local_settings"


def _applications() -> None:
    try:
        django.setup()
    except StartupError:
        raise
    except Exception as error:
        raise _locate(explain(error)) from error


def _locate(error: StartupError) -> StartupError:
    """Name the line of the team's settings.py for what Django reports without one.

    An application that does not exist is such a case: INSTALLED_APPS has its
    name as text, and the traceback has only Django's own frames.
    """
    found = overrides.find("settings")
    cause = error.__cause__
    if found is None or not error.problem.startswith("the project:"):
        return error
    file = found[1]
    texts = [
        node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)
    ]
    message = str(cause)
    for node in texts:
        value = node.value
        if (
            isinstance(value, str)
            and len(value) > 2
            and value.split(".")[0] in message.replace("'", " ").replace(".", " ").split()
        ):
            problem = f"{file}, line {node.lineno}: {type(cause).__name__}: {one_line(cause)}"
            located = StartupError(problem, error.fix)
            located.__cause__ = cause
            return located
    return error


def _urls() -> None:
    try:
        from django.urls import get_resolver

        importlib.import_module("backend.urls")
        get_resolver().reverse_dict  # noqa: B018  reads every included module too
    except StartupError:
        raise
    except Exception as error:
        found = overrides.find("urls")
        raise explain(error, found and found[1]) from error


def _gunicorn() -> None:
    """Check the values as gunicorn will, which alone would show a traceback."""
    from gunicorn.config import Config

    found = overrides.find("gunicorn_conf")
    file = found[1] if found else overrides.ROOT / "gunicorn_conf.py"
    values = runpy.run_path(str(overrides.ROOT / "gunicorn_conf.py"))
    config = Config()
    for name in values.keys() & config.settings.keys():
        try:
            config.set(name, values[name])
        except Exception as error:
            raise StartupError(
                f"{file}: {name} = {values[name]!r}: {one_line(error)}",
                f"Correct {name}; its forms are in gunicorn's documentation of settings.",
            ) from error
    try:
        _ = config.worker_class
    except Exception as error:
        raise StartupError(
            f"{file}: worker_class = {values['worker_class']!r}: {one_line(error)}",
            "Correct worker_class, or add the package it needs to your requirements.txt.",
        ) from error


def _system_checks() -> None:
    """Django's and the image's system checks; warnings are shown, errors stop the start."""
    messages = [message for message in checks.run_checks() if not message.is_silenced()]
    errors = [message for message in messages if message.is_serious()]
    for message in messages:
        if message not in errors and message.level >= checks.WARNING:
            say(f"WARNING: {_sentence(message)} {one_line(message.hint or '')}".rstrip())
    if errors:
        others = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
        hint = errors[0].hint or "Correct what it names."
        raise StartupError(
            _sentence(errors[0]) + others, f"{one_line(hint)} All of them: python manage.py check"
        )


def _sentence(message: checks.CheckMessage) -> str:
    subject = message.obj
    place = getattr(getattr(subject, "_meta", None), "label", None) or subject
    file = _file_of(subject)
    where = f"{place} ({file}): " if file else f"{place}: " if place else ""
    return one_line(f"{where}{message.msg} ({message.id})")


def _file_of(subject: object) -> str | None:
    """The file and line that define a model, or the model of a field."""
    model = getattr(subject, "model", subject)
    module = sys.modules.get(getattr(model, "__module__", ""))
    file = getattr(module, "__file__", None)
    if not isinstance(model, type) or file is None:
        return None
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name == model.__name__:
            return f"{file}, line {node.lineno}"
    return file
