"""Requests of ``check --live``, and responses of every length."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from backend.kit.contract.live import client
from backend.kit.contract.live.client import Request, Site, User

# Their Content-Length. The second one is cut off.
WHOLE = {"/whole": 4, "/broken": 9, "/slow": 4}
CHUNKED = ("Transfer-Encoding", "chunked")
EVENTS = ("Content-Type", "text/event-stream")
# Headers of responses that then stay silent. The last one announces a body.
SILENT = {
    "/events": [EVENTS, CHUNKED],
    "/events-to-the-close": [EVENTS, ("Connection", "close")],
    "/feed": [CHUNKED],
    "/stuck": [("Content-Length", "4")],
}
PARTS = {"/short": [b"ab", b"cd"], "/large": [b"x" * 1000] * 10}


class Streams(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pause = 0.0  # seconds before a response begins

    def do_GET(self) -> None:
        self.server.ended.wait(self.pause)
        self.send_response(200)
        if self.path in WHOLE:
            self.send_header("Content-Length", str(WHOLE[self.path]))
            self.end_headers()
            for part in (b"ab", b"cd") if self.command == "GET" else ():
                if self.path == "/slow":
                    self.server.ended.wait(2 * client.LONGEST)
                self.wfile.write(part)
            self.close_connection = self.path == "/broken"
            return
        if self.path in SILENT:
            for header in SILENT[self.path]:
                self.send_header(*header)
            self.end_headers()
            self.server.ended.wait()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in PARTS.get(self.path, itertools.repeat(b"tick")):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            if self.path == "/endless" and self.server.ended.wait(0.01):
                return
        self.wfile.write(b"0\r\n\r\n")

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(client, "LONGEST", 1)
    monkeypatch.setattr(client, "LONGEST_EVENTS", 0.1)
    monkeypatch.setattr(client, "PATIENCE", 3)
    monkeypatch.setattr(client, "READ", 5000)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Streams)
    server.ended = threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Site(f"http://127.0.0.1:{server.server_port}")
    server.ended.set()
    server.shutdown()
    server.server_close()


def test_responses_are_read_up_to_a_limit_of_time_and_size(site: Site) -> None:
    def ask(path: str) -> client.Answer:
        return site.ask(Request(path), User("anonymous"))

    short, large, endless = ask("/short"), ask("/large"), ask("/endless")
    assert (short.body, short.is_whole, short.error) == (b"abcd", True, "")
    assert (len(large.body), large.is_whole, large.error) == (5000, False, "")
    assert (endless.body[:4], endless.is_whole, endless.error) == (b"tick", False, "")
    whole, slow, broken = ask("/whole"), ask("/slow"), ask("/broken")
    for answer in (whole, slow):
        assert (answer.body, answer.is_whole, answer.error) == (b"abcd", True, "")
    assert broken.error.startswith("cut off: IncompleteRead")
    head = site.ask(Request("/whole", "HEAD"), User("anonymous"))
    assert (head.body, head.is_whole, head.error) == (b"", True, "")


def test_silent_response_is_an_error_only_if_it_has_a_length(site: Site) -> None:
    for path, longest in (("/events", 1), ("/events-to-the-close", 1), ("/feed", 3)):
        began = time.monotonic()
        answer = site.ask(Request(path), User("anonymous"))
        assert (answer.status, answer.is_whole, answer.error) == (200, False, ""), path
        assert time.monotonic() - began < longest
    assert site.ask(Request("/stuck"), User("anonymous")).error.startswith("cut off: Timeout")


def test_response_after_a_stream_has_the_usual_timeout(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both use the same connection."""
    assert site.ask(Request("/short"), User("anonymous")).is_whole
    monkeypatch.setattr(Streams, "pause", 1.5)
    slow = site.ask(Request("/whole"), User("anonymous"))
    assert (slow.body, slow.error) == (b"abcd", "")
