"""The OpenAPI document of the whole project matches its views."""

from __future__ import annotations

import json
import re

import pytest
import requests
from swagger_spec_validator.validator20 import validate_spec

from tests.support.places import DOCUMENT, Api

pytestmark = pytest.mark.engine

LOGIN = [{"Session": []}, {"Basic": []}]


@pytest.fixture(scope="module")
def document(api: Api) -> dict:
    return api.get("/swagger.json").json()


def asked(document: dict, path: str, method: str = "get") -> dict[str, dict]:
    """The operation's parameters by name."""
    return {each["name"]: each for each in document["paths"][path][method]["parameters"]}


def test_document_of_serializers_that_share_a_name_is_valid(document: dict) -> None:
    validate_spec(document)
    assert len(document["paths"]) > 60


def test_bodies_and_responses_have_separate_definitions(document: dict) -> None:
    kinds = document["definitions"]
    assert "id" in kinds["Stop"]["properties"]
    assert "id" not in kinds["StopRequest"]["properties"]
    assert kinds["StopRequest"]["required"] == ["name"]
    assert "required" not in kinds["PatchedStopRequest"]
    assert "required" not in kinds["SparseStop"]  # ?fields= can leave them out
    body = asked(document, "/pages/stops/{id}/", "patch")["data"]
    assert body["schema"]["$ref"] == "#/definitions/PatchedStopRequest"
    assert not body["required"]
    shown = kinds["AllKinds"]["properties"]["properties"]["properties"]
    assert "secret" not in shown  # write_only
    assert "type" not in shown["kept"]  # a ReadOnlyField can have any type


def test_limits_of_values_are_documented(document: dict) -> None:
    sent = document["definitions"]["StopRequest"]["properties"]
    assert sent["fare"]["pattern"] == r"^-?\d{1,4}(\.\d{1,2})?$"
    assert sent["name"]["pattern"] == r"\S"
    assert sent["lines"]["x-nullable"] is True
    coordinates = sent["geom"]["properties"]["coordinates"]
    assert (coordinates["minItems"], coordinates["maxItems"]) == (2, 2)
    tile = document["paths"]["/tiles/parcels/tiles/{z}/{x}/{y}/"]["parameters"]
    limits = {each["name"]: (each["type"], each["minimum"], each["maximum"]) for each in tile}
    assert limits["z"] == ("integer", 0, 16)
    assert limits["x"] == limits["y"] == ("integer", 0, 2**16 - 1)


def test_parameters_have_the_types_that_are_accepted(document: dict) -> None:
    filters = asked(document, "/streams/stops/")
    assert filters["lines"]["type"] == "number"
    assert filters["open_now"]["type"] == "boolean"
    assert filters["page_after"]["type"] == "integer"
    ordering = asked(document, "/pages/stops/")["ordering"]
    assert {"name", "-name"} <= set(ordering["items"]["enum"])
    assert "page_after" not in asked(document, "/pages/named/")  # not ordered by its key


def test_each_operation_documents_whether_it_needs_a_login(document: dict, api: Api) -> None:
    paths = document["paths"]
    expected = {
        ("/pages/stops/", "get"): [],  # with {} and others, the padlock would be closed
        ("/pages/stops/", "post"): LOGIN,
        ("/http/closed/", "get"): LOGIN,
        ("/tiles/secrets/tiles/{z}/{x}/{y}/", "get"): LOGIN,
    }
    for (path, method), security in expected.items():
        assert paths[path][method]["security"] == security, path
    assert set(document["securityDefinitions"]) == {"Basic", "Session"}
    assert api.get("/http/closed/").status_code == 403
    assert "403" in paths["/http/closed/"]["get"]["responses"]


def test_every_operation_documents_its_error_responses(document: dict) -> None:
    for path, item in document["paths"].items():
        for method in item.keys() - {"parameters"}:
            answers = item[method]["responses"]
            assert {"400", "403", "404", "406", "503"} <= set(answers), path
            assert ("413" in answers) == (method in ("post", "put", "patch")), path
    unavailable = document["responses"]["ServiceUnavailable"]
    assert unavailable["schema"]["$ref"] == "#/definitions/Error"
    assert "Retry-After" in unavailable["headers"]


def test_only_formats_that_are_available_are_offered(document: dict) -> None:
    assert asked(document, "/streams/stops/")["format"]["enum"][-1] == "fgb"
    assert "fgb" not in asked(document, "/streams/surveys/")["format"]["enum"]  # any geometry
    assert "format" not in asked(document, "/streams/withmethod/")  # its method has no SQL
    assert "format" in asked(document, "/streams/withmethodleftout/")


def test_tiles_keep_their_geometry_whatever_fields_are_asked_for(api: Api) -> None:
    tile = api.get("/http/everything/tiles/0/0/0.mvt", params={"fields": "id"})
    assert tile.status_code == 200, tile.text
    assert tile.content
    about = api.get("/http/everything/tiles/", params={"fields": "id,name"}).json()
    assert set(about["vector_layers"][0]["fields"]) == {"name"}


