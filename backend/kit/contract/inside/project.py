"""A team's settings, URLs, and models: they load, and contain no secrets and no debug mode."""

from __future__ import annotations

import os
from collections.abc import Iterator

from django.conf import settings
from django.core import checks

from backend.boot import configuration
from backend.conf import overrides, project, source
from backend.conf.environment import current
from backend.conf.errors import one_line
from backend.conf.findings import OK, PROBLEM, WARNING, Finding
from backend.server.configuration import check_gunicorn

UNKNOWN_ALIAS = ("backend.E001", "backend.E005")


def overrides_found() -> Iterator[Finding]:
    """Which of the team's files exist, and what each one changes."""
    if project.has_own_settings():
        return
    locations = {module: overrides.find(module) for module in overrides.MODULES}
    files = {module: place[1] for module, place in locations.items() if place}
    for module, file in files.items():
        if module == "urls" and (team := overrides.load(module)):
            summary = f"{len(team.urlpatterns)} URL patterns, before the image's own"
        else:
            names = sorted(name for name in source.bindings(file) if _is_setting(name, module))
            summary = f"changes {', '.join(names)}" if names else "changes nothing"
        yield Finding(OK, "overrides", f"{file} {summary}")
    if not files:
        yield Finding(OK, "overrides", "no local_settings: the image's own settings and pages")


def _is_setting(name: str, module: str) -> bool:
    return name.isupper() if module == "settings" else name.isidentifier()


def debug() -> Iterator[Finding]:
    """The image does not turn on debug mode, which is for development."""
    if not settings.DEBUG:
        yield Finding(OK, "debug", "DEBUG is false unless the container sets it")
    elif current()["DEBUG"]:
        yield Finding(
            PROBLEM,
            "debug",
            "The variable DEBUG is true.",
            "Remove ENV DEBUG from your Dockerfile. For development, use docker run --env "
            "DEBUG=true, or docker-compose.override.yml.",
        )
    elif project.has_own_settings():
        yield Finding(
            PROBLEM,
            "debug",
            f"{project.place_of('DEBUG')}: DEBUG is true if the container does not set a variable.",
            'Read it from one: DEBUG = os.environ.get("DEBUG", "").lower() in ("true", "1")',
        )
    else:
        yield Finding(
            PROBLEM,
            "debug",
            f"{project.place_of('DEBUG')}: DEBUG is always true.",
            "Remove the line: the image reads the variable DEBUG.",
        )


def secrets(stand_in: str) -> Iterator[Finding]:
    """Settings contain no key and no password. ``stand_in`` is the key that the check set."""
    clean = True
    given = "\0".join(os.environ.values())
    if stand_in and settings.SECRET_KEY not in given:
        clean = False
        yield _baked("SECRET_KEY", "SECRET_KEY", "DJANGO_SECRET_KEY")
    for alias, database in settings.DATABASES.items():
        password = str(database.get("PASSWORD") or "")
        if password and password not in given and password not in _of_urls():
            clean = False
            name = f"{alias.upper()}_DATABASE_URL" if alias != "default" else "POSTGRES_PASSWORD"
            yield _baked(f"the password of the database '{alias}'", "DATABASES", name)
    if clean:
        yield Finding(OK, "secrets in settings", "key and passwords come from the environment")


def _of_urls() -> set[str]:
    """Passwords of database URLs, decoded."""
    env = current()
    names = [*env.database_urls().values(), "DATABASE_URL"]
    return {env.database(name)["PASSWORD"] for name in names if env.text(name)}


def _baked(what: str, setting: str, variable: str) -> Finding:
    return Finding(
        PROBLEM,
        "secrets in settings",
        f"{project.place_of(setting)}: {what} is in the image.",
        "Change it, read it from a variable, and set the variable where the container runs."
        if project.has_own_settings()
        else f"Change it, remove it from the image, and set {variable} where the container runs.",
    )


def system_checks() -> Iterator[Finding]:
    """The messages of `manage.py check`, with a separate line for aliases of `in_db`."""
    messages = [message for message in checks.run_checks() if not message.is_silenced()]
    unknown = [message for message in messages if message.id in UNKNOWN_ALIAS]
    yield from _aliases(unknown)
    others = [
        message
        for message in messages
        if message.level >= checks.WARNING and message not in unknown
    ]
    for message in others:
        status = PROBLEM if message.is_serious() else WARNING
        fix = one_line(message.hint or "Correct the cause that the message names.")
        yield Finding(status, "system checks", configuration.sentence(message), fix)
    if not others:
        yield Finding(OK, "system checks", "nothing to report")


def _aliases(unknown: list[checks.CheckMessage]) -> Iterator[Finding]:
    for message in unknown:
        fix = (
            f"{one_line(message.hint or '')} This check does not connect, so any URL works: "
            "docker run --env ALIAS_DATABASE_URL=postgis://any:any@any/any"
        )
        yield Finding(PROBLEM, "in_db", configuration.sentence(message), fix)
    if not unknown:
        aliases = ", ".join(settings.DATABASES)
        yield Finding(OK, "in_db", f"every alias that a model names is known: {aliases}")


def server() -> Iterator[Finding]:
    """gunicorn accepts its configuration, and listens on the port of the health check."""
    values = check_gunicorn()
    port = current()["PORT"]
    binds = values["bind"] if isinstance(values["bind"], (list, tuple)) else [values["bind"]]
    if not any(str(bind).rpartition(":")[2] == str(port) for bind in binds):
        yield Finding(
            PROBLEM,
            "server",
            f"{overrides.place_of('bind', 'gunicorn_conf')}: gunicorn listens on "
            f"{', '.join(binds)}, but the health check requests port {port}.",
            "Remove bind. To use another port, set PORT.",
        )
    else:
        yield Finding(
            OK, "server", f"gunicorn accepts its configuration and listens on {', '.join(binds)}"
        )
