"""What the catalog says of a database is what PostgreSQL says of it, to the role that asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from backend.conf.errors import StartupError
from backend.tables import catalog
from backend.tables.catalog import Argument, Catalog, Column, ForeignKey, Geometry, Relation, quoted
from tests.conftest import PostGIS
from tests.tables.conftest import READER, cursor_of

pytestmark = pytest.mark.engine

CITY = 'City "Data" 100%'
STRANGE = 'strange " names % of\ncolumns'
SCHEMAS = [CITY, "census", "dbo"]
FUNCTIONS = ["stops_within", f"{CITY}.Trips per Day", "addresses", "out_rows"]


@pytest.fixture(scope="module")
def reader(postgis: PostGIS, shapes: str) -> Iterator[Any]:
    """A cursor of a role that may only read."""
    with cursor_of(postgis, shapes, READER, READER) as cursor:
        yield cursor


@pytest.fixture(scope="module")
def shaped(reader: Any) -> Catalog:
    return catalog.read(reader, SCHEMAS, FUNCTIONS)


@pytest.fixture(scope="module")
def handed_over(postgis: PostGIS, handover: str) -> Catalog:
    with cursor_of(postgis, handover) as cursor:
        return catalog.read(cursor, ["city_open_data"], ["stops_near"])


def relation(of: Catalog, name: str, schema: str | None = None) -> Relation:
    schema = schema or next(iter(of.schemas))
    (found,) = (each for each in of.relations if (each.schema, each.name) == (schema, name))
    return found


def names(columns: Any) -> list[str]:
    return [column.name for column in columns]


def test_handover_has_all_relations_with_kinds_keys_and_comments(handed_over: Catalog) -> None:
    assert [(each.name, each.kind, each.key, each.rows) for each in handed_over.relations] == [
        ("Census Blocks 2020", "table", (), 1000),
        ("Parks", "table", ("OBJECTID",), 20),
        ("bus_stops", "table", ("stop_id",), 2000),
        ("crashes", "table", ("ogc_fid",), 200000),
        ("crashes_by_class", "materialized view", (), 4),
        ("crashes_pedestrian", "view", ("ogc_fid",), -1),
        ("permits", "table", ("id_",), 3000),
        ("sensor_readings", "partitioned table", (), 40000),
        ("taxlots", "table", ("gid",), 5000),
        ("traffic_counts", "table", ("station", "hour"), 4020),
    ]
    assert relation(handed_over, "crashes").comment == "Reported crashes since 2015"
    severity = relation(handed_over, "crashes").column("severity")
    assert (severity.comment, severity.digits) == ("Severity score, 0 to 100", (5, 2))
    # A view without a comment has that of the column that it selects.
    assert relation(handed_over, "crashes_pedestrian").column("severity").comment == (
        "Severity score, 0 to 100"
    )
    assert relation(handed_over, "permits").foreign_keys == (
        ForeignKey(("taxlot",), "city_open_data", "taxlots", ("gid",)),
        ForeignKey(("nearest_stop",), "city_open_data", "bus_stops", ("stop_id",)),
    )
    assert relation(handed_over, "permits").column("status").labels == (
        *("open", "under review", "closed"),
    )
    assert relation(handed_over, "taxlots").indexed == ("gid", "geom")
    (function,) = handed_over.functions
    assert names(function.arguments) == ["lon", "lat", "meters"]
    assert function.returns == ("city_open_data", "bus_stops")
    assert names(function.columns) == ["stop_id", "Stop Name", "wheelchair", "loc"]


def test_geometries_are_those_of_the_types(handed_over: Catalog, shaped: Catalog) -> None:
    def declared(of: Catalog, name: str) -> dict[str, Geometry]:
        columns = relation(of, name).columns
        return {each.name: each.geometry for each in columns if each.geometry}

    assert declared(handed_over, "taxlots") == {"geom": Geometry("MULTIPOLYGON", 2913)}
    assert declared(handed_over, "bus_stops") == {"loc": Geometry("POINT", 4326, geography=True)}
    assert declared(handed_over, "Parks") == {
        "Shape": Geometry("GEOMETRY", 0),
        "centroid": Geometry("POINT", 4326),
    }
    assert declared(shaped, "hydrants_ZM") == {"geom": Geometry("POINT", 2913, 4)}
    assert declared(shaped, "curves") == {"SHAPE": Geometry("GEOMETRY", 2913)}
    assert declared(shaped, "circles") == {"shape": Geometry("CURVEPOLYGON", 4326)}
    assert declared(shaped, "buildings_3d") == {
        "roof": Geometry("POLYHEDRALSURFACE", 32610, 3),
        "terrain": Geometry("TIN", 32610, 3),
    }
    assert declared(shaped, "sightings") == {
        "somewhere": Geometry("GEOMETRY", 4326, geography=True)
    }
    assert declared(shaped, "legacy_constraints") == {"the_geom": Geometry("MULTILINESTRING", 2913)}
    assert declared(shaped, "domains") == {"spot": Geometry("POINT", 4326)}
    assert declared(shaped, "arrays") == {}


def test_a_role_sees_what_it_may_select_and_nothing_else(
    postgis: PostGIS, shapes: str, shaped: Catalog, reader: Any
) -> None:
    assert (shaped.role, shaped.is_superuser) == (READER, False)
    assert shaped.hidden == ((CITY, "not_granted"),)
    assert shaped.schemas[CITY].startswith("Everything the city's <b>departments</b>")
    reader.execute(
        "SELECT table_schema, table_name, array_agg(column_name::text ORDER BY ordinal_position) "
        "FROM information_schema.columns WHERE table_schema = ANY (%s) GROUP BY 1, 2",
        [SCHEMAS],
    )
    # It has neither materialized views nor relations without columns, but partitions.
    public = {(schema, name): columns for schema, name, columns in reader.fetchall()}
    for each in shaped.relations:
        if each.kind != "materialized view" and each.columns:
            assert names(each.columns) == public.pop((each.schema, each.name))
    assert {name for _, name in public} == {
        *("trips_2023", "trips_2023_bike", "trips_2023_rest", "trips_2024")
    }
    assert relation(shaped, "residents").unreadable == ("ssn",)
    assert names(relation(shaped, "nothing").columns) == []
    with cursor_of(postgis, shapes) as superuser:
        everything = catalog.read(superuser, SCHEMAS)
    assert everything.is_superuser
    assert everything.hidden == ()
    assert len(everything.relations) == len(shaped.relations) + 1


def test_every_relation_can_be_read_unless_the_catalog_says_why_not(
    shaped: Catalog, reader: Any
) -> None:
    for each in shaped.relations:
        columns = ", ".join(quoted(column.name) for column in each.columns)
        statement = f"SELECT {columns} FROM {quoted(each.schema, each.name)} LIMIT 0"
        reader.execute("SAVEPOINT one")
        try:
            reader.execute(statement)
            error = ""
        except reader.connection.Error as failed:
            error = str(failed)
        reader.execute("ROLLBACK TO SAVEPOINT one")
        assert (error != "") == (bool(each.refused) or not each.is_populated), (each, error)
    assert relation(shaped, "refused_by_owner").refused == (
        ("shapes_publisher", "secret", "salaries"),
    )
    assert relation(shaped, "refused_behind").refused == (
        ("shapes_publisher", "secret", "salaries"),
    )
    assert relation(shaped, "refused_invoker").refused == ((READER, "secret", "salaries"),)
    assert relation(shaped, "refused_through").refused == ((READER, "secret", "salaries"),)
    assert relation(shaped, "published_salaries").refused == ()
    assert not relation(shaped, "not_yet").is_populated


def test_no_key_has_two_rows_or_a_null(postgis: PostGIS, shapes: str, shaped: Catalog) -> None:
    with cursor_of(postgis, shapes) as cursor:
        for each in shaped.relations:
            if each.refused or not each.is_populated:
                continue
            for key in filter(None, (each.key, *each.unique)):
                columns = ", ".join(map(quoted, key))
                missing = " OR ".join(f"{quoted(name)} IS NULL" for name in key)
                cursor.execute(
                    f"SELECT count(*), count(DISTINCT ({columns})), "
                    f"count(*) FILTER (WHERE {missing}) "
                    f"FROM {quoted(each.schema, each.name)}".replace("%", "%%"),
                    (),
                )
                rows, distinct, nulls = cursor.fetchone()
                assert (rows, nulls) == (distinct, 0), (each.name, key)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("composite_text_key", ("street/lane", "city", "house")),  # in the order of the key
        ("PERMIT_MASTER", ("PERMIT_NO", "SEQ#")),
        ("trips", ("id", "started", "kind")),
        ("archive_2020", ("id", "year")),  # a partition whose parent is not published
        ("unique_not_null", ("code",)),  # the shortest
        ("residents_without_key", ("district",)),  # the role cannot read the primary key
        ("nullable_unique", ()),
        ("partial_unique", ()),
        ("assets", ()),  # has the rows of its children
        ("bridges", ("id",)),
        ("conditions", ()),
        ("from_program", ()),
        # Views with rows of one table
        ("open_trips", ("Trip №", "started", "kind")),
        ("view of staff view", ("Staff ID",)),
        ("guarded", ("id",)),
        ("from_elsewhere", ("state", "county", "tract")),
        ("published_salaries", ("id",)),
        ("view_without_key", ()),
        # Views with other rows
        ("duplicate_rows", ()),
        ("repeated", ()),
        ("ruled", ()),
        ("union_view", ()),
        ("aggregate_view", ()),
        # Unique indexes of materialized views, on columns that PostgreSQL never declares NOT NULL
        ("staff_snapshot", ("id",)),
        ("nullable_snapshot", ()),
        ("tract_counts", ("tract",)),
        ("rollup_snapshot", ()),
    ],
)
def test_key(shaped: Catalog, name: str, key: tuple[str, ...]) -> None:
    assert relation(shaped, name).key == key


def test_a_relation_without_a_key_says_which_indexes_do_not_identify_rows(shaped: Catalog) -> None:
    def about(name: str) -> tuple[tuple[tuple[str, ...], ...], bool]:
        return relation(shaped, name).nullable_keys, relation(shaped, name).has_children

    assert about("nullable_unique") == ((("code",), ("other",)), False)
    assert about("nullable_snapshot") == ((("id",),), False)
    assert about("user") == ((("email",),), False)
    assert about("partial_unique") == ((), False)
    assert about("assets") == ((), True)
    assert about("trips") == ((), False)


def test_foreign_keys_lead_across_schemas_in_circles_and_through_views(shaped: Catalog) -> None:
    def keys(name: str) -> set[tuple[tuple[str, ...], str, str, tuple[str, ...]]]:
        return {
            (key.columns, key.schema, key.relation, key.targets)
            for key in relation(shaped, name).foreign_keys
        }

    tract = ("state", "county", "tract")
    assert keys("surveys") == {
        (tract, "census", "tracts", tract),
        (("from_dept",), CITY, "departments", ("code",)),
        (("to_dept",), CITY, "departments", ("code",)),
    }
    assert keys("departments") == {
        (("parent",), CITY, "departments", ("code",)),
        (("head",), CITY, "employees", ("id",)),
    }
    assert (("deputy_of",), CITY, "departments", ("Name",)) in keys("employees")
    assert keys("trips") == {(("department",), CITY, "departments", ("code",))}
    assert keys("view of staff view") == {(("dept",), CITY, "departments", ("code",))}
    assert keys("duplicate_rows") == set()


def test_types_are_those_behind_domains_and_arrays(shaped: Catalog) -> None:
    column: Callable[[str], Column] = relation(shaped, "domains").column
    colors = ("red", 'flashing "amber"', "amber", "green", "off, broken")
    assert (column("shown").type, column("shown").kind) == ("color", "e")
    assert column("shown").labels == column("history").labels == colors
    assert (column("price").type, column("price").digits) == ("numeric", (12, 2))
    elements = {each.name: each.element for each in relation(shaped, "domains").columns}
    assert elements["history"] is not None
    assert (elements["history"].type, elements["history"].labels) == ("color", colors)
    assert elements["prices"] is not None
    assert (elements["prices"].type, elements["prices"].digits) == ("numeric", (12, 2))
    assert elements["code_list"] is not None
    assert (elements["code_list"].type, elements["code_list"].max_length) == ("varchar", 8)
    assert elements["homes"] is not None
    assert (elements["homes"].kind, column("home").kind) == ("c", "c")
    digits = {each.name: each.digits for each in relation(shaped, "every_type").columns}
    assert digits["num"] is None
    assert digits["num_negative_scale"] == (5, -2)
    assert digits["num_fraction"] == (2, 4)
    assert digits["num_whole"] == (38, 0)
    lengths = {each.name: each.max_length for each in relation(shaped, "every_type").columns}
    assert (lengths["fixed"], lengths["vary"], lengths["label"]) == (4, None, None)
    types = {each.name: each.type for each in relation(shaped, "every_type").columns}
    assert (types["label"], types["attributes"], types["tree"]) == ("citext", "hstore", "ltree")


def test_names_and_comments_are_unchanged(shaped: Catalog) -> None:
    strange = relation(shaped, STRANGE)
    assert strange.comment == (
        """Names; <script>alert("comment")</script> & 100% {braces} \"\"\" ' \\ end"""
    )
    assert strange.column("100%").comment.startswith("% of all <i>lanes</i>\nsecond line")
    assert {'a"b', "%(x)s", " ", "new\nline", "Name", "name", "NAME", "🚲 lanes", "$$"} <= set(
        names(strange.columns)
    )
    assert relation(shaped, "staff view").comment == "Names of staff"
    comments = {each.name: each.comment for each in relation(shaped, "staff view").columns}
    assert comments == {"name": "Full name", "Staff ID": "", "department": "Code of the department"}


