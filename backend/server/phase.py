"""The phase of this container and its start, in memory that all its processes share.

The boot sets it, the workers show it, and the arbiter sets the last phase. This module imports
nothing that a gevent worker would have to patch.
"""

from __future__ import annotations

import mmap
import time
from dataclasses import dataclass
from datetime import UTC, datetime

STARTING = "starting"
WAITING = "waiting-for-database"
MIGRATING = "migrating"
COLLECTING = "collecting-static"
SUPERUSER = "creating-superuser"
PENDING = "migrations-pending"
READY = "ready"
DRAINING = "draining"
_NAMES = (STARTING, WAITING, MIGRATING, COLLECTING, SUPERUSER, PENDING, READY)

# The states of the databases that the boot knows, by alias. Only for this process: the workers
# check for themselves.
checks: dict[str, str] = {}


@dataclass(frozen=True)
class Phase:
    name: str
    milliseconds: int

    @property
    def since(self) -> str:
        """When the phase began: ISO 8601, UTC, to the second."""
        moment = datetime.fromtimestamp(self.milliseconds / 1000, UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _shared() -> memoryview:
    """Two words of 64 bits, each read and written atomically.

    The first is the phase, as milliseconds since 1970 times 256 plus its number. The second is the
    start of draining, or 0. Draining has its own word because a worker that has just checked its
    databases must not overwrite it.
    """
    return memoryview(mmap.mmap(-1, 16)).cast("Q")


_words = _shared()


def enter(name: str) -> Phase:
    """Enter the phase ``name``, unless it is the current one. Returns the phase to show."""
    number, word = _NAMES.index(name), _words[0]
    if not word or word % 256 != number:
        word = _words[0] = _now() * 256 + number
    return Phase(DRAINING, _words[1]) if draining() else Phase(name, word // 256)


def drain() -> None:
    """Drain until the end."""
    _words[1] = _words[1] or _now()


def draining() -> bool:
    return _words[1] != 0


def current() -> Phase:
    if draining():
        return Phase(DRAINING, _words[1])
    return Phase(_NAMES[_words[0] % 256], _words[0] // 256)


def _now() -> int:
    return time.time_ns() // 1_000_000


enter(STARTING)
