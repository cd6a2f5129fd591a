"""Prepare for a server or a worker, then become it. Any other command is exec'd immediately."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from backend.conf import image_packages

# First, because the other imports need packages.
image_packages.stop_if_missing()

from backend.boot import commands, scripts  # noqa: E402
from backend.boot.exec_command import become  # noqa: E402
from backend.conf import project  # noqa: E402
from backend.conf.environment import Environment  # noqa: E402
from backend.conf.errors import StartupError  # noqa: E402
from backend.health import target  # noqa: E402
from backend.logs.ending import explained  # noqa: E402

SERVER = [commands.GUNICORN, "backend.wsgi"]


def main(arguments: list[str]) -> None:
    """Run ``arguments``; none, only flags, or only ``gunicorn`` mean the whole project."""
    flags = [] if arguments == [commands.GUNICORN] else arguments
    command = arguments if flags and not flags[0].startswith("-") else [*SERVER, *flags]
    if command[0] in commands.OF_THE_IMAGE:
        command = [sys.executable, "-P", "-m", "backend.manage", *command]
    command = commands.without_shell(command)
    server, worker = commands.server_of(command), commands.worker_of(command)
    with explained():
        # The variable itself: a shell does not wait for the secret store.
        works = Environment()["ROLE"] is not None and not commands.is_one_off(command)
    if server is None and (worker or works):
        from backend.boot import working

        working.work(command, worker)
    elif server is None:
        # For django-admin, celery, and other programs that need a project. What a script runs
        # names its settings itself.
        if command[:2] != ["django-admin", "startproject"]:
            with contextlib.suppress(StartupError):
                found = project.find(Path.cwd(), os.environ)
                if not (found.is_own and commands.is_script(command)):
                    project.choose()
        if target.UNSEEN not in os.environ:
            os.environ[target.UNSEEN] = scripts.place(command)
            target.write(target.RUNNING)
            scripts.warn_of_others(command)
        become(command)
    else:
        # Only now: it loads Django, for which a shell need not wait.
        from backend.boot import serving

        serving.serve(command, server)


if __name__ == "__main__":
    main(sys.argv[1:])
