"""Places in queries, tiles, and coordinate systems, without a database."""

from __future__ import annotations

import datetime
import math
import zoneinfo
from collections.abc import Callable

import pytest
from django.conf import settings

from tests.support.configured import configure

if not settings.configured:
    configure()

from django.contrib.gis.geos import Point
from rest_framework.exceptions import ValidationError

from backend.geo import area_of_use, spatial_values, srid, time_sql

EARTH = 6_371_008  # meters, the mean radius
EDGE = 85.0511287798066  # degrees: the northern edge of a web map
UTM = 32610  # from 126 to 120 degrees west, in the northern hemisphere


@pytest.mark.parametrize(
    ("text", "boxes"),
    [
        ("-122.7,45.5,-122.6,45.6", [(-122.7, 45.5, -122.6, 45.6)]),
        (" 1 , +2. , 3e0 , .4e1 ", [(1, 2, 3, 4)]),
        ("1,2,1,2", [(1, 2, 1, 2)]),
        ("170,-10,-170,10", [(170, -10, 180, 10), (-180, -10, -170, 10)]),
        ("190,0,200,1", [(-170, 0, -160, 1)]),
        ("-540,0,-530,1", [(-180, 0, -170, 1)]),
        ("-200,0,200,1", [(-180, 0, 180, 1)]),
    ],
)
def test_box_is_read_around_the_world(text, boxes):
    assert spatial_values.bbox("in_bbox", text) == boxes


