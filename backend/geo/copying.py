"""Rows of PostgreSQL as bytes, as fast as it gives them, in a few hundred kilobytes of memory.

``COPY ... TO STDOUT`` writes rows without a Python object for each value. A thread
reads them while the request's thread sends, so that neither waits for the other.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
import time
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
from django.core.signals import request_finished
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from backend.databases.sessions import LIFETIME, Session, same_of
from backend.databases.test_runs import tests_run

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
# A stream that nobody reads any more closes its socket, and this tells the server to look for
# that, within a second, while it works. psycopg2's cancel() would hold the whole process
# for as long as the network is silent. PostgreSQL 14 and above, on systems that can look; others
# notice when they send a row. https://www.postgresql.org/docs/current/runtime-config-connection.html
LOOK_FOR_CLIENT = """
SELECT set_config('client_connection_check_interval', '1000', true) WHERE version() LIKE '%%linux%%'
AND current_setting('client_connection_check_interval', true) IS NOT NULL
"""
# Seconds after which what there is of a chunk is sent; rows may come slowly.
PATIENCE = 0.1
# Seconds between looks whether the client is still there, while rows are waited for.
LOOK = 1.0
# Seconds that close() waits for the thread, which has only a closed socket to notice.
ENDING = 5.0

# Connections kept for the next stream, for each process and database: with a new one,
# log-in and the loading of PostGIS are most of the time to the first byte.
KEPT = 2
_kept: defaultdict[tuple[int, str], list[BaseDatabaseWrapper]] = defaultdict(list)
# What is set in each outside of a transaction, and until when that is believed: a server may be
# configured anew.
_own: weakref.WeakKeyDictionary[BaseDatabaseWrapper, tuple[float, Session]] = (
    weakref.WeakKeyDictionary()
)


_threads = threading.local()


def _started() -> weakref.WeakSet[Copy]:
    """What this thread has started, except what is forgotten."""
    if not hasattr(_threads, "copies"):
        _threads.copies = weakref.WeakSet()
    copies: weakref.WeakSet[Copy] = _threads.copies
    return copies


def _close_left(**_: Any) -> None:
    """Close what a middleware has put another response in place of, or failed over."""
    for copy in list(_threads.__dict__.pop("copies", ())):
        copy.close()


request_finished.connect(_close_left)


class ClientGoneError(Exception):
    """Whoever reads the stream has left."""


class Copy:
    """An iterator over the output of one ``COPY`` statement, in chunks of bytes.

    ``start`` returns when the first row is there, and raises what the database says
    instead. The connection is one of its own, so that a broken stream leaves nothing behind in
    the one of the request's thread; what was set in that one, in ``session``, is set in this
    one too. It is given back when the last row is read, however slow the client is.

    ``close`` may be called at any time and from any thread: it ends the query on the server, the
    thread and the connection. A copy that nobody closes ends with the request of its thread.

    While tests run, the rows are read at once and through the test's own connection, which alone
    sees what a TestCase wrote; and no other connection keeps the test database from being dropped.
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
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._flushed = 0.0
        self._chunks: deque[bytes] = deque()
        self._ahead: float = AHEAD
        self._changed = threading.Condition()
        self._ended = self._closed = False

    def start(self) -> None:
        """Send the query and wait for its first row, or its end."""
        limit = f"SET LOCAL statement_timeout = {self._milliseconds}"
        if tests_run():
            self._read_at_once(f"{limit}; {EXACT}")
            return
        settings = f"{limit}; {AT_ONCE}; {EXACT}; {LOOK_FOR_CLIENT}"
        self._wrapper = wrapper = _begun(self._using, self._session, settings)
        try:
            # Another descriptor of the same socket: psycopg2 may close its own at any time.
            self._socket = socket.socket(fileno=os.dup(wrapper.connection.fileno()))
            _started().add(self)
            self._thread = threading.Thread(
                target=self._copy, args=(wrapper,), name="stream", daemon=True
            )
            self._thread.start()
            self._wait()
            if self.error:
                with wrapper.wrap_database_errors:
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
        """End it all, within ENDING seconds."""
        self.leave()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join(ENDING)
        else:
            self._release(keep=False)  # it could not even begin

    def leave(self) -> None:
        """As ``close``, but without waiting for the end."""
        with self._changed:
            self._closed = True
            self._chunks.clear()
            self._changed.notify_all()
            if self._socket is not None:
                with contextlib.suppress(OSError):  # the server has closed it before
                    self._socket.shutdown(socket.SHUT_RDWR)

    def write(self, row: bytes) -> None:
        """What psycopg2 calls with each row."""
        self._parts.append(row)
        self._size += len(row)
        if self._size >= CHUNK or time.monotonic() - self._flushed > PATIENCE:
            self._flush()

    def _copy(self, wrapper: BaseDatabaseWrapper) -> None:
        try:
            self._read(wrapper.connection)
            # Nothing was written; what a function of the team's has set is undone with the rest.
            _execute(wrapper, "ROLLBACK")
            # A setting of the team's that was set once is not unknown again, but empty.
            self._release(keep=not self._session.has_own)
            self._flush()
        # Whatever it is, it belongs to the request's thread, which raises it.
        except Exception as error:  # noqa: BLE001
            self.error = error
            self._release(keep=False)
        self._end()

    def _read_at_once(self, settings: str) -> None:
        wrapper = connections[self._using]
        self._ahead = math.inf
        try:
            with transaction.atomic(self._using):
                _execute(wrapper, settings)
                self._read(wrapper.connection)
                # Nothing was written, and the settings are for this statement alone.
                transaction.set_rollback(True, self._using)
        except psycopg2.Error as error:
            self.error = error
        self._flush()
        self._end()
        if self.error and not self._chunks:
            with wrapper.wrap_database_errors:
                raise self.error

    def _read(self, connection: Any) -> None:
        # Named as backend.http.error_sources looks for them, should it fail.
        params = self._params
        with connection.cursor() as cursor:
            statement = cursor.mogrify(self._statement, params)
            cursor.copy_expert(statement, self)

    def _release(self, *, keep: bool) -> None:
        """Give the connection back, or close it; only the first call does."""
        with self._changed:
            wrapper, self._wrapper = self._wrapper, None
            if self._socket is not None:
                self._socket.close()
                self._socket = None
            keep = keep and not self._closed
        if wrapper is None:
            return
        if keep:
            _keep(wrapper)
        else:
            wrapper.close()

    def _end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _flush(self) -> None:
        chunk, rows = b"".join(self._parts), len(self._parts)
        self._parts, self._size = [], 0
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._chunks) < self._ahead)
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


