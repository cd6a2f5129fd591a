"""Prepare for a server, then become it. Any other command is become at once."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path

from backend.boot import budget, configuration, data, database, migrations, static, superuser
from backend.boot.log import say
from backend.environment import current
from backend.errors import StartupError, explained

SERVER = ["gunicorn", "backend.wsgi", "-c", "gunicorn_conf.py"]


def main(arguments: list[str]) -> None:
    """Run ``arguments``; none, or only flags, mean gunicorn with them."""
    command = [*SERVER, *arguments] if not arguments or arguments[0].startswith("-") else arguments
    if serves(command):
        # As the first process of a container, Python would otherwise ignore it.
        signal.signal(signal.SIGTERM, _stop)
        with explained():
            prepare()
            command = [*command, *_fewer_threads(command)]
        # The server has no use for it, and the environment of a process can be read for as
        # long as that lives: so it needs a new one.
        had_password = os.environ.pop("DJANGO_SUPERUSER_PASSWORD", None)
        if not had_password and _is_our_gunicorn(command):
            _serve(command)
    _become(command)


def serves(command: list[str]) -> bool:
    """Whether a command answers requests, so that everything must be in place for it."""
    return Path(command[0]).name == "gunicorn" or "runserver" in command[:3]


def prepare() -> None:
    """Everything that must be true before the first request.

    Raises StartupError at the first thing that is not.
    """
    started = time.monotonic()
    configuration.load()
    data.make_folder()
    data.keep_secret_key()
    env = current()
    if env["DB_WAIT"]:
        database.wait(env["DB_WAIT_TIMEOUT"])
    if env["MIGRATE"]:
        migrations.migrate(env["MIGRATE_LOCK_TIMEOUT"])
    if env["COLLECTSTATIC"]:
        static.collect()
    superuser.create(env)
    say(f"ready to serve after {time.monotonic() - started:.1f} s")


def _stop(signal_number: int, frame: object) -> None:
    say("stopped before it was ready")
    sys.exit(0)


def _is_our_gunicorn(command: list[str]) -> bool:
    found = shutil.which(command[0])
    return found is not None and Path(found) == Path(sys.executable).with_name("gunicorn")


def _fewer_threads(command: list[str]) -> list[str]:
    """A flag for gunicorn, which wins over its files, when the database asks for it."""
    env = current()
    if env["DB_CONNECTION_BUDGET"] == "OFF" or not _is_our_gunicorn(command):
        return []
    from gunicorn.app.wsgiapp import WSGIApplication

    arguments, sys.argv = sys.argv, command
    config = WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]").cfg
    sys.argv = arguments
    return budget.flags(config, env)


def _serve(command: list[str]) -> None:
    """Be gunicorn without starting Python and loading Django a second time.

    Returns where the workers need a new Python: gevent and its like change modules that
    Django has been loaded with by now.
    """
    from gunicorn.app.wsgiapp import WSGIApplication

    sys.stdout.flush()
    arguments, sys.argv = sys.argv, [str(shutil.which(command[0])), *command[1:]]
    server = WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]")
    if server.cfg.worker_class_str in ("sync", "gthread", "backend.worker.Worker"):
        server.run()
        sys.exit()
    sys.argv = arguments


def _become(command: list[str]) -> None:
    sys.stdout.flush()
    try:
        os.execvp(command[0], command)  # noqa: S606  to become it is the point
    except OSError as error:
        print(
            StartupError(
                f"The command '{command[0]}' cannot be run: {error.strerror}.",
                "Check its spelling; the image runs commands such as 'bash', "
                "'python manage.py shell', or gunicorn flags such as '--workers 2'.",
            ),
            file=sys.stderr,
        )
        # As shells do: 127 not found, 126 found and not runnable.
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main(sys.argv[1:])
