"""The fast path writes, byte for byte, what djangorestframework-gis writes without it."""

from __future__ import annotations

import copy
import datetime
import decimal
import json
import math
import pickle
import struct
import threading
import uuid
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from django.conf import settings
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from tests.support.configured import configure

if not settings.configured:
    configure()

from django.contrib.gis import gdal
from django.contrib.gis.db import models
from django.contrib.gis.db.backends.postgis.operations import PostGISOperations
from django.contrib.gis.geos import (
    GEOSException,
    GEOSGeometry,
    LineString,
    MultiPoint,
    Point,
    Polygon,
)
from django.contrib.gis.geos.geometry import GEOSGeometryBase
from django.utils.translation import gettext_lazy
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.utils.encoders import JSONEncoder
from rest_framework_gis.fields import (
    GeoJsonDict,
    GeometryField,
    GeometrySerializerMethodField,
)
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo import fast_geojson, lazy_geos, srid


class Place(models.Model):
    name = models.TextField()
    geom = models.GeometryField()
    area = models.GeometryField(null=True)

    class Meta:
        app_label = "tests"
        managed = False

    def shouted(self) -> str:
        return f"{self.name}!"


@contextmanager
def fast_path() -> Iterator[None]:
    """Install the fast path, and restore the methods at the end."""
    places = (
        (GeometryField, "to_representation"),
        (GeometrySerializerMethodField, "to_representation"),
        (GeoFeatureModelSerializer, "to_representation"),
        (JSONRenderer, "render"),
        (PostGISOperations, "get_geometry_converter"),
        (GEOSGeometryBase, "srid"),
    )
    before = [getattr(owner, name) for owner, name in places]
    fast_geojson.install()
    assert JSONRenderer.render is fast_geojson._render
    try:
        yield
    finally:
        for (owner, name), method in zip(places, before, strict=True):
            setattr(owner, name, method)
        # Before, these were inherited or attributes of each geometry.
        del GEOSGeometryBase.ptr, GEOSGeometryBase._cs


def context(renderer: JSONRenderer | None = None) -> dict:
    return {"request": SimpleNamespace(accepted_renderer=renderer or JSONRenderer())}


def rendered(make: Callable[[], Any], accepted: str | None = None, renderer=None) -> Any:
    """The bytes of the document that ``make`` returns, or "an error"."""
    renderer = renderer or JSONRenderer()
    try:
        return renderer.render(make(), accepted, {})
    except (TypeError, ValueError, KeyError):
        # If a document has several errors, any of them can come first.
        return "an error"


def assert_same(make: Callable[[], Any], accepted: str | None = None, renderer=None) -> None:
    stock = rendered(make, accepted, renderer)
    with fast_path():
        assert rendered(make, accepted, renderer) == stock


def field(**options: Any) -> GeometryField:
    serializer = type("Holder", (serializers.Serializer,), {"geom": GeometryField(**options)})
    return serializer(context=context()).fields["geom"]


# --- Geometries ---------------------------------------------------------------