def test_flatgeobuf_of_names_with_quotes_is_sent(api: Api) -> None:
    answer = api.get("/streams/allkinds.fgb", params={"limit": 3})
    assert answer.status_code == 200, answer.text
    assert '"100%"' in answer.content.decode("utf-8", "replace")


@pytest.mark.parametrize("path", ["/nowhere/", "/pages/stops/%2F/"])
def test_unknown_url_is_json_for_programs_and_a_page_for_people(api: Api, path: str) -> None:
    answer = requests.get(api.url(path), timeout=30)
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found."})
    page = requests.get(api.url(path), headers={"Accept": "text/html,*/*;q=0.8"}, timeout=30)
    assert page.status_code == 404
    assert page.headers["Content-Type"].startswith("text/html")
    for each in (answer, page):  # or a cache would mix them up
        assert "Accept" in re.split(", *", each.headers["Vary"])


FILTERS = """
import json
import django
django.setup()
import django_filters as f
from django import forms
from django.db import OperationalError
from backend.openapi.filters import _parameters
from places.models import Stop
def down():
    raise OperationalError("connection refused")
class Filters(f.FilterSet):
    lines = f.NumberFilter()
    rating = f.RangeFilter()
    opened = f.DateFromToRangeFilter()
    since = f.IsoDateTimeFilter(required=True)
    size = f.ChoiceFilter(choices=[("s", "small"), ("Large", [("l", "l"), ("xl", "xl")])])
    sizes = f.MultipleChoiceFilter(choices=[("s", "small"), ("m", "medium")])
    token = f.UUIDFilter()
    ids = type("In", (f.BaseInFilter, f.NumberFilter), {})()
    word = f.CharFilter(max_length=5)
    name = f.AllValuesFilter()
    names = f.AllValuesMultipleFilter(field_name="name")
    fare = f.LookupChoiceFilter(field_class=forms.DecimalField)
    kind = f.ChoiceFilter(choices=down)
for _ in range(2):
    found = list(_parameters(Filters, Stop, "places.Stops"))
print("FILTERS", json.dumps([dict(each) for each in found]))
"""


def test_every_kind_of_filter_has_its_type(api: Api) -> None:
    settings = "DJANGO_SETTINGS_MODULE=backend.settings"
    output = api.container.exec("env", settings, "python", "-c", FILTERS)
    (line,) = [line for line in output.splitlines() if line.startswith("FILTERS ")]
    filters = {each["name"]: each for each in json.loads(line.removeprefix("FILTERS "))}
    kinds = {name: (each["type"], each.get("format")) for name, each in filters.items()}
    assert kinds == {
        "lines": ("number", None),
        "rating_min": ("number", None),
        "rating_max": ("number", None),
        "opened_after": ("string", "date"),
        "opened_before": ("string", "date"),
        "since": ("string", "date-time"),
        "size": ("string", None),
        "sizes": ("array", None),
        "token": ("string", "uuid"),
        "ids": ("array", None),
        "word": ("string", None),
        "name": ("string", None),
        "names": ("array", None),
        "fare": ("number", None),
        "fare_lookup": ("string", None),
        "kind": ("string", None),
    }
    assert filters["since"]["required"]
    assert filters["size"]["enum"] == ["s", "l", "xl"]
    assert filters["sizes"]["items"]["enum"] == ["s", "m"]
    assert filters["sizes"]["collectionFormat"] == "multi"
    assert filters["ids"]["items"]["type"] == "number"
    assert filters["word"]["maxLength"] == 5
    assert "exact" in filters["fare_lookup"]["enum"]
    assert "enum" not in filters["name"]  # its choices change with the rows
    (warning,) = [line for line in output.splitlines() if "documented as text" in line]
    assert "places.Stops: the filter 'kind' is documented as text: OperationalError" in warning


@pytest.fixture(scope="module")
def peculiar(api: Api) -> tuple[dict, str]:
    """The document of views that need a client's request, and the output of its generation."""
    settings = "DJANGO_SETTINGS_MODULE=backend.settings"
    output = api.container.exec("env", settings, "python", "-c", DOCUMENT, "peculiar")
    (line,) = [line for line in output.splitlines() if line.startswith("DOCUMENT ")]
    return json.loads(line.removeprefix("DOCUMENT ")), output


def test_filters_that_differ_from_django_filters_own_are_documented(
    peculiar: tuple[dict, str],
) -> None:
    document, _ = peculiar
    assert {"name", "lines"} <= asked(document, "/all-values/").keys()
    assert "lines" in asked(document, "/by-method/")
    own = asked(document, "/own-words/").keys()
    assert "near" in own
    assert "lines" not in own


def test_permissions_get_a_local_request_and_one_that_raises_is_logged_once(
    peculiar: tuple[dict, str],
) -> None:
    document, output = peculiar
    assert document["paths"]["/all-values/"]["get"]["security"] == []
    assert "security" not in document["paths"]["/by-method/"]["get"]
    (warning,) = [
        line for line in output.splitlines() if "its permissions depend on the request" in line
    ]
    assert "places.peculiar.ByMethod: its permissions depend on the request: KeyErr" in warning
    assert "Traceback" not in output
