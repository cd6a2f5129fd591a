"""Names of projects, apps, aliases and schemas: which are valid, and the errors for others."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.conf.errors import StartupError
from backend.kit.startproject import names


def complaint(check, *arguments, **options) -> tuple[str, str]:
    """The problem and the fix in the error for a refused name."""
    with pytest.raises(StartupError) as caught:
        check(*arguments, **options)
    return caught.value.problem, caught.value.fix


@pytest.mark.parametrize("name", ["my-api", "my_api", "a", "census2020", "trees-of-portland"])
def test_valid_project_names_are_used_unchanged(name: str) -> None:
    assert names.project(name) == name


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("My-Api", "my-api"),
        ("MyApi", "my-api"),
        ("my api", "my-api"),
        ("2020-census", "census"),
        ("-x", "x"),
        ("my--api", "my-api"),
        ("../up", "up"),
        ("/etc", "etc"),
        (".", "my-api"),
        ("", "my-api"),
        ("Örtlich", "ortlich"),
        ("a" * 41, "a" * 35),
    ],
)
def test_bad_project_names_say_what_is_allowed_and_suggest_one(name: str, suggested: str) -> None:
    problem, fix = complaint(names.project, name)
    assert f"'{name}' is not a valid project name. Use lowercase letters" in problem
    assert fix == f"Try: startproject {suggested}"


@pytest.mark.parametrize(
    ("name", "why", "suggested"),
    [
        ("Trees", "use lowercase letters", "trees"),
        ("my-trees", "use lowercase letters", "my_trees"),
        ("3trees", "use lowercase letters", "trees"),
        ("__init__", "use lowercase letters", "init"),
        ("class", "a Python keyword", "class_app"),
        ("match", "a Python keyword", "match_app"),
        ("json", "Python has a module", "json_app"),
        ("xx", "Python has a module", "xx_app"),
        ("rest_framework", "the image has a package", "rest_framework_app"),
        ("psycopg2", "the image has a package", "psycopg2_app"),
        ("auth", "Django", "auth_app"),
        ("gis", "Django", "gis_app"),
        ("backend", "the image", "backend_app"),
        ("local_settings", "the project", "local_settings_app"),
        ("proxy", "the project", "proxy_app"),
        ("template1", "the server", "template1_app"),
        ("test_data", "Django's test runner", "data_app"),
        ("test_2_pg_json", "Django's test runner", "json_app"),
        ("pg_data", "PostgreSQL", "data_app"),
        ("public", "PostgreSQL", "public_app"),
        ("none", "PostgreSQL", "none_app"),
    ],
)
def test_invalid_or_taken_app_names_are_refused_with_a_suggestion(
    name: str, why: str, suggested: str
) -> None:
    problem, fix = complaint(names.app, name, derived=False)
    assert f"'{name}' is not a valid name for an app: " in problem
    assert why in problem
    assert fix == f"Try: --app {suggested}"


def test_an_app_that_got_its_name_from_the_project_says_so() -> None:
    problem, fix = complaint(names.app, "test", derived=True)
    assert "'test', from the project's name, is not a valid name for an app" in problem
    assert fix == "Try: --app my_app"


def test_a_database_has_an_alias_and_may_have_a_schema() -> None:
    census, land = names.databases(["census:public_counts", "land_use"], "my_api")
    assert (census.alias, census.schema, census.database) == ("census", "public_counts", "")
    assert (land.alias, land.schema, land.database) == ("land_use", "", "land_use")
    assert (land.model, land.table, land.route) == (
        "LandUseRecord",
        "land_use_record",
        "land-use-records",
    )
    assert land.url_variable == "LAND_USE_DATABASE_URL"


@pytest.mark.parametrize(
    ("text", "why", "fix"),
    [
        ("default", "every project already has the database 'default'", "default_data"),
        ("Census", "use lowercase letters", "census"),
        ("Census:counts", "'Census' is not a valid alias", "census:counts"),
        ("2020", "use lowercase letters", "open_data"),
        ("", "use lowercase letters", "open_data"),
        ("order", "an SQL keyword", "order_data"),
        ("Order", "use lowercase letters", "order_data"),
        ("postgres", "the server has a database", "postgres_data"),
        ("test_my_api", "Django's test runner", "my_api_data"),
        ("my_api", "the project's own database", "my_api_data"),
        ("census:Counts", "'Counts' is not a valid schema name", "census:counts"),
        ("census:", "'' is not a valid schema name", "census:open_data"),
        ("census:a:b", "'a:b' is not a valid schema name", "census:a_b"),
        ("census:public", "PostgreSQL or PostGIS reserves it", "census:public_data"),
        ("census:pg_counts", "PostgreSQL or PostGIS reserves it", "census:counts_data"),
        ("census:user", "an SQL keyword", "census:user_data"),
        ("a" * 25, "more than 24 characters", f"--database {'a' * 19}"),
        (f"census:{'a' * 41}", "more than 40 characters", f"census:{'a' * 35}"),
    ],
)
def test_bad_aliases_and_schemas_are_refused(text: str, why: str, fix: str) -> None:
    problem, what_to_do = complaint(names.databases, [text], "my_api")
    assert problem.startswith(f"--database {text}: ")
    assert why in problem
    assert fix in what_to_do


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["census", "census"], "the same model"),
        (["census:a", "census:b"], "the same model"),
        (["land_use", "landuse"], "the same model"),
        (["census:counts", "land:counts"], "the same schema 'counts'"),
    ],
)
def test_databases_must_differ(texts: list[str], why: str) -> None:
    problem, _ = complaint(names.databases, texts, "my_api")
    assert why in problem


@pytest.mark.parametrize(
    "name",
    [
        "hackoregoncivic/backend-docker-django",
        "registry.example.org:5000/a/b_c:1.0-dev",
        "a@sha256:0f",
    ],
)
def test_references_to_images_are_accepted(name: str) -> None:
    assert names.image(name) == name


@pytest.mark.parametrize("name", ["", "two words", "a\nRUN true", "Upper/case", "a:"])
def test_invalid_reference_to_an_image_is_refused(name: str) -> None:
    problem, fix = complaint(names.image, name)
    assert problem.startswith("--image: ")
    assert "docker pull" in fix


def refusal(check, name: str) -> StartupError | None:
    try:
        check(name)
    except StartupError as error:
        return error
    return None


@pytest.mark.parametrize(
    "check",
    [
        names.project,
        lambda name: names.app(name, derived=False),
        lambda name: names.databases([name], "my_api"),
    ],
    ids=["project", "app", "database"],
)
@given(st.text(max_size=60) | st.from_regex(r"[A-Za-z_0-9:-]{1,50}", fullmatch=True))
def test_suggested_names_are_valid(check, text: str) -> None:
    for _ in range(2):  # one thing at a time: first the alias, then the schema
        if error := refusal(check, text):
            text = error.fix.rpartition(" ")[2]
    assert refusal(check, text) is None


def test_messages_are_two_lines_whatever_was_typed() -> None:
    with pytest.raises(StartupError) as caught:
        names.project("two\nlines")
    assert re.fullmatch(r"ERROR: .+\nFIX:   .+", str(caught.value))
