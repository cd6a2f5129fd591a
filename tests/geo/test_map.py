"""The map pages in a real browser: they show the API's tiles, and contact no other host.

Screenshots for review are in tests/screenshots/.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.support.browser import barriers, chromium, keep
from tests.support.places import Api

pytestmark = [pytest.mark.engine, pytest.mark.browser]

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
# How many pixels of the canvas have the color of points, lines, or polygons.
COLORED = """(color) => {
    const canvas = document.querySelector(".tile-map-view canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4)
        if (color.every((value, part) => data[i + part] === value)) found++;
    return found;
}"""
# The smallest distance between two meridians of the map's grid, in widths of the longest label.
BETWEEN_MERIDIANS = """async (zoom) => {
    const target = document.createElement("div");
    target.style.cssText = "width: 1200px; height: 600px";
    document.body.append(target);
    const background = backendMap.background(target);
    const center = ol.proj.fromLonLat([-122.66, 45.5]);
    const map = new ol.Map({ target, layers: [background], view: new ol.View({ center, zoom }) });
    await new Promise((done) => map.once("rendercomplete", done));
    const grid = background.getLayers().getArray().at(-1);
    const at = grid.getMeridians()
        .map((line) => map.getPixelFromCoordinate(line.getFirstCoordinate())[0])
        .sort((one, other) => one - other);
    const text = document.createElement("canvas").getContext("2d");
    text.font = "11px system-ui, sans-serif";
    const label = 4 + text.measureText("122° 44\u2032 44\u2033 W").width;
    map.setTarget(null);
    target.remove();
    return Math.min(...at.slice(1).map((x, before) => x - at[before])) / label;
}"""
# How many shades of the points' green there are. Points that hide each other have only one.
SHADES = """() => {
    const canvas = document.querySelector(".tile-map-view canvas");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    const found = new Set();
    for (let i = 0; i < data.length; i += 4)
        if (data[i + 1] > data[i] + 8 && data[i + 1] > data[i + 2] + 4) found.add(data[i]);
    return found.size;
}"""
# Counts the pictures of points that the last frame drew.
DRAWN_BY_A_FRAME = """
    let points = 0;
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    CanvasRenderingContext2D.prototype.drawImage = function (image, ...where) {
        if (image.width < 20) points++;
        return draw.call(this, image, ...where);
    };
    const frame = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (callback) => frame((time) => {
        points = 0;
        callback(time);
        if (points) window.pointsOfFrame = points;
    });
"""
POINT, LINE, RIVER = (11, 110, 79), (31, 95, 168), (179, 202, 221)
OPENSTREETMAP = "https://tile.openstreetmap.org/"
# A picture of one pixel.
TILE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium("127.0.0.1") as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, api: Api) -> Iterator[Callable[..., Page]]:
    """Opens pages, which must not have any problems at the end of the test."""
    problems, contexts = [], []
    origin = api.url("")

    def leaves(url: str) -> None:
        address = urlsplit(url)
        if address.scheme not in ("data", "blob") and not url.startswith(origin):
            problems.append(f"contacts another host: {url}")

    def open_page(path: str, size: dict = DESKTOP, **options) -> Page:
        contexts.append(browser.new_context(viewport=size, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda m: m.type == "error" and problems.append(m.text))
        page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
        page.on("request", lambda request: leaves(request.url))
        page.goto(api.url(path))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not problems, "\n".join(problems)


def drawn(page: Page) -> int:
    """The number of features on the map, once it shows any."""
    page.wait_for_selector("[data-features]:not([data-features='0'])")
    return int(page.locator("[data-features]").get_attribute("data-features"))


def picture(page: Page, name: str) -> None:
    keep(page, name)


def test_map_shows_the_features(visit, api: Api):
    page = visit("/tiles/stops/map/")
    assert drawn(page) == int(api.sql("SELECT count(*) FROM places_stop"))
    assert page.evaluate(COLORED, POINT) > 1000
    assert page.title() == "Map of stops"
    assert barriers(page) == {}
    picture(page, "map")


def test_map_shows_the_filtered_features_only(visit, api: Api):
    page = visit("/tiles/stops/map/?lines=3&limit=2")
    assert drawn(page) == int(api.sql("SELECT count(*) FROM places_stop WHERE lines = 3"))
    assert "lines=3" in page.locator("main").inner_text()


@pytest.fixture
def crowd(api: Api) -> Iterator[int]:
    """Adds many normally distributed points around one place, and returns the number of rows."""
    api.sql(
        "INSERT INTO places_stop (name, open_now, geom) SELECT 'Crowd', true, ST_SetSRID("
        "ST_MakePoint(-122.6 + 0.03 * sqrt(-2 * ln(x)) * cos(6.2832 * y), "
        "45.5 + 0.02 * sqrt(-2 * ln(x)) * sin(6.2832 * y)), 4326) FROM (SELECT "
        "(n * 7919 % 60000 + 1) / 60001.0 AS x, (n * 104729 % 60000) / 60000.0 AS y "
        "FROM generate_series(1::bigint, 60000) n) random; ANALYZE places_stop"
    )
    yield int(api.sql("SELECT count(*) FROM places_stop"))
    api.sql("DELETE FROM places_stop WHERE name = 'Crowd'; ANALYZE places_stop")


@pytest.mark.parametrize("height", [640, 760, 900])
def test_crowded_points_are_darker_the_more_there_are(visit, crowd: int, height: int):
    """The heights lead to zooms just above a whole number, and far above it."""
    page = visit("/tiles/stops/map/", {"width": 1280, "height": height})
    drawn(page)
    picture(page, f"map-crowd-{height}")
    assert page.evaluate(SHADES) > 10
    # Only points that are alone are opaque.
    assert page.evaluate(COLORED, POINT) < 1000


def test_legend_says_how_many_rows_are_shown_and_that_they_are_a_sample(visit, crowd: int):
    page = visit("/tiles/stops/map/")
    shown = drawn(page)
    legend = page.locator(".tile-map-legend", has_text=" of about ")
    legend.wait_for()
    text = legend.inner_text()
    assert shown < crowd
    rows = int(re.search(r"of about ([0-9,]+) stops", text)[1].replace(",", ""))
    assert text.startswith(f"Shows {shown:,} of about ")
    assert rows == pytest.approx(crowd, rel=0.1)
    here = int(re.search(r"a sample: about ([0-9,]+) are here", text)[1].replace(",", ""))
    assert here == pytest.approx(crowd, rel=0.1)
    assert re.search(r"the map shows only 1 of [248]\b", text)


def test_map_tells_people_to_tap_on_a_phone_and_to_point_elsewhere(visit, api: Api):
    path = "/tiles/stops/map/?lines=3"
    visit(path, PHONE, is_mobile=True, has_touch=True).get_by_text("Tap something").wait_for()
    visit(path).get_by_text("Point at something").wait_for()


def test_legend_counts_the_filtered_rows(visit, api: Api):
    page = visit("/tiles/stops/map/?lines=3")
    shown = drawn(page)
    page.get_by_text(f"Shows {shown} of {shown} stops.", exact=True).wait_for()


def test_point_in_a_corner_of_four_tiles_is_drawn_once(visit, api: Api):
    """Half-transparent points that several tiles draw would make a seam visible."""
    api.sql(
        "INSERT INTO places_stop (name, open_now, geom) VALUES "
        "('Corner', true, ST_SetSRID(ST_MakePoint(0.000001, 0.000001), 4326))"
    )
    try:
        page = visit("/")
        page.add_init_script(DRAWN_BY_A_FRAME)
        page.goto(api.url("/tiles/stops/map/?name=Corner"))
        assert drawn(page) == 1
        assert page.evaluate("pointsOfFrame") == 1
    finally:
        api.sql("DELETE FROM places_stop WHERE name = 'Corner'")


def test_map_names_places_and_draws_water_without_a_tile_server(visit, api: Api):
    page = visit("/tiles/stops/map/")
    drawn(page)
    files = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    assert any("/land/places." in name for name in files)
    assert any("/land/coast." in name for name in files)


def test_name_of_a_city_does_not_hide_a_row_at_its_center(visit, api: Api):
    api.sql(
        "INSERT INTO places_stop (name, open_now, geom) VALUES "
        "('Portland', true, ST_SetSRID(ST_MakePoint(-122.68, 45.52), 4326))"
    )
    try:
        page = visit("/tiles/stops/map/?name=Portland")
        assert drawn(page) == 1
        page.wait_for_load_state("networkidle")
        assert page.evaluate(COLORED, POINT) > 40
    finally:
        api.sql("DELETE FROM places_stop WHERE name = 'Portland'")


def test_map_draws_rivers_in_a_region(visit):
    page = visit("/tiles/stops/map/")
    drawn(page)
    for _ in range(3):
        page.locator(".ol-zoom-out").click()
        page.wait_for_timeout(400)  # its animation
    page.wait_for_load_state("networkidle")
    assert page.evaluate(COLORED, RIVER) > 20
    picture(page, "map-region")


def test_streets_come_from_openstreetmap_only_after_a_click(browser: Browser, api: Api):
    context = browser.new_context(viewport=DESKTOP)
    elsewhere = []

    def answer(route: Route) -> None:
        elsewhere.append(route.request)
        headers = {"Access-Control-Allow-Origin": "*"}
        route.fulfill(body=TILE, content_type="image/png", headers=headers)

    context.route(lambda url: not url.startswith(api.url("")), answer)
    page = context.new_page()
    page.goto(api.url("/tiles/stops/map/"))
    drawn(page)
    button = page.get_by_role("button", name="Streets", pressed=False)
    assert "openstreetmap.org" in button.get_attribute("title")
    assert elsewhere == []

    with page.expect_response(f"{OPENSTREETMAP}**"):
        button.click()
    credit = page.get_by_text("© OpenStreetMap contributors")
    credit.wait_for()
    assert {request.url.startswith(OPENSTREETMAP) for request in elsewhere} == {True}
    assert {request.headers.get("referer") for request in elsewhere} == {api.url("/")}
    assert barriers(page) == {}
    with page.expect_response(f"{OPENSTREETMAP}**"):
        page.reload()  # the browser keeps the choice

    page.get_by_role("button", name="Streets", pressed=True).click()
    credit.wait_for(state="detached")
    elsewhere.clear()
    page.reload()
    drawn(page)
    page.get_by_role("button", name="Streets", pressed=False).wait_for()
    assert elsewhere == []
    context.close()


def test_labels_of_meridians_do_not_touch(visit):
    page = visit("/tiles/stops/map/")
    drawn(page)
    for quarter in range(4 * 6, 4 * 18):  # a mouse wheel can stop at any zoom
        between = page.evaluate(BETWEEN_MERIDIANS, quarter / 4)
        assert 1 < between < 4, f"at zoom {quarter / 4}"


def test_map_shows_lines_of_another_database(visit):
    page = visit("/tiles/routes/map/")
    assert drawn(page) == 50
    assert page.evaluate(COLORED, LINE) > 1000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_map_fits_a_phone(visit, scheme: str):
    page = visit("/tiles/parcels/map/", PHONE, color_scheme=scheme)
    assert drawn(page) == 200
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.locator(".tile-map").get_attribute("data-scheme") == scheme
    picture(page, f"map-phone-{scheme}")


def test_properties_are_shown_as_text(visit, api: Api):
    api.sql(
        "INSERT INTO places_stop (name, open_now, geom) VALUES ('<img src=x onerror=alert(1)>', "
        "true, ST_SetSRID(ST_MakePoint(20, 20), 4326))"
    )
    try:
        page = visit("/tiles/stops/map/?name=<img src=x onerror=alert(1)>")
        assert drawn(page) == 1
        box = page.locator(".tile-map-view").bounding_box()
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.move(*middle)
        facts = page.locator(".tile-map-facts")
        facts.get_by_text("<img src=x onerror=alert(1)>").wait_for()
        page.mouse.click(*middle)
        page.mouse.move(box["x"] + 80, box["y"] + 80)
        assert "onerror" in facts.inner_text()  # a click keeps the facts
        assert facts.locator("img").count() == 0
    finally:
        api.sql("DELETE FROM places_stop WHERE name LIKE '<img%'")


def test_map_works_by_keyboard(visit):
    page = visit("/tiles/stops/map/?name=Stop 7")
    assert drawn(page) == 1
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.className") == "tile-map-view":
            break
    page.keyboard.press("Enter")  # shows the feature in the middle
    page.locator(".tile-map-facts dd", has_text="Stop 7").wait_for()
    picture(page, "map-keyboard")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(150)  # its animation
    page.wait_for_selector("[data-features='0']", state="attached")


def test_map_says_that_a_login_is_needed(visit, api: Api):
    answer = api.get("/tiles/secrets/map/")
    assert answer.status_code == 403
    assert "Authentication credentials were not provided" in answer.text


def test_browsable_api_shows_the_same_filtered_features_on_a_map(visit, api: Api):
    page = visit("/tiles/stops/?lines=3&limit=2")
    assert drawn(page) == int(api.sql("SELECT count(*) FROM places_stop WHERE lines = 3"))
    assert page.evaluate(COLORED, POINT) > 1000
    picture(page, "map-browsable-api")
    page.get_by_role("link", name="Larger map").click()
    page.wait_for_url("**/tiles/stops/map/?lines=3")
    drawn(page)


def test_browsable_api_of_one_feature_has_no_map(api: Api):
    first = api.sql("SELECT min(id) FROM places_stop")
    answer = api.get(f"/tiles/stops/{first}/", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert "data-tilejson" not in answer.text


def test_map_does_not_make_the_browsable_api_wider_than_a_phone_screen(visit):
    page = visit("/tiles/stops/", PHONE)
    drawn(page)
    assert page.locator(".tile-map").bounding_box()["width"] <= PHONE["width"]


def test_start_page_links_to_the_maps(visit):
    page = visit("/")
    card = page.locator("li", has=page.get_by_role("link", name="/tiles/stops/", exact=True))
    picture(page, "landing-maps")
    card.get_by_role("link", name="Map").click()
    page.wait_for_url("**/tiles/stops/map/")
    drawn(page)


def test_pages_have_no_inline_script_of_the_image(api: Api):
    answer = api.get("/tiles/stops/map/").text
    scripts = [part.split(">")[0] for part in answer.split("<script")[1:]]
    assert len(scripts) == 4
    assert all("src=" in script for script in scripts)
    assert "onclick" not in answer


def test_filter_form_has_spatial_filters(visit, api: Api):
    box = "-122.7,45.5,-122.6,45.6"
    page = visit("/pages/stops/?ordering=-name&offset=20")
    page.get_by_role("button", name="Filters").click()
    field = page.get_by_label("in_bbox:")
    field.fill(box)
    field.press("Enter")
    page.wait_for_url("**in_bbox=*")
    in_the_box = f"geom && ST_MakeEnvelope({box}, 4326)"
    rows = api.sql(f"SELECT count(*) FROM places_stop WHERE {in_the_box}")
    assert f'"count": {rows},' in page.locator(".response-info").inner_text()
    assert "ordering=-name" in page.url
    assert "offset" not in page.url


def test_map_of_a_page_says_that_it_shows_the_rows_of_every_page(visit):
    page = visit("/tiles/stops/?limit=2")
    assert "from every page" in page.locator(".response-map").inner_text()
