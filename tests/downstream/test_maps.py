"""Maps in the admin and the browsable API, without a tile server.

Every visit fails if a page contacts another host or has an error in its console. Screenshots for
review are in tests/screenshots/.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page

from tests.downstream.conftest import PHONE, Project, Site, session_of
from tests.support.visits import Visit

pytestmark = [pytest.mark.engine, pytest.mark.browser]

Open = Callable[..., Visit]


class Drawing:
    """The map of a form's field, and the mouse over it."""

    def __init__(self, page: Page, field: str, widget: str = "") -> None:
        self.page = page
        self.widget = widget or f"geodjango_{field}"
        self.element = page.locator(f"#id_{field}_map")
        self.text = page.locator(f"#id_{field}_as_text")
        page.wait_for_function(f"window.{self.widget}?.map.getCoordinateFromPixel([1, 1])")

    def click(self, *places: tuple[float, float]) -> list[list[float]]:
        """Click at places, in fractions of width and height, and return their coordinates.

        With several places, the last click is a double click, which ends a line or a polygon.
        """
        self.element.scroll_into_view_if_needed()
        for number, place in enumerate(places):
            ends = number and number == len(places) - 1
            self.page.mouse.click(*self.pixel(*place), click_count=2 if ends else 1, delay=20)
        return [self.degrees(*place) for place in places]

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.element.scroll_into_view_if_needed()
        self.page.mouse.move(*self.pixel(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.pixel(*end), steps=5)
        self.page.mouse.up()

    def pixel(self, right: float, down: float) -> tuple[float, float]:
        box = self.element.bounding_box()
        return round(box["x"] + right * box["width"]), round(box["y"] + down * box["height"])

    def degrees(self, right: float, down: float) -> list[float]:
        box = self.element.bounding_box()
        x, y = self.pixel(right, down)
        # One pixel is the border.
        pixel = [x - box["x"] - 1, y - box["y"] - 1]
        map_ = f"{self.widget}.map"
        return self.page.evaluate(
            f"pixel => ol.proj.toLonLat({map_}.getCoordinateFromPixel(pixel))", pixel
        )

    def width_of(self, pixels: float) -> float:
        """The width of some pixels in degrees of longitude."""
        size = self.page.evaluate(f"{self.widget}.map.getView().getResolution()")
        return pixels * size / 111_320


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator(".messagelist .success").wait_for()
    page.wait_for_load_state("networkidle")


@pytest.fixture
def form(visit: Open, site: Site, admin: Site) -> Callable[..., Visit]:
    """Opens a page of the admin, logged in."""

    def open_form(path: str, *size: dict, **options) -> Visit:
        window = visit(site, *size, storage_state=session_of(admin), **options)
        window.open(f"/admin/transit/{path}")
        return window

    return open_form


def test_point_is_drawn_in_a_plain_model_admin(form: Open, project: Project):
    window = form("report/add/")
    page = window.page
    page.locator("#id_stop_id").fill("7")
    page.locator("#id_text").fill("Drawn with the mouse")
    drawing = Drawing(page, "place")
    window.picture("admin-point")
    (clicked,), near = drawing.click((0.2, 0.45)), drawing.width_of(2)
    save(page)
    saved = project.sql(
        "db", "SELECT ST_AsGeoJSON(place) FROM django.transit_report WHERE stop_id = 7"
    )
    assert json.loads(saved)["coordinates"] == pytest.approx(clicked, abs=near)


def test_form_of_a_new_row_begins_where_the_latest_rows_are(form: Open):
    """Also for a table in feet."""
    window = form("district/add/")
    drawing = Drawing(window.page, "geom")
    west, north = drawing.degrees(0, 0)
    east, south = drawing.degrees(1, 1)
    assert -123.5 < west < -122.6 < east < -121.5
    assert 45 < south < 45.5 < north < 46
    window.picture("admin-begins")


@pytest.fixture
def route(project: Project) -> Iterator[str]:
    """The path of a new route's form. The route and its stops are deleted afterward."""
    shape = "ST_GeomFromText('LINESTRING(-122.7 45.5, -122.6 45.5, -122.5 45.5)', 4326)"
    project.sql("db", f"INSERT INTO passenger_census.routes VALUES (99, 'New', 'bus', {shape})")  # noqa: S608
    yield "route/99/change/"
    for where in ("stops WHERE rte = 99", "routes WHERE number = 99"):
        project.sql("db", f"DELETE FROM passenger_census.{where}")  # noqa: S608


def test_line_is_moved_with_the_mouse(form: Open, project: Project, route: str):
    window = form(route)
    page = window.page
    drawing = Drawing(page, "geom")
    middle, up = (0.5, 0.5), (0.5, 0.25)
    drawing.drag(middle, up)
    window.picture("admin-line")
    wanted, near = drawing.degrees(*up), drawing.width_of(3)
    save(page)
    saved = project.sql(
        "db", "SELECT ST_AsGeoJSON(geom, 9) FROM passenger_census.routes WHERE number = 99"
    )
    line = json.loads(saved)["coordinates"]
    assert line[1] == pytest.approx(wanted, abs=near)
    assert line[0] + line[2] == pytest.approx([-122.7, 45.5, -122.5, 45.5], abs=1e-7)


def test_rows_that_are_added_to_a_form_have_maps_of_their_own(
    form: Open, project: Project, route: str
):
    window = form(route)
    page = window.page
    for row in range(3):
        page.get_by_role("button", name="Add another Stop").click()
        page.locator(f"#id_stops-{row}-name").fill(f"Row {row}")
        page.locator(f"#id_stops-{row}-boardings").fill("1")
    # The admin renumbers the other rows, which keep their maps.
    page.locator("#stops-0").get_by_role("button", name="Remove").click()
    drawing = Drawing(page, "stops-0-geom", "geodjango_stops_1_geom")
    (clicked,), near = drawing.click((0.2, 0.45)), drawing.width_of(2)
    drawing = Drawing(page, "stops-1-geom", "geodjango_stops_2_geom")
    drawing.text.fill("-122.6, 45.5")
    drawing.text.press("Enter")
    window.picture("admin-rows")
    save(page)
    places = "json_object_agg(name, ST_AsGeoJSON(geom)::json -> 'coordinates')"
    saved = project.sql("db", f"SELECT {places} FROM passenger_census.stops WHERE rte = 99")  # noqa: S608
    assert json.loads(saved) == {
        "Row 1": pytest.approx(clicked, abs=near),
        "Row 2": pytest.approx([-122.6, 45.5], abs=1e-7),
    }


@pytest.fixture
def zones(project: Project) -> Iterator[Callable[[str], str]]:
    """Queries the table of zones, which are in feet. All of them are deleted afterward."""
    yield lambda columns: project.sql("db", f"SELECT {columns} FROM django.transit_zone")  # noqa: S608
    project.sql("db", "DELETE FROM django.transit_zone")


def test_polygon_is_drawn_where_the_table_is_in_feet(form: Open, zones):
    window = form("zone/add/")
    page = window.page
    page.locator("#id_name").fill("Inner city")
    drawing = Drawing(page, "area")
    # This zooms in far enough to draw a city.
    drawing.text.fill("POLYGON((-122.7 45.5, -122.6 45.5, -122.6 45.55, -122.7 45.5))")
    drawing.text.press("Enter")
    page.get_by_role("button", name="Delete all Features").click()
    assert page.locator("#id_area").input_value() == ""
    corners = drawing.click((0.3, 0.3), (0.7, 0.3), (0.7, 0.7))
    window.picture("admin-polygon")
    near = drawing.width_of(3)
    save(page)
    saved = json.loads(zones("ST_AsGeoJSON(ST_Transform(area, 4326), 9)"))
    assert zones("ST_SRID(area), GeometryType(area)") == "2913|MULTIPOLYGON"
    ring = saved["coordinates"][0][0]
    assert sorted(ring[:-1]) == [pytest.approx(corner, abs=near) for corner in sorted(corners)]


def test_saving_a_form_does_not_change_an_untouched_shape(form: Open, project: Project, zones):
    square = "ST_Multi(ST_MakeEnvelope(7640000, 680000, 7650000, 690000, 2913))"
    project.sql("db", f"INSERT INTO django.transit_zone (name, area) VALUES ('Square', {square})")  # noqa: S608
    window = form(f"zone/{zones('id')}/change/")
    Drawing(window.page, "area")
    window.page.locator("#id_name").fill("Another name")
    save(window.page)
    assert zones("name") == "Another name"
    assert float(zones(f"ST_HausdorffDistance(area, {square})")) < 0.001  # feet


def test_place_is_typed_without_a_mouse(form: Open, project: Project):
    page = form("report/add/").page
    page.locator("#id_stop_id").fill("8")
    page.locator("#id_text").fill("Typed")
    drawing = Drawing(page, "place")
    page.keyboard.press("Tab")
    assert focused(page, drawing.element)
    center = "geodjango_place.map.getView().getCenter()[0]"
    before = page.evaluate(center)
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"x => {center} > x", arg=before)
    drawing.text.focus()
    page.keyboard.type("Portland")
    page.keyboard.press("Enter")
    problem = page.locator(".geometry-problem")
    assert "This is not a valid Point" in problem.inner_text()
    drawing.text.fill("45.52, -122.68")  # latitude first, as phones show it
    page.keyboard.press("Enter")
    assert problem.inner_text() == ""
    assert drawing.text.input_value() == "POINT(-122.68 45.52)"
    save(page)
    saved = "SELECT ST_AsText(place, 6) FROM django.transit_report WHERE stop_id = 8"
    assert project.sql("db", saved) == "POINT(-122.68 45.52)"


