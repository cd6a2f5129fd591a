"""Columns without an SRID get the one that their values, comments, or neighbors show, or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from backend.tables import catalog
from backend.tables.catalog import coordinates
from backend.tables.generator.plan import Source
from backend.tables.generator.planner import plan
from tests.conftest import PostGIS
from tests.support.containers import Containers
from tests.tables.conftest import READER, cursor_of

pytestmark = pytest.mark.engine

CITY = 'City "Data" 100%'
DEGREES = "coordinates are longitude and latitude"
IN_VALUES = "its values have this one"
NAMED = "the comment names it"
NEAR = "only with it are its values where the other geometries are"
NOTHING = "its coordinates are not longitude and latitude, and no comment names a system"
# Places in Portland, as feet of the state plane, without an SRID.
FEET = "ST_SetSRID(ST_Transform(ST_SetSRID(ST_MakePoint(-122.7 + i / 1e4, 45.5), 4326), 2913), 0)"

READ_WITH_PSYCOPG_3 = """
import sys
import psycopg
from backend.tables import catalog
from backend.tables.catalog import coordinates
host, database, role, schema = sys.argv[1:]
with psycopg.connect(host=host, dbname=database, user=role, password=role) as connection:
    cursor = connection.cursor()
    read = catalog.read(cursor, [schema], ["stops_within"])
    print(repr((read, coordinates.infer(cursor, read))))
