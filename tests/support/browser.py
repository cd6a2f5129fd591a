"""Debian's chromium for tests of pages; what a page asks of any other host fails, and is seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"  # bin/test installs it
SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
# What axe-core looks for: the standard, without advice. It describes only what fails.
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
    """A browser that finds no other host than ``host``; ``flags`` are chromium's."""
    rules = f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE {host}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags, rules])
        yield browser
        browser.close()


def keep(page: Page, name: str, *, whole: bool = True) -> None:
    """Put a screenshot into tests/screenshots/, to be looked at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole)


def barriers(page: Page, known: str | None = None) -> dict[str, list[str]]:
    """What keeps people out who cannot see, or not well: axe-core's rules, and where each fails.

    ``known`` is a rule whose failures on this page are somebody else's.
    """
    return {
        found["id"]: [str(node["target"]) for node in found["nodes"]]
        for found in Axe().run(page, options=WCAG).response["violations"]
        if found["impact"] in ("serious", "critical") and found["id"] != known
    }
