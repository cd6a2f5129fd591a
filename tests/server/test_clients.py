"""The worker's socket for the connection of a client."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.server.clients import Client, FilePart


@pytest.fixture
def pair() -> Iterator[tuple[Client, socket.socket]]:
    """A client with full socket buffers, and the other end of its connection."""
    own_end, other_end = socket.socketpair()
    client = Client(fileno=own_end.detach())
    client.sendall(b"x" * 1_000_000)
    yield client, other_end
    client.close()
    other_end.close()


def test_nothing_that_is_sent_waits_for_the_client(pair: tuple[Client, socket.socket]) -> None:
    client, _ = pair
    assert client.kept
    before = client.kept_bytes
    assert client.send(b"HTTP/1.1 100 Continue\r\n\r\n") == 25
    assert client.kept_bytes == before + 25


def test_kept_bytes_are_sent_with_the_next_ones(pair: tuple[Client, socket.socket]) -> None:
    client, other_end = pair
    other_end.setblocking(False)
    while client.kept:
        assert other_end.recv(100_000)
        client.sendall(b"")
    assert client.kept_bytes == 0


def test_closed_client_keeps_no_bytes_and_no_files(
    pair: tuple[Client, socket.socket], tmp_path: Path
) -> None:
    client, _ = pair
    (tmp_path / "file").write_bytes(b"x" * 100)
    with (tmp_path / "file").open("rb") as file:
        client.sendfile(file)
    part = client.kept[-1]
    assert isinstance(part, FilePart)
    client.close()
    assert not client.kept
    assert client.kept_bytes == 0
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(part.descriptor)


def test_file_of_a_system_without_sendfile_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "sendfile", refuse)
    (tmp_path / "file").write_bytes(b"0123456789")
    own_end, other_end = socket.socketpair()
    with own_end, other_end, (tmp_path / "file").open("rb") as file:
        assert FilePart(file.fileno(), 3, 5).send(own_end.fileno())
        assert other_end.recv(100) == b"34567"
