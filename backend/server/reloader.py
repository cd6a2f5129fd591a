"""What runserver's look for saved files does otherwise here than in Django."""

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

# Seconds between two looks, of which each takes 4 ms; Django's is 1.
BETWEEN_LOOKS = 0.2
# Django's exit code, by which its outer process knows that it has to start the next one.
RELOAD = 3

_reloading = threading.Event()


def install() -> None:
    """Look more often, see what was saved before the first look too, and end whatever is going on.

    Django takes what it sees first for what it has loaded: a file that is saved while the server
    starts was served as it had been, until it was saved once more.
    """
    started = time.time() - time.process_time()
    snapshot_files, seen = StatReloader.snapshot_files, set[Path]()

    def files_with_times(self: StatReloader) -> Iterator[tuple[Path, float]]:
        self.extra_files.update(_files_of_the_last_error())
        for file, saved in snapshot_files(self):
            # Later than now is the clock of another machine, whose files are mounted.
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
    # Called after what the team's code registers, which is loaded later.
    atexit.register(_end_at_once)


def _files_of_the_last_error() -> Iterator[Path]:
    """The team's files that the error came through which keeps the server from starting.

    Django looks at the innermost one, which is a file of its own where, say, an admin class is
    refused: a module whose import failed is no module, and when it is corrected nobody sees it.
    """
    # What sys.exc_info() says, or None; the stubs do not know it.
    failure = autoreload._exception  # type: ignore[attr-defined]  # Django's own
    error: BaseException | None = failure[1] if failure else None
    while error is not None:
        for frame in traceback.extract_tb(error.__traceback__):
            if is_of_the_team(frame.filename):
                yield Path(frame.filename)
        error = error.__cause__ or error.__context__


def _end_at_once() -> None:
    """End without the rest of Python's own end, which is for processes with nothing left to do.

    Here the server's thread is in the middle of something. Where that was setting up logging, as
    Django does once more for a WSGI application, it and Python's end waited for each other for
    ever.
    """
    if _reloading.is_set():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(RELOAD)
