"""Makes REST framework's throttles count once per container, for all its workers.

They store the times of a client's requests in Django's cache, which is one per process unless a
team sets CACHES. They read and write it in two steps, and another request can come in between.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import functools
import hashlib
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from backend.conf.atomic_files import replacing

MEMORY = Path("/dev/shm")  # noqa: S108  a folder of its own is made in it
IN_PROCESS = "django.core.cache.backends.locmem.LocMemCache"
SWEEP = 1000  # writes, on average, after which counts that are over are deleted
LOCKS = 256  # files, so that few clients wait for each other


class SharedCounts:
    """The part of a cache that throttles use: one file per key, in a folder of all workers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str, default: Any = None) -> Any:
        try:
            entry = json.loads(self._file(key).read_text())
        except FileNotFoundError:
            return default
        return entry["value"] if entry["until"] > time.time() else default

    def set(self, key: str, value: Any, timeout: float) -> None:
        """Keep ``value``, which is JSON data, for ``timeout`` seconds."""
        until = time.time() + timeout
        with replacing(self._file(key)) as new:  # others read without the lock
            new.write_text(json.dumps({"value": value, "until": until}))
            os.utime(new, (until, until))
        if random.random() * SWEEP < 1:  # noqa: S311  no secret
            self._sweep()

    @contextlib.contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Meanwhile, no other thread or worker counts for ``key``."""
        number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % LOCKS
        # Opened again, so that threads wait for each other too. Closing it releases the lock.
        with (self.folder / f"lock-{number}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _file(self, key: str) -> Path:
        return self.folder / hashlib.sha256(key.encode()).hexdigest()

    def _sweep(self) -> None:
        for file in self.folder.glob("[0-9a-f]*"):
            # Another worker can delete files too. A minute is for a count that is running right
            # now.
            try:
                if file.stat().st_mtime < time.time() - 60:
                    file.unlink()
            except FileNotFoundError:
                continue


def make_counts() -> SharedCounts:
    """Create the counts of all workers of this server. Called before the fork."""
    parent = MEMORY if os.access(MEMORY, os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="counts-", dir=parent))
    atexit.register(_remove, folder, os.getpid())
    return SharedCounts(folder)


def share(counts: SharedCounts) -> None:
    """Let the throttles of all workers count in ``counts``.

    A team's CACHES, and a throttle's own ``cache``, stay in use.
    """
    from rest_framework.throttling import SimpleRateThrottle

    if settings.CACHES["default"]["BACKEND"] == IN_PROCESS:
        # The part of a cache that throttles use.
        SimpleRateThrottle.cache = counts  # type: ignore[assignment]  # no whole cache
    allow = _one_at_a_time(SimpleRateThrottle.allow_request, counts)
    SimpleRateThrottle.allow_request = allow  # type: ignore[method-assign]  # of every throttle


def _one_at_a_time(allow_request: Callable[..., bool], counts: SharedCounts) -> Callable[..., bool]:
    @functools.wraps(allow_request)
    def allow(throttle: Any, request: Any, view: Any) -> bool:
        if throttle.rate is None or (key := throttle.get_cache_key(request, view)) is None:
            return True
        with counts.locked(str(key)):
            return allow_request(throttle, request, view)

    return allow


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:  # not a worker, which inherits it from its parent
        shutil.rmtree(folder, ignore_errors=True)