def test_defaults_generated_columns_and_what_the_role_may_write(shaped: Catalog) -> None:
    column: Callable[[str], Column] = relation(shaped, "generated").column
    assert column("id").is_identity
    assert column("meters").is_generated
    assert column("note").default == """'it''s 100% "new"'::text"""
    writable = relation(shaped, "writable")
    assert (writable.can_insert, writable.can_update, writable.can_delete) == (True, True, True)
    assert [each.name for each in writable.columns if each.can_update] == ["name"]
    assert not any(
        each.can_insert or each.can_update or each.can_delete
        for each in shaped.relations
        if each is not writable
    )


def test_a_superuser_cannot_write_generated_columns_or_most_views(
    postgis: PostGIS, shapes: str
) -> None:
    with cursor_of(postgis, shapes) as cursor:
        read = catalog.read(cursor, [CITY])
    every = relation(read, "every_type")  # GENERATED ALWAYS AS IDENTITY
    assert [each.name for each in every.columns if not each.can_insert] == ["id"]
    generated = relation(read, "generated")
    assert [each.name for each in generated.columns if not each.can_update] == ["meters", "geom"]
    assert relation(read, "staff view").can_update
    for name in ("aggregate_view", "union_view", "staff_snapshot", "from_program"):
        assert not relation(read, name).can_update, name
    assert relation(read, "remote_stops").can_update


