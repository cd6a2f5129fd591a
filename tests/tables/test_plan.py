"""Names, keys, routes, and notes of a plan, and the code that it becomes."""

from __future__ import annotations

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from backend.conf.errors import StartupError
from backend.tables import published
from backend.tables.catalog import (
    Argument,
    Catalog,
    Column,
    ForeignKey,
    Function,
    Geometry,
    Relation,
)
from backend.tables.generator import code, names, report
from backend.tables.generator.plan import Plan, Source
from backend.tables.generator.planner import plan


def column(name: str, kind: str = "text", category: str = "S", **more: object) -> Column:
    return Column(name, kind, kind, "b", category, **{"nullable": False, **more})


def relation(name: str, *columns: Column, schema: str = "city", **more: object) -> Relation:
    return Relation(schema, name, str(more.pop("kind", "table")), columns, **more)


def catalog(*relations: Relation, **more: object) -> Catalog:
    schemas = dict.fromkeys((each.schema for each in relations), "")
    return Catalog("reader", False, schemas, relations, **more)


def planned(*relations: Relation, **more: object) -> Plan:
    sources = [Source("default", catalog(*relations, **more))]
    return plan(sources)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("2020_visits", "n2020_visits"),
        ("Median Income ($)", "median_income"),
        ("class", "class_field"),
        ("id_", "id_field"),
        ("pk", "pk_field"),
        ("save", "save_field"),
        ("a__b", "a_b"),
        ("_x_", "x"),
        (" ", "column"),
        ("naïve", "naïve"),
        ("名前", "名前"),
        ('a"b', "a_b"),
    ],
)
def test_every_column_has_a_name_in_python(given: str, name: str) -> None:
    assert names.field(given, ()) == name
    assert name.isidentifier()
    assert names.field(given, {name}) == f"{name}_2"


def test_models_differ_by_more_than_case_and_routes_are_unique() -> None:
    made = planned(
        relation("user", column("a")),
        relation("User", column("a")),
        relation("U s e r", column("a")),
        relation("U-s-e-r", column("a")),
        relation("2020", column("a")),
        relation("functions", column("a")),
    )
    models = [table.model for table in made.tables]
    assert len({model.lower() for model in models}) == len(models)
    assert models[4] == "Table2020"
    assert [table.route for table in made.tables] == [
        *("user", "User", "U-s-e-r-2", "U-s-e-r", "2020", "functions-2")
    ]


def test_further_schemas_have_their_name_in_the_route() -> None:
    made = planned(
        relation("parks", column("a")),
        relation("census", column("a")),
        relation("parks", column("a"), schema="census"),
    )
    assert [table.route for table in made.tables] == ["parks", "census-2", "census/parks"]
    text = code.files(made, "app")["urls.py"]
    assert text.index('"census/parks"') < text.index('"parks"')


def test_key_needs_all_of_its_columns() -> None:
    key = column("id", "int4", "N")
    made = planned(
        relation("whole", key, column("name"), key=("id",)),
        relation("part", column("name"), key=("id",), unreadable=("id",)),
    )
    assert [table.key for table in made.tables] == [("id",), ()]
    notes = [[note.problem for note in table.notes] for table in made.tables]
    assert notes[0] == []
    assert any("pages of their own" in note for note in notes[1])


def test_foreign_key_leads_to_a_served_table_and_stays_a_column_otherwise() -> None:
    key = column("gid", "int4", "N")
    lots = relation("lots", key, key=("gid",))
    permits = relation(
        "permits",
        column("lot_id", "int4", "N"),
        column("lot", "int4", "N"),
        column("owner_id", "int4", "N"),
        foreign_keys=(
            ForeignKey(("lot_id",), "city", "lots", ("gid",)),
            ForeignKey(("lot",), "city", "lots", ("gid",)),
            ForeignKey(("owner_id",), "secret", "owners", ("id",)),
        ),
    )
    fields = {each.column.name: each for each in planned(permits, lots).tables[0].fields}
    assert fields["owner_id"].to == ""
    assert fields["lot_id"].to == "Lots"
    assert fields["lot"].to == ""  # Django would keep its value in an attribute lot_id
    attributes = {f"{each.name}_id" if each.to else each.name for each in fields.values()}
    assert len(attributes | {each.name for each in fields.values()}) == 4


