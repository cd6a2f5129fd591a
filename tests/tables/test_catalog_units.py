"""How definitions of views, types, and misspelled names are read, without a database."""

from __future__ import annotations

import pytest

from backend.tables.catalog.column_types import _constrained, _digits, _unpacked
from backend.tables.catalog.functions import suggested
from backend.tables.catalog.relations import Geometry, quoted
from backend.tables.catalog.view_definitions import parsed
from backend.tables.generator import names

# SELECT a, f(b) AS "{", c FROM (SELECT c FROM two) s, one: one is 11, two is 22.
QUERY = r"""({QUERY :commandType 1 :rtable ({RANGETBLENTRY :rtekind 1 :subquery {QUERY :targetList (
{TARGETENTRY :expr {VAR :varno 1} :resno 2 :resname c :ressortgroupref 0
 :resorigtbl 22 :resorigcol 3 :resjunk false})}}) :jointree {FROMEXPR :quals <>} :targetList (
{TARGETENTRY :expr {VAR :varno 1} :resno 1 :resname a :ressortgroupref 0
 :resorigtbl 11 :resorigcol 1 :resjunk false}
{TARGETENTRY :expr {FUNCEXPR :args ({VAR :varno 1})} :resno 2 :resname \{ :ressortgroupref 0
 :resorigtbl 0 :resorigcol 0 :resjunk false}
{TARGETENTRY :expr {VAR :varno 2} :resno 3 :resname c :ressortgroupref 0
 :resorigtbl 22 :resorigcol 3 :resjunk false}
{TARGETENTRY :expr {VAR :varno 2} :resno 4 :resname tableoid :ressortgroupref 0
 :resorigtbl 22 :resorigcol -6 :resjunk false}) :groupingSets <>})"""


def test_a_view_knows_which_columns_it_selects_unchanged() -> None:
    view = parsed(QUERY, is_simple=False)
    assert view.origins == {1: (11, 1), 3: (22, 3)}
    assert view.table is None
    assert view.as_null == {1, 3}


def test_a_simple_view_has_the_keys_of_its_table_that_it_selects() -> None:
    view = parsed(QUERY.replace("22", "11"), is_simple=True)
    assert view.table == 11
    assert view.selected((3, 1)) == (3, 1)
    assert view.selected((1, 2)) is None


COLUMN = """{TARGETENTRY :expr {VAR :varnullingrels (b%s)} :resno 1
 :resorigtbl 11 :resorigcol 1 :resjunk false}"""
INNER = "{RANGETBLENTRY :rtekind 1 :subquery {QUERY %s}}"


@pytest.mark.parametrize(
    ("parts", "as_null"),
    [
        ("{JOINEXPR :jointype 0} :groupingSets <>" + COLUMN % "", {1}),
        # A column of the side that an outer join fills with nulls, and of the other side
        ("{JOINEXPR :jointype 1}" + COLUMN % " 3", set()),
        ("{JOINEXPR :jointype 1}" + COLUMN % "", {1}),
        (":hasGroupRTE true {JOINEXPR :jointype 1}" + COLUMN % "", set()),
        (":hasGroupRTE true {JOINEXPR :jointype 0}" + COLUMN % "", {1}),
        ("{JOINEXPR :jointype 2}" + COLUMN.replace(":varnullingrels (b%s)", ""), set()),
        (INNER % "{JOINEXPR :jointype 1}" + COLUMN % "", set()),
        (INNER % "{JOINEXPR :jointype 0}" + COLUMN % "", {1}),
        (":groupingSets ({GROUPINGSET})" + COLUMN % "", set()),
    ],
)
def test_a_view_knows_to_which_columns_it_adds_no_nulls(parts: str, as_null: set[int]) -> None:
    assert parsed(f"({{QUERY {parts}}})", is_simple=False).as_null == as_null


@pytest.mark.parametrize(
    ("typmod", "digits"),
    [(-1, None), (327686, (5, 2)), (((5 << 16) | (-2 & 0x7FF)) + 4, (5, -2)), (2490372, (38, 0))],
)
def test_digits_of_numeric(typmod: int, digits: tuple[int, int] | None) -> None:
    assert _digits(typmod) == digits


@pytest.mark.parametrize(
    ("typmod", "geometry"),
    [
        (-1, Geometry("GEOMETRY", 0)),
        (4, Geometry("POINT", 0)),
        ((4326 << 8) | (1 << 2), Geometry("POINT", 4326)),
        ((2913 << 8) | (6 << 2) | 3, Geometry("MULTIPOLYGON", 2913, 4)),
        ((999999 << 8) | (15 << 2) | 2, Geometry("TIN", 999999, 3)),
        ((4326 << 8) | (16 << 2), Geometry("GEOMETRY", 4326)),
    ],
)
def test_geometry_of_typmod(typmod: int, geometry: Geometry) -> None:
    assert _unpacked(typmod) == geometry


def test_constraints_declare_a_geometry_unless_they_allow_several() -> None:
    none = Geometry("GEOMETRY", 0)
    assert _constrained(
        none,
        [
            "CHECK ((st_srid(geom) = 2913))",
            "CHECK (((public.geometrytype(geom) = 'POINT'::text) OR (geom IS NULL)))",
            "CHECK ((public.st_ndims(geom) = 3))",
        ],
    ) == Geometry("POINT", 2913, 3)
    either = "(geometrytype(g) = 'POLYGON'::text) OR (geometrytype(g) = 'MULTIPOLYGON'::text)"
    assert _constrained(none, [f"CHECK ({either})", "CHECK ((st_srid(g) = '-1'::integer))"]) == none


def test_a_misspelled_name_gets_close_ones_or_else_the_first_twenty() -> None:
    assert suggested("Cenus", ["census", "public"]) == 'Did you mean "census"?'
    assert suggested("x", ["census", "public"]) == 'Name one of: "census", "public".'
    assert suggested("x", [f"schema_{number:02}" for number in range(99)]).endswith('"schema_19".')
    assert suggested("x", []) == "There is none."


@pytest.mark.parametrize("relation", ["table", "Model", "!!!", "geo_feature_model"])
def test_no_model_has_the_name_of_a_class_that_its_own_are_based_on(relation: str) -> None:
    bases = {"TableViewSet", "KeylessTableViewSet", "ModelSerializer", "GeoFeatureModelSerializer"}
    name = names.model(relation, ())
    assert bases.isdisjoint({f"{name}ViewSet", f"{name}Serializer"})


def test_names_are_quoted_for_people() -> None:
    assert quoted('a"b', "100%") == '"a""b"."100%"'