@pytest.mark.parametrize(
    ("read", "text", "why"),
    [
        *(
            (spatial_values.bbox, text, "")
            for text in (
                "",
                "1,2,3",
                "1,2,3,4,5",
                "a,2,3,4",
                "1_0,2,3,4",
                "\u0661,2,3,4",
                "1,2,3,\n4",
            )
        ),
        (spatial_values.bbox, "nan,2,3,4", ""),
        (spatial_values.bbox, "1e999,2,3,4", ""),
        (spatial_values.bbox, "1,3,2,2", "latitudes go up"),
        (spatial_values.bbox, "1,-91,2,3", "latitudes go up"),
        (spatial_values.bbox, "541,0,542,1", "longitudes lie"),
        *(
            (spatial_values.tile, text, "")
            for text in ("1/0", "-1/0/0", "1/0/0\n", "\uff11/0/0", "1.0/0/0")
        ),
        (spatial_values.tile, "1/2/0", "below 2^zoom"),
        (spatial_values.tile, "1/0/2", "below 2^zoom"),
        (spatial_values.tile, "31/0/0", "zoom is up to 30"),
        (spatial_values.point, "1", ""),
        (spatial_values.point, "180.1,0", "longitude is within"),
        (spatial_values.point, "0,-90.1", "latitude -90"),
        (spatial_values.distance, "", ""),
        (spatial_values.distance, "-1", ""),
        (spatial_values.distance, "inf", ""),
        *(
            (spatial_values.geometry, text, "")
            for text in (
                *(
                    "",
                    "POINT EMPTY",
                    "POINT(1)",
                    "POINT(1 2",
                    "CIRCLE(1 2)",
                    "SRID=3857;POINT(1 2)",
                ),
                *('{"type": "Point"}', "{", "[" * 50_000, '{"a":' * 15_000),
                "0101000000000000000000F03F0000000000000040",
                "CIRCULARSTRING(0 0,1 1,2 0)",
            )
        ),
        (spatial_values.geometry, '{"type": "Polygon", "coordinates": []}', "it is empty"),
        (spatial_values.geometry, "POINT(180.1 0)", "longitudes within 180"),
        (spatial_values.geometry, "LINESTRING(0 0, 0 91)", "latitudes within 90"),
        (spatial_values.geometry, "POLYGON((0 0,1 1,0 1,1 0,0 0))", "Self-intersection"),
        (spatial_values.geometry, "POINT(1 2)" + " " * 100_000, "at most 100000 characters"),
        (
            spatial_values.geometry,
            f"LINESTRING({','.join('0 0' for _ in range(5_001))})",
            "at most 5000 vertices",
        ),
        (
            spatial_values.geometry,
            '{"type": "Point", "coordinates": [1, 2],'
            ' "crs": {"type": "name", "properties": {"name": "EPSG:3857"}}}',
            "SRID 3857",
        ),
    ],
)
def test_invalid_place_is_refused_with_the_name_of_its_parameter(
    read: Callable[[str, str], object], text: str, why: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        read("there", text)
    (parameter,) = raised.value.detail
    assert parameter == "there"
    detail = str(raised.value.detail["there"])
    assert detail.startswith("Write it as ")
    assert why in detail
    assert ("(" in detail.partition("such as")[2].replace("POINT(", "")) == bool(why)


@pytest.mark.parametrize(
    ("text", "box"),
    [
        ("0/0/0", (-180, -EDGE, 180, EDGE)),
        ("1/1/0", (0, 0, 180, EDGE)),
        ("2/0/3", (-180, -EDGE, -90, -66.51326044311186)),
    ],
)
def test_tile_has_the_bounds_of_a_web_map_tile(text, box):
    assert spatial_values.tile("tile", text) == [pytest.approx(box)]


def test_point_and_distance_are_numbers_in_their_order():
    assert spatial_values.point("point", "-122.68, 45.52") == (-122.68, 45.52)
    assert spatial_values.distance("dist", " 1e3 ") == 1000


@pytest.mark.parametrize(
    "text",
    [
        "POINT(1 2)",
        "SRID=4326;point ( 1 2 )",
        "POINT Z(1 2 3)",
        '{"type": "Point", "coordinates": [1, 2]}',
    ],
)
def test_geometry_is_read_in_degrees(text):
    read = spatial_values.geometry("within", text)
    assert (read.srid, read.coords[:2]) == (4326, (1, 2))


@pytest.mark.parametrize(
    ("longitude", "latitude", "meters"),
    [(0, 0, 1_000), (-122.68, 45.52, 50_000), (179.99, -60, 9_000), (10, 89.5, 100_000)],
)
def test_boxes_around_hold_every_place_within_the_distance(longitude, latitude, meters):
    boxes = spatial_values.around(longitude, latitude, meters)
    turned, north = meters / EARTH, math.radians(latitude)
    for bearing in map(math.radians, range(0, 360, 5)):
        up = math.asin(
            math.sin(north) * math.cos(turned)
            + math.cos(north) * math.sin(turned) * math.cos(bearing)
        )
        along = math.atan2(
            math.sin(bearing) * math.sin(turned) * math.cos(north),
            math.cos(turned) - math.sin(north) * math.sin(up),
        )
        east, high = (longitude + math.degrees(along) + 540) % 360 - 180, math.degrees(up)
        assert any(w <= east <= e and s <= high <= n for w, s, e, n in boxes), (east, high)


def test_boxes_around_are_no_wider_than_they_must_be():
    assert len(spatial_values.around(179.99, -60, 9_000)) == 2
    (box,) = spatial_values.around(0, 0, 1_000)
    assert box == pytest.approx((-0.00913, -0.00913, 0.00913, 0.00913), rel=0.01)
    assert spatial_values.around(0, 0, 1e9) == [(-180, -90, 180, 90)]


@pytest.mark.parametrize(
    ("box", "kind"),
    [((1, 2, 1, 2), "Point"), ((1, 2, 1, 3), "LineString"), ((1, 2, 2, 3), "Polygon")],
)
def test_shape_of_a_box_has_as_many_dimensions_as_the_box(box, kind):
    made = spatial_values.shape(box)
    assert (made.geom_type, made.srid, made.extent) == (kind, 4326, box)


# --- Coordinate systems


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaces the database's table of systems."""
    monkeypatch.setattr(srid, "_definition", lambda using, number: f"EPSG:{number}")


def test_place_of_a_tile_has_a_margin_and_the_tiles_own_side():
    meters = srid.place("default", 3857, 1, 1, 0)
    margin = srid.WORLD / 64
    assert meters.box == pytest.approx(
        (-margin, -margin, srid.WORLD + margin, srid.WORLD + margin), abs=1e-6
    )
    assert meters.side == srid.WORLD
    degrees = srid.place("default", 4326, 1, 1, 0)
    assert degrees.box[0] == pytest.approx(-180 / 64)
    assert degrees.box[3] > EDGE
    # A degree of latitude is longer than one of longitude, so a tile has fewer of them.
    portland = srid.place("default", 4326, 12, 652, 1465)
    assert portland.side == pytest.approx(360 / 4096 * math.cos(math.radians(45.5)), rel=0.01)


def test_place_of_a_tile_in_a_local_system_exists_only_within_the_area_of_the_system(known):
    # Portland, and a place a quarter of the way around the equator, where the formulas fail.
    here = srid.place("default", UTM, 12, 652, 1465)
    west, south, east, north = here.box
    assert west < 525_000 < east
    assert south < 5_040_000 < north
    assert 4_000 < here.side < 8_000
    assert srid.place("default", UTM, 12, 1672, 2048) == srid.Place(None, None)


def test_extent_in_degrees_is_clipped_to_the_world_and_none_outside_of_it(known):
    assert srid.lonlat("default", 4326, (-200, -95, 10, 95)) == (-180, -90, 10, 90)
    assert srid.lonlat("default", 4326, (200, 0, 210, 1)) is None
    west, south, east, north = srid.lonlat("default", UTM, (500_000, 5_000_000, 510_000, 5_010_000))
    assert (west, south) == pytest.approx((-123, 45.15), abs=0.02)
    assert (east, north) == pytest.approx((-122.87, 45.24), abs=0.02)


def test_shapes_are_clipped_to_the_area_where_a_system_is_valid():
    portland, tokyo = Point(-122.68, 45.52, srid=4326), Point(139.7, 35.7, srid=4326)
    both = spatial_values.shape((-122.68, 30, 139.7, 50))
    assert area_of_use.clipped(portland, UTM) is portland
    assert area_of_use.clipped(tokyo, UTM) is None
    part = area_of_use.clipped(both, UTM)
    assert part.srid == 4326
    assert -130 < part.extent[0] < part.extent[2] < -110
    assert (area_of_use.inside(portland, UTM), area_of_use.inside(both, UTM)) == (True, False)
    for everywhere in (4326, 999_999):  # the second is a team's own
        assert area_of_use.inside(tokyo, everywhere)
        assert area_of_use.half_around(everywhere) == 180
    assert area_of_use.half_around(3857) == 1e7
    assert area_of_use.half_around(UTM) is None


# --- Zones of times


class Local(datetime.tzinfo):
    """A zone that has neither a name nor a constant offset."""

    def utcoffset(self, moment: datetime.datetime | None) -> datetime.timedelta | None:
        return None


FIXED = datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))


