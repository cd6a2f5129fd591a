"""What bin/commands/celery runs: Celery's program, with the image's log and health check."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import sys
from pathlib import Path

from backend.boot import commands, scripts
from backend.boot.exec_command import become
from backend.conf import places, project
from backend.conf.errors import StartupError
from backend.health import target
from backend.logs.ending import exit_with

# As in bin/commands/gunicorn.
INITS = ("tini", "docker-init", "dumb-init")


def main() -> None:
    """Run Celery.

    If the script of a team becomes a worker or beat, nothing has prepared for it, so the entry
    point does now.
    """
    command = [commands.CELERY, *sys.argv[1:]]
    worker = commands.worker_of(command)
    if worker and commands.PREPARED not in os.environ and _is_the_command():
        os.execv(scripts.ENTRY_POINT, [str(scripts.ENTRY_POINT), *command])  # noqa: S606
    if importlib.util.find_spec("celery") is None:
        _run_another(command)
    # First, because it changes modules that the other imports use.
    from celery import maybe_patch_concurrency

    maybe_patch_concurrency()
    with contextlib.suppress(StartupError):
        project.choose()
    if worker:
        from backend.boot import celery_worker

        celery_worker.prepare(worker)
    from celery.__main__ import main as celery

    celery()


def _is_the_command() -> bool:
    """Whether this process is the container's command, and not below a shell or `docker exec`."""
    if os.getpid() == 1:
        return True
    return os.getppid() == 1 and Path("/proc/1/comm").read_text().strip() in INITS


def _run_another(command: list[str]) -> None:
    """Become a program of that name elsewhere, or end with two lines if there is none."""
    places.leave_out_own_commands()
    if shutil.which(command[0]) is None:
        exit_with(
            StartupError(
                "The command 'celery' cannot be run: Celery is not installed.",
                "Add it to your requirements.txt, with the client of its broker: celery[redis].",
            )
        )
        sys.exit(127)
    if commands.PREPARED in os.environ:
        target.write(target.RUNNING)
    become(command)