def decimals(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers with up to 15 decimals, as people write them, and the adjacent doubles."""
    written = st.builds(round, st.floats(low, high), st.integers(0, 15))
    return st.builds(_neighbor, written, st.integers(-3, 3))


def _neighbor(number: float, steps: int) -> float:
    for _ in range(abs(steps)):
        number = math.nextafter(number, math.copysign(math.inf, steps))
    return number


def with_noise(number: float, exponent: int, digit: int) -> float:
    """A number that GDAL may consider noisy: 45.1 + 0.000000007."""
    return number + digit * 10.0**-exponent


NUMBERS = st.one_of(
    decimals(-180, 180),
    decimals(-8, 8),
    decimals(-2e7, 2e7),
    st.floats(-180, 180),
    st.floats(-1e7, 1e9),
    st.builds(
        with_noise, decimals(-180, 180), st.integers(5, 16), st.sampled_from([1, 9, -1, 5, 3])
    ),
    st.sampled_from([0.0, -0.0, 180.0, -180.0, 90.0, 179.99999999999997, 1e15, 1e16, 1e22, 1e-4]),
    st.floats(allow_nan=False, allow_infinity=False),
)


def points(dimension: int) -> st.SearchStrategy[tuple]:
    return st.tuples(*[NUMBERS] * dimension)


def simple(dimension: int) -> st.SearchStrategy[str]:
    """Well-known text of a geometry that is not a collection, with empty ones and empty parts."""
    z = " Z" if dimension == 3 else ""

    def text(point: tuple) -> str:
        return " ".join(map(repr, point))

    def joined(parts: list[str]) -> str:
        return f"({', '.join(parts)})" if parts else "EMPTY"

    point = points(dimension).map(text)
    line = st.lists(point, min_size=2, max_size=6).map(joined)
    ring = st.lists(point, min_size=3, max_size=5).map(lambda ps: joined([*ps, ps[0]]))
    polygon = st.lists(ring, min_size=1, max_size=3).map(joined)
    empty = st.just("EMPTY")
    kinds = {
        "POINT": point.map("({})".format) | empty,
        "LINESTRING": line | empty,
        "POLYGON": polygon | empty,
        "MULTIPOINT": st.lists(point.map("({})".format) | empty, max_size=3).map(joined),
        "MULTILINESTRING": st.lists(line | empty, max_size=3).map(joined),
        "MULTIPOLYGON": st.lists(polygon | empty, max_size=3).map(joined),
    }
    return st.one_of(
        *[body.map(lambda text, kind=kind: f"{kind}{z} {text}") for kind, body in kinds.items()]
    )


def any_geometry(dimension: int) -> st.SearchStrategy[str]:
    z = " Z" if dimension == 3 else ""

    def collected(parts: list[str]) -> str:
        return (
            f"GEOMETRYCOLLECTION{z} ({', '.join(parts)})"
            if parts
            else (f"GEOMETRYCOLLECTION{z} EMPTY")
        )

    return st.recursive(simple(dimension), lambda one: st.lists(one, max_size=3).map(collected))


GEOMETRIES = st.one_of(any_geometry(2), any_geometry(3))
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "precision": st.integers(0, 15),
        "auto_bbox": st.booleans(),
        "remove_duplicates": st.booleans(),
    },
)
MANY = hypothesis(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@MANY
@given(st.lists(GEOMETRIES, min_size=1, max_size=3), OPTIONS)
@example(["POINT (45.1234560000001 14.420130000000004)"], {})
@example(["POINT (-122.69900000000001 0.30000000000000004)"], {})
@example(["POINT (1e-05 0.00001234)", "POINT (1e16 -1e-300)"], {})
@example(["POINT (7644321.123456001 682123.1234560001)"], {})
@example(["LINESTRING (100000000.5 -0.0, 1.0 0.0)"], {})
@example(["POINT (5e-324 1.7976931348623157e308)"], {"auto_bbox": True})
@example(["POINT EMPTY", "MULTIPOINT (EMPTY, (1 1))"], {"auto_bbox": True})
@example(["MULTIPOINT (EMPTY)", "MULTIPOINT ((1 1), EMPTY)"], {})
@example(["LINESTRING M (1 2 3, 4 5 6)", "LINESTRING ZM (1 2 3 4, 5 6 7 8)"], {})
@example(["CIRCULARSTRING (0 0, 1 1, 2 0)"], {})
@example(["POLYGON ((179 0, -179 0, -179 1, 179 0))"], {"precision": 0})
def test_every_geometry_is_written_as_without_the_fast_path(texts: list[str], options: dict):
    def make() -> list:
        one = field(**options)
        return [one.to_representation(GEOSGeometry(text, srid=4326)) for text in texts]

    assert_same(make)


@MANY
@given(st.lists(NUMBERS, min_size=2, max_size=60))
def test_every_number_is_written_as_without_the_fast_path(numbers: list[float]):
    assert_same(
        lambda: field().to_representation(LineString([(number, 1.5) for number in numbers]))
    )


@hypothesis(max_examples=60, deadline=None, derandomize=True)
@given(simple(2), st.sampled_from([3857, 2913, 4326]))
def test_transformed_geometry_is_the_same_and_so_is_the_value_afterward(text, srid):
    left = []

    def make() -> Any:
        value = GEOSGeometry(text, srid=4326)
        left.append(value)
        try:
            return field(transform=srid).to_representation(value)
        except Exception as error:  # noqa: BLE001  any error must occur in both cases
            return type(error).__name__

    assert_same(make)
    assert left[0].srid == left[1].srid
    assert left[0].wkt == left[1].wkt


def test_transformation_between_two_systems_is_looked_up_once_for_many_geometries(monkeypatch):
    transforms = []

    class CoordTransform(gdal.CoordTransform):
        def __init__(self, *systems: gdal.SpatialReference) -> None:
            transforms.append([system.srid for system in systems])
            super().__init__(*systems)

    monkeypatch.setattr("django.contrib.gis.gdal.CoordTransform", CoordTransform)
    srid._way.cache_clear()
    shown = field(transform=4326)
    with fast_path():
        for n in range(5):
            shown.to_representation(Point(7_600_000 + n, 680_000, srid=2913))
            shown.to_representation(Point(n, n, srid=3857))
    assert transforms == [[2913, 4326], [3857, 4326]]


def test_only_the_latest_transformations_between_systems_are_cached(monkeypatch):
    alive, made = weakref.WeakSet(), []

    class CoordTransform(gdal.CoordTransform):
        def __init__(self, *systems: gdal.SpatialReference) -> None:
            super().__init__(*systems)
            alive.add(self)
            made.append(systems[1].srid)

    monkeypatch.setattr("django.contrib.gis.gdal.CoordTransform", CoordTransform)
    zones = [*range(32601, 32661), *range(32701, 32761)][: srid.MOST_WAYS + 6]
    for zone in zones:
        srid.Degrees(gdal.SpatialReference(zone).wkt).points([500_000.0], [5_000_000.0])
    assert len(alive) == srid.MOST_WAYS
    for zone in [*zones, zones[-1]]:
        srid.move(Point(9.0, 45.0, srid=4326), zone)
    assert made.count(zones[-1]) == 1


# --- Geometries as the database returns them -------------------------------------


def from_database(ewkb: bytes, geom_class: type | None = None) -> GEOSGeometry:
    """The object that GeoDjango makes of a geometry in a row."""
    expression = SimpleNamespace(output_field=SimpleNamespace(geom_class=geom_class))
    converter = PostGISOperations(None).get_geometry_converter(expression)
    return converter(memoryview(ewkb), expression, None)


# A hole that is not in its shell.
OUTSIDE = "((0 0, 1 0, 1 1, 0 0), (8 8, 9 8, 9 9, 8 8))"


@MANY
@given(st.lists(GEOMETRIES, min_size=1, max_size=3), OPTIONS)
@example(["POINT EMPTY", "MULTIPOINT (EMPTY, (1 1))", "LINESTRING EMPTY"], {})
@example([f"POLYGON {OUTSIDE}", f"MULTIPOLYGON ({OUTSIDE}, {OUTSIDE})"], {"auto_bbox": True})
def test_every_geometry_of_a_row_is_written_as_without_the_fast_path(texts, options):
    rows = [bytes(GEOSGeometry(text, srid=4326).ewkb) for text in texts]

    def make() -> list:
        one = field(**options)
        return [one.to_representation(from_database(row)) for row in rows]

    assert_same(make)


@pytest.mark.parametrize(
    "ewkb",
    [
        struct.pack("<BII2d", 1, 2, 1, 1.0, 2.0),
        struct.pack("<BIII6d", 1, 3, 1, 3, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0),
        struct.pack("<BIII8d", 1, 3, 1, 4, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 5.0, 5.0),
        struct.pack(">BI2d", 0, 1, 1.0, 2.0),
        struct.pack("<BI3d", 1, 1 | 0x40000000, 1.0, 2.0, 3.0),
        struct.pack("<BI2d", 1, 1, math.nan, 1.0),
    ],
    ids=["short line", "short ring", "open ring", "big endian", "measure", "NaN"],
)
def test_unusual_geometry_of_a_row_gives_the_same_result_as_without_the_fast_path(ewkb):
    def made() -> object:
        try:
            return rendered(lambda: [field().to_representation(from_database(ewkb))])
        except GEOSException:
            return "an error"

    stock = made()
    with fast_path():
        assert made() == stock


ASKS: dict[str, Callable[[GEOSGeometry], Any]] = {
    "text": lambda one: one.ewkt,
    "bytes": lambda one: bytes(one.ewkb),
    "srid": lambda one: one.srid,
    "set srid": lambda one: (setattr(one, "srid", 3857), one.ewkt),
    "type": lambda one: (type(one), one.geom_type, one.geom_typeid),
    "length": lambda one: (one.length, one.area, one.num_coords),
    "extent": lambda one: one.extent,
    "coordinates": lambda one: one.coords,
    "parts": lambda one: [str(part) for part in one],
    "iterated": lambda one: len(list(one)),
    "clone": lambda one: one.clone().ewkt,
    "deep copy": lambda one: copy.deepcopy(one).ewkt,
    "pickle": lambda one: pickle.loads(pickle.dumps(one)).ewkt,  # noqa: S301
    "equal": lambda one: (one == one.clone(), one == Point(0, 0), bool(one)),
    "hash": lambda one: hash(one) == hash(one.clone()),
    "transform": lambda one: (one.transform(3857), one.srid, one.num_coords),
    "buffer": lambda one: one.buffer(1).num_coords,
    "prepared": lambda one: one.prepared.contains(one),
    "gdal": lambda one: one.ogr.json,
    "normalized": lambda one: (one.normalize(), one.ewkt),
    "coordinate sequence": lambda one: None if one._cs is None else one._cs.kml,
    "repr": lambda one: repr(one).split(" object")[0],
    "changed": lambda one: (one.__setitem__(0, one[0]), one.ewkt),
}


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS.keys())
@pytest.mark.parametrize(
    "text",
    [
        "POINT (1 2)",
        "POINT Z (1 2 3)",
        "LINESTRING (0 0, 1 1, 2 5)",
        "POLYGON ((0 0, 4 0, 4 4, 0 0))",
        "MULTIPOINT (1 1, 2 2)",
        "MULTIPOLYGON (((0 0, 4 0, 4 4, 0 0)))",
    ],
)
def test_geometry_of_a_row_behaves_like_the_one_that_it_represents(text, ask):
    ewkb = bytes(GEOSGeometry(text, srid=4326).ewkb)

    def answer() -> object:
        try:
            return ask(from_database(ewkb))
        except (TypeError, AttributeError, IndexError) as error:
            return str(error)

    stock = answer()
    with fast_path():
        assert lazy_geos.unread(from_database(ewkb)) == ewkb
        assert answer() == stock


def test_changed_geometry_of_a_row_is_written_as_it_is_now():
    with fast_path():
        line = from_database(bytes(LineString((0, 0), (1, 1), srid=4326).ewkb))
        line[1] = (7, 7)
        written = json.loads(rendered(lambda: field().to_representation(line)))
    assert written["coordinates"] == [[0.0, 0.0], [7.0, 7.0]]


def test_unused_geometry_is_never_read_into_geos(monkeypatch):
    square = Polygon.from_bbox((0, 0, 1, 1))
    square.srid = 4326
    row = bytes(square.ewkb)
    with fast_path():
        monkeypatch.setattr(lazy_geos, "wkb_r", None)
        place = Place.from_db(
            "default", ["id", "name", "geom", "area"], [1, "a", from_database(row), None]
        )
        document = rendered(lambda: Plain(place, context=context()).data)
    assert b'"coordinates":[[[0.0,0.0],[0.0,1.0]' in document
    assert lazy_geos.unread(place.geom) == row


def test_geometry_responds_to_several_threads_that_use_it_first():
    ring = [(math.cos(turn / 500), math.sin(turn / 500)) for turn in range(3000)]
    row = bytes(Polygon([*ring, ring[0]], srid=4326).ewkb)
    answers: list[object] = []

    def ask(geometry: GEOSGeometry, together: threading.Barrier) -> None:
        together.wait()
        try:
            answers.append(geometry.num_coords)
        except GEOSException as error:
            answers.append(error)

    with fast_path():
        for _ in range(50):
            asked = (from_database(row), threading.Barrier(4))
            threads = [threading.Thread(target=ask, args=asked) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert answers == [3001] * 200


# --- Serializers --------------------------------------------------------------


class Plain(GeoFeatureModelSerializer):
    class Meta:
        model = Place
        geo_field = "geom"
        fields = ("id", "name", "geom")


class NoId(GeoFeatureModelSerializer):
    class Meta:
        model = Place
        geo_field = "geom"
        id_field = False
        fields = ("id", "name")


class IdIsName(GeoFeatureModelSerializer):
    class Meta:
        model = Place
        geo_field = "geom"
        id_field = "name"
        fields = "__all__"


class AutoBox(GeoFeatureModelSerializer):
    class Meta:
        model = Place
        geo_field = "geom"
        auto_bbox = True
        fields = ("id", "name")


class BoxOfAField(GeoFeatureModelSerializer):
    class Meta:
        model = Place
        geo_field = "geom"
        bbox_geo_field = "area"
        fields = ("id", "name")


class NoGeometry(GeoFeatureModelSerializer):
    class Meta:
        model = Place
        geo_field = None
        fields = ("id", "name")


class ByMethod(GeoFeatureModelSerializer):
    center = GeometrySerializerMethodField()

    def get_center(self, place: Place) -> Any:
        return place.geom.centroid if place.name != "none" else None

    class Meta:
        model = Place
        geo_field = "center"
        fields = ("id", "name", "geom")


class Nested(serializers.ModelSerializer):
    feature = Plain(source="*")
    again = Plain(source="*")

    class Meta:
        model = Place
        fields = ("id", "geom", "area", "feature", "again")


class Changed(Plain):
    """A team's serializer that reads and changes what the fast path has not read yet."""

    def to_representation(self, instance: Place) -> dict:
        feature = super().to_representation(instance)
        feature["geometry"]["coordinates"] = [
            round(number) for number in feature["geometry"]["coordinates"][0][0]
        ]
        feature["geometry"]["crs"] = "mine"
        return feature


class Sources(GeoFeatureModelSerializer):
    """Values from every source that a field can have."""

    title = serializers.CharField(source="name")
    shout = serializers.CharField(source="shouted")
    kind = serializers.CharField(source="_meta.label")
    missing = serializers.CharField(source="nothing", default="none of it")
    null = serializers.CharField(source="nothing", allow_null=True)
    secret = serializers.CharField(source="name", write_only=True)
    length = serializers.SerializerMethodField()
    itself = serializers.PrimaryKeyRelatedField(source="*", read_only=True)
    called = serializers.CharField(source="area")

    def get_length(self, place: Place) -> int:
        return len(place.name)

    class Meta:
        model = Place
        geo_field = "geom"
        id_field = "title"
        fields = (
            *("id", "title", "shout", "kind", "missing", "null", "secret", "length", "itself"),
            "called",
        )


class OwnProperties(Plain):
    def get_properties(self, instance: Place, fields: list) -> dict:
        return {"mine": [field.field_name for field in fields]}


class OwnField(Plain):
    class Upper(serializers.CharField):
        def get_attribute(self, instance: Place) -> str:
            return instance.name.upper()

    name = Upper()


class OtherFields(Plain):
    """Its fields differ from one feature to the next."""

    def to_representation(self, instance: Place) -> dict:
        if instance.id == 2:
            self.fields.pop("name")
            self.fields["number"] = serializers.IntegerField(source="id")
            self.Meta = type("Meta", (self.Meta,), {"id_field": "number"})
        return super().to_representation(instance)


def places() -> list[Place]:
    polygon = Polygon.from_bbox((-122.69900000000001, 45.5, -122.6, 45.600000000000001))
    polygon.srid = 4326
    return [
        Place(
            id=1, name='Kō\u2028 "quoted" \x07 \U0001f600', geom=polygon, area=polygon.buffer(0.1)
        ),
        Place(id=2, name="none", geom=polygon.clone(), area=None),
    ]


@pytest.mark.parametrize(
    "serializer",
    [
        *(Plain, NoId, IdIsName, AutoBox, BoxOfAField, NoGeometry, ByMethod, Nested, Changed),
        *(Sources, OwnProperties, OwnField, OtherFields),
    ],
)
def test_every_kind_of_serializer_writes_the_same(serializer):
    assert_same(lambda: serializer(places(), many=True, context=context()).data)
    assert_same(lambda: serializer(places()[0], context=context()).data)


def test_values_without_a_model_or_an_attribute_are_the_same():
    def named(value: Any) -> Place:
        place = places()[0]
        place.name = value
        return place

    class Sized(Plain):
        size = serializers.IntegerField(source="name")

        class Meta(Plain.Meta):
            fields = ("size", "geom")

    given = {"id": 1, "name": "a dictionary", "geom": places()[0].geom}
    assert_same(lambda: Plain([given, SimpleNamespace(**given)], many=True, context=context()).data)
    assert_same(lambda: Plain(named(lambda: "called"), context=context()).data)
    assert_same(lambda: Plain(named(None), context=context()).data)
    assert rendered(lambda: Sized(named("no number"), context=context()).data) == "an error"
    assert_same(lambda: Sized(named("no number"), context=context()).data)


def test_null_and_ready_made_geometries_are_the_same():
    assert_same(lambda: [field().to_representation(None), field().to_representation({"a": 1})])


def test_what_was_written_is_read_again():
    with fast_path():
        document = json.loads(rendered(lambda: Plain(places()[0], context=context()).data))
        assert document["geometry"]["coordinates"][0][0] == [-122.699, 45.5]
        again = Plain(data=document)
        again.is_valid(raise_exception=True)
    assert again.validated_data["geom"].equals_exact(places()[0].geom, 1e-9)


# --- The document around the geometries ----------------------------------------

DOCUMENT = {
    "decimal": decimal.Decimal("12.50"),
    "time": datetime.datetime(2019, 5, 1, 12, 30, 0, 123000, tzinfo=datetime.UTC),
    "zone": datetime.datetime(2019, 5, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=-7))),
    "date": datetime.date(2019, 5, 1),
    "delta": datetime.timedelta(seconds=90),
    "uuid": uuid.UUID(int=7),
    "lazy": gettext_lazy("Monday"),
    "text": "Kō\u2028\u2029 \x00\x7f \ud83d\ude00</script>",
    "numbers": [1, -1.5, 1e22, 10**25, True, None],
    1: {"nested": [{}]},
}