def test_row_security_and_owners(postgis: PostGIS, shapes: str, shaped: Catalog) -> None:
    def security(of: Catalog, name: str) -> tuple[bool, bool, bool]:
        each = relation(of, name)
        return each.has_row_security, each.is_row_security_active, each.is_owned

    assert security(shaped, "members") == (True, True, False)
    assert security(shaped, "stops") == (False, False, False)
    with cursor_of(postgis, shapes) as cursor:
        assert security(catalog.read(cursor, [CITY]), "members") == (True, False, True)


def test_estimates_include_partitions_and_children(shaped: Catalog) -> None:
    assert relation(shaped, "trips").rows == 30
    assert relation(shaped, "assets").rows == 12
    assert relation(shaped, "conditions").rows == 40
    assert relation(shaped, "never analyzed").rows == -1
    assert relation(shaped, "empty_partitions").rows == -1


def test_functions(shaped: Catalog) -> None:
    stops, trips, addresses, numbers = shaped.functions
    assert stops.comment == "Stops in a box"
    assert stops.arguments[-1] == Argument("north", "double precision", has_default=True)
    assert not stops.arguments[0].has_default
    assert trips.name == "Trips per Day"
    assert names(trips.arguments) == ["the kind", "days"]
    assert [(each.name, each.type) for each in trips.columns] == [
        ("day", "date"),
        ("Trips %", "int8"),
        ("signal", "color"),
    ]
    assert (trips.returns, addresses.returns) == (None, None)
    assert names(addresses.columns) == ["line", "zip", "since", "place"]
    assert names(numbers.arguments) == ["n"]
    assert names(numbers.columns) == ["double", "square"]


