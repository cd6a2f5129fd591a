"""Rows of PostgreSQL as bytes, as fast as it sends them, in a few hundred kilobytes of memory.

``COPY ... TO STDOUT`` writes rows without a Python object for each value. A thread reads them while
the request's thread sends, so that neither waits for the other.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import socket
import threading
import time
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

from django.core.signals import request_finished
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from backend.databases import driver
from backend.databases.connections import CHECKED, is_silent
from backend.databases.sessions import LIFETIME, Session, facts, same_of
from backend.databases.test_runs import tests_run
from backend.server import slots

if TYPE_CHECKING:
    from django.db.backends.postgresql.base import DatabaseWrapper

# Large enough that the cost per chunk (a system call, a wake-up) does not matter.
CHUNK = 128 * 1024
# Chunks to read ahead of the client. Four even out the variations of either side.
AHEAD = 4
# Measured on 200,000 rows in the order of their key: with both, PostgreSQL sorts and compiles
# first, and takes twice as long. Without them, it reads the index, from the first row on. Also, a
# stream leaves the other cores to other requests.
AT_ONCE = "SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0"
# A database can be configured to round floats.
EXACT = "SET LOCAL extra_float_digits = 1"
# A stream without a reader closes its socket. This setting makes the server check for that within a
# second while it works. psycopg 2's cancel() would block the whole process for as long as the
# network is silent. It needs a system that can check. Other servers notice when they send a row.
# https://www.postgresql.org/docs/current/runtime-config-connection.html
CHECK_CLIENT = "SET LOCAL client_connection_check_interval = 1000"
# Seconds to wait for a whole chunk. After them, a reader checks that its client is still there, and
# takes the rows that have arrived.
PATIENCE = 0.1
# Seconds that close() waits for the thread, which only has to notice a closed socket.
ENDING = 5.0

# Connections kept for the next stream, per process and database, with a server that does not limit
# its streams. Otherwise as many as there can be streams: with a new connection, the login and the
# loading of PostGIS take most of the time of a short stream.
KEPT = 2
# Each with the time at which its last stream ended.
_kept: defaultdict[tuple[int, str], list[tuple[float, BaseDatabaseWrapper]]] = defaultdict(list)
# What is set in each kept connection outside of a transaction, and until when to rely on that: the
# configuration of the server can change.
_own: weakref.WeakKeyDictionary[BaseDatabaseWrapper, tuple[float, Session]] = (
    weakref.WeakKeyDictionary()
)


_threads = threading.local()


def _started() -> weakref.WeakSet[Copy]:
    """What this thread has started, except what was garbage-collected."""
    if not hasattr(_threads, "copies"):
        _threads.copies = weakref.WeakSet()
    copies: weakref.WeakSet[Copy] = _threads.copies
    return copies


def _close_left(**_: Any) -> None:
    """Close copies that are left because a middleware replaced the response, or failed."""
    for copy in list(_threads.__dict__.pop("copies", ())):
        copy.close()


request_finished.connect(_close_left)


class ClientGoneError(BrokenPipeError):
    """The reader of the stream is gone. WSGI servers do not log this error of a socket."""

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "the client has closed its connection")


class Copy:
    """An iterator over the output of one ``COPY`` statement, in chunks of bytes.

    ``start`` returns when the first row arrives, or raises the database's error. The copy uses a
    separate connection, so that a broken stream does not affect that of the request's thread. What
    is set in the request's session (``session``) is set in this connection too. The connection is
    given back when the last row is read, however slow the client is.

    You can call ``close`` at any time and from any thread. It ends the query on the server, the
    thread, and the connection. A copy that is never closed ends with the request of its thread.

    While tests run, the rows are read immediately, through the test's own connection. Only this one
    sees what a TestCase wrote, and another would keep the test database from being dropped.
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
        """``timeout`` is in seconds, 0 for none. ``gone`` returns whether the client has left."""
        self.rows = 0
        self.error: Exception | None = None
        self._using, self._statement, self._params = using, statement, params
        self._session = session
        self._limit = f"SET LOCAL statement_timeout = {int(timeout * 1000)}"
        self._gone = gone
        self._wrapper: BaseDatabaseWrapper | None = None
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._chunks: deque[bytes] = deque()
        self._ahead: float = AHEAD
        self._changed = threading.Condition()
        self._ended = self._closed = False

    def start(self) -> None:
        """Send the query and wait for its first row, or its end."""
        if tests_run():
            self._read_at_once()
            return
        try:
            self._begin(*self._prepared())
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
        """End everything, within ENDING seconds."""
        self.leave()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join(ENDING)
        else:
            self._release(keep=False)  # it could not even start

    def leave(self) -> None:
        """Like ``close``, but without waiting for the end."""
        with self._changed:
            self._closed = True
            self._chunks.clear()
            self._changed.notify_all()
            if self._socket is not None:
                with contextlib.suppress(OSError):  # the server closed it first
                    self._socket.shutdown(socket.SHUT_RDWR)

    def write(self, row: bytes) -> None:
        """The driver calls this with each row."""
        with self._changed:
            self._parts.append(row)
            self._size += len(row)
            # The first row is sent at once.
            if self._size < CHUNK and self.rows:
                return
        self._flush()

    def _prepared(self) -> tuple[BaseDatabaseWrapper, str]:
        """A connection, and what to send before the query: nothing if that was sent already."""
        while kept := _kept_one(self._using):
            ended, wrapper = kept
            try:
                return wrapper, self._prepare(wrapper, ended)
            except (DatabaseError, InterfaceError):
                is_lost = wrapper.connection is None or wrapper.connection.closed
                wrapper.close()
                if not is_lost:
                    raise
        wrapper = _new_one(self._using)
        try:
            return wrapper, self._prepare(wrapper, None)
        except BaseException:
            wrapper.close()
            raise

    def _prepare(self, wrapper: BaseDatabaseWrapper, ended: float | None) -> str:
        """Set in ``wrapper`` what is set in the session, unless the query can be sent with it.

        ``ended`` is the time of its last stream, None for a new connection. One that was not used
        for some seconds may be broken, so this checks it before the query, which is never repeated.
        """
        settings = f"{self._limit}; {AT_ONCE}; {EXACT}"
        if facts(self._using).can_check_clients:
            settings += f"; {CHECK_CLIENT}"
        with wrapper.wrap_database_errors:
            # In most requests, nothing was set in the session.
            is_same = ended is not None and _own_of(wrapper, self._session) == self._session
            if is_same and ended is not None and time.monotonic() - ended < CHECKED:
                return f"BEGIN READ ONLY; {settings}"
            same, params = ("SELECT", []) if is_same else self._session.statement()
            with wrapper.connection.cursor() as cursor:
                cursor.execute(f"BEGIN READ ONLY; {same}; {settings}", params)
        return ""

    def _begin(self, wrapper: BaseDatabaseWrapper, before: str) -> None:
        """Send the query, wait for the first row, and raise Django's error if there is one."""
        self._wrapper = wrapper
        # Another descriptor of the same socket, because libpq can close its own at any time.
        self._socket = socket.socket(fileno=os.dup(wrapper.connection.fileno()))
        _started().add(self)
        self._thread = threading.Thread(
            target=self._copy, args=(wrapper, before), name="stream", daemon=True
        )
        self._thread.start()
        self._wait()
        if self.error:
            with wrapper.wrap_database_errors:
                raise self.error

    def _copy(self, wrapper: BaseDatabaseWrapper, before: str) -> None:
        try:
            # Nothing is written, and what a team's function has set is undone with the rest.
            self._read(wrapper.connection, before=before, after="ROLLBACK")
            # A team's setting that was set once does not become unknown again, but empty.
            self._release(keep=not self._session.has_own)
            self._flush()
        # Whatever it is, the request's thread raises it.
        except Exception as error:  # noqa: BLE001
            self.error = error
            self._release(keep=False)
        self._end()

    def _read_at_once(self) -> None:
        wrapper = connections[self._using]
        self._ahead = math.inf
        try:
            with transaction.atomic(self._using):
                with wrapper.connection.cursor() as cursor:
                    cursor.execute(f"{self._limit}; {EXACT}")
                self._read(wrapper.connection)
                # Nothing was written, and the settings apply to this statement alone.
                transaction.set_rollback(True, self._using)
        except driver.Error as error:
            self.error = error
        self._flush()
        self._end()
        if self.error and not self._chunks:
            with wrapper.wrap_database_errors:
                raise self.error

    def _read(self, connection: Any, *, before: str = "", after: str = "") -> None:
        # backend.http.error_sources looks for these names if the query fails.
        params = self._params
        statement = driver.mogrify(self._statement, params, connection)
        driver.copy(connection, statement, self, before=before, after=after)

    def _release(self, *, keep: bool) -> None:
        """Give the connection back, or close it. Only the first call does anything."""
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
        with self._changed:
            self._changed.wait_for(lambda: self._closed or len(self._chunks) < self._ahead)
            if self._closed:
                raise ClientGoneError
            self._cut()
            self._changed.notify_all()

    def _cut(self) -> None:
        """Make a chunk of what has arrived."""
        if self._parts:
            self._chunks.append(b"".join(self._parts))
            self.rows += len(self._parts)
            self._parts, self._size = [], 0

    def _wait(self) -> None:
        with self._changed:
            while not (self._chunks or self._ended):
                if self._changed.wait(PATIENCE):
                    continue
                if self._gone():
                    raise ClientGoneError
                self._cut()