@pytest.mark.parametrize("accepted", [None, "application/json; indent=4", "application/json"])
@pytest.mark.parametrize(
    "change", [{}, {"compact": False}, {"ensure_ascii": True}, {"strict": False}]
)
def test_rest_of_the_document_is_the_same(accepted, change):
    document = {
        **DOCUMENT,
        "text": DOCUMENT["text"].encode("utf-16", "surrogatepass").decode("utf-16"),
    }
    renderer = type("Mine", (JSONRenderer,), change)()

    def make() -> Any:
        return {**document, "places": Plain(places(), many=True, context=context(renderer)).data}

    assert_same(make, accepted, renderer)


def test_encoder_and_renderer_of_a_team_keep_their_behavior():
    class Shouting(JSONEncoder):
        def encode(self, value: Any) -> str:
            return super().encode(value).upper()

    class Own(JSONRenderer):
        def render(self, data: Any, *args: Any) -> bytes:
            return orjson.dumps(data)

    for renderer in (type("Mine", (JSONRenderer,), {"encoder_class": Shouting})(), Own()):
        assert_same(
            lambda renderer=renderer: Plain(places(), many=True, context=context(renderer)).data,
            renderer=renderer,
        )


def test_fields_of_a_team_keep_their_behavior():
    class Own(GeometryField):
        def _recursive_round(self, value: Any, precision: int) -> Any:
            return "mine"

    class Holder(serializers.Serializer):
        geom = Own(precision=2)

    value = SimpleNamespace(geom=Point(1.23456, 2))
    with fast_path():
        assert b'"coordinates":"mine"' in rendered(lambda: Holder(value, context=context()).data)