def test_rows_of_other_tables_have_names_that_nothing_else_has() -> None:
    stops = relation("stops", column("code"), column("id", "int4", "N"), key=("id",))
    keys = relation("keys", column("a"), column("b"), key=("b", "a"))

    def names_of(*columns: str, **more: ForeignKey) -> dict[str, tuple[str, ...]]:
        one = [ForeignKey((each,), "city", "stops", ("id",)) for each in columns]
        table = relation(
            "rides",
            *map(column, (*columns, *(name for key in more.values() for name in key.columns))),
            foreign_keys=(*one, *one, *more.values()),
        )
        (made,) = (each for each in planned(stops, keys, table).tables if each.model == "Rides")
        return {each.name: each.columns for each in made.references}

    assert names_of("stop_id") == {"stop": ("stop_id",)}
    assert names_of("stop") == {"stops": ("stop",)}
    assert names_of("_id") == {"stops": ("_id",)}
    assert list(names_of("stop_id", "stop")) == ["stops", "stop_row"]
    assert list(names_of("stops", "stops_id", "stops_row")) == [
        *("stops_row_2", "stops_id_row", "stops_row_row")
    ]
    assert list(names_of("fields_id", "links_id", "expand")) == [
        *("stops", "links_id_row", "expand_row")
    ]
    several = ForeignKey(("x", "y"), "city", "keys", ("a", "b"))
    assert names_of(pair=several) == {"keys": ("y", "x")}
    assert names_of(pair=replace(several, relation="secret")) == {}
    assert names_of(code=ForeignKey(("code_id",), "city", "stops", ("code",))) == {
        "code": ("code_id",)
    }

    key = (ForeignKey(("stop_id",), "city", "stops", ("id",)),)
    for kind, more in {
        "_int4": {"element": column("", "int4", "N")},
        "jsonb": {},
        "bytea": {},
        "pair": {"kind": "c"},
        "geometry": {"geometry": Geometry("POINT", 4326)},
    }.items():
        odd = replace(column("stop_id", kind), **more)
        (made, _) = planned(relation("odd", odd, foreign_keys=key), stops).tables
        assert made.references == (), kind


def test_code_names_what_a_table_refers_to_and_what_refers_to_it() -> None:
    stops = relation(
        "stops",
        column("code"),
        column("id", "int4", "N"),
        column("stops", "int4", "N"),
        key=("id",),
        foreign_keys=(ForeignKey(("stops",), "city", "stops", ("id",)),),
    )
    rides = relation(
        "rides",
        column("stop_id", "int4", "N"),
        column("Other Stop"),
        foreign_keys=(
            ForeignKey(("stop_id",), "city", "stops", ("id",)),
            ForeignKey(("Other Stop",), "city", "stops", ("code",)),
        ),
    )
    views = code.files(planned(rides, stops), "app")["views.py"]
    assert "from backend.tables.related import Related\n" in views
    assert (
        """
    related = {
        "stop": Related("StopsViewSet", "stop"),
        "stops": Related("StopsViewSet", "other_stop", to=["code"]),
    }
"""
        in views
    )
    assert (
        """
    related = {"stops_row": Related("StopsViewSet", "stops")}
    related_lists = {
        "rides (stop_id)": "RidesViewSet.stop",
        "rides (Other Stop)": "RidesViewSet.stops",
        "stops": "StopsViewSet.stops_row",
    }
"""
        in views
    )
    assert "related" not in code.files(planned(relation("alone", column("a"))), "app")["views.py"]


