"""The image's pages in a real browser: they work, and they contact no other host.

Screenshots for review are in tests/screenshots/.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page

from tests.downstream.conftest import ADMIN, DESKTOP, PHONE, Project, Site, session_of
from tests.support.browser import barriers
from tests.support.containers import until
from tests.support.visits import Visit

pytestmark = [pytest.mark.engine, pytest.mark.browser]

# Every kind of page for people.
PAGES = {
    "landing": "/",
    "health": "/health/",
    "swagger": "/swagger/",
    "redoc": "/redoc/",
    "browsable-root": "/api/",
    "browsable-list": "/api/stops/?limit=1",  # with links to other pages
    "browsable-detail": "/api/stops/1/",
    "admin": "/admin/",
    "admin-list": "/admin/transit/district/",
    "admin-form": "/admin/transit/district/3/change/",
    "admin-add": "/admin/transit/route/add/",
    "not-found": "/nothing/here/",
}
# The lightness of a page's background, from 0 to 255.
LIGHTNESS = """() => Math.max(...getComputedStyle(document.body).backgroundColor.match(/\\d+/g))"""
# Elements with a light background that are larger than an icon.
WHITE_BOXES = """() => [...document.querySelectorAll("body *")].filter((element) => {
    const [red, green, blue, alpha = 1] =
        getComputedStyle(element).backgroundColor.match(/[\\d.]+/g).map(Number);
    const { width, height } = element.getBoundingClientRect();
    return element.checkVisibility() && width * height > 300 && alpha > 0.5
        && 0.2126 * red + 0.7152 * green + 0.0722 * blue > 190;
}).map((element) => element.outerHTML.slice(0, 100))"""


def opened(window: Visit, path: str) -> Page:
    """Open a page. The browser reports a 404 too, which is not a problem."""
    page = window.open(path)
    if path == PAGES["not-found"]:
        window.problems = [line for line in window.problems if "404" not in line]
    return page


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone(visit, site: Site, admin: Site, scheme: str):
    # As on a phone, where a page without a viewport tag is 980 pixels wide.
    options = {"is_mobile": True, "has_touch": True, "color_scheme": scheme}
    window = visit(site, PHONE, storage_state=session_of(admin), **options)
    for name in PAGES:
        page = opened(window, PAGES[name])
        assert (page.evaluate(LIGHTNESS) < 60) == (scheme == "dark"), name
        if scheme == "dark":
            assert page.evaluate(WHITE_BOXES) == [], name
        window.picture(f"{name}-phone-{scheme}", whole=name != "redoc")
        window.assert_fits(PHONE["width"])


@pytest.mark.parametrize("is_logged_in", [False, True])
def test_every_page_has_a_name_a_way_home_and_a_login(
    visit, site: Site, admin: Site, is_logged_in: bool
):
    window = visit(site, storage_state=session_of(admin) if is_logged_in else None)
    for name, path in {**PAGES, "admin-login": "/admin/login/"}.items():
        if name.startswith("admin") and (name == "admin-login") == is_logged_in:
            continue
        bar = opened(window, path).locator("header").first
        assert "Transit of Portland" in bar.inner_text(), name
        assert bar.locator("a[href='/']").count() == 1, name
        # Pages that do not look up the user always offer a login.
        if name not in ("landing", "health", "not-found", "admin-login"):
            links = bar.get_by_text(re.compile("^log out$" if is_logged_in else "^log in$", re.I))
            assert links.count() == 1, name


def test_bar_logs_in_and_out_and_comes_back(visit, site: Site):
    page = visit(site).open("/api/stops/")
    page.get_by_role("link", name="Log in").click()
    page.get_by_label("Username").fill(ADMIN["username"])
    page.get_by_label("Password").fill(ADMIN["password"])
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{site.base}/api/stops/")
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("link", name="Log in").wait_for()
    assert page.url == f"{site.base}/api/stops/"


def test_menu_of_formats_is_inside_the_window(visit, site: Site):
    page = visit(site).open("/api/stops/?limit=1")
    page.get_by_label("Format of the response").click()
    menu = page.locator(".format-selection .dropdown-menu").bounding_box()
    assert menu["x"] + menu["width"] <= DESKTOP["width"]


def test_form_without_its_cookie_is_refused_on_a_page_like_the_others(site: Site):
    answer = site.anonymous()("POST", "/admin/login/", data=ADMIN)
    assert answer.status_code == 403
    assert "CSRF verification failed" in answer.text
    assert 'name="viewport"' in answer.text
    assert '<a class="site-name" href="/">Transit of Portland</a>' in answer.text


def test_reference_shows_an_operation_on_a_phone_when_it_is_asked_for(visit, site: Site):
    page = visit(site, PHONE, is_mobile=True, has_touch=True).open("/redoc/")
    assert page.evaluate("document.documentElement.scrollHeight") < 5_000
    operation = page.locator("[data-section-id='tag/stops/operation/stops_list']")
    shown = operation.get_by_text("boardings_min")
    assert not shown.is_visible()
    operation.locator("h2").click()
    shown.wait_for(state="visible")
    operation.locator("h2 a").press("Enter")
    shown.wait_for(state="hidden")
    page = visit(site, PHONE).open("/redoc/#tag/stops/operation/stops_list")
    page.locator("[data-section-id='tag/stops/operation/stops_list'][data-open]").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_to_people_with_low_or_no_vision(
    visit, site: Site, admin: Site, scheme: str
):
    # The image does not choose the colors of Swagger UI and of Django's breadcrumbs.
    known = {"swagger": "color-contrast", "admin-list": "link-in-text-block"}
    barriers_by_path = {}
    window = visit(site, storage_state=session_of(admin), color_scheme=scheme)
    for name, path in PAGES.items():
        page = opened(window, path)
        if name == "admin-add":
            page.get_by_role("button", name="Add another Stop").click()
        barriers_by_path[path] = barriers(page, known.get(name))
    login = visit(site, color_scheme=scheme).open("/admin/login/")
    barriers_by_path["/admin/login/"] = barriers(login)
    assert not any(barriers_by_path.values()), barriers_by_path


@pytest.mark.parametrize(
    "path",
    ["/", "/health/", "/swagger/", "/redoc/", "/api/stops/", "/admin/transit/district/3/change/"],
)
def test_tab_moves_through_a_page_in_order_with_a_visible_focus(
    visit, site: Site, admin: Site, path: str
):
    page = visit(site, storage_state=session_of(admin)).open(path)
    controls = (
        "main a[href], main button:not([tabindex='-1']), .tile-map-view, .response-map summary, "
        ".dj_map, .geometry-text, .clear_features a, .submit-row input, "
        ".opblock-summary-control, button.authorize, #download-url-input, "
        ".search-input, [role=menuitem][data-item-id^=tag]"
    )
    missed = page.evaluate(
        """controls => {
            document.activeElement.blur();
            window.missed = new Set([...document.querySelectorAll(controls)].filter(
                element => element.checkVisibility({ visibilityProperty: true })
            ));
            return missed.size;
        }""",
        controls,
    )
    assert missed
    page.evaluate("window.before = document.body")
    for _ in range(100):
        page.keyboard.press("Tab")
        # None at the end; else whether the element follows the previous one, whether its focus is
        # visible, and its HTML.
        focused = page.evaluate("""() => {
            const element = document.activeElement;
            if (element === document.body) return null;
            const follows = before.compareDocumentPosition(element) & 4;
            const style = getComputedStyle(element);
            const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
            missed.delete(element);
            window.before = element;
            return [Boolean(follows), outlined || style.boxShadow !== "none", element.outerHTML];
        }""")
        if focused is None:
            break
        assert focused[:2] == [True, True], focused[2]
    assert page.evaluate("[...missed].map(element => element.outerHTML)") == []


def test_documentation_of_the_api_works_by_keyboard(visit, site: Site):
    page = visit(site).open("/swagger/")
    operation = page.locator(".opblock-get", has_text="/routes/").first
    operation.locator(".opblock-summary-control").press("Enter")
    operation.get_by_role("button", name="Try it out").press("Enter")
    operation.get_by_role("button", name="Execute").press("Enter")
    operation.locator(".live-responses-table .response", has_text="Holgate").wait_for()
    page = visit(site).open("/redoc/")
    page.get_by_role("menuitem", name="routes", exact=True).press("Enter")
    page.get_by_role("menuitem", name="List routes").press("Enter")
    page.wait_for_url("**/redoc/#tag/routes/operation/routes_list")


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
        # The browser reports the 503 too.
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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_of_swagger_follows_its_switch_between_light_and_dark(visit, site: Site, scheme: str):
    page = visit(site, color_scheme=scheme).open("/swagger/")
    assert (page.evaluate(LIGHTNESS) < 60) == (scheme == "dark")
    page.locator(".dark-mode-toggle button").click()
    assert (page.evaluate(LIGHTNESS) < 60) == (scheme == "light")


def test_redoc_lists_the_endpoints(visit, anywhere: Site):
    window = visit(anywhere)
    page = window.open("/redoc/")
    page.locator("h1", has_text="Transit of Portland").wait_for()
    page.locator("[data-section-id*='stops_list']").first.wait_for(state="attached")
    if anywhere.origin.startswith("http:"):
        window.picture("redoc", whole=False)


@pytest.mark.parametrize("path", ["/", "/health/", "/swagger/", "/redoc/"])
def test_pages_of_the_image_run_no_injected_script(visit, site: Site, path: str):
    window = visit(site)
    page = window.open(path)
    # The browser reports only the script that it refused.
    with page.expect_event("console"):
        page.evaluate("""() => {
            const injected = document.createElement("script");
            injected.textContent = "document.title = 'taken over'";
            document.body.append(injected);
        }""")
    assert page.title() != "taken over"
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