def test_text_that_is_not_a_place_prevents_the_form_from_being_saved(
    form: Open, project: Project, admin: Site
):
    place = {"type": "Point", "coordinates": [-122.66, 45.5]}
    made = admin.post("/api/reports/", {"stop_id": 10, "text": "Typed", "place": place}).json()
    window = form(f"report/{made['id']}/change/")
    page = window.page
    drawing = Drawing(page, "place")
    for typed in ("Portland", "LINESTRING(1 2, 3 4)", "POINT(45.5 -122.6)"):
        drawing.text.fill(typed)
        page.get_by_role("button", name="Save", exact=True).click()
        assert "This is not a valid Point" in page.locator(".geometry-problem").inner_text()
        assert focused(page, drawing.text)
        assert drawing.text.input_value() == typed
    window.picture("admin-no-place")
    drawing.text.fill("-122.6, 45.5")
    save(page)
    saved = f"SELECT ST_AsText(place, 6) FROM django.transit_report WHERE id = {made['id']}"  # noqa: S608
    assert project.sql("db", saved) == "POINT(-122.6 45.5)"


def focused(page: Page, element: Locator) -> bool:
    return element.evaluate("element => element === document.activeElement")


def test_form_with_a_map_fits_a_phone_and_dark_mode(form: Open):
    window = form("district/3/change/", PHONE, color_scheme="dark")
    drawing = Drawing(window.page, "geom")
    window.picture("admin-form-phone-dark")
    box = drawing.element.bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]


