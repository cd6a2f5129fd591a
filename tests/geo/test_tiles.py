"""Vector tiles: their places in every coordinate system, and their filters, caching, and limits."""

from __future__ import annotations

import json

import pytest

from tests.conftest import PostGIS
from tests.support.containers import Containers, docker
from tests.support.mvt import Feature, layers, lonlat, tile_at
from tests.support.places import Api, start_api

pytestmark = pytest.mark.engine

MVT = "application/vnd.mapbox-vector-tile"
PORTLAND = (-122.68, 45.505)
DOWNTOWN = tile_at(*PORTLAND, 13)
# For a new process, because the API's process caches facts about a table for a minute.
SHELL = """
import json
from django.test import RequestFactory
from places.tiles import *

def layer(viewset):
    view = viewset(basename="tile-stop", detail=False)
    view.setup(RequestFactory().get("/"))
    view.action_map, view.format_kwarg = {"get": "tile"}, None
    view.request = view.initialize_request(view.request)
    return view.get_tile_layer()

def features(viewset, z, x, y):
    body, _ = layer(viewset).tile(z, x, y)
    print(body.hex())
"""


def address(path: str, at: tuple[int, int, int]) -> str:
    z, x, y = at
    return f"/tiles/{path}/tiles/{z}/{x}/{y}.mvt"


def tile(api: Api, path: str, at: tuple[int, int, int], query: str = "") -> list[Feature]:
    """The features of its only layer."""
    answer = api.get(address(path, at) + query)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == MVT
    (features,) = layers(answer.content).values()
    return features


def places(features: list[Feature], at: tuple[int, int, int]) -> list[tuple[float, float]]:
    return [lonlat(point, *at) for feature in features for point in feature.points]


def fresh(api: Api, code: str) -> str:
    """Run code in a new process, and return its output."""
    shell = ("python", "manage.py", "shell", "--no-imports")
    done = docker("exec", "--interactive", api.container.name, *shell, input=f"{SHELL}\n{code}")
    return done.stdout.strip()


def fresh_tile(api: Api, viewset: str, at: tuple[int, int, int]) -> list[Feature]:
    (features,) = layers(bytes.fromhex(fresh(api, f"features({viewset}, *{at})"))).values()
    return features


def test_tile_has_the_features_of_its_square_with_the_serializers_properties(api: Api):
    features = tile(api, "stops", DOWNTOWN)
    (west, north), (east, south) = lonlat((0, 0), *DOWNTOWN), lonlat((4096, 4096), *DOWNTOWN)
    box = f"ST_MakeEnvelope({west}, {south}, {east}, {north}, 4326)"
    inside = set(map(int, api.sql(f"SELECT id FROM places_stop WHERE geom && {box}").split()))
    assert inside
    assert inside <= {feature.id for feature in features}  # it has more beyond its border
    page = api.get(f"/tiles/stops/{features[0].id}/").json()
    assert features[0].properties == page["properties"]
    assert features[0].type == "Point"
    unit = 360 / 2**13 / 4096
    assert places(features[:1], DOWNTOWN)[0] == pytest.approx(
        page["geometry"]["coordinates"], abs=unit
    )


def test_null_properties_and_null_geometries_are_left_out(api: Api):
    api.sql(
        "INSERT INTO places_stop (name, open_now, geom) "
        "VALUES ('Bare', true, ST_SetSRID(ST_MakePoint(10, 10), 4326)), ('No', true, NULL)"
    )
    try:
        features = tile(api, "stops", tile_at(10, 10, 9))
        assert [feature.properties for feature in features] == [{"name": "Bare", "open_now": True}]
        names = [feature.properties["name"] for feature in tile(api, "stops", (0, 0, 0))]
        assert "Bare" in names
        assert "No" not in names
    finally:
        api.sql("DELETE FROM places_stop WHERE name IN ('Bare', 'No')")