def test_tables_of_django_and_those_that_nobody_can_read_are_skipped_with_a_reason() -> None:
    made = planned(
        relation("auth_user", column("a")),
        relation("people", column("password"), column("last_login")),
        relation("view", column("a"), kind="view", refused=(("owner", "city", "secrets"),)),
        relation("nothing"),
        hidden=(("city", "secret"),),
    )
    assert not made.tables
    reasons = {each.name: each.note for each in made.skipped}
    assert "table of Django" in reasons["auth_user"].problem
    assert "table of Django" in reasons["people"].problem
    assert reasons["view"].sql == 'GRANT SELECT ON "city"."secrets" TO "owner";'
    assert reasons["secret"].sql == 'GRANT SELECT ON "city"."secret" TO "reader";'
    assert report.summary(made) == "5 skipped"


def test_function_has_the_table_of_its_rows_or_one_of_its_own_and_named_arguments() -> None:
    lots = relation("lots", column("gid", "int4", "N"), key=("gid",))
    columns = (column("gid", "int4", "N"), column("raw", "bytea", "U"))
    arguments = (Argument("lon", "double precision"),)
    one = Function("city", "near", arguments, ("city", "lots"), columns)
    made = planned(
        lots,
        functions=(
            one,
            replace(one, name="unnamed", arguments=(Argument("", "integer"),)),
            replace(one, name="many", is_variadic=True),
            replace(one, name="other", returns=("city", "owners")),
            replace(one, name="accounts", returns=("public", "auth_user")),
            replace(one, name="people", columns=(column("password"), column("last_login"))),
        ),
    )
    near, other = made.calls
    assert (near.route, near.table.model, near.status) == ("functions/near", "Lots", "served")
    assert (other.route, other.table.model) == ("functions/other", "Other")
    assert (other.table.key, other.status) == ((), "partly served")
    assert [table.model for table in made.models] == ["Lots", "Other"]
    assert {each.name for each in made.skipped} == {"unnamed", "many", "accounts", "people"}
    assert report.summary(made) == "2 served, 1 partly served, 4 skipped"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("public", {"default": ["public"]}),
        ("public, default:census", {"default": ["public", "census"]}),
        ("survey:a,b", {"survey": ["a"], "default": ["b"]}),
        (
            '"Blocks, 2020",census:"a ""b"": c"',
            {"default": ["Blocks, 2020"], "census": ['a "b": c']},
        ),
        ("City Data", {"default": ["City Data"]}),
        ("", {}),
    ],
)
def test_names_of_schemas(text: str, expected: dict[str, list[str]]) -> None:
    assert published.requested(text) == expected


@pytest.mark.parametrize("text", ['"open', "a:b:c", "a,,b", ","])
def test_unreadable_names_of_schemas_are_an_error(text: str) -> None:
    with pytest.raises(StartupError, match="PUBLISH_SCHEMAS: cannot read"):
        published.requested(text)


def test_code_is_what_ruff_writes_whatever_names_and_comments_contain(tmp_path: Path) -> None:
    nasty = 'ends with "quotes"', "two\nlines", "back\\slash", '"""', "<script>", "100% \x07 bell"
    tables = [
        relation(
            f"table {number} {text}",
            column(f"id {text}", "int4", "N", comment=text),
            column(f"{text} of a very long name, so that nothing fits", comment=text * 3),
            column("status", kind="e", labels=("open", 'a "b"')) if not number else column("s"),
            column("shape", "geometry", "U", geometry=Geometry("POINT", 2913)),
            key=(f"id {text}",),
            comment=text,
        )
        for number, text in enumerate(nasty)
    ]
    calls = [Function("city", f"near {text}", (), None, (column(text),), text) for text in nasty]
    for name, text in code.files(planned(*tables, functions=calls), "app").items():
        file = tmp_path / "app" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        ast.parse(text)
    models = ast.parse((tmp_path / "app/models.py").read_text())
    comments = [ast.get_docstring(each) for each in models.body if isinstance(each, ast.ClassDef)]
    assert comments[:2] == ['ends with "quotes"', "two\nlines"]
    assert comments[4] == "&lt;script&gt;"
    for command in (["format", "--check"], ["check", "--select", "E4,E7,E9,F,I"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--config", "line-length=100", "app"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