def drawn(page: Page) -> int:
    """The number of features on the map of a response, once it shows any."""
    page.wait_for_selector("[data-features]:not([data-features='0'])")
    return int(page.locator("[data-features]").get_attribute("data-features"))


def test_browsable_api_shows_the_page_of_a_list_on_a_map(visit: Open, site: Site):
    window = visit(site)
    page = window.open("/api/stops/?limit=7")
    assert drawn(page) == 7
    window.picture("browsable-map", whole=False)
    page.mouse.move(*middle_of_first_stop(page))
    page.locator(".tile-map-facts dd", has_text="Holgate & 12 Ave").wait_for()


def middle_of_first_stop(page: Page) -> tuple[float, float]:
    """The screen position of the westernmost stop, 24 pixels from the left edge of the map."""
    box = page.locator(".tile-map-view").bounding_box()
    canvas = """() => {
        const canvas = document.querySelector(".tile-map-view canvas");
        const { data } = canvas.getContext("2d").getImageData(24, 0, 1, canvas.height);
        for (let y = 0; y < canvas.height; y++)
            if (data[4 * y] === 11 && data[4 * y + 1] === 110 && data[4 * y + 2] === 79) return y;
    }"""
    return box["x"] + 24, box["y"] + page.evaluate(canvas) + 2


def test_browsable_api_shows_one_feature_and_plain_serializers_too(
    visit: Open, site: Site, admin: Site
):
    window = visit(site)
    assert drawn(window.open("/api/districts/3/")) == 1
    place = {"type": "Point", "coordinates": [-122.66, 45.5]}
    made = admin.post("/api/reports/", {"stop_id": 9, "text": "On a map", "place": place}).json()
    page = window.open(f"/api/reports/{made['id']}/")
    assert drawn(page) == 1
    page.locator(".tile-map-view").focus()
    page.keyboard.press("Enter")  # shows the feature in the middle
    page.locator(".tile-map-facts dd", has_text="On a map").wait_for()


def test_map_of_a_response_opens_and_closes_by_keyboard(visit: Open, site: Site):
    page = visit(site).open("/api/routes/")
    drawn(page)
    page.locator(".response-map summary").focus()
    page.keyboard.press("Enter")
    page.locator(".tile-map-view").wait_for(state="hidden")
    page.keyboard.press("Enter")
    page.locator(".tile-map-view").wait_for()


@pytest.mark.parametrize("path", ["/api/", "/api/districts/", "/api/stops/?name=nowhere"])
def test_response_without_geometry_has_no_map_and_loads_none(visit: Open, site: Site, path: str):
    page = visit(site).open(path)
    assert page.locator(".response-map").is_hidden()
    assert page.evaluate("typeof ol") == "undefined"


def test_form_of_a_feature_has_the_values_of_the_row(visit: Open, site: Site, admin: Site):
    page = visit(site, storage_state=session_of(admin)).open("/api/stops/1/")
    form = page.locator("#put-object-form")
    assert form.get_by_label("Name").input_value() == "Holgate & 12 Ave"
    assert form.get_by_label("Boardings").input_value() == "184"
    assert json.loads(form.get_by_label("Geom").input_value())["type"] == "Point"