# --- The lazy dictionary ----------------------------------------------------------

READS: dict[str, Callable[[dict], Any]] = {
    "getitem": lambda one: one["coordinates"],
    "get": lambda one: one.get("type"),
    "in": lambda one: ("coordinates" in one, "bbox" in one),
    "len": len,
    "list": list,
    "reversed": lambda one: list(reversed(one)),
    "keys": lambda one: list(one.keys()),
    "values": lambda one: list(one.values()),
    "items": lambda one: list(one.items()),
    "dict": dict,
    "unpacked": lambda one: {**one, "a": 1},
    "merged": lambda one: ({"a": 1} | one, one | {"a": 1}),
    "updated": lambda one: {}.update(one),
    "equal": lambda one: (one == dict(one), one != {}),
    "copy": lambda one: one.copy(),
    "copied": copy.copy,
    "deep copy": copy.deepcopy,
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),  # noqa: S301
    "json": json.dumps,
    "str": str,
    "repr": lambda one: repr(dict(one)),
    "pop": lambda one: (one.pop("type"), dict(one)),
    "popitem": lambda one: (one.popitem(), dict(one)),
    "del": lambda one: (one.__delitem__("type"), dict(one)),
    "setdefault": lambda one: (one.setdefault("type", 1), one.setdefault("new", 1)),
    "set": lambda one: (one.__setitem__("new", 1), dict(one)),
    "clear": lambda one: (one.clear(), dict(one)),
    "move": lambda one: (one.move_to_end("type"), list(one)),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_geometry_reads_like_the_dictionary_that_it_represents(read):
    value = Point(1.5, 2.5, srid=4326)
    expected = read(GeoJsonDict(value.geojson))
    with fast_path():
        lazy = field().to_representation(value)
    assert isinstance(lazy, fast_geojson.LazyGeoJson)
    assert read(lazy) == expected