def _begun(using: str, session: Session, settings: str) -> BaseDatabaseWrapper:
    """A connection apart from the requests' own, with a transaction begun and all this set."""
    kept = _kept[os.getpid(), using]
    while kept:
        with contextlib.suppress(IndexError):  # another thread took the last
            wrapper = kept.pop()
            if _young(wrapper):
                # The server may have ended it since.
                with contextlib.suppress(psycopg2.Error, DatabaseError, InterfaceError):
                    _begin(wrapper, session, settings)
                    return wrapper
            wrapper.close()
    wrapper = connections[using].copy()
    # A server may close the response in another thread than the one that began it.
    wrapper.inc_thread_sharing()
    try:
        wrapper.ensure_connection()  # as connect(), with Django's errors
        with wrapper.wrap_database_errors:
            _begin(wrapper, session, settings)
    except BaseException:
        wrapper.close()
        raise
    return wrapper


def _begin(wrapper: BaseDatabaseWrapper, session: Session, settings: str) -> None:
    until, own = _own.get(wrapper, (0.0, None))
    if time.monotonic() > until:
        own = same_of(session, wrapper)
        _own[wrapper] = time.monotonic() + LIFETIME, own
    # Most often nothing has been set in the request's session.
    same, params = ("SELECT", []) if session == own else session.statement()
    # One message, one way to the server and back.
    _execute(wrapper, f"BEGIN READ ONLY; {same}; {settings}", params)


def _keep(wrapper: BaseDatabaseWrapper) -> None:
    kept = _kept[os.getpid(), wrapper.alias]
    if _young(wrapper) and len(kept) < KEPT:
        kept.append(wrapper)
    else:
        wrapper.close()


def _execute(wrapper: BaseDatabaseWrapper, statement: str, params: list[Any] | None = None) -> None:
    with wrapper.connection.cursor() as cursor:
        cursor.execute(statement, params)


def _young(wrapper: BaseDatabaseWrapper) -> bool:
    """Whether CONN_MAX_AGE lets it live on."""
    return wrapper.close_at is None or time.monotonic() < wrapper.close_at
