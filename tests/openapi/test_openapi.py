"""The OpenAPI document of unusual and broken views is correct, and complete for the others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from swagger_spec_validator.validator20 import validate_spec

from tests.conftest import PostGIS
from tests.support import logs
from tests.support.containers import Container, Containers
from tests.support.live import assert_nothing_wrong
from tests.support.published import FEWER, assert_schema_is_true

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parent / "documented_project"
LOGIN = [{"Session": []}, {"Basic": []}]
# The operations of hostile.py that cannot be described, with the reason in the log.
LIST_ONLY = {
    "notjson": "not JSON serializable",
    "badfilter": "of the team's own",
    "badfilterset": "non-model field names: nothing",
    "badpages": "of the team's own",
    "badanswer": "of the team's own",
    "conflict": "query_serializer contains fields that conflict",
}
ENTIRELY = {
    "nosuchfield": "Field name `nothing` is not valid",
    "ownfield": "of the team's own",
    "unwrittendefault": "not JSON serializable",
    "noauthenticators": "of the team's own",
    "nopermissions": "of the team's own",
    "nothrottles": "of the team's own",
    "nohandler": "of the team's own",
    "noinit": "of the team's own",
}
ROWS = """
INSERT INTO records_well (name, depth, flow, details, grade, place)
SELECT 'Well ' || n, n, n / 2.0, '{}', 'a', ST_SetSRID(ST_MakePoint(-122.6 - n / 100.0, 45.5), 4326)
FROM generate_series(1, 3) n;
INSERT INTO records_node (name, parent_id) VALUES ('Root', NULL), ('Leaf', 1);
INSERT INTO records_reading (well_id, day, level) VALUES (1, '2026-01-01', 2.5);
"""


@dataclass
class Documented:
    """The running project and its document."""

    container: Container
    document: dict

    def operation(self, path: str, method: str = "get") -> dict:
        return self.document["paths"][path][method]

    def parameters(self, path: str) -> dict[str, dict]:
        return {each["name"]: each for each in self.operation(path)["parameters"]}


@pytest.fixture(scope="module")
def api(postgis: PostGIS) -> Iterator[Documented]:
    started = Containers()
    started.may_log(
        logs.UNREADABLE, "drf_yasg.inspectors", "backend.openapi", "Internal Server Error: /"
    )
    database = postgis.database()
    container = started.start(
        env=postgis.env(database, WEB_CONCURRENCY="1"),
        mounts={
            PROJECT / "local_settings": "/code/src_files/local_settings:ro",
            PROJECT / "records": "/code/records:ro",
        },
        options=["--network", postgis.network],
    ).wait_until_ready()
    postgis.sql(ROWS, database)
    answer = container.get("/swagger.json")
    assert answer.status_code == 200, f"{answer.text[:500]}\n{container.logs()[-3000:]}"
    yield Documented(container, answer.json())
    started.clean()


def is_described(operation: dict) -> bool:
    return "cannot be described" not in operation.get("description", "")


def test_no_view_breaks_the_document_and_each_failure_is_in_the_log(
    api: Documented, figures: Callable[[str], None]
) -> None:
    yaml_too = yaml.safe_load(api.container.get("/swagger.yaml").text)
    assert yaml_too == api.document
    validate_spec(json.loads(json.dumps(api.document)))
    lost = {
        (path.split("/")[2], "{" in path)
        for path, item in api.document["paths"].items()
        if path.startswith("/hostile/") and not is_described(item["get"])
    }
    expected = {(name, False) for name in {**LIST_ONLY, **ENTIRELY}}
    assert lost == expected | {(name, True) for name in ENTIRELY}
    log = api.container.logs()
    for name, reason in {**LIST_ONLY, **ENTIRELY}.items():
        lines = [line for line in log.splitlines() if f"records.hostile.{name}" in line.lower()]
        assert any(" ERROR " in line and reason in line for line in lines), (name, lines)
    assert "records/hostile.py, line 18: RuntimeError: of the team's own" in log
    figures(f"views that raise: {len(expected)}; documents lost: 0")


def test_unusual_but_correct_views_are_described_in_full(api: Documented) -> None:
    # Requests to this view fail too, because django-filter has no filter for JSON.
    without = {"/sound/all-fields/"}
    lost = {
        path
        for path, item in api.document["paths"].items()
        for method, operation in item.items()
        if path.startswith("/sound/") and method != "parameters" and not is_described(operation)
    }
    spatial = {path for path in lost if path.startswith("/sound/spatial-readings/")}
    assert lost - spatial == without
    identifiers = [
        operation["operationId"]
        for item in api.document["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    ]
    assert len(set(identifiers)) == len(identifiers)


def test_filter_named_like_a_pagination_parameter_is_documented_with_both_meanings(
    api: Documented,
) -> None:
    for path in ("/sound/taken/", "/sound/taken-order/", "/sound/taken-pages/"):
        names = [each["name"] for each in api.operation(path)["parameters"]]
        assert len(set(names)) == len(names), path
        assert {"count", "limit", "offset", "fields", "format", "ordering"} <= set(names)
    limit = api.parameters("/sound/taken/")["limit"]["description"]
    assert limit.startswith("Depth is less than or equal to. Meters below ground. ")
    assert "results to return per page" in limit


def test_serializer_that_nests_itself_refers_to_itself(api: Documented) -> None:
    children = api.document["definitions"]["Node"]["properties"]["children"]
    assert children["items"] == {"$ref": "#/definitions/Node"}
    answer = api.operation("/sound/nameless-nodes/{id}/")["responses"]["200"]["schema"]
    assert answer["properties"]["children"]["items"] == {"type": "object"}
    shown = api.container.get("/sound/nodes/1/").json()
    assert shown["children"][0]["name"] == "Leaf"


def test_filters_of_djangorestframework_gis_have_types_of_swagger_2(api: Documented) -> None:
    order = api.parameters("/sound/near/")["order"]
    assert (order["type"], order["enum"]) == ("string", ["asc", "desc"])
    new = api.parameters("/hostile/newwords/")
    assert {name: new[name]["type"] for name in "abcd"} == {
        **{"a": "string", "b": "string", "c": "string"},
        "d": "integer",
    }


def test_execute_with_nothing_changed_succeeds(api: Documented) -> None:
    """Swagger UI sends the values of `default` and `x-example`."""
    asked = []
    for path, item in api.document["paths"].items():
        operation = item.get("get", {})
        if operation.get("security") != [] or not path.startswith("/sound/"):
            continue
        sent = {}
        for each in operation["parameters"]:
            assert not each.get("required"), (path, each)
            if "x-example" in each or "default" in each:
                sent[each["name"]] = each.get("x-example", each.get("default"))
        if "{" in path or not is_described(operation):
            continue
        answer = api.container.get(path, params=sent)
        assert answer.status_code == 200, (path, sent, answer.text[:300])
        asked.append(path)
    assert len(asked) > 10
    dist = api.parameters("/sound/wells/")["dist"]
    assert "default" not in dist
    assert "Default: 1000." in dist["description"]
    box = api.parameters("/sound/library/")["in_bbox"]
    assert (box["x-sample"], "For example: 0,0,10,10." in box["description"]) == (
        [0, 0, 10, 10],
        True,
    )


def test_padlock_is_only_on_operations_that_need_a_login(api: Documented) -> None:
    assert api.operation("/sound/wells/")["security"] == []
    assert api.operation("/sound/wells/", "post")["security"] == LOGIN
    assert api.operation("/sound/closed/")["security"] == LOGIN
    assert api.operation("/sound/by-token/")["security"] == [{"Token": []}]
    assert api.document["securityDefinitions"]["Token"]["name"] == "Authorization"
    for path, item in api.document["paths"].items():
        operation = item["get"]
        if not path.startswith("/sound/") or "{" in path or not is_described(operation):
            continue
        refused = api.container.get(path).status_code in (401, 403)
        assert refused == bool(operation["security"]), path


def test_fields_are_described_by_help_text_or_else_by_the_columns_comment(
    api: Documented,
) -> None:
    feature = api.document["definitions"]["Well"]["properties"]
    descriptions = {
        name: each.get("description") for name, each in feature["properties"]["properties"].items()
    }
    assert descriptions == {
        "name": "As on the sign next to it.",
        "depth": "Meters below ground.",
        "flow": "Liters per second.",
        "day": None,
        "details": None,
        "grade": "Quality of the water.",
    }
    assert feature["geometry"]["description"] == "Where the cover is."
    assert "Meters below ground." in api.document["definitions"]["WellRequest"]["properties"][
        "properties"
    ]["properties"]["depth"]["description"]  # fmt: skip
    count = api.parameters("/sound/taken/")["count"]
    assert count["description"].startswith("Its <b>depth</b>. Meters below ground.")


def test_summaries_distinguish_operations(api: Documented) -> None:
    summaries = {
        (method, path): operation.get("summary")
        for path in ("/sound/wells/", "/sound/wells/{id}/", "/sound/wells/{id}/neighbors/")
        for method, operation in api.document["paths"][path].items()
        if method != "parameters"
    }
    assert summaries == {
        ("get", "/sound/wells/"): "List wells",
        ("post", "/sound/wells/"): "Create well",
        ("get", "/sound/wells/{id}/"): "Read well",
        ("put", "/sound/wells/{id}/"): "Replace well",
        ("patch", "/sound/wells/{id}/"): "Change well",
        ("delete", "/sound/wells/{id}/"): "Delete well",
        ("get", "/sound/wells/{id}/neighbors/"): "The wells around this one",
    }
    assert api.operation("/sound/wells/{id}/neighbors/")["description"] == "Nearest first."
    assert api.operation("/sound/wells/")["description"] == "Wells of drinking water."


def test_samples_show_what_an_answer_can_be_and_no_technical_bound(api: Documented) -> None:
    page = api.operation("/sound/wells/")["responses"]["200"]["schema"]["properties"]
    assert set(page) == {"count", "count_estimated", "next", "previous", "results"}
    assert page["results"]["properties"]["type"]["enum"] == ["FeatureCollection"]
    assert "type" not in api.document["definitions"]["Well"]["properties"]["properties"][
        "properties"
    ]["details"]  # fmt: skip
    text = json.dumps(api.document)
    assert "e+50" not in text
    assert "1" + "0" * 50 not in text


def test_live_check_finds_only_the_known_faults_of_the_project(
    api: Documented,
) -> None:
    own = ["GET /hostile/", "GET /sound/all-fields/: 500"]
    # The response of this action is not declared, so drf-yasg documents a row.
    own += [f"GET /sound/{name}/1/neighbors/" for name in ("taken", "uploads", "wells")]
    assert_nothing_wrong(api.container, but=own)


# Last, because it writes.
def test_published_schema_is_true(api: Documented, figures: Callable[[str], None]) -> None:
    # The project's own filters with the names of the image's filters accept any text.
    own = ("hostile/", "sound/(all-fields|library|near|taken)/", "sound/[a-z]+/.id./neighbors/")
    without = ("--exclude-path-regex", f"^/({'|'.join(own)})")
    asked = assert_schema_is_true(api.container.url("").rstrip("/"), *FEWER, *without)
    figures(f"schemathesis as anonymous: {asked}")
