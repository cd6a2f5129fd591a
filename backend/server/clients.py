"""A client's connection, for which a thread waits as little as possible.

The worker's loop buffers and sends what a client does not accept at once, while the thread
continues. A stream is at most ``AHEAD`` bytes ahead of its reader. If a thread has to wait, the
client must keep a minimum rate: an occasional byte is not enough.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import socket
import struct
import termios
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import HasFileno, ReadableBuffer

# Seconds in which a client has to send or accept STALLED times MINIMUM_RATE bytes.
STALLED = 30
# Bytes per second. The slowest networks still in use (GPRS, EDGE) are twice as fast; nginx and
# Apache require a tenth of it.
MINIMUM_RATE = 4096
# Seconds for a whole body: the largest (100 MB) over a line of 1.5 Mbit/s.
BODY_TIMEOUT = 600
# Bytes of a stream to buffer for its reader, and of a part of a static file. A page is buffered as
# a whole, because it is in memory anyway.
AHEAD = 2 * 2**20
# Bytes of a file to pass to the kernel at once.
FILE_PIECE = 2**20
# Seconds between two checks of a slow client: a socket becomes writable again only after the client
# has accepted a third of the kernel's buffer, which is up to 4 MB.
LOOK = 1


class StalledError(TimeoutError):
    """A client is slower than MINIMUM_RATE, or its body takes longer than BODY_TIMEOUT."""


class FilePart:
    """Bytes of a file, from ``offset``, to send from the disk to the client."""

    def __init__(self, descriptor: int, offset: int, count: int) -> None:
        self.descriptor = os.dup(descriptor)  # the caller closes the file
        self.close = weakref.finalize(self, os.close, self.descriptor)
        self.offset = offset
        self.count = count

    def send(self, connection: int) -> bool:
        """Send what the client accepts; whether that was all. Raises BlockingIOError, OSError."""
        if self.count:
            piece = min(self.count, FILE_PIECE)
            sent = self._send(connection, piece)
            if not sent:
                raise ConnectionAbortedError("a file shrank while it was sent")
            self.offset, self.count = self.offset + sent, self.count - sent
        return not self.count

    def _send(self, connection: int, count: int) -> int:
        try:
            return os.sendfile(connection, self.descriptor, self.offset, count)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
        # Some filesystems do not support it, such as 9p and some of FUSE.
        return os.write(connection, os.pread(self.descriptor, count, self.offset))


class Client(socket.socket):
    """Replaces a client's socket in gunicorn: ``Client(fileno=sock.detach())``."""

    def __init__(self, fileno: int) -> None:
        super().__init__(fileno=fileno)
        self.kept: deque[memoryview | FilePart] = deque()
        self.kept_bytes = 0  # in memory
        self.begin()

    def begin(self) -> None:
        """A new request: measure the rate from here."""
        self.began = time.monotonic()
        self.moved = 0
        self.goes_on = False  # when the client sends another request after this one
        self._waited = 0.0
        self._taken_before: int | None = None

    def recv(self, size: int, flags: int = 0) -> bytes:
        # With a timeout, or a non-blocking socket, the caller waits.
        if flags or self.gettimeout() is not None:
            return super().recv(size, flags)
        if time.monotonic() - self.began > BODY_TIMEOUT:
            raise StalledError
        self._wait(select.POLLIN)
        data = super().recv(size)
        self.moved += len(data)
        return data

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        if flags or self.gettimeout() is not None:
            return super().send(data, flags)
        self.sendall(data)  # such as 100 Continue
        return memoryview(data).nbytes

    def sendall(self, data: ReadableBuffer, flags: int = 0) -> None:
        if self.kept:
            self.send_kept()
        while self.kept_bytes > AHEAD:
            try:
                self._wait(select.POLLOUT)
            except StalledError:
                self.forget()
                raise
            self.send_kept()
        rest = memoryview(data)
        if not self.kept:
            rest = rest[self._send(rest) :]
        if rest:
            self.kept.append(rest)
            self.kept_bytes += len(rest)

    def sendfile(  # type: ignore[override]  # gunicorn gives it no file without a descriptor
        self, file: HasFileno, offset: int = 0, count: int | None = None
    ) -> int:
        # By the loop alone, whose sockets do not block.
        size = os.fstat(file.fileno()).st_size - offset if count is None else count
        self.kept.append(FilePart(file.fileno(), offset, size))
        return size

    def send_kept(self) -> None:
        """Send as much of the buffer as the client accepts now. Raises OSError if it is gone."""
        while self.kept:
            first = self.kept[0]
            if isinstance(first, FilePart):
                count = first.count
                try:
                    is_sent = first.send(self.fileno())
                except BlockingIOError:
                    return
                self.moved += count - first.count
            else:
                sent = self._send(first)
                self.kept_bytes -= sent
                self.kept[0] = first[sent:]
                is_sent = sent == len(first)
            if not is_sent:
                return
            self.kept.popleft()

    def forget(self) -> None:
        """Discard the buffer."""
        for part in self.kept:
            if isinstance(part, FilePart):
                part.close()
        self.kept.clear()
        self.kept_bytes = 0

    def close(self) -> None:
        # Also by the thread, where a body failed; and whoever has the request has this, too.
        self.forget()
        super().close()

    def time_left(self) -> float:
        """Seconds until it has accepted the buffer, at its rate so far."""
        return self.kept_bytes * (time.monotonic() - self.began) / max(self.moved, 1)

    def has_stalled(self, waited: float) -> bool:
        """Whether it is too slow after another ``waited`` seconds."""
        self._waited += waited
        if self._taken_before is None:
            self._waited, self._taken_before = 0.0, self._taken()
        if self._waited < STALLED:
            return False
        taken = self._taken()
        is_slow = taken - self._taken_before < STALLED * MINIMUM_RATE
        self._waited, self._taken_before = 0.0, taken
        return is_slow

    def _taken(self) -> int:
        """Bytes that have arrived, or that the client's system has acknowledged."""
        unconfirmed = bytes(4)
        with contextlib.suppress(OSError):  # this kind of socket does not support it
            unconfirmed = fcntl.ioctl(self.fileno(), termios.TIOCOUTQ, unconfirmed)
        count: int = struct.unpack("i", unconfirmed)[0]
        return self.moved - count

    def _send(self, data: memoryview) -> int:
        try:
            sent = self.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0
        self.moved += sent
        return sent

    def _wait(self, event: int) -> None:
        """Wait until it can send or receive. Raises StalledError if it is too slow."""
        waiting = select.poll()
        waiting.register(self, event)
        is_slow = self.has_stalled(0)
        while not is_slow:
            began = time.monotonic()
            is_there = waiting.poll(LOOK * 1000)
            is_slow = self.has_stalled(time.monotonic() - began)
            if is_there and not is_slow:
                return
        raise StalledError
