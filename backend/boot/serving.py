"""Prepare for a server, then become it."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from gunicorn.errors import AppImportError

from backend.boot import (
    asgi,
    budget,
    commands,
    configuration,
    listening,
    runserver,
    scripts,
    steps,
)
from backend.boot.exec_command import become, become_with_blocked_signals
from backend.conf import kept_key, places, project
from backend.conf.environment import current
from backend.conf.errors import StartupError, explain
from backend.health import target
from backend.logs import console
from backend.logs.boot import say, warn
from backend.logs.ending import explained
from backend.server import handover, phase, stopping
from backend.server.configuration import (
    FILE,
    FLAGS,
    check_worker_class,
    find_named,
    warn_about_restarts,
)

if TYPE_CHECKING:
    from gunicorn.app.wsgiapp import WSGIApplication

STARTED = time.monotonic()
# Workers with threads. gevent and similar workers change modules that are loaded by now, so they
# need a new Python.
IN_PROCESS = ("sync", "gthread", "backend.server.worker.Worker")


def serve(command: list[str], server: commands.Program) -> None:
    """Prepare, then become the command that starts a server."""
    script = os.environ.get(target.UNSEEN) or scripts.of_first_process()
    if script or target.UNSEEN in os.environ:
        os.environ[target.UNSEEN] = ""
    target.write(target.STARTING)
    with stopping.at_once(stopping.NOT_READY, terminated=0), explained():
        console.start()
        chosen = configuration.choose_project(command)
        _warn_about_place(server, script)
        if server.name == commands.GUNICORN:
            command = _with_configuration(command, server)
        else:
            places.leave_out_own_commands()
        kept_key.keep()
        configuration.load_server()
        gunicorn = _gunicorn(command)
        if gunicorn and gunicorn.cfg.worker_class_str not in IN_PROCESS:
            check_worker_class(gunicorn.cfg)
            if asgi.is_used_by(gunicorn.cfg):
                command = asgi.with_layers(command, server)
                gunicorn = _gunicorn(command)
        # From here on, the container responds: alive, but not ready.
        prefix = current()["PATH_PREFIX"]
        if server.name in commands.DJANGOS and chosen.is_own:
            command = runserver.with_layers(command)
        if server.name in asgi.SERVERS:
            command = asgi.with_layers(command, server)
            answering = asgi.answering(server, prefix)
        else:
            answering = gunicorn and listening.listen(gunicorn.cfg, prefix)
        configuration.load()
        _warn_about_other_settings(chosen, server)
        if answering:
            answering.responder.prefix = prefix = settings.FORCE_SCRIPT_NAME or ""
        steps.take()
        phase.enter(phase.READY)
        say(f"ready to serve after {time.monotonic() - STARTED:.1f} s")
        fewer = budget.flags(gunicorn.cfg, current()) if gunicorn else []
        if gunicorn:
            warn_about_restarts(gunicorn.cfg)
        if fewer:
            # They win over gunicorn's files.
            command = [*command, *fewer]
            gunicorn = _gunicorn(command)
    # The server does not need it, and the environment of a process is readable during its whole
    # life, so the server needs a new process.
    had_password = os.environ.pop("DJANGO_SUPERUSER_PASSWORD", None)
    if gunicorn is None or not handover.is_taken_by(gunicorn.cfg):
        if answering:
            for descriptor in answering.stop():
                os.close(descriptor)
        target.write(target.LISTENING)
        become(command)
        return
    is_of_threads = gunicorn.cfg.worker_class_str in IN_PROCESS
    if had_password or gunicorn.cfg.reload or not is_of_threads:
        # A reload must not find what the boot has loaded, and gevent would change modules that the
        # responding thread uses.
        descriptors = answering.stop() if answering else []
        handover.give(descriptors, prefix if is_of_threads else None)
        become_with_blocked_signals(command)
    else:
        # This does not start Python and load Django a second time.
        if answering:
            handover.keep(answering)
        stopping.by_handlers(stopping.NOT_READY, terminated=0)
        if gunicorn.cfg.preload_app:
            gunicorn.load = application_of(gunicorn)
        with explained():
            gunicorn.run()
        sys.exit()


def application_of(gunicorn: WSGIApplication) -> Callable[[], Any]:
    """How gunicorn loads the application, with two lines for an error in it."""
    load = gunicorn.load

    def loading() -> Any:
        try:
            return load()
        except Exception as error:  # noqa: BLE001  a team's code raises anything
            cause: BaseException = error
            while cause.__cause__:
                cause = cause.__cause__
            problem = explain(cause)
            fix = problem.fix
            if isinstance(error, AppImportError):
                fix = f"Correct {gunicorn.app_uri} in the command, or define that name."
            place = f"the application {gunicorn.app_uri}:"
            raise StartupError(problem.problem.replace("the project:", place, 1), fix) from cause

    return loading


def _with_configuration(command: list[str], server: commands.Program) -> list[str]:
    """Let gunicorn load the image's configuration, which loads the one that it would load."""
    is_named = find_named(server.words)
    if is_named and command != list(server.words):
        # The image's program of that name adds it, below the shell.
        if not re.search(r"(?<!-m )(?<!\S)gunicorn ", " ".join(server.words)):
            warn(
                "a shell starts gunicorn with a configuration of yours, and not by the name "
                "gunicorn alone, so there are no health pages and requests are cut off at a stop. "
                "Write gunicorn without a path and without python -m"
            )
        return command
    places.leave_out_own_commands()
    if is_named:
        return [*command, "--config", str(FILE)]
    if server.words != ("gunicorn", "backend.wsgi"):
        say(f"the command names no gunicorn configuration: using {FILE}")
    os.environ[FLAGS] = f"{os.environ.get(FLAGS, '')} --config {FILE}".strip()
    return command


