"""Notices that published tables have changed, and lets the server replace its code."""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connections

from backend.conf.environment import current
from backend.conf.errors import StartupError, one_line
from backend.conf.places import PUBLISHED
from backend.server import phase, succession
from backend.tables import publication, published
from backend.tables.published import Published

logger = logging.getLogger("backend.tables")


def watch() -> None:
    """From gunicorn's hook post_worker_init: look from time to time, in one of the workers."""
    seconds = current()["PUBLISH_INTERVAL"]
    if seconds and PUBLISHED in os.environ:
        threading.Thread(target=_watch, args=(seconds,), name="tables", daemon=True).start()


def _watch(seconds: int) -> None:
    before = published.find(Path(settings.DATA_DIR))
    assert before is not None  # PUBLISHED names it
    # One for the workers of each container: several can share the folder of the code.
    name = f"backend-tables-{os.geteuid()}-{os.getppid()}"
    with (Path(tempfile.gettempdir()) / name).open("w") as lock:
        # Until the worker that looks has ended.
        fcntl.flock(lock, fcntl.LOCK_EX)
        while not phase.draining():
            time.sleep(seconds)
            try:
                if _has_changed(before):
                    # The lock is for the successor's workers.
                    threading.Event().wait()
            except DatabaseError as error:
                logger.info("Cannot look at the published tables: %s", one_line(error))
            except StartupError as error:
                logger.warning("The published tables cannot be read: %s", error)
            finally:
                connections.close_all()


def _has_changed(before: Published) -> bool:
    """Look once. If the tables have changed, ask for the server's successor."""
    made = publication.read_now(current())
    written = published.write(made.files(), made.facts(), Path(settings.DATA_DIR))
    if written.folder == before.folder:
        return False
    for line in published.difference(before.models(), written.models()):
        is_loss = "removed" in line or "changed" in line
        level = logging.WARNING if is_loss else logging.INFO
        logger.log(level, "The published tables are not as they were: %s", line)
    environ = {PUBLISHED: str(written.folder)}
    command = [sys.executable, "-P", "-m", "backend.manage", "check"]
    checked = subprocess.run(
        command, env=os.environ | environ, capture_output=True, text=True, check=False
    )
    if checked.returncode:
        logger.error("The API stays as it was: %s", one_line(checked.stderr))
        return False
    succession.ask(environ)
    return True
