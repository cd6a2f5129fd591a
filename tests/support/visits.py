"""A page in a browser, and all its errors."""

from __future__ import annotations

import contextlib
from urllib.parse import urlsplit

from playwright.sync_api import Error, Page

from tests.support.browser import keep
from tests.support.repeating import NETWORK_CHANGED

# The element that a page's own scripts draw last.
DRAWN = {"/swagger/": ".opblock", "/redoc/": "[role=menuitem][data-item-id^=tag]"}


class NetworkChangedError(Exception):
    """See Visit.open."""


class Visit:
    """A page of the site, and all its errors."""

    def __init__(self, page: Page, origin: str, base: str) -> None:
        self.page = page
        self.origin = origin
        self.base = base
        self.problems: list[str] = []
        self.requests = 0
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        page.on("requestfailed", lambda r: self.problems.append(f"failed: {r.url} {r.failure}"))
        page.on("request", lambda request: self._leaves(request.url))
        page.on("websocket", lambda socket: self._leaves(socket.url))

    def _console(self, message) -> None:
        if message.type == "error":
            self.problems.append(f"error: {message.text} ({message.location['url']})")

    def _leaves(self, url: str) -> None:
        self.requests += 1
        address = urlsplit(url)
        if address.scheme in ("data", "blob"):
            return
        if f"{address.scheme}://{address.netloc}" != self.origin:
            self.problems.append(f"leaves the machine: {url}")

    def open(self, path: str) -> Page:
        """Open a page and wait until it is drawn. Try again if Chromium lost its connections.

        Chromium drops all of them when a network of the machine, such as Docker's, appears or
        disappears.
        """
        for _ in range(5):
            before = len(self.problems)
            with contextlib.suppress(NetworkChangedError):
                self._goto(self.base + path)
                if not any(NETWORK_CHANGED in line for line in self.problems[before:]):
                    break
            del self.problems[before:]
        if path in DRAWN:
            self.page.wait_for_selector(DRAWN[path], state="attached")
        return self.page

    def _goto(self, url: str) -> None:
        try:
            self.page.goto(url, wait_until="networkidle")
        except Error as error:
            self.page.wait_for_timeout(200)  # until Chromium shows its own error page
            lost = NETWORK_CHANGED in str(error) or "chrome-error:" in str(error)
            raise NetworkChangedError if lost else error from None

    def picture(self, name: str, *, whole: bool = True) -> None:
        keep(self.page, name, whole=whole)

    def assert_fits(self, width: int) -> None:
        """Assert that the layout is for a screen of ``width`` pixels, and nothing is wider."""
        shown, wide = self.page.evaluate("[innerWidth, document.documentElement.scrollWidth]")
        assert (shown, wide) == (width, width), self.page.url