def _warn_about_other_settings(chosen: project.Project, server: commands.Program) -> None:
    """Warn if the application alone would use other settings, such as those for production."""
    if server.name in commands.DJANGOS:
        return
    named = [word.partition(":")[0] for word in server.words if asgi.MODULE.fullmatch(word)]
    if "backend.wsgi" in named:
        named = [str(settings.WSGI_APPLICATION).rpartition(".")[0]]
    for module in named:
        if other := project.other_settings(chosen, module):
            warn(f"{other.problem} {other.fix}")


def _warn_about_place(server: commands.Program, script: str) -> None:
    """Warn about ROLE, a shell above the server that keeps a signal from it, and root."""
    if role := current()["ROLE"]:
        warn(f"ROLE={role} has no effect, because the command starts a server: {server.name}")
    if _is_root_of_mounted_project():
        warn(
            "the container runs as root, because root owns the mounted project. Give the project "
            "to another user on the host: chown --recursive USER FOLDER"
        )
    if script and scripts.is_below_shell():
        warn(
            f"{script}: {server.name} runs under a shell, which does not forward the signal that "
            "stops the container, so requests will be cut off. Write exec before the command there"
        )
    if server.below_shell:
        warn(
            f"{server.name} runs under a shell, which does not forward the signal that stops the "
            f"container, so requests will be cut off. Write exec before {server.name}, or "
            f'CMD as a list: CMD ["{server.name}", ...]'
        )


def _is_root_of_mounted_project() -> bool:
    """Whether this is the machine's root. The root of a rootless engine is an ordinary user."""
    if os.geteuid() != 0 or not project.is_own(Path("manage.py")):
        return False
    first, outside, _ = Path("/proc/self/uid_map").read_text().splitlines()[0].split()
    return first == outside == "0"


def _gunicorn(command: list[str]) -> WSGIApplication | None:
    """gunicorn with its configuration and flags loaded; None if the command is not gunicorn."""
    from gunicorn.app.wsgiapp import WSGIApplication

    program = shutil.which(command[0])
    if program is None or Path(program) != Path(sys.executable).with_name("gunicorn"):
        return None
    # gunicorn reads them there, now and when it reloads its configuration (SIGHUP).
    sys.argv = [program, *command[1:]]
    return WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]")
