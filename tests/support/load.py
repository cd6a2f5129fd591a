"""A constant load on a running API, and the result of each request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

# Seconds for one request. A longer one counts as hung.
PATIENCE = 30


@dataclass
class Load:
    """Counts of requests: all that were ``sent``, ``failed`` with an unexpected status, ``lost``
    without a response, or ``refused`` with a 503, which means "later"."""

    url: Callable[[], str]
    good: tuple[int, ...] = (200,)
    sent: int = 0
    failed: int = 0
    lost: int = 0
    refused: int = 0
    # The time of each good response (time.monotonic), and its duration in seconds.
    answers: list[tuple[float, float]] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def one(self, session: requests.Session) -> None:
        """Send one request, and count it."""
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
        """The longest duration of a good response, in seconds."""
        return max((took for _, took in self.answers), default=0.0)

    def first_good_since(self, moment: float) -> float | None:
        """Seconds from ``moment`` (time.monotonic) to the first good response to a later request,
        or None if there is none yet."""
        starts = [at for at, took in self.answers if at - took >= moment]
        return min(starts) - moment if starts else None

    @contextmanager
    def running(self, clients: int = 4, pause: float = 0.02) -> Iterator[Load]:
        """Send from ``clients`` threads, each ``pause`` seconds after its last response."""
        threads = [threading.Thread(target=self._work, args=(pause,)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()
