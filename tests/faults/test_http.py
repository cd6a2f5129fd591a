"""Garbage at the socket, and odd requests to real endpoints."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from tests.faults.conftest import HUNG, Report
from tests.faults.test_clients import address
from tests.support.containers import Container

pytestmark = [pytest.mark.engine, pytest.mark.alone]

GET = b"GET /api/notes/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
POST = b"POST /api/notes/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
JSON = b"Content-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

# What is sent, and the status it gets; None: the connection is closed, or any status below 500.
MALFORMED = {
    "nothing": (b"", None),
    "a line end": (b"\r\n\r\n", None),
    "the hello of TLS": (bytes.fromhex("16030100f8010000f40303") + b"\0" * 240, None),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", None),
    "no version": (b"GET /\r\n\r\n", 400),
    "version 0.9": (b"GET / HTTP/0.9\r\n\r\n", 400),
    "version 9.9": (b"GET / HTTP/9.9\r\n\r\n", 400),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: localhost\n\n", None),
    "a small method": (b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a method of 5 kB": (b"G" * 5000 + b" / HTTP/1.1\r\nHost: localhost\r\n\r\n", None),
    "an unknown method": (b"BREW /api/notes/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
    "a line of 100 kB": (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
    "a line of 100 kB that does not end": (b"GET /" + b"a" * 100_000, 414),
    "a header of 1 MB": (GET + b"X-Long: " + b"a" * 1_000_000 + b"\r\n\r\n", 431),
    "10,000 headers": (GET + b"".join(b"X-%d: 1\r\n" % n for n in range(10_000)) + b"\r\n", 431),
    "1,000 headers": (GET + b"".join(b"X-%d: 1\r\n" % n for n in range(1000)) + b"\r\n", 431),
    "NUL in the path": (b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "NUL in a header": (GET + b"X-Nul: a\0b\r\n\r\n", 400),
    "a header without a colon": (GET + b"nonsense\r\n\r\n", 400),
    "a header without a name": (GET + b": value\r\n\r\n", 400),
    "a space before the colon": (GET + b"X-Space : 1\r\n\r\n", 400),
    "a folded header": (GET + b"X-Folded: 1\r\n 2\r\n\r\n", 400),
    "raw UTF-8 in the path": ("GET /ü HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), 400),
    "two hosts": (GET + b"Host: example.org\r\n\r\n", 400),
    "a length and chunks": (
        POST + JSON + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n",
        400,
    ),
    "two lengths": (POST + JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    "two lengths in one": (POST + JSON + b"Content-Length: 2, 3\r\n\r\n{}", 400),
    "a length below zero": (POST + JSON + b"Content-Length: -1\r\n\r\n{}", 400),
    "a length with a sign": (POST + JSON + b"Content-Length: +2\r\n\r\n{}", 400),
    "a length of letters": (POST + JSON + b"Content-Length: two\r\n\r\n{}", 400),
    "a length of 60 digits": (POST + JSON + b"Content-Length: " + b"9" * 60 + b"\r\n\r\n{}", None),
    "chunked twice": (POST + JSON + CHUNKED * 2 + b"\r\n0\r\n\r\n", 400),
    "an unknown coding": (POST + JSON + b"Transfer-Encoding: cow\r\n\r\n0\r\n\r\n", 501),
    "chunked with a tab": (POST + JSON + b"Transfer-Encoding:\tchunked\x0b\r\n\r\n0\r\n\r\n", 400),
    "chunked in HTTP/1.0": (POST.replace(b"1.1", b"1.0") + CHUNKED + b"\r\n0\r\n\r\n", 400),
    "a chunk of no size": (POST + JSON + CHUNKED + b"\r\nxyz\r\n{}\r\n0\r\n\r\n", None),
    "a chunk below zero": (POST + JSON + CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n", None),
    "a chunk of 0x2": (POST + JSON + CHUNKED + b"\r\n0x2\r\n{}\r\n0\r\n\r\n", None),
    "a chunk of 2^80 bytes": (POST + JSON + CHUNKED + b"\r\n" + b"f" * 20 + b"\r\n{}", None),
    "a chunk longer than its size": (POST + JSON + CHUNKED + b"\r\n2\r\n{}}}}}\r\n0\r\n\r\n", None),
    "a body shorter than its length": (POST + JSON + b"Content-Length: 50\r\n\r\n{", None),
    "a second request in the body of GET": (GET + b"Content-Length: 0\r\n\r\n" + SMUGGLED, 200),
    "expects something else": (POST + b"Expect: a miracle\r\n\r\n", 417),
    "an upgrade": (GET + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n", 200),
}

# Paths for a GET of real endpoints. Each gets a status below 500.
PATHS = (
    *("/%", "/%zz", "/%c0%af", "/%ff%fe", "/%00", "//", "/..%2f..%2fetc/passwd", "/api/notes/%00/"),
    *("/api/notes/%ff/", "/api/notes/99999999999999999999999999/", "/api/notes/-1/"),
    *("/api/notes/1e9/", "/api/notes/%E2%82%AC/", "/api/notes/?limit=%ff", "/api/notes/?limit=%00"),
    *("/api/notes/?limit=99999999999999999999", "/api/notes/?offset=99999999999999999999999"),
    *("/api/notes/?limit=-1", "/api/notes/?format=%00", "/api/notes/?format=%ff"),
    *("/api/notes/?" + "&".join(f"a{n}=1" for n in range(500)), "/api/notes/?=&&==&%=%"),
    *("/swagger/?format=%00", "/swagger.%00", "/swagger.json?format=openapi", "/health/%00"),
    *("/health/ready?%ff", "/static/%00", "/static/..%2f..%2fcode/manage.py", "/admin/%ff/"),
    *("/admin/login/?next=%00%ff", "/admin/jsi18n/?%00", "/admin/r/0/%00/", "/favicon.ico%00"),
)
# Headers for a GET of /api/notes/, the admin's login, and other pages.
HEADERS = (
    {"Cookie": "sessionid=%00; csrftoken=\xff\xfe"},
    {"Cookie": 'sessionid="\\000aaaaaaaaaa"'},
    {"Cookie": "sessionid=" + "a" * 4000},
    {"Cookie": ";;;===;;;"},
    {"Authorization": "Basic \xff"},
    {"Authorization": "Basic AAAA"},
    {"Authorization": "Basic AGE6AGI="},  # NUL in the name and in the password
    {"Accept": "\xff/\xfe; q=nonsense"},
    {"Accept": "application/json; version=\x80"},
    {"Accept": "application/json;" * 200},
    {"Accept-Language": "\xff, xx-" + "a" * 4000},
    {"Accept-Encoding": "\xff; q=9e999, gzip; q=-1, zstd;;"},
    {"If-None-Match": '"\xff", W/'},
    {"If-Modified-Since": "Thu, 99 Foo 99999999 99:99:99 GMT"},
    {"Range": "bytes=9-1,-0,99999999999999999999-"},
    {"X-Forwarded-Proto": "\xff", "X-Forwarded-Host": "\xff", "X-Forwarded-For": "\xff"},
    {"X-HTTP-Method-Override": "\xff", "X-Request-ID": "\xff" * 200},
    {"Origin": "\xff", "Access-Control-Request-Method": "\xff"},
    {"Host": "\xff"},
    {"Host": "[::1"},
    {"Host": "a" * 300},
    {"Content-Type": "multipart/form-data"},
    {"Content-Type": "text/\xff; charset=\xff"},
)
# Bodies for a POST to /api/notes/ and the admin's login.
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=a"
BODIES = (
    ("application/json", b""),
    ("application/json", b"\xff\xfe"),
    ("application/json", b"\0"),
    ("application/json", b'{"text": "\\u0000"}'),
    ("application/json", b'{"text": "\\ud800"}'),
    ("application/json", b"[" * 100_000),
    ("application/json", b'{"a":' * 100_000),
    ("application/json", b'{"text": ' + b"9" * 10_000 + b"}"),
    ("application/json", b'{"text": 1e999999}'),
    ("application/json", b"NaN"),
    ("application/json", b"null"),
    ("application/json", b"[]"),
    ("application/json; charset=klingon", b"{}"),
    ("application/json; charset=utf-16", b"{}"),
    (FORM, b"text=%00"),
    (FORM, b"text=%ff%zz&&==%"),
    (FORM, b"&".join(b"a%d=" % n for n in range(5000))),
    (FORM + "; charset=klingon", b"text=1"),
    (MULTIPART, b""),
    (MULTIPART, b"--a\r\n\r\n--a--"),
    (MULTIPART, b'--a\r\nContent-Disposition: form-data; name="text"\r\n\r\n\xff\0\r\n--a--\r\n'),
    (
        MULTIPART,
        b'--a\r\nContent-Disposition: form-data; name="f"; filename="\0"\r\n\r\n1\r\n--a--',
    ),
    (MULTIPART, b"--a\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%\r\n--a--"),
    ("multipart/form-data; boundary=" + "a" * 5000, b"--a"),
    ("", b"{}"),
    ("\xff", b"{}"),
)


def status_of(where: tuple[str, int], sent: bytes) -> int | None:
    """The status of the first response, or None if the server closes without one."""
    with socket.create_connection(where, timeout=HUNG) as client:
        got = b""
        try:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            while data := client.recv(65536):
                got += data
        except (ConnectionResetError, BrokenPipeError):
            pass  # the server did not read all of it
    return int(got.split(None, 2)[1]) if got.startswith(b"HTTP/1.1 ") else None


@contextmanager
def serves_as_before(api: Container) -> Iterator[None]:
    """Check that the body of ``with`` kills no process and causes no unexpected error."""
    pids, log = [row["pid"] for row in api.processes()], api.logs()
    yield
    assert requests.get(api.url("/api/notes/"), timeout=HUNG).status_code == 200
    assert [row["pid"] for row in api.processes()] == pids
    lines = "\n".join(api.logs().splitlines()[len(log.splitlines()) :])
    # Django's message for a 500, and gunicorn's for unexpected errors in its parser or a worker.
    accidents = ("Internal Server Error", "Error handling request", "Exception in worker")
    assert not [line for line in lines.splitlines() if any(word in line for word in accidents)]
    assert "/smuggled" not in lines


def test_malformed_http_is_refused_and_kills_no_worker(api: Container, report: Report) -> None:
    where = address(api)
    with serves_as_before(api):
        statuses = {name: status_of(where, sent) for name, (sent, _) in MALFORMED.items()}
    # None is always possible: the reset of a connection with unread data can lose the response.
    wrong = {
        name: statuses[name]
        for name, (_, expected) in MALFORMED.items()
        if statuses[name] not in (expected, None) and (expected or statuses[name] >= 500)
    }
    assert not wrong
    report.add("malformed and oversized HTTP", "4xx or 501, no worker dies", **counts(statuses))


def test_random_bytes_kill_no_worker(api: Container, report: Report) -> None:
    where, statuses = address(api), {}
    chance = random.Random(4)  # noqa: S311  the same bytes in each run
    with serves_as_before(api):
        for number in range(300):
            sent = chance.randbytes(chance.randrange(1, 2000))
            if number % 3:  # a whole request with some bytes replaced
                sent = bytearray(POST + JSON + b'Content-Length: 15\r\n\r\n{"text": "one"}')
                for _ in range(chance.randrange(1, 8)):
                    sent[chance.randrange(len(sent))] = chance.randrange(256)
            statuses[str(number)] = status_of(where, bytes(sent))
    assert [
        status for status in statuses.values() if status and status >= 500 and status != 501
    ] == []
    report.add("300 times random bytes", "4xx or 501, no worker dies", **counts(statuses))


def test_odd_requests_to_real_endpoints_are_never_a_500(api: Container, report: Report) -> None:
    where = address(api)
    asked = {path: get(path) for path in PATHS}
    for path in ("/api/notes/", "/admin/login/", "/swagger/", "/health/ready"):
        asked |= {f"{path} {headers}": get(path, headers) for headers in HEADERS}
    for path in ("/api/notes/", "/admin/login/"):
        asked |= {f"{path} {kind} {body[:60]!r}": post(path, kind, body) for kind, body in BODIES}
    with serves_as_before(api):
        statuses = {name: status_of(where, sent) for name, sent in asked.items()}
    wrong = {name: status for name, status in statuses.items() if not status or status >= 500}
    assert not wrong
    report.add("odd paths, headers and bodies", "a status below 500", **counts(statuses))


def get(path: str, headers: dict[str, str] | None = None) -> bytes:
    fields = {"Host": "localhost", "Connection": "close", **(headers or {})}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def post(path: str, kind: str, body: bytes) -> bytes:
    fields = {"Content-Type": kind, "Content-Length": str(len(body))}
    return get(path, fields).replace(b"GET", b"POST", 1) + body


def counts(statuses: dict[str, int | None]) -> dict[str, int]:
    """Counts for the table. Requests without a response are closed on purpose, not lost."""
    failed = [status for status in statuses.values() if status and status >= 500 and status != 501]
    return {"sent": len(statuses), "failed": len(failed), "lost": 0}