@pytest.mark.parametrize(
    ("zone", "name", "offset"),
    [
        (datetime.UTC, "'UTC'", "'Z'"),
        (zoneinfo.ZoneInfo("UTC"), "'UTC'", "'Z'"),
        (zoneinfo.ZoneInfo("Asia/Tokyo"), "'Asia/Tokyo'", None),
        (FIXED, "interval '-12600.000000 seconds'", "'-03:30'"),
        (datetime.timezone(datetime.timedelta(0), "GMT"), "interval '0.000000 seconds'", "'Z'"),
    ],
)
def test_time_zone_is_sent_to_postgresql_with_its_offset_if_it_has_one(zone, name, offset):
    assert time_sql._in_sql(zone) == name
    assert time_sql._constant_offset(zone) == offset


def test_time_zone_that_postgresql_cannot_use_is_refused():
    with pytest.raises(time_sql.UnknownZoneError):
        time_sql.aware("column", Local())


def test_first_and_last_possible_times_are_shown_in_the_zone_or_else_in_utc():
    assert time_sql._end(time_sql.LAST, None) == "9999-12-31T23:59:59.999999"
    assert time_sql._end(time_sql.LAST, FIXED) == "9999-12-31T20:29:59.999999-03:30"
    # East of Greenwich, this would be later than Python's last time.
    east = datetime.timezone(datetime.timedelta(hours=9))
    assert time_sql._end(time_sql.LAST, east) == "9999-12-31T23:59:59.999999Z"
    assert time_sql._end(time_sql.FIRST, east) == "0001-01-01T09:00:00+09:00"
