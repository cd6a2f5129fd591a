"""Clients that read or write a little each second, for as long as the test lasts."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

PATIENCE = 60  # seconds
READ = 2000  # bytes per second; a small window slows down a reader, too


def reading(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def uploading(path: str, size: int | str = 1_000_000) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {size}\r\n\r\n[".encode()


def uploading_chunks(path: str) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Transfer-Encoding: chunked\r\n\r\nF4240\r\n[".encode()


class SlowClients:
    """``count`` clients with the same request."""

    def __init__(self, where: tuple[str, int], request: bytes, count: int = 16) -> None:
        self.request = request
        self.writes = request.startswith(b"POST")
        self.clients: list[socket.socket] = []
        # The beginning of the response that each client has read.
        self.heads: list[bytes] = [b""] * count
        self._stop = threading.Event()
        for _ in range(count):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(PATIENCE)
            client.connect(where)
            client.sendall(request)
            client.setblocking(False)
            self.clients.append(client)

    @contextlib.contextmanager
    def running(self) -> Iterator[SlowClients]:
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()
            for client in self.clients:
                client.close()

    def _work(self) -> None:
        while not self._stop.wait(1):
            for number, client in enumerate(self.clients):
                with contextlib.suppress(OSError):  # the server closed the connection
                    if self.writes:
                        client.send(b" ")
                    else:
                        data = client.recv(READ)
                        self.heads[number] = (self.heads[number] + data)[:READ]