@pytest.mark.parametrize(
    ("function", "problem", "fix"),
    [
        ("stops_withn", "no function", '"stops_within"'),
        ("overloaded", "overloaded(integer)", "RENAME TO"),
        ("changes", "VOLATILE", 'ALTER FUNCTION "City ""Data"" 100%".changes() STABLE'),
        ("one_number", "does not return rows", "RETURNS TABLE"),
        (
            "not_for_reader",
            'cannot be executed by the role "reader"',
            'GRANT EXECUTE ON FUNCTION "City ""Data"" 100%".not_for_reader() TO "reader"',
        ),
        ("st_area", "no function", "Name one of"),
    ],
)
def test_a_function_that_cannot_be_called_says_why(
    reader: Any, function: str, problem: str, fix: str
) -> None:
    with pytest.raises(StartupError) as error:
        catalog.read(reader, SCHEMAS, [function])
    assert "PUBLISH_FUNCTIONS" in error.value.problem
    assert problem in error.value.problem
    assert fix in error.value.fix


@pytest.mark.parametrize(
    ("schema", "problem", "fix"),
    [
        ("cenus", 'no schema "cenus"', 'Did you mean "census"?'),
        ("city data", "no schema", '"City ""Data"" 100%"'),
        ("secret", "may not use", 'GRANT USAGE ON SCHEMA "secret" TO "reader"'),
        ("pg_catalog", "PostgreSQL's own", "your own tables"),
        ("information_schema", "PostgreSQL's own", "your own tables"),
    ],
)
def test_a_schema_that_cannot_be_published_says_why(
    reader: Any, schema: str, problem: str, fix: str
) -> None:
    with pytest.raises(StartupError) as error:
        catalog.read(reader, ["census", schema])
    assert "PUBLISH_SCHEMAS" in error.value.problem
    assert problem in error.value.problem
    assert fix in error.value.fix


