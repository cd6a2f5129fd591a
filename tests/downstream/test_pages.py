"""The image's pages in a real browser: they work, and nothing leaves the machine.

Screenshots go to tests/screenshots/, to be looked at.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page

from tests.downstream.conftest import ADMIN, Project, Site
from tests.support.browser import chromium, keep
from tests.support.containers import until

pytestmark = [pytest.mark.engine, pytest.mark.browser]

CHANGED = "ERR_NETWORK_CHANGED"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium("localhost") as browser:
        yield browser


class NetworkChangedError(Exception):
    """See Visit.open."""


class Visit:
    """A page of the site, and all that went wrong on it."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
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
        if f"{address.scheme}://{address.netloc}" != self.site.origin:
            self.problems.append(f"leaves the machine: {url}")

    def open(self, path: str) -> Page:
        """Open a page, again where Chromium lost its connections on the way.

        It drops all of them whenever a network of the machine comes or goes, as
        those of Docker do.
        """
        for _ in range(5):
            before = len(self.problems)
            with contextlib.suppress(NetworkChangedError):
                self._goto(self.site.base + path)
                if not any(CHANGED in line for line in self.problems[before:]):
                    break
            del self.problems[before:]
        return self.page

    def _goto(self, url: str) -> None:
        try:
            self.page.goto(url, wait_until="networkidle")
        except Error as error:
            self.page.wait_for_timeout(200)  # until Chromium shows its own page about it
            lost = CHANGED in str(error) or "chrome-error:" in str(error)
            raise NetworkChangedError if lost else error from None

    def picture(self, name: str, *, whole: bool = True) -> None:
        keep(self.page, name, whole=whole)

    def assert_fits(self) -> None:
        """Nothing is wider than the screen."""
        wide = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{wide} px wider than the screen"


@pytest.fixture
def visit(browser: Browser):
    """Opens a window; at the end of the test nothing may have gone wrong in it."""
    with contextlib.ExitStack() as windows:
        visits = []

        def open_window(site: Site, size: dict = DESKTOP, **options) -> Visit:
            # The proxy's certificate is made up.
            context = browser.new_context(viewport=size, ignore_https_errors=True, **options)
            windows.callback(context.close)
            visits.append(Visit(context.new_page(), site))
            return visits[-1]

        yield open_window
        for visit in visits:
            assert visit.requests
            assert not visit.problems, "\n".join(visit.problems)


@pytest.fixture(params=[443, None], ids=["behind the proxy", "direct"])
def anywhere(project: Project, site: Site, request: pytest.FixtureRequest) -> Site:
    return project.site_behind_proxy(request.param) if request.param else site


def test_landing_page_shows_name_databases_and_endpoints(visit, site: Site):
    window = visit(site)
    page = window.open("/")
    window.picture("landing")
    assert page.title() == "Transit of Portland"
    assert page.locator("h1").inner_text().startswith("Transit of Portland")
    assert page.get_by_role("link", name="/api/stops/").count() == 1
    assert page.locator("td.state.ok").count() == 3
    assert site.get("/favicon.ico").headers["Content-Type"] == "image/svg+xml"
    page.get_by_role("link", name="Health").click()
    page.wait_for_url(f"{site.base}/health/")


@pytest.mark.parametrize("path", ["/", "/health/"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_own_pages_fit_a_phone(visit, site: Site, path: str, scheme: str):
    window = visit(site, PHONE, color_scheme=scheme)
    window.open(path)
    window.picture(f"{'health' if 'health' in path else 'landing'}-phone-{scheme}")
    window.assert_fits()


def test_health_page_is_green(visit, site: Site):
    window = visit(site)
    page = window.open("/health/")
    window.picture("health")
    assert page.locator("h1").inner_text() == "Everything is up"
    assert page.locator("td.state.ok").count() == 3


def test_health_page_and_probe_name_the_database_that_is_down(visit, project: Project, site: Site):
    project.compose("stop", "--timeout", "1", "land-db")
    try:
        ready = site.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["phase"] == "waiting-for-database"
        assert ready.json()["checks"]["database:land"] == "unreachable"
        assert ready.json()["checks"]["database:census"] == "ok"
        assert site.get("/health/live").status_code == 200
        window = visit(site)
        page = window.open("/health/")
        window.picture("health-down")
        assert page.locator("tr", has_text="land").locator(".not-ok").inner_text() == "unreachable"
        # The browser itself reports the 503.
        window.problems = [line for line in window.problems if "503" not in line]
    finally:
        project.compose("start", "land-db")
    until(lambda: site.get("/health/ready").status_code == 200, "land answers again")
    assert site.get("/api/districts/1/").status_code == 200


def test_swagger_tries_a_request_out(visit, anywhere: Site):
    window = visit(anywhere)
    page = window.open("/swagger/")
    page.get_by_text("Transit of Portland").first.wait_for()
    if anywhere.origin.startswith("http:"):
        window.picture("swagger")
    operation = page.locator(".opblock-get", has_text="/routes/").first
    operation.locator(".opblock-summary-path").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("tr[data-param-name=limit] input").fill("2")
    operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table .response")
    answer.wait_for()
    assert answer.locator(".response-col_status").inner_text().startswith("200")
    assert "Holgate" in answer.inner_text()
    url = operation.locator(".request-url pre").inner_text()
    assert url == f"{anywhere.base}/api/routes/?limit=2&offset=0"
    if anywhere.origin.startswith("http:"):
        window.picture("swagger-tried")


def test_redoc_lists_the_endpoints(visit, anywhere: Site):
    window = visit(anywhere)
    page = window.open("/redoc/")
    page.locator("h1", has_text="Transit of Portland").wait_for()
    assert page.locator("[data-section-id*='stops_list']").count()
    if anywhere.origin.startswith("http:"):
        window.picture("redoc", whole=False)


@pytest.mark.parametrize("path", ["/", "/health/", "/swagger/", "/redoc/"])
def test_own_pages_run_no_script_that_is_not_a_file_of_theirs(visit, site: Site, path: str):
    window = visit(site)
    page = window.open(path)
    page.evaluate("""() => {
        const injected = document.createElement("script");
        injected.textContent = "document.title = 'taken over'";
        document.body.append(injected);
    }""")
    assert page.title() != "taken over"
    # The browser reports what it refused, and nothing else.
    (problem,) = window.problems
    assert "Content Security Policy" in problem
    window.problems.clear()


def test_admin_logs_in_through_its_form(visit, anywhere: Site):
    window = visit(anywhere)
    page = window.open("/admin/")
    if anywhere.origin.startswith("http:"):
        window.picture("admin-login")
    page.get_by_label("Username").fill(ADMIN["username"])
    page.get_by_label("Password").fill(ADMIN["password"])
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("link", name="Reports", exact=True).wait_for()
    page.wait_for_load_state("networkidle")
    assert page.url == f"{anywhere.base}/admin/"
    if anywhere.origin.startswith("http:"):
        window.picture("admin")


def test_browsable_api_shows_the_list(visit, anywhere: Site):
    window = visit(anywhere)
    page = window.open("/api/stops/?limit=2")
    assert "Holgate" in page.locator(".response-info").inner_text()
    assert re.search(r"HTTP 200 OK", page.locator(".response-info").inner_text())
    if anywhere.origin.startswith("http:"):
        window.picture("browsable-api")
    page.get_by_role("button", name="Filters").click()
    page.get_by_text("Name contains").wait_for()