"""


def inferred(cursor: Any, *schemas: str) -> dict[tuple[str, str], coordinates.Answer]:
    """By relation and column."""
    answers = coordinates.infer(cursor, catalog.read(cursor, schemas))
    return {(name, column): answer for (_, name, column), answer in answers.items()}


@pytest.fixture
def cursor(postgis: PostGIS) -> Iterator[Any]:
    """A cursor of an empty database."""
    with cursor_of(postgis, postgis.database()) as cursor:
        yield cursor


def test_handover(postgis: PostGIS, handover: str) -> None:
    with cursor_of(postgis, handover) as cursor:
        assert inferred(cursor, "city_open_data") == {
            ("Census Blocks 2020", "geometry"): (4326, DEGREES),
            ("Parks", "Shape"): (2913, NAMED),
            ("crashes_by_class", "geom"): (4326, IN_VALUES),
        }


def test_shapes(postgis: PostGIS, shapes: str) -> None:
    with cursor_of(postgis, shapes, READER, READER) as cursor:
        assert inferred(cursor, CITY, "census", "dbo") == {
            ("buffers", "buffer"): (2913, IN_VALUES),
            ("buffers", "constant"): (4326, IN_VALUES),
            ("degrees_without_srid", "geom"): (4326, DEGREES),
            ("drawing", "geom"): (None, NOTHING),
            ("feet_without_srid", "geom"): (2913, NEAR),
            ("hexagons", "geom"): (4326, IN_VALUES),
            ("mixed shapes", "geom"): (None, "its values have several (2913, 3857, 4326)"),
            ("srid_in_values", "geom"): (2913, IN_VALUES),
            ("utm_in_comment", "geom"): (26910, NAMED),
        }


def test_psycopg_3_reads_the_same(
    postgis: PostGIS, shapes: str, psycopg_3: str, containers: Containers
) -> None:
    done = containers.run(
        *("-c", READ_WITH_PSYCOPG_3, postgis.host, shapes, READER, CITY),
        image=psycopg_3,
        options=["--network", postgis.network, "--entrypoint", "python"],
    )
    assert done.returncode == 0, done.stderr
    with cursor_of(postgis, shapes, READER, READER) as cursor:
        read = catalog.read(cursor, [CITY], ["stops_within"])
        assert done.stdout.strip() == repr((read, coordinates.infer(cursor, read)))


def test_a_comment_counts_if_the_coordinates_can_be_of_its_system(cursor: Any) -> None:
    for name, value, comment in (
        ("nad83", "ST_MakePoint(-122.7, 45.5)", "epsg 4269"),
        ("converted", "ST_MakePoint(-122.7, 45.5)", "converted from EPSG:2913"),
        ("two", FEET, "from EPSG:4326 to SRID=2913"),
        ("unknown", FEET, "EPSG:999999"),
    ):
        cursor.execute(
            f"CREATE TABLE {name} AS SELECT i, {value} AS g FROM generate_series(1, 9) i"
        )
        cursor.execute(f"COMMENT ON COLUMN {name}.g IS '{comment}'")
    assert inferred(cursor, "public") == {
        ("converted", "g"): (4326, DEGREES),
        ("nad83", "g"): (4269, NAMED),
        ("two", "g"): (2913, NAMED),
        ("unknown", "g"): (2913, NEAR),
    }


def test_exactly_one_system_must_fit(cursor: Any) -> None:
    # 2269 and 2913 differ by a meter. A table of the whole world is near everything.
    cursor.execute(
        "CREATE TABLE feet AS SELECT i, " + FEET + " AS g FROM generate_series(1, 9) i;"
        "CREATE TABLE world (g geometry(Polygon, 4326));"
        "INSERT INTO world VALUES (ST_MakeEnvelope(-180, -90, 180, 90, 4326));"
        "CREATE TABLE near (g geometry(Point, 2913));"
        "INSERT INTO near SELECT ST_SetSRID(g, 2913) FROM feet;"
        "CREATE TABLE mercator (g geometry(Point, 3857));"
        "INSERT INTO mercator SELECT ST_Transform(g, 3857) FROM near"
    )
    assert inferred(cursor, "public") == {("feet", "g"): (2913, NEAR)}
    cursor.execute("CREATE TABLE other (g geometry(Point, 2269))")
    cursor.execute("INSERT INTO other SELECT ST_Transform(g, 2269) FROM near")
    reason = "with several, its values are where the others are (2269, 2913)"
    assert inferred(cursor, "public") == {("feet", "g"): (None, reason)}


def test_the_advice_for_several_systems_keeps_each_value_where_it_is(cursor: Any) -> None:
    cursor.execute(
        "CREATE TABLE mixed (g geometry); INSERT INTO mixed VALUES "
        "(ST_SetSRID(ST_MakePoint(-122.7, 45.5), 4326)), "
        "(ST_Transform(ST_SetSRID(ST_MakePoint(-122.7, 45.5), 4326), 2913))"
    )
    read = catalog.read(cursor, ["public"])
    made = plan([Source("default", read, srids=coordinates.infer(cursor, read))])
    (advice,) = [note.sql for note in made.tables[0].notes if "system" in note.problem]
    cursor.execute(advice)
    assert inferred(cursor, "public") == {}
    cursor.execute("SELECT DISTINCT ST_AsText(g, 6), ST_SRID(g) FROM mixed")
    assert cursor.fetchall() == [("POINT(-122.7 45.5)", 4326)]


def test_a_box_outside_of_a_system_is_one_error_of_the_server(
    cursor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinates, "_degrees_of", {})
    cursor.execute(
        "CREATE TABLE feet AS SELECT i, " + FEET + " AS g FROM generate_series(1, 9) i;"
        "CREATE TABLE mercator (g geometry(Point, 3857));"
        "INSERT INTO mercator VALUES (ST_SetSRID(ST_MakePoint(-13658000, 5704000), 3857))"
    )
    first = inferred(cursor, "public")
    monkeypatch.setattr(coordinates, "DEGREES", None)  # nothing can be asked again
    assert inferred(cursor, "public") == first


@pytest.mark.parametrize("autocommit", [False, True])
def test_a_column_that_cannot_be_read_costs_only_its_own_answer(
    cursor: Any, autocommit: bool
) -> None:
    cursor.connection.autocommit = autocommit
    cursor.execute(
        "CREATE VIEW failing AS "
        "SELECT ST_MakePoint(1 / (i - i), 0) AS g FROM generate_series(1, 2) i"
    )
    cursor.execute("CREATE TABLE good AS SELECT ST_MakePoint(-122, 45) AS g")
    cursor.execute('CREATE TABLE "none" (g geometry)')
    assert inferred(cursor, "public") == {
        ("failing", "g"): (None, "its rows cannot be read (division by zero)"),
        ("good", "g"): (4326, DEGREES),
        ("none", "g"): (None, "it has no values yet"),
    }


def test_of_a_large_table_more_than_its_start_counts(cursor: Any) -> None:
    cursor.execute(
        "CREATE TABLE large AS SELECT i, CASE WHEN i <= 5000 THEN ST_MakePoint(0, 0) "
        f"ELSE {FEET} END AS g FROM generate_series(1, 50000) i"
    )
    cursor.execute("ANALYZE large")
    assert inferred(cursor, "public") == {("large", "g"): (None, NOTHING)}


def test_postgis_and_its_systems_can_be_in_any_schema(cursor: Any) -> None:
    cursor.execute("DROP EXTENSION postgis")
    cursor.execute('CREATE SCHEMA "gis 100%"')
    cursor.execute('CREATE EXTENSION postgis SCHEMA "gis 100%"')
    cursor.execute('CREATE TABLE places AS SELECT "gis 100%".ST_MakePoint(7644000, 684000) AS g')
    cursor.execute("COMMENT ON TABLE places IS 'EPSG:2913'")
    cursor.execute('CREATE TABLE degrees AS SELECT "gis 100%".ST_MakePoint(1, 2) AS g')
    assert inferred(cursor, "public") == {
        ("degrees", "g"): (4326, DEGREES),
        ("places", "g"): (2913, NAMED),
    }
