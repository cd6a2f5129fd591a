"""A constant load on a running API, and what became of each request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

# Of one request, in seconds; what takes longer counts as hung.
PATIENCE = 30


@dataclass
class Load:
    """Counts of requests: ``sent``; ``failed``, answered with a status that is not promised;
    ``lost``, not answered at all. ``refused`` were answered with 503, which says "later"."""

    url: Callable[[], str]
    good: tuple[int, ...] = (200,)
    sent: int = 0
    failed: int = 0
    lost: int = 0
    refused: int = 0
    # When each good answer came and how long it took, in seconds (time.monotonic).
    answers: list[tuple[float, float]] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def one(self, session: requests.Session) -> None:
        """Send one request and count it."""
        began, status, text = time.monotonic(), None, ""
        try:
            answer = session.get(self.url(), timeout=PATIENCE)
            status, text = answer.status_code, answer.text[:200]
        except (requests.RequestException, AssertionError) as error:
            text = f"{type(error).__name__}: {error}"[:200]
        now = time.monotonic()
        with self._lock:
            self.sent += 1
            if status in self.good:
                self.answers.append((now, now - began))
            elif status == 503:
                self.refused += 1
            elif status is None:
                self.lost += 1
                self.bad.append(text)
            else:
                self.failed += 1
                self.bad.append(f"{status} {text}")

    def _work(self, pause: float) -> None:
        session = requests.Session()
        while not self._stop.is_set():
            self.one(session)
            self._stop.wait(pause)
        session.close()

    @property
    def good_answers(self) -> int:
        return len(self.answers)

    def longest(self) -> float:
        """The longest time any good answer took, in seconds."""
        return max((took for _, took in self.answers), default=0.0)

    def first_good_since(self, moment: float) -> float | None:
        """Seconds from ``moment`` (time.monotonic) to the next good answer of a request sent
        after it; None when there is none yet."""
        found = [at for at, took in self.answers if at - took >= moment]
        return min(found) - moment if found else None

    @contextmanager
    def running(self, clients: int = 4, pause: float = 0.02) -> Iterator[Load]:
        """Send from so many threads, each ``pause`` seconds after its last answer."""
        threads = [threading.Thread(target=self._work, args=(pause,)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
