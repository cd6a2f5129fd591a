"""Rows of PostgreSQL as bytes, as fast as it gives them, in a few hundred kilobytes of memory.

``COPY ... TO STDOUT`` writes rows without a Python object for each value. A thread
reads them while the request's thread sends, so that neither waits for the other.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from backend.geo.sessions import Session

# Large enough that the costs of a chunk (a system call, a wake-up) do not count.
CHUNK = 128 * 1024
# Chunks read ahead of the client. Four hide the unevenness of either side.
AHEAD = 4
# Measured on 200,000 rows in the order of their key: with both, PostgreSQL sorts and
# compiles first and takes twice the time; without, it reads the index, from the first
# row on. And a stream leaves the other cores to other requests.
AT_ONCE = "SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0"
# A database may be set to write floats rounded.
EXACT = "SET LOCAL extra_float_digits = 1"
# Seconds after which what there is of a chunk is sent; rows may come slowly.
PATIENCE = 0.1
# Seconds between looks whether the client is still there, while rows are waited for.
LOOK = 1.0


# Connections kept for the next stream, for each process and database: with a new one,
# log-in and the loading of PostGIS are most of the time to the first byte.
KEPT = 2
_kept: defaultdict[tuple[int, str], list[BaseDatabaseWrapper]] = defaultdict(list)


class ClientGoneError(Exception):
    """Whoever reads the stream has left."""


class Copy:
    """An iterator over the output of one ``COPY`` statement, in chunks of bytes.

    ``start`` returns when the first row is there, and raises what the database says
    instead. ``close`` may be called at any time and from any thread: it ends the query
    on the server, the thread and the connection. The connection is one of its own, so
    that a broken stream leaves nothing behind in the one of the request's thread; what was
    set in that one, in ``session``, is set in this one too.
    """

    def __init__(
        self,
        using: str,
        statement: str,
        params: tuple[Any, ...],
        session: Session,
        *,
        timeout: float = 0,
        gone: Callable[[], bool] = lambda: False,
    ) -> None:
        """``timeout`` is in seconds, 0 for none; ``gone`` says whether the client left."""
        self.rows = 0
        self.error: Exception | None = None
        self._using, self._statement, self._params = using, statement, params
        self._session = session
        self._milliseconds = int(timeout * 1000)
        self._gone = gone
        self._wrapper: BaseDatabaseWrapper | None = None
        self._thread: threading.Thread | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._flushed = 0.0
        self._chunks: deque[bytes] = deque()
        self._changed = threading.Condition()
        self._ended = self._closed = False

    def start(self) -> None:
        """Send the query and wait for its first row, or its end."""
        limit = f"SET LOCAL statement_timeout = {self._milliseconds}"
        same, params = self._session.statement()
        # One message, one way to the server and back.
        begin = f"BEGIN READ ONLY; {same}; {limit}; {AT_ONCE}; {EXACT}"
        self._wrapper = _begun(self._using, begin, params)
        try:
            self._thread = threading.Thread(target=self._copy, name="stream", daemon=True)
            self._thread.start()
            self._wait()
            if self.error:
                with self._wrapper.wrap_database_errors:
                    raise self.error
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        self._wait()
        with self._changed:
            if self._chunks:
                chunk = self._chunks.popleft()
                self._changed.notify_all()
                return chunk
        if self.error:
            raise self.error
        raise StopIteration

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._chunks.clear()
            self._changed.notify_all()
        if self._wrapper is None:
            return
        if self._thread is not None:
            while not self._ended:
                # Again and again: one that comes before the query has begun is lost.
                with contextlib.suppress(psycopg2.Error):  # its connection is broken
                    self._wrapper.connection.cancel()
                self._thread.join(LOOK)
            self._thread.join()
        wrapper, self._wrapper = self._wrapper, None
        # A setting of the team's that was set once is not unknown again, but empty.
        if self._ended and self.error is None and not self._session.own:
            _keep(wrapper)
        else:
            wrapper.close()

    def write(self, row: bytes) -> None:
        """What psycopg2 calls with each row."""
        self._parts.append(row)
        self._size += len(row)
        if self._size >= CHUNK or time.monotonic() - self._flushed > PATIENCE:
            self._flush()

    def _copy(self) -> None:
        # Named as backend.error_sources looks for them, should it fail.
        connection, params = self._wrapper.connection, self._params
        try:
            with connection.cursor() as cursor:
                statement = cursor.mogrify(self._statement, params)
                cursor.copy_expert(statement, self)
            self._flush()
        # Whatever it is, it belongs to the request's thread, which raises it.
        except Exception as error:  # noqa: BLE001
            self.error = error
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _flush(self) -> None:
        chunk, rows = b"".join(self._parts), len(self._parts)
        self._parts, self._size = [], 0
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._chunks) < AHEAD)
            if self._closed:
                raise ClientGoneError
            self.rows += rows
            if chunk:
                self._chunks.append(chunk)
            self._changed.notify_all()
        self._flushed = time.monotonic()

    def _wait(self) -> None:
        with self._changed:
            while not (self._chunks or self._ended):
                if not self._changed.wait(LOOK) and self._gone():
                    raise ClientGoneError


def _begun(using: str, begin: str, params: list[Any]) -> BaseDatabaseWrapper:
    """A connection apart from those of the requests' threads, with ``begin`` done."""
    kept = _kept[os.getpid(), using]
    while kept:
        with contextlib.suppress(IndexError):  # another thread took the last
            wrapper = kept.pop()
            if _young(wrapper):
                # The server may have ended it since.
                with contextlib.suppress(psycopg2.Error):
                    _execute(wrapper, begin, params)
                    return wrapper
            wrapper.close()
    wrapper = connections[using].copy()
    # A server may close the response in another thread than the one that began it.
    wrapper.inc_thread_sharing()
    try:
        wrapper.ensure_connection()  # as connect(), with Django's errors
        with wrapper.wrap_database_errors:
            _execute(wrapper, begin, params)
    except BaseException:
        wrapper.close()
        raise
    return wrapper


def _keep(wrapper: BaseDatabaseWrapper) -> None:
    kept = _kept[os.getpid(), wrapper.alias]
    if _young(wrapper) and len(kept) < KEPT:
        with contextlib.suppress(psycopg2.Error):
            _execute(wrapper, "COMMIT")
            kept.append(wrapper)
            return
    wrapper.close()


def _execute(wrapper: BaseDatabaseWrapper, statement: str, params: list[Any] | None = None) -> None:
    with wrapper.connection.cursor() as cursor:
        cursor.execute(statement, params)


def _young(wrapper: BaseDatabaseWrapper) -> bool:
    """Whether CONN_MAX_AGE lets it live on."""
    return wrapper.close_at is None or time.monotonic() < wrapper.close_at