@pytest.mark.parametrize("zoom", [0, 3, 5, 9, 14, 16])
def test_projected_polygons_are_in_the_right_place_and_visible_at_every_zoom(api: Api, zoom: int):
    at = tile_at(-122.6995, 45.5005, zoom)  # the middle of the first parcel
    first = int(api.sql("SELECT min(id) FROM places_parcel"))
    (parcel,) = [feature for feature in tile(api, "parcels", at) if feature.id == first]
    assert parcel.type == "Polygon"
    lons, lats = zip(*places([parcel], at), strict=True)
    pixel = 360 / 2**zoom / 512
    assert (min(lons), max(lons)) == pytest.approx((-122.7, -122.699), abs=pixel)
    assert (min(lats), max(lats)) == pytest.approx((45.5, 45.501), abs=pixel)
    assert min(lons) < max(lons)


def test_values_without_srid_have_that_of_the_field(api: Api):
    at = tile_at(-122.64, 45.52, 12)
    by_label = {feature.properties["label"]: feature for feature in tile(api, "surveys", at)}
    assert places([by_label["Plot 10"]], at)[0] == pytest.approx((-122.64, 45.52), abs=1e-4)


@pytest.mark.parametrize("kind", ["geometry(Point, 3857)", "geometry(Point, 2913)", "geography"])
def test_geometries_stored_in_another_type_than_the_models_are_drawn_in_the_right_place(
    api: Api, kind: str
):
    change = "ALTER TABLE places_stop ALTER geom TYPE {} USING {}"
    moved = f"ST_Transform(geom, {kind[-5:-1]})" if kind != "geography" else "geom::geography"
    expected = len(tile(api, "stops", DOWNTOWN))
    api.sql(change.format(kind, moved))
    try:
        features = fresh_tile(api, "Stops", DOWNTOWN)
    finally:
        back = "ST_Transform(geom, 4326)" if kind != "geography" else "geom::geometry"
        api.sql(change.format("geometry(Point, 4326)", back))
    # The buffer is not the same to a millimeter.
    assert abs(len(features) - expected) < expected / 20
    lons, lats = zip(*places(features, DOWNTOWN), strict=True)
    (west, north), (east, south) = lonlat((-64, -64), *DOWNTOWN), lonlat((4160, 4160), *DOWNTOWN)
    assert west <= min(lons) < max(lons) <= east
    assert south <= min(lats) < max(lats) <= north


def test_model_in_another_database_has_tiles_from_there(api: Api):
    at = tile_at(-122.65, 45.525, 10)
    features = tile(api, "routes", at)
    assert {feature.type for feature in features} == {"LineString"}
    assert 25 in {feature.properties["number"] for feature in features}
    (line,) = [feature for feature in features if feature.properties["number"] == 25]
    lats = [lat for _, lat in places([line], at)]
    assert lats == pytest.approx([45.525] * len(lats), abs=1e-3)


def test_places_near_and_at_the_poles_and_beyond_the_antimeridian_break_no_tile(api: Api):
    api.sql(
        """
        INSERT INTO survey (label, geom) VALUES
          ('pole', ST_MakePoint(0, 90)), ('beyond', ST_MakePoint(0, 95)),
          ('far', ST_MakePoint(185, 10)),
          ('cap', ST_MakeEnvelope(-180, 60, 180, 90)),
          ('world', ST_MakeEnvelope(-180, -90, 180, 90))
        """
    )
    try:
        shown = {feature.properties["label"] for feature in tile(api, "surveys", (0, 0, 0))}
        assert {"cap", "world", "Plot 10"} <= shown
        assert not {"pole", "beyond", "far"} & shown
        assert {f.properties["label"] for f in tile(api, "surveys", (3, 4, 0))} == {"cap", "world"}
    finally:
        api.sql("DELETE FROM survey WHERE label NOT LIKE 'Plot%'")


def test_filters_of_the_viewset_apply_to_its_tiles(api: Api):
    everything = tile(api, "stops", DOWNTOWN)
    some = tile(api, "stops", DOWNTOWN, "?lines=3")
    expected = {unfiltered.id for unfiltered in everything if unfiltered.properties["lines"] == 3}
    assert {feature.id for feature in some} == expected != set()
    assert api.get(address("stops", DOWNTOWN) + "?lines=many").status_code == 400


