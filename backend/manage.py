"""What ``manage.py`` runs: Django's commands, and two lines for errors that users can correct."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from django.apps import apps
from django.core.management import execute_from_command_line, find_commands, get_commands

from backend.conf import image_packages, project
from backend.conf.errors import StartupError
from backend.logs import console
from backend.logs.boot import say
from backend.logs.ending import explained


def execute(arguments: list[str]) -> None:
    """Run the command in ``arguments`` (``sys.argv``), as Django's own function of it does.

    Ends the process with two lines if the project's settings or applications are broken, or if
    something around the project is, such as the database. ``--traceback`` adds the traceback.
    """
    whole = "--traceback" in arguments
    with explained(whole=whole):
        # A build that runs a command, such as collectstatic, stops before the first start does.
        image_packages.check()
        if project.choose().is_own:
            _offer_commands_of_the_image()
        if arguments[1:2] == ["runserver"]:
            console.start()
            # Until Django sets its own, and for --noreload, which sets none.
            signal.signal(signal.SIGTERM, _stop)
        try:
            execute_from_command_line(arguments)
        except KeyboardInterrupt:
            print("Stopped (SIGINT)", file=sys.stderr)
            sys.exit(130)
        except Exception as error:
            # Only now: most commands succeed.
            from backend.boot import configuration, faults

            cause = error.__cause__ if isinstance(error, StartupError) else error
            if fault := cause and faults.of(cause, "".join(arguments[1:2])):
                # In debug mode too, a traceback would say less than the two lines.
                raise fault from (cause if whole else None)
            if apps.ready or isinstance(error, StartupError):
                raise
            raise configuration.located(error) from error


def _offer_commands_of_the_image() -> None:
    """Add the image's commands to those of a project without the image's application."""
    from backend.boot.configuration import load_applications

    load_applications()
    known = get_commands()
    for name in find_commands(str(Path(__file__).parent / "management")):
        known.setdefault(name, "backend")


def _stop(number: int, frame: object) -> None:
    # Not SystemExit, which a module that is being imported would be blamed for.
    try:
        say("stopped (SIGTERM)")
    finally:
        os._exit(0)


if __name__ == "__main__":
    execute(sys.argv)