def _kept_one(using: str) -> tuple[float, BaseDatabaseWrapper] | None:
    """A connection that an earlier stream has left, unless the server has closed it."""
    kept = _kept[os.getpid(), using]
    while kept:
        with contextlib.suppress(IndexError):  # another thread took the last one
            ended, wrapper = kept.pop()
            if _young(wrapper) and is_silent(cast("DatabaseWrapper", wrapper)):
                return ended, wrapper
            wrapper.close()
    return None


def _new_one(using: str) -> BaseDatabaseWrapper:
    """A new connection, apart from those of requests."""
    wrapper = connections[using].copy()
    # A server can close the response in another thread than the one that started it.
    wrapper.inc_thread_sharing()
    try:
        wrapper.ensure_connection()  # like connect(), with Django's errors
    except BaseException:
        wrapper.close()
        raise
    return wrapper


def _own_of(wrapper: BaseDatabaseWrapper, session: Session) -> Session:
    """What is set in a kept connection for everything in ``session``."""
    until, own = _own.get(wrapper, (0.0, session))
    if time.monotonic() > until:
        own = same_of(session, wrapper)
        _own[wrapper] = time.monotonic() + LIFETIME, own
    return own


def _keep(wrapper: BaseDatabaseWrapper) -> None:
    kept = _kept[os.getpid(), wrapper.alias]
    for each in [each for each in kept if not _young(each[1])]:
        with contextlib.suppress(ValueError):  # another thread took it
            kept.remove(each)
            each[1].close()
    if _young(wrapper) and len(kept) < (slots.most() or KEPT):
        kept.append((time.monotonic(), wrapper))
    else:
        wrapper.close()


def _young(wrapper: BaseDatabaseWrapper) -> bool:
    """Whether CONN_MAX_AGE allows keeping it."""
    return wrapper.close_at is None or time.monotonic() < wrapper.close_at
