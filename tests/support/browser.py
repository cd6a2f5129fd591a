"""Debian's chromium for tests of pages. Requests to any other host fail visibly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Error, Page, sync_playwright

from tests.support.containers import until

# The browser without windows, which takes a quarter less time. bin/test installs it.
CHROMIUM = "/usr/bin/chromium-headless-shell"
SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
# axe-core checks the standard without best practices, and reports only failures.
WCAG = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"],
    "resultTypes": ["violations"],
}
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@contextmanager
def chromium(host: str, *flags: str) -> Iterator[Browser]:
    """A browser that finds only ``host``. ``flags`` are chromium's."""
    rules = f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {host}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags, rules])
        yield browser
        browser.close()


def keep(page: Page, name: str, *, whole: bool = True) -> None:
    """Save a screenshot in tests/screenshots/ for people to look at.

    Chromium cannot take one while it has no frame of the page to copy, as on a busy machine.
    """
    SCREENSHOTS.mkdir(exist_ok=True)

    def is_taken() -> bool:
        try:
            page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)
        except Error as error:
            if "Unable to capture screenshot" not in error.message:
                raise
            return False
        return True

    until(is_taken, f"chromium has a frame of {name}")


def barriers(page: Page, known: str | None = None) -> dict[str, list[str]]:
    """Barriers for people with low or no vision: axe-core's rules, and where each one fails.

    ``known`` is a rule whose failures on this page are not the image's own.
    """
    return {
        violation["id"]: [str(node["target"]) for node in violation["nodes"]]
        for violation in Axe().run(page, options=WCAG).response["violations"]
        if violation["impact"] in ("serious", "critical") and violation["id"] != known
    }