def test_postgis_can_be_in_any_schema_or_missing(postgis: PostGIS) -> None:
    database = postgis.database()
    postgis.sql(
        "DROP EXTENSION postgis; CREATE SCHEMA gis; "
        "CREATE TYPE geometry AS (x integer); CREATE TABLE own (id integer, shape geometry)",
        database,
    )
    with cursor_of(postgis, database) as cursor:
        (own,) = catalog.read(cursor, ["public"]).relations
    assert (own.column("shape").kind, own.column("shape").geometry) == ("c", None)
    postgis.sql(
        "CREATE EXTENSION postgis SCHEMA gis; "
        "CREATE TABLE gis.places (id integer, shape gis.geometry(Point, 4326))",
        database,
    )
    with cursor_of(postgis, database) as cursor:
        (places,) = catalog.read(cursor, ["gis"]).relations  # and not spatial_ref_sys
    assert places.column("shape").geometry == Geometry("POINT", 4326)


def test_many_tables_take_no_more_statements_and_less_than_a_second(
    postgis: PostGIS, figures: Callable[[str], None]
) -> None:
    database = postgis.database()
    columns = ", ".join(f"c{number} text" for number in range(18))
    with cursor_of(postgis, database) as cursor:
        statements = Counting(cursor)
        catalog.read(statements, ["public"])
        few = statements.count
        for number in range(50):
            cursor.execute(f"CREATE TABLE t{number} (id serial PRIMARY KEY, {columns}, g geometry)")
        statements.count = 0
        began = time.monotonic()
        read = catalog.read(statements, ["public"])
        seconds = time.monotonic() - began
    assert sum(len(each.columns) for each in read.relations) == 50 * 20
    assert statements.count == few
    figures(f"catalog of 50 tables of 20 columns: {seconds:.2f} s, {few} statements")
    assert seconds < 1


class Counting:
    """A cursor that counts its statements."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.count = 0

    def execute(self, statement: str, parameters: Any = None) -> None:
        self.count += 1
        self._cursor.execute(statement, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)
