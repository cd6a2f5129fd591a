"""What ``manage.py`` runs: Django's commands, and words for those that fail before they begin."""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path

from django.apps import apps
from django.core.management import execute_from_command_line, find_commands, get_commands

from backend.conf import image_packages
from backend.conf.errors import StartupError
from backend.logs import console
from backend.logs.boot import say
from backend.logs.ending import explained

READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


def execute(arguments: list[str]) -> None:
    """Run the command in ``arguments`` (``sys.argv``), as Django's own function of it does.

    Ends the process with two lines for what the project's settings or applications are wrong
    about, and for code that cannot be written here.
    """
    with explained():
        # A build that runs a command, such as collectstatic, stops before the first start does.
        image_packages.check()
        if arguments[1:2] == ["runserver"]:
            console.start()
            # Until Django sets its own, and for --noreload, which sets none.
            signal.signal(signal.SIGTERM, _stop)
        try:
            execute_from_command_line(arguments)
        except KeyboardInterrupt:
            print("Stopped (SIGINT)", file=sys.stderr)
            sys.exit(130)
        except StartupError:
            raise
        except OSError as error:
            if apps.ready and error.errno not in READ_ONLY:
                raise
            raise unwritable(error) if apps.ready else _of_the_project(error) from error
        except Exception as error:
            if apps.ready:
                raise
            raise _of_the_project(error) from error


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


def unwritable(error: OSError) -> StartupError:
    """For a command that writes code, in a container that has only a copy of it."""
    return StartupError(
        f"{error.filename} cannot be written by UID {os.geteuid()}: {error.strerror}.",
        "Run the command where your project is mounted and belongs to you, as in "
        "docs/first-evening.md: docker compose run --rm api python manage.py ...",
    )


def _of_the_project(error: Exception) -> StartupError:
    from backend.boot.configuration import located

    return located(error)


if __name__ == "__main__":
    execute(sys.argv)
