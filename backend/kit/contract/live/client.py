"""Requests that only read, and the links in their responses.

Each thread keeps its connection. For a threaded server, each new connection is a new thread and a
new database connection.
"""

from __future__ import annotations

import http.client
import json
import re
import shlex
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

READ = 4_000_000  # bytes of a response; a stream of a large table is not read to its end
PATIENCE = 60  # seconds until a response begins, and between its parts if it has a length
LONGEST = 10  # seconds to read a response without a length, which may never end
LONGEST_EVENTS = 2  # the same for server-sent events, which can be silent for minutes
# A GET of such a link ends the session.
NEVER_FOLLOWED = re.compile(r"log-?_?out", re.IGNORECASE)
ASSETS = {"script": "src", "img": "src", "link": "href"}


@dataclass(frozen=True)
class User:
    """A kind of user: its headers, and curl's option that sends the same."""

    name: str
    headers: dict[str, str] = field(default_factory=dict)
    curl: str = ""

    @property
    def sees_pages(self) -> bool:
        """Whether it is a browser's user, who can see pages and follow their links."""
        return "Authorization" not in self.headers


@dataclass(frozen=True)
class Request:
    """``target`` is the path and query; ``linked_from`` is the page with this link."""

    target: str
    method: str = "GET"
    accept: str = "*/*"
    linked_from: str = ""

    def curl(self, site: Site, user: User) -> str:
        """The command that repeats it."""
        parts = ["curl --include"]
        parts += {"GET": [], "HEAD": ["--head"]}.get(self.method, [f"--request {self.method}"])
        if self.accept != "*/*":
            parts.append(f"--header {shlex.quote(f'Accept: {self.accept}')}")
        parts += [user.curl] if user.curl else []
        return " ".join([*parts, shlex.quote(site.shown + self.target)])


@dataclass(frozen=True)
class Answer:
    """A response. ``error`` is why it has no status, or why the body was cut off."""

    status: int
    headers: dict[str, str]
    body: bytes
    is_whole: bool = True
    error: str = ""

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """Raises ValueError if the body is not JSON."""
        return json.loads(self.body)


class Site:
    """The address of the project. ``headers`` go with every request.

    ``shown`` is the origin in the commands that repeat a request.
    """

    def __init__(self, url: str, *, headers: dict[str, str] | None = None, shown: str = "") -> None:
        parts = urlsplit(url)
        self.scheme, self.address = parts.scheme, parts.netloc
        self.prefix = parts.path.rstrip("/")
        self.headers = {"Host": parts.netloc, **(headers or {})}
        self.shown = shown or f"{parts.scheme}://{parts.netloc}"
        self._of_thread = threading.local()

    def ask(self, request: Request, user: User, mark: str = "") -> Answer:
        headers = {**self.headers, "Accept": request.accept, **user.headers}
        if mark:
            headers["X-Request-ID"] = mark
        connection = self._kept()
        try:
            response = self._response(connection, request, headers)
            response_headers = {name.lower(): value for name, value in response.getheaders()}
            try:
                body = b"".join(_parts(response))
                is_whole = response.isclosed()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                return Answer(
                    response.status, response_headers, b"", False, f"cut off: {_describe(error)}"
                )
            if not is_whole:
                connection.close()
            return Answer(response.status, response_headers, body, is_whole)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Answer(0, {}, b"", False, f"no response: {_describe(error)}")

    def _kept(self) -> http.client.HTTPConnection:
        """The connection of this thread. If it is closed, it opens again automatically."""
        kept: http.client.HTTPConnection | None = getattr(self._of_thread, "connection", None)
        if kept is None:
            tls = self.scheme == "https"
            kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
            kept = kind(self.address, timeout=PATIENCE, **self._tls())
            self._of_thread.connection = kept
        return kept

    def _response(
        self, connection: http.client.HTTPConnection, request: Request, headers: dict[str, str]
    ) -> http.client.HTTPResponse:
        was_open = connection.sock is not None
        try:
            connection.request(request.method, request.target, headers=headers)
            # Kept here, because the response reads from it even if the connection drops it.
            sock = connection.sock
            sock.settimeout(PATIENCE)
            response = connection.getresponse()
            if response.length is None:
                sock.settimeout(_longest(response))
            return response
        except ConnectionError:
            # A server can close an idle connection. On a new connection, it is an error.
            connection.close()
            if not was_open:
                raise
            return self._response(connection, request, headers)

    def _tls(self) -> dict[str, Any]:
        return {"context": ssl.create_default_context()} if self.scheme == "https" else {}

    def target(self, link: str, page: str) -> str | None:
        """Path and query of a link on ``page``, or None if it leads to another site."""
        try:
            parts = urlsplit(urljoin(f"{self.scheme}://{self.headers['Host']}{page}", link.strip()))
        except ValueError:
            return None
        if parts.scheme not in ("http", "https") or parts.netloc != self.headers["Host"]:
            return None
        if not (parts.path + "/").startswith(self.prefix + "/"):
            return None
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _longest(response: http.client.HTTPResponse) -> float:
    is_events = response.headers.get_content_type() == "text/event-stream"
    return LONGEST_EVENTS if is_events else LONGEST


def _parts(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body: at most READ bytes, and without a length, only for _longest seconds."""
    left, end = READ, time.monotonic() + _longest(response)
    while left > 0 and (response.length is not None or time.monotonic() < end):
        try:
            part = response.read1(left)
        except TimeoutError:
            if response.length is not None:
                raise
            return
        if not part:
            if response.length:  # read1() does not raise for a missing rest
                raise http.client.IncompleteRead(b"", response.length)
            response.read()  # so that the connection can be kept
            return
        left -= len(part)
        yield part


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def links(answer: Answer) -> Iterator[str]:
    """The links of a page, a document, or a redirect."""
    if "location" in answer.headers:
        yield answer.headers["location"]
    if answer.media_type == "text/html":
        parser = _Links()
        parser.feed(answer.body.decode("utf-8", "replace"))
        yield from parser.links
    elif answer.media_type.endswith("json") and answer.is_whole:
        try:
            yield from _urls(answer.json())
        except ValueError:
            return  # invalid JSON of a documented operation is a separate failure


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        link = given.get("href" if tag == "a" else ASSETS.get(tag, ""))
        if link and not link.startswith("#") and not NEVER_FOLLOWED.search(link):
            self.links.append(link)


def _urls(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _urls(each)
    elif isinstance(value, list):
        for each in value[:3]:
            yield from _urls(each)
    elif isinstance(value, str) and value.startswith(("http://", "https://")):
        # The placeholders of TileJSON.
        yield re.sub(r"\{[zxy]\}", "0", value)


def shape(target: str) -> tuple[str, tuple[str, ...]]:
    """The part that links to rows of one table have in common."""
    parts = urlsplit(target)
    path = re.sub(r"(?<=/)(\d+|[0-9a-f-]{32,36})(?=[/.]|$)", "#", parts.path)
    path = re.sub(r"\.[0-9a-f]{12}(?=\.\w+$)", "", path)
    return path, tuple(sorted({name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}))