def test_geometry_that_several_threads_read_first_is_whole_for_each_of_them():
    value = Point(1.5, 2.5, srid=4326)
    expected = json.dumps(GeoJsonDict(value.geojson))
    read: list[str] = []
    with fast_path(), ThreadPoolExecutor(4) as pool:
        for _ in range(300):
            together = threading.Barrier(4)

            def ask(lazy: object, together: threading.Barrier = together) -> str:
                together.wait()
                return json.dumps(lazy)

            read += pool.map(ask, [field().to_representation(value)] * 4)
    assert read == [expected] * 1200


def test_geometry_is_as_it_was_when_it_was_serialized():
    value = MultiPoint(Point(1, 2), Point(3, 4))
    with fast_path():
        lazy = field().to_representation(value)
        value[0] = Point(9, 9)
        assert lazy["coordinates"] == [[1.0, 2.0], [3.0, 4.0]]


def test_json_encoder_in_c_fails_on_a_lazy_geometry_instead_of_writing_half():
    with fast_path():
        lazy = field().to_representation(Point(1, 2))
    with pytest.raises(TypeError):
        orjson.dumps(lazy)


def test_unknown_release_is_left_alone_and_logged(monkeypatch, caplog):
    before = GeometryField.to_representation
    monkeypatch.setitem(fast_geojson.REPLACED, fast_geojson._stock_render, "of another release")
    fast_geojson.install()
    assert GeometryField.to_representation is before
    unknown = "it does not know JSONRenderer.render of the installed release"
    assert f"FAST_GEOJSON has no effect: {unknown}" in caplog.text


def test_the_fast_path_is_taken():
    with fast_path():
        made = [field().to_representation(place.geom) for place in places()]
        rendered(lambda: made)
        features = Plain(places(), many=True, context=context())
        rendered(lambda: features.data)
    assert [one._source is None for one in made] == [False, False]
    assert features.child._readers


@pytest.mark.parametrize("accepted", ["application/json", "application/json; indent=2"])
def test_nan_is_a_string_and_values_of_an_iterator_are_not_lost(accepted):
    def render(data):
        with fast_path():
            return json.loads(JSONRenderer().render(data, accepted))

    values = [math.nan, math.inf, -math.inf, 1.5]
    assert render({"a": values}) == {"a": ["NaN", "Infinity", "-Infinity", 1.5]}
    with pytest.raises(ValueError, match="make it a list"):
        render({"a": (value for value in values)})
    assert render({"a": (value for value in [1.5])}) == {"a": [1.5]}
