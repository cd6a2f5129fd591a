"""Prepare for a server, then become it. Any other command is become at once."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from backend import kept_key, overrides
from backend.boot import (
    budget,
    configuration,
    data,
    database,
    listening,
    migrations,
    static,
    superuser,
)
from backend.boot.log import say
from backend.environment import current
from backend.errors import StartupError, exit_with, explained
from backend.health import phase
from backend.logs import console

if TYPE_CHECKING:
    from gunicorn.app.wsgiapp import WSGIApplication

STARTED = time.monotonic()
# Workers of threads. gevent and its like change modules that Django has been loaded with by now:
# they need a new Python.
IN_PROCESS = ("sync", "gthread", "backend.worker.Worker")
# Its whole path: a mounted project is a working directory of its own.
SERVER = ["gunicorn", "backend.wsgi", "-c", str(overrides.ROOT / "gunicorn_conf.py")]


def main(arguments: list[str]) -> None:
    """Run ``arguments``; none, or only flags, mean gunicorn with them."""
    command = [*SERVER, *arguments] if not arguments or arguments[0].startswith("-") else arguments
    if serves(command):
        # As the first process of a container, Python would otherwise ignore it.
        signal.signal(signal.SIGTERM, _stop)
        with explained():
            console.start()
            kept_key.keep()
            configuration.load()
            if _is_root_of_mounted_project():
                say(
                    "WARNING: this runs as root, to whom the mounted project belongs. Give it to "
                    "a user on the host: chown --recursive USER FOLDER"
                )
            server = _gunicorn(command)
            if server and server.cfg.worker_class_str not in IN_PROCESS:
                configuration.check_worker_class(server.cfg)
            # From here on somebody answers: alive, and not ready.
            listener = server and listening.listen(server.cfg, settings.FORCE_SCRIPT_NAME or "")
            prepare()
            fewer = budget.flags(server.cfg, current()) if server else []
        if fewer:
            # They win over gunicorn's files.
            command = [*command, *fewer]
            server = _gunicorn(command)
        if listener:
            listener.hand_over()
        # The server has no use for it, and the environment of a process can be read for as
        # long as that lives: so it needs a new one.
        had_password = os.environ.pop("DJANGO_SUPERUSER_PASSWORD", None)
        if server and not had_password and server.cfg.worker_class_str in IN_PROCESS:
            # Without starting Python and loading Django a second time.
            server.run()
            sys.exit()
    _become(command)


def _is_root_of_mounted_project() -> bool:
    """Whether this is the machine's root; that of a rootless engine is one of its users."""
    if os.geteuid() != 0 or Path.cwd() != overrides.ROOT / "src_files":
        return False
    first, outside, _ = Path("/proc/self/uid_map").read_text().splitlines()[0].split()
    return first == outside == "0"


def serves(command: list[str]) -> bool:
    """Whether a command answers requests, so that everything must be in place for it."""
    return Path(command[0]).name == "gunicorn" or "runserver" in command[:3]


def prepare() -> None:
    """Everything that must be true before the first request; the configuration is loaded.

    Raises StartupError at the first thing that is not.
    """
    data.make_folder()
    data.find_temporary_folder()
    data.check_kept_key()
    data.make_media_folder()
    env = current()
    if env["DB_WAIT"]:
        database.wait(env["DB_WAIT_TIMEOUT"])
    if env["MIGRATE"]:
        migrations.migrate(env["MIGRATE_LOCK_TIMEOUT"])
    if env["COLLECTSTATIC"]:
        static.collect()
    superuser.create(env)
    phase.enter(phase.READY)
    say(f"ready to serve after {time.monotonic() - STARTED:.1f} s")


def _stop(signal_number: int, frame: object) -> None:
    say("stopped before it was ready")
    sys.exit(0)


def _gunicorn(command: list[str]) -> WSGIApplication | None:
    """gunicorn with its configuration and flags loaded; None when the command is another one."""
    from gunicorn.app.wsgiapp import WSGIApplication

    found = shutil.which(command[0])
    if found is None or Path(found) != Path(sys.executable).with_name("gunicorn"):
        return None
    # Read there by gunicorn, now and when it loads its configuration again (SIGHUP).
    sys.argv = [found, *command[1:]]
    return WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]")


def _become(command: list[str]) -> None:
    sys.stdout.flush()
    try:
        os.execvp(command[0], command)  # noqa: S606  to become it is the point
    except OSError as error:
        exit_with(
            StartupError(
                f"The command '{command[0]}' cannot be run: {error.strerror}.",
                "Check its spelling; the image runs commands such as 'bash', "
                "'python manage.py shell', or gunicorn flags such as '--workers 2'.",
            )
        )
        # As shells do: 127 not found, 126 found and not runnable.
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main(sys.argv[1:])
