"""Prepare for a worker, then become it.

A worker is any program that does not end and is not the server: Celery's worker and beat, a
management command that consumes a queue, or a script with ROLE=worker.
"""

from __future__ import annotations

import os
import shutil
import time

from backend.boot import commands, configuration, scripts, steps
from backend.boot.exec_command import become
from backend.conf import kept_key, places
from backend.health import target
from backend.logs import console
from backend.logs.boot import say, warn
from backend.logs.ending import explained
from backend.server import stopping

STARTED = time.monotonic()


def work(command: list[str], worker: commands.Program | None) -> None:
    """Wait for the databases and their migrations, then become the command.

    ``worker`` is None for a command that only ROLE=worker describes.
    """
    os.environ.setdefault(target.UNSEEN, scripts.place(command))
    target.write(target.STARTING)
    with stopping.at_once(stopping.NOT_READY, terminated=0), explained():
        console.start()
        configuration.choose_project(command)
        if worker and worker.below_shell:
            warn(
                f"{worker.name} runs under a shell, which does not forward the signal that stops "
                f"the container, so its work will be cut off. Write exec before it, or CMD as a "
                'list: CMD ["celery", ...]'
            )
        kept_key.keep()
        configuration.load_environment()
        configuration.load()
        steps.take_for_worker()
        say(f"ready to work after {time.monotonic() - STARTED:.1f} s")
    os.environ.pop("DJANGO_SUPERUSER_PASSWORD", None)
    os.environ[commands.PREPARED] = ""
    # The image's program of Celery writes for itself: backend.boot.celery_worker.
    if worker is None or shutil.which(command[0]) != str(places.COMMANDS / commands.CELERY):
        target.write(target.RUNNING)
    become(command)
