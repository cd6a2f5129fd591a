"""``--srid parks.shape=2913``: the system of a geometry column that declares none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from backend.conf.errors import StartupError
from backend.tables.project.inspect import Inspected, Options, inspect
from tests.conftest import PostGIS
from tests.tables.conftest import cursor_of

pytestmark = pytest.mark.engine

TABLES = """
CREATE SCHEMA city; CREATE SCHEMA old;
CREATE TABLE city.parks (id integer PRIMARY KEY, shape geometry, "a.b" geometry(Point),
    center geometry(Point, 4326));
CREATE TABLE old.parks (id integer PRIMARY KEY, shape geometry);
CREATE FUNCTION city.near() RETURNS TABLE (shape geometry) LANGUAGE sql STABLE AS
    'SELECT shape FROM city.parks';
"""


@pytest.fixture(scope="module")
def cursor(postgis: PostGIS) -> Iterator[Any]:
    database = postgis.database()
    postgis.sql(TABLES, database)
    with cursor_of(postgis, database) as opened:
        yield opened


def inspected(cursor: Any, *srid: str, earlier: tuple[str, ...] = ()) -> Inspected:
    options = Options(schemas=("city", "old"), functions=("near",), srid=(*earlier, *srid))
    return inspect(cursor, options, "city", Options(srid=earlier))


def srids(found: Inspected) -> dict[str, list[str]]:
    """The geometries of each model with their system."""
    return {
        table.model: [
            dict(each.declared.named).get("srid", "4326")
            for each in table.fields
            if each.is_geometry
        ]
        for table in found.plan.models
    }


def test_option_names_a_column_with_or_without_its_schema(cursor: Any) -> None:
    assert srids(inspected(cursor, "parks.shape=2913")) == {
        "Parks": ["2913", "4326", "4326"],
        "Parks2": ["2913"],
        "Near": ["4326"],
    }
    chosen = inspected(cursor, "city.parks.shape=2913", "old.parks.shape=3857", "near.shape=2914")
    assert srids(chosen) == {
        "Parks": ["2913", "4326", "4326"],
        "Parks2": ["3857"],
        "Near": ["2914"],
    }
    assert "shape declares no spatial reference system. EPSG:2913 is used: --srid says so." in (
        chosen.report()
    )
    assert srids(inspected(cursor, "parks.a.b=2913"))["Parks"] == ["4326", "2913", "4326"]
    assert chosen.kept().options["srid"] == chosen.options.srid


@pytest.mark.parametrize(
    ("option", "problem", "fix"),
    [
        ("parks.shape", "not a column and the number", "TABLE.COLUMN=SRID"),
        ("parks.shape=EPSG:2913", "not a column and the number", "TABLE.COLUMN=SRID"),
        ("parks.shape=0", "not a column and the number", "TABLE.COLUMN=SRID"),
        ("parks.shap=2913", "no geometry column parks.shap", "Did you mean parks.shape"),
        ("parks.id=2913", "no geometry column parks.id", "parks.shape"),
        ("parks.center=2913", "the column declares EPSG:4326", "Leave it out"),
        ("parks.shape=29133", "spatial_ref_sys has no system 29133", "Correct the number"),
    ],
)
def test_mistake_names_the_option_and_the_fix(
    cursor: Any, option: str, problem: str, fix: str
) -> None:
    with pytest.raises(StartupError) as error:
        inspected(cursor, option)
    assert f"--srid {option}: " in error.value.problem
    assert problem in error.value.problem
    assert fix in error.value.fix


def test_option_of_an_earlier_run_may_name_what_is_gone_or_declares_a_system_now(
    cursor: Any,
) -> None:
    earlier = ("gone.shape=2913", "parks.center=2913", "parks.shape=2913")
    assert srids(inspected(cursor, earlier=earlier))["Parks"] == ["2913", "4326", "4326"]