def test_tile_fields_and_tile_layer_choose_what_is_in_a_tile(api: Api):
    content = api.get(address("parcels", tile_at(-122.6995, 45.5005, 14))).content
    assert list(layers(content)) == ["lots"]
    assert set(layers(content)["lots"][0].properties) == {"use"}


def test_permissions_of_the_viewset_apply_to_tiles_tilejson_and_map(api: Api):
    for path in ("/tiles/secrets/tiles/", address("secrets", DOWNTOWN), "/tiles/secrets/map/"):
        answer = api.get(path)
        assert answer.status_code == 403, path
        assert "credentials" in answer.text


def test_empty_tile_is_answered_with_204(api: Api):
    answer = api.get(address("stops", tile_at(2.35, 48.85, 12)))
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("numbers", "name"),
    [
        ("19/0/0", "z"),
        ("-1/0/0", "z"),
        ("3/8/0", "x"),
        ("3/0/8", "y"),
        ("3/-1/0", "x"),
        ("3/0/99999999999999999999999", "y"),
        ("a/0/0", "z"),
        (f"{'9' * 3000}/0/0", "z"),
    ],
)
def test_impossible_tile_is_answered_with_400_naming_the_number(api: Api, numbers: str, name: str):
    answer = api.get(f"/tiles/stops/tiles/{numbers}.mvt")
    assert answer.status_code == 400
    assert list(answer.json()) == [name]


