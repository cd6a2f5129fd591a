"""Loads everything that a team can get wrong, to find errors now instead of at a request."""

from __future__ import annotations

import ast
import contextlib
import importlib
import os
import re
import sys
import tempfile
from pathlib import Path

import django
from django.apps import apps
from django.conf import settings
from django.core import checks
from django.core.checks.security.base import check_secret_key
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from backend import __version__
from backend.boot import commands, publishing
from backend.conf import image_packages, named_databases, overrides, project, required
from backend.conf.environment import current
from backend.conf.errors import StartupError, explain, is_of_the_team, one_line
from backend.conf.places import ROOT
from backend.conf.required import MAKE_A_KEY
from backend.logs.boot import say, warn
from backend.server.configuration import check_gunicorn

NEED_A_KEY = {
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
}
KEY_OF_SETTINGS = (
    "Read SECRET_KEY from the environment in your settings, and set it to a long random text: "
    "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
)


def choose_project(command: list[str]) -> project.Project:
    """The project of this start. The log says which it is, and what of it is hidden."""
    chosen = project.choose(commands.folder_of(command))
    say(f"project {chosen}")
    for each in project.hidden(Path.cwd()):
        warn(f"{each.problem} {each.fix}")
    return chosen


def load_server() -> None:
    """Load the environment and gunicorn's configuration, which tell where to listen.

    Raises StartupError, as ``load``.
    """
    load_environment()
    check_gunicorn()


def load_environment() -> None:
    """Check the variables and the packages. Raises StartupError."""
    for warning in current().warnings:
        warn(f"{warning}")
    for name, meant in current().misspelled().items():
        warn(f"{name} is set, but the image does not use it; did you mean {meant}?")
    check_packages()


def load() -> None:
    """Load settings, applications and URLs, after ``load_server`` or ``load_environment``.

    Raises StartupError, naming file and line, for whatever fails.
    """
    load_applications()
    found = _overrides_found() if apps.is_installed("backend") else "the project's own settings"
    say(f"image {__version__}, Django {django.__version__}, {found}")
    _check_key()
    load_middleware()
    load_urls()
    _system_checks()


def _overrides_found() -> str:
    locations = [overrides.find(module) for module in overrides.MODULES]
    files = [str(item[1]) for item in locations if item]
    return f"overrides: {', '.join(files)}" if files else "no local_settings"


def check_packages() -> None:
    """Raises StartupError if a child image downgraded a package, before an import fails.

    Other packages that do not fit together are only warnings: an upper bound can be too cautious.
    """
    image_packages.check()
    for requirement in image_packages.unmet():
        warn(f"{requirement.problem} {requirement.fix}")


def load_applications() -> None:
    """Load settings and INSTALLED_APPS. Raises StartupError, like the two functions below."""
    chosen = project.choose()
    try:
        if chosen.settings == project.IMAGES:
            publishing.publish(current())
        elif current()["PUBLISH_SCHEMAS"]:
            warn(
                f"PUBLISH_SCHEMAS has no effect on {chosen}. Write the code of the tables into it: "
                f"{project.command('inspectapi')}"
            )
        django.setup()
    except StartupError:
        raise
    except Exception as error:
        raise located(error) from error
    complete_settings()
    if chosen.is_own:
        named = required.named(current())
        known = {alias: each for alias, each in named.items() if alias in settings.DATABASES}
        named_databases.check(settings.DATABASES, known, sys.modules[chosen.settings])


def complete_settings() -> None:
    """Give a project with its own settings those that the layers below Django use."""
    if not hasattr(settings, "DATA_DIR"):
        settings.DATA_DIR = current()["DATA_DIR"] or ROOT / "data"
    if apps.is_installed("django.contrib.staticfiles") and not settings.STATIC_ROOT:
        settings.STATIC_ROOT = str(_folder_for_static_files(Path(settings.DATA_DIR)))


def _folder_for_static_files(data: Path) -> Path:
    """For a project without STATIC_ROOT. It is temporary if this user cannot write to ``data``."""
    folder = data / "static"
    if not os.access(folder if folder.exists() else data, os.W_OK):
        with contextlib.suppress(FileNotFoundError):  # the boot reports a folder that is read-only
            return Path(tempfile.gettempdir()) / "static"
    return folder


def located(failure: Exception) -> StartupError:
    """An error from loading the applications, as two lines that name the place."""
    return _of_settings_module(failure) or _locate(explain(failure))


def _of_settings_module(failure: Exception) -> StartupError | None:
    """For a DJANGO_SETTINGS_MODULE that does not exist."""
    name = os.environ["DJANGO_SETTINGS_MODULE"]
    missing = failure.name if isinstance(failure, ModuleNotFoundError) else None
    if missing is None or not f"{name}.".startswith(f"{missing}."):
        return None
    return StartupError(
        f"DJANGO_SETTINGS_MODULE is '{name}', but there is no module '{missing}'.",
        f"Correct DJANGO_SETTINGS_MODULE, or --settings. Python looks in {sys.path[0]} first.",
    )


