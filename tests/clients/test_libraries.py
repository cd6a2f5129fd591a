"""Map libraries in a browser read the same rows and geometries as SQL."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.clients.compare import BOX, EXACT, INSIDE, OF_A_TILE, TILE, differences
from tests.support.asked import Asked

pytestmark = pytest.mark.engine


def read(page: Page, reader: str, *asked: object) -> list[dict]:
    return page.evaluate("(asked) => window.read(...asked)", [reader, *asked])


IN_THE_BROWSER = {
    "maplibre geojson": (["/stops.geojson", [-121.7, 46], 4], "true", EXACT),
    "maplibre tiles": (["/stops/tiles/", [-121.7, 46], 5], "true", OF_A_TILE),
    "openlayers geojson": ([f"/stops.geojson?in_bbox={BOX}"], INSIDE, EXACT),
    "openlayers tiles": (
        ["/stops/tiles/{z}/{x}/{y}.mvt", *map(int, TILE)],
        "true",
        OF_A_TILE,
    ),
    "flatgeobuf": ([f"/stops.fgb?in_bbox={BOX}"], INSIDE, EXACT),
}


@pytest.mark.browser
@pytest.mark.npm
@pytest.mark.parametrize("reader", IN_THE_BROWSER)
def test_library_in_a_browser_reads_the_same_rows_as_sql(
    read_api: Asked, page: Page, reader: str
) -> None:
    (path, *asked), where, within = IN_THE_BROWSER[reader]
    features = read(page, reader, read_api.base + path, *asked)
    if reader == "maplibre tiles":  # a row near an edge is in the buffers of several tiles
        features = list({each["properties"]["name"]: each for each in features}.values())
    assert not differences(read_api, features, where=where, within=within)