def test_unchanged_tile_is_answered_with_304(api: Api):
    first = api.get(address("stops", DOWNTOWN))
    again = api.get(address("stops", DOWNTOWN), headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    # Compression makes an ETag weak, but a 304 has nothing to compress.
    assert again.headers["ETag"] == first.headers["ETag"].removeprefix("W/")
    other = api.get(address("stops", DOWNTOWN) + "?lines=3").headers["ETag"]
    assert other != first.headers["ETag"]
    late = api.get(address("stops", DOWNTOWN), headers={"If-None-Match": other})
    assert late.status_code == 200


def test_tile_is_cached_by_browsers_but_not_by_shared_caches(api: Api):
    code = (
        "from django.contrib.auth.models import User; User.objects.create_user('ann', password='a')"
    )
    fresh(api, code)
    anonymous = api.get(address("stops", DOWNTOWN))
    # Anything can choose its rows, such as a key in a header or the client's address.
    assert anonymous.headers["Cache-Control"] == "private, max-age=60"
    described = api.get("/tiles/stops/tiles/")
    assert described.headers["Cache-Control"] == "private, max-age=60"
    assert "Authorization" in anonymous.headers["Vary"]
    known = api.get(address("secrets", DOWNTOWN), auth=("ann", "a"))
    assert known.status_code == 200
    assert known.headers["Cache-Control"] == "private, max-age=60"


def test_tilejson_names_url_bounds_zooms_and_fields(api: Api):
    answer = api.get("/tiles/parcels/tiles/?use=park&limit=5&format=json").json()
    bounds = answer.pop("bounds")
    assert answer == {
        "tilejson": "3.0.0",
        "name": "parcels",
        "tiles": [api.url("/tiles/parcels/tiles/{z}/{x}/{y}.mvt?use=park")],
        "minzoom": 0,
        "maxzoom": 16,
        "vector_layers": [{"id": "lots", "fields": {"use": "String"}, "minzoom": 0, "maxzoom": 16}],
    }
    assert bounds == pytest.approx([-122.7, 45.5, -122.661, 45.519], abs=2e-3)
    assert api.get("/tiles/parcels/tiles.json").json()["tilejson"] == "3.0.0"


@pytest.mark.parametrize(
    ("path", "bounds"),
    [
        ("stops", [-122.8, 45.4, -122.4, 45.65]),
        ("stops/?name=Stop 1", [-122.48324, 45.51823, -122.48324, 45.51823]),
        ("routes", [-122.7, 45.501, -122.6, 45.55]),
        ("surveys", [-122.649, 45.52, -122.63, 45.52]),
        ("stops/?name=nobody", None),
    ],
)
def test_bounds_are_those_of_the_filtered_features(api: Api, path: str, bounds: list | None):
    answer = api.get(f"/tiles/{path.replace('/', '/tiles/') if '?' in path else f'{path}/tiles/'}")
    assert answer.json().get("bounds") == (bounds and pytest.approx(bounds, abs=1e-3))


def extent(api: Api, rows: str) -> list[float]:
    box = "SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) FROM (SELECT ST_Extent(geom) e"
    return [float(side) for side in api.sql(f"{box} FROM ({rows}) rows) box").split("|")]


@pytest.mark.parametrize(
    ("path", "rows"),
    [
        ("first", "SELECT * FROM places_stop ORDER BY id LIMIT 3"),
        ("oneofeach", "SELECT DISTINCT ON (lines) * FROM places_stop ORDER BY lines, id"),
    ],
)
def test_bounds_of_chosen_rows_are_not_those_of_the_table(api: Api, path: str, rows: str):
    bounds = api.get(f"/tiles/{path}/tiles/").json()["bounds"]
    assert bounds == pytest.approx(extent(api, rows), abs=1e-6)


def test_bounds_do_not_reveal_where_a_deleted_row_was(api: Api):
    """The root of the table's index still reveals it."""
    where = "SRID=4326;POINT(0 0)"
    api.sql(f"INSERT INTO places_stop (name, open_now, geom) VALUES ('gone', true, '{where}')")
    api.sql("DELETE FROM places_stop WHERE name = 'gone'")
    api.sql("VACUUM ANALYZE places_stop")
    assert api.sql("SELECT ST_XMax(ST_EstimatedExtent('places_stop', 'geom'))") == "0"
    bounds = api.get("/tiles/stops/tiles/").json()["bounds"]
    # An index has numbers of single precision, and its box has to cover all rows.
    expected = extent(api, "SELECT geom FROM places_stop")
    assert bounds == pytest.approx(expected, abs=5e-5)
    assert all(mine <= real + 1e-7 for mine, real in zip(bounds[:2], expected[:2], strict=True))
    assert all(mine >= real - 1e-7 for mine, real in zip(bounds[2:], expected[2:], strict=True))


@pytest.mark.parametrize("path", ["stops", "simple/stops"])
def test_url_in_tilejson_works_with_each_router(api: Api, path: str):
    (template,) = api.get(f"/tiles/{path}/tiles/?lines=3").json()["tiles"]
    z, x, y = DOWNTOWN
    url = template.replace("{z}", str(z)).replace("{x}", str(x)).replace("{y}", str(y))
    answer = api.container.session.get(url, allow_redirects=False, timeout=30)
    assert answer.status_code == 200
    assert layers(answer.content)["stop"]


def test_urls_are_right_behind_a_proxy_that_serves_below_a_path(
    containers: Containers, postgis: PostGIS
):
    api = start_api(
        containers, postgis, PATH_PREFIX="/geo", BEHIND_PROXY="true", ALLOWED_HOSTS="example.org"
    )
    outside = {"X-Forwarded-Host": "example.org", "X-Forwarded-Proto": "https"}
    (url,) = api.get("/tiles/stops/tiles/?lines=3", headers=outside).json()["tiles"]
    assert url == "https://example.org/geo/tiles/stops/tiles/{z}/{x}/{y}.mvt?lines=3"
    page = api.get("/tiles/stops/map/", headers=outside).text
    assert 'data-tilejson="https://example.org/geo/tiles/stops/tiles/"' in page
    assert 'src="/geo/static/backend/map.' in page
    assert 'href="/geo/tiles/stops/map/"' in api.get("/", headers=outside).text


def test_openapi_document_has_tiles_and_tilejson_but_no_pages(api: Api):
    code = """
from drf_yasg import openapi
from drf_yasg.generators import OpenAPISchemaGenerator
generator = OpenAPISchemaGenerator(openapi.Info("tiles", "1"), patterns=urlpatterns)
print(json.dumps(generator.get_schema(None, public=True)["paths"]))
"""
    paths = json.loads(fresh(api, code))
    tile = paths["/stops/tiles/{z}/{x}/{y}/"]["get"]
    assert tile["produces"] == [MVT, "application/json"]  # the second for errors
    assert {"200", "204", "400"} <= set(tile["responses"])
    assert "schema" not in tile["responses"]["200"]
    assert "lines" in {parameter["name"] for parameter in tile["parameters"]}
    assert "/stops/tiles/" in paths
    assert "/stops/map/" not in paths


def test_tile_with_too_many_features_has_an_even_sample_and_says_so(api: Api):
    at = tile_at(*PORTLAND, 5)
    answer = api.get(address("samples", at))
    (features,) = layers(answer.content).values()
    one_of = int(answer.headers["X-Tile-Sample"].removeprefix("1/"))
    assert 25 <= len(features) <= 100
    assert one_of >= 5000 / 100
    assert min(feature.id for feature in features) < 1000
    assert max(feature.id for feature in features) > 4000  # not only the first rows of the table
    lons = [lon for lon, _ in places(features, at)]
    assert min(lons) < -122.75  # across the data, from -122.8 to -122.4
    assert max(lons) > -122.45
    assert [f.id for f in tile(api, "samples", at)] == [f.id for f in features]
    assert "X-Tile-Sample" not in api.get(address("stops", at)).headers


def test_plan_of_a_tile_uses_the_spatial_index(api: Api):
    code = """
from django.db import connection
from django.test.utils import CaptureQueriesContext
for viewset, at in ((Stops, (15, 5218, 11725)), (Parcels, (16, 10435, 23449))):
    with CaptureQueriesContext(connection) as asked:
        layer(viewset).tile(*at)
    sql = asked.captured_queries[-1]["sql"]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + sql[sql.index("SELECT ST_AsMVT"):])
        print(json.dumps(cursor.fetchone()[0]))
"""
    api.sql(
        "INSERT INTO places_parcel (owner, use, shape) SELECT 'Bulk', 'bulk', ST_Multi("
        "ST_Translate(shape, 20000 * n, 0)) FROM places_parcel, generate_series(1, 100) n; "
        "ANALYZE places_parcel"
    )
    try:
        plans = fresh(api, code).splitlines()
    finally:
        api.sql("DELETE FROM places_parcel WHERE use = 'bulk'; ANALYZE places_parcel")
    assert len(plans) == 2
    for plan, column in zip(plans, ("geom", "shape"), strict=True):
        nodes = list(_nodes(json.loads(plan)[0]["Plan"]))
        indexes = [node["Index Name"] for node in nodes if "Index Name" in node]
        assert len(indexes) == 1
        assert column in indexes[0]
        assert not any(node["Node Type"] == "Seq Scan" for node in nodes)


def _nodes(plan: dict):
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def test_postgresql_does_not_compile_the_statement_of_a_tile(api: Api):
    assert api.sql("SHOW jit") == "on"
    features = tile(api, "compilers", DOWNTOWN)
    assert {feature.properties["compiler"] for feature in features} == {"off"}


def test_statement_past_the_time_limit_is_answered_with_503(api: Api):
    code = """
from backend.geo.tile_sql import TileTimeout
from dataclasses import replace
try:
    replace(layer(Stops), timeout=1)._run("SELECT pg_sleep(10)", ())
except TileTimeout as error:
    print(error.status_code, error.detail)
"""
    answer = fresh(api, code)
    assert answer.startswith("503 ")
    assert "STATEMENT_TIMEOUT" in answer


def test_field_that_sql_cannot_give_is_an_error_naming_it(api: Api):
    code = """
from rest_framework.serializers import SerializerMethodField
class Odd(StopSerializer):
    odd = SerializerMethodField()
    class Meta(StopSerializer.Meta):
        fields = ["id", "odd", "geom"]
try:
    layer(type("OddStops", (Stops,), {"serializer_class": Odd})).columns()
except Exception as error:
    print(type(error).__name__, error)
bare = {"serializer_class": Odd, "tile_fields": []}
print(layer(type("BareStops", (Stops,), bare)).columns().properties)
"""
    error, fine = fresh(api, code).splitlines()
    assert error.startswith("NotInDatabase Odd.odd ")
    assert fine == "()"