def _locate(error: StartupError) -> StartupError:
    """Name the line of the team's settings.py if Django's error does not.

    An application that does not exist is such a case: INSTALLED_APPS has its
    name as text, and the traceback has only Django's own frames.
    """
    files, cause = _settings_files(), error.__cause__
    nowhere, colon, message = error.problem.partition("the project:")
    if not files or nowhere or not colon:
        return error
    places = (f"{file}, line {line}" for file in files if (line := _line_of(message, file)))
    located = StartupError(f"{next(places, files[0])}:{message}", error.fix)
    located.__cause__ = cause
    return located


def _settings_files() -> list[Path]:
    """The settings of a team: local_settings, or its own module and those that it imports."""
    if found := overrides.find("settings"):
        return [found[1]]
    name = os.environ[project.VARIABLE]
    package = name.rpartition(".")[0]
    names = [each for each in sys.modules if each.startswith(f"{package}.") and "settings" in each]
    modules = (sys.modules.get(each) for each in [name, *names])
    files = dict.fromkeys(Path(module.__file__) for module in modules if module and module.__file__)
    return [file for file in files if is_of_the_team(str(file))]


def _line_of(message: str, file: Path) -> int | None:
    """The line of ``file`` with the longest text in ``message``; dotted names count by parts."""
    best, line = 0, None
    for node in ast.walk(ast.parse(file.read_bytes())):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        parts = node.value.split(".")
        for count in range(len(parts), 0, -1):
            start = ".".join(parts[:count])
            if len(start) < max(best, 3):
                break
            if re.search(rf"(?<![\w./]){re.escape(start)}(?![\w/])", message):
                best, line = len(start), node.lineno
                break
    return line


def _check_key() -> None:
    """Stop at an empty SECRET_KEY if most requests need one, because only they would fail."""
    if not NEED_A_KEY.isdisjoint(settings.MIDDLEWARE):
        try:
            settings.SECRET_KEY  # noqa: B018  Django checks it
        except ImproperlyConfigured as error:
            from backend.boot import faults  # seldom needed

            raise faults.of(error, "") or located(error) from error


def load_middleware() -> None:
    """Import what only the server would import: MIDDLEWARE names its classes as text."""
    try:
        for name in settings.MIDDLEWARE:
            import_string(name)
    except Exception as error:
        raise located(error) from error


def load_urls() -> None:
    try:
        from django.urls import get_resolver

        importlib.import_module(settings.ROOT_URLCONF)
        get_resolver().reverse_dict  # noqa: B018  loads every included module too
    except StartupError:
        raise
    except Exception as error:
        team_urls = overrides.find("urls")
        explained = explain(error, team_urls and team_urls[1])
        raise _without_patterns(error) or _locate(explained) from error


def _without_patterns(error: Exception) -> StartupError | None:
    """An error for an included module without urlpatterns, for which Django uses 60 words."""
    included = re.search(r"<module '\S+' from '([^']+)'>' does not appear to have any", str(error))
    return included and StartupError(
        f"{included[1]} has no list named urlpatterns.",
        "Define urlpatterns = [...] in it, or do not include it.",
    )


def _system_checks() -> None:
    """Run Django's and the image's system checks: warnings are logged, errors stop the start."""
    messages = [message for message in checks.run_checks() if not message.is_silenced()]
    if not settings.DEBUG:
        # The one deployment check that cannot wait until somebody runs it.
        fix = MAKE_A_KEY if apps.is_installed("backend") else KEY_OF_SETTINGS
        messages += [
            checks.Warning(message.msg, fix, id=message.id)
            for message in check_secret_key(None)
            if not message.is_silenced()
        ]
    errors = [message for message in messages if message.is_serious()]
    for message in messages:
        if message not in errors and message.level >= checks.WARNING:
            warn(f"{sentence(message)} {one_line(message.hint or '')}".rstrip())
    if errors:
        others = f" And {len(errors) - 1} more." if len(errors) > 1 else ""
        hint = errors[0].hint or "Correct the cause that it names."
        raise StartupError(
            sentence(errors[0]) + others, f"{one_line(hint)} All of them: python manage.py check"
        )


def sentence(message: checks.CheckMessage) -> str:
    """The message of a system check, with its model and the line of the model."""
    subject = message.obj
    place = getattr(getattr(subject, "_meta", None), "label", None) or subject
    file = _file_of(subject)
    where = f"{place} ({file}): " if file else f"{place}: " if place else ""
    return one_line(f"{where}{message.msg} ({message.id})")


def _file_of(subject: object) -> str | None:
    """The file and line of the definition of a model, or of a field's model."""
    model = getattr(subject, "model", subject)
    module = sys.modules.get(getattr(model, "__module__", ""))
    file: str | None = getattr(module, "__file__", None)
    if not isinstance(model, type) or file is None:
        return None
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and node.name == model.__name__:
            return f"{file}, line {node.lineno}"
    return file
