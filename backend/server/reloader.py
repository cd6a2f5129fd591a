"""Changes to runserver's check for saved files."""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.utils import autoreload
from django.utils.autoreload import StatReloader

from backend.conf.errors import is_of_the_team

# Seconds between two checks, each of which takes 4 ms. Django's interval is 1.
BETWEEN_LOOKS = 0.2
# Django's exit code that tells its outer process to start the next process.
RELOAD = 3

_reloading = threading.Event()


def install() -> None:
    """Check more often, notice files saved before the first check, and end the process at once.

    Django assumes that it has loaded the files as it first sees them. So after a file was saved
    while the server started, the server used its old content until it was saved again.
    """
    started = time.time() - time.process_time()
    snapshot_files, seen = StatReloader.snapshot_files, set[Path]()

    def files_with_times(self: StatReloader) -> Iterator[tuple[Path, float]]:
        self.extra_files.update(_files_of_the_last_error())
        for file, saved in snapshot_files(self):
            # A time later than now is from the clock of another machine, whose files are mounted.
            if file not in seen and started < saved <= time.time():
                yield file, started
            seen.add(file)
            yield file, saved

    StatReloader.SLEEP_TIME = BETWEEN_LOOKS  # type: ignore[assignment]  # fractions work too
    StatReloader.snapshot_files = files_with_times  # type: ignore[method-assign]  # in its place
    # The stubs call it a str; Django gives a Path.
    trigger_reload: Callable[[Any], None] = autoreload.trigger_reload

    def reload(filename: Path | str) -> None:
        _reloading.set()
        trigger_reload(filename)

    autoreload.trigger_reload = reload
    # Called after the receivers of the team's code, which loads later.
    atexit.register(_end_at_once)


def _files_of_the_last_error() -> Iterator[Path]:
    """The team's files in the traceback of the error that prevents the server from starting.

    Django watches only the innermost file, which can be its own, for example if it refuses an admin
    class. A module whose import failed is not loaded, so Django would not notice its correction.
    """
    # The value of sys.exc_info(), or None. The stubs do not know it.
    failure = autoreload._exception  # type: ignore[attr-defined]  # Django's own
    error: BaseException | None = failure[1] if failure else None
    while error is not None:
        for frame in traceback.extract_tb(error.__traceback__):
            if is_of_the_team(frame.filename):
                yield Path(frame.filename)
        error = error.__cause__ or error.__context__


def _end_at_once() -> None:
    """End without Python's own shutdown, which expects that no thread is running.

    Here, the server's thread is running. If it was setting up logging, which Django does again for
    a WSGI application, it and Python's shutdown deadlocked.
    """
    if _reloading.is_set():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(RELOAD)
