"""Pages, parameters, fields and ETags of any list, on SQLite in the test process."""

from __future__ import annotations

import base64
import datetime
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings

from tests.support.configured import configure

if not settings.configured:
    configure()

from django.core.exceptions import ImproperlyConfigured
from django.db import connection, models
from django.test.utils import CaptureQueriesContext, override_settings
from django.utils import translation
from rest_framework import filters, generics, serializers
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory

from backend.lists import conditional, offset_map
from backend.lists.cursor import CursorPagination
from backend.lists.page_limits import digits
from backend.lists.sparse_fields import SparseFieldsMixin


class Stop(models.Model):
    name = models.TextField(null=True)
    line = models.IntegerField()
    opened = models.DateTimeField(null=True)
    secret = models.IntegerField(null=True)

    class Meta:
        app_label = "tests"
        managed = False


class OfStops(serializers.ModelSerializer):
    class Meta:
        model = Stop
        fields = ("id", "name", "line", "opened")


class Pages(CursorPagination):
    page_size = 3


class Stops(SparseFieldsMixin, generics.ListAPIView):
    authentication_classes = ()
    queryset = Stop.objects.all()
    serializer_class = OfStops
    pagination_class = Pages
    filter_backends = (filters.OrderingFilter, filters.SearchFilter)
    ordering_fields = ("name", "line", "opened", "secret")
    search_fields = ("name",)
    extra_query_params = ("later",)


@pytest.fixture(scope="module", autouse=True)
def rows() -> Iterator[list[Stop]]:
    """Many rows share values, and every column except one contains NULL."""
    with connection.schema_editor() as editor:
        editor.create_model(Stop)
    day = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    rows = [
        Stop(
            name=[None, "", "a", "b", 'c"\\'][number % 5],
            line=number % 3 - 1,
            opened=None if number % 4 == 0 else day - datetime.timedelta(hours=number % 4),
            secret=None if number % 7 == 0 else number % 2,
        )
        for number in range(23)
    ]
    Stop.objects.bulk_create(rows)
    yield list(Stop.objects.order_by("pk"))
    with connection.schema_editor() as editor:
        editor.delete_model(Stop)


def ask(path: str, view: type[generics.ListAPIView] = Stops, **headers: str) -> Any:
    return view.as_view()(APIRequestFactory().get(path, headers=headers))


def in_order(rows: list[Stop], ordering: str) -> list[int]:
    """The keys in PostgreSQL's order, where NULL is the largest value."""
    rows = list(rows)
    for term in reversed(ordering.split(",") if ordering else []):
        values = {row.pk: getattr(row, term.removeprefix("-")) for row in rows}
        rows.sort(
            key=lambda row: (values[row.pk] is None, values[row.pk]),
            reverse=term.startswith("-"),
        )
    return [row.pk for row in rows]


def keys(answer: Any) -> list[int]:
    return [row["id"] for row in answer.data["results"]]


ORDERINGS = ["", "name", "-name", "opened", "-opened,name", "line,-name", "secret", "-secret,-line"]


@pytest.mark.parametrize("size", [1, 3, 22, 23])
@pytest.mark.parametrize("ordering", ORDERINGS)
def test_cursors_lead_through_every_row_once_and_back(rows, ordering, size):
    link = f"/?{urlencode({'ordering': ordering, 'limit': size})}"
    pages = []
    while link:
        answer = ask(link)
        pages.append(keys(answer))
        link = answer.data["next"]
    assert [key for page in pages for key in page] == in_order(rows, ordering)
    assert all(len(page) == size for page in pages[:-1])
    back, link = [], answer.data["previous"]
    while link:
        answer = ask(link)
        back.append(keys(answer))
        link = answer.data["previous"]
    assert back == pages[-2::-1]


@pytest.mark.parametrize("ordering", ["secret", "-secret,-line"])
def test_cursor_has_no_value_that_the_view_does_not_show(ordering):
    link = ask(f"/?ordering={ordering}").data["next"]
    token = link.partition("cursor=")[2].partition("&")[0].replace("%3D", "=")
    assert "p=%5B%5D" in base64.b64decode(token).decode()


@pytest.mark.parametrize(
    "given",
    [
        *({"p": text} for text in ("[", "{}", "7", '"a1"', "[]", '["a"]', '["a", "1", "2"]')),
        *({"p": json.dumps(values)} for values in (["a", None], ["a", "x"], ["\0", "1"], ["a", 1])),
        {"p": "[" * 100_000},
        {"p": '["a", "1"]', "o": "x"},
        {"o": str(2**62 + 1)},
    ],
)
def test_invented_cursor_is_a_404(given):
    token = base64.b64encode(urlencode(given).encode()).decode()
    answer = ask(f"/?{urlencode({'ordering': 'name', 'cursor': token})}")
    assert answer.status_code == 404
    assert answer.data["detail"] == "Invalid cursor"


def test_ordering_without_values_is_an_improperly_configured_error():
    class Random(Stops):
        pagination_class = type("RandomPages", (Pages,), {"ordering": "?"})

    with pytest.raises(ImproperlyConfigured, match=r"RandomPages cannot page Stop: '\?' has no"):
        ask("/", Random)


# --- Sizes


@pytest.mark.parametrize("limit", ["", "0", "-1", "1_0", "\u0663", "x"])
def test_invalid_limit_gives_a_page_of_the_default_size(limit):
    answer = ask(f"/?{urlencode({'limit': limit})}")
    assert (answer.status_code, len(keys(answer))) == (200, 3)


def test_limit_over_the_maximum_is_refused_with_the_maximum():
    class Small(Stops):
        pagination_class = type("SmallPages", (Pages,), {"max_page_size": 10})

    assert len(keys(ask("/?limit=10", Small))) == 10
    answer = ask("/?limit=11", Small)
    assert answer.status_code == 400
    assert answer.data["limit"].startswith("11 is above the maximum of 10 rows per page.")


def test_only_ascii_digits_are_accepted():
    assert digits(" 12 ") == "12"
    for text in ("", "+1", "1_0", "\u0663", "1\n", "²"):
        with pytest.raises(ValueError, match="^" + re.escape(text) + "$"):
            digits(text)


@pytest.mark.parametrize(
    ("offset", "descending", "place"),
    [
        *[(0, False, (None, 0)), (999, False, (None, 999)), (1000, False, (10, 0))],
        *[(1999, False, (10, 999)), (2500, False, (20, 500))],
        # Descending, row 2,000 of 2,700 is at offset 700.
        *[(0, True, (None, 0)), (699, True, (None, 699)), (700, True, (20, 0))],
        *[(701, True, (20, 1)), (1700, True, (10, 0)), (2699, True, (10, 999))],
    ],
)
def test_page_at_an_offset_begins_at_the_kept_key_before_it(offset, descending, place):
    state = offset_map.State("1:1:", "1/2/3", 16_384, 2_700)
    kept = offset_map.OffsetMap(state, [1000, 2000], [10, 20], 2_700)
    assert kept.start(offset, descending) == place


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"snapshot": "2:2:"}, True),  # another table has changed
        ({"counters": "1/3/3"}, True),  # the counters lag behind
        ({"snapshot": "2:2:", "counters": "1/3/3"}, False),
        ({"oid": 2}, False),
    ],
)
def test_offset_map_stays_valid_until_the_rows_have_changed(changes, same):
    values = {"snapshot": "1:1:", "counters": "1/2/3", "oid": 1, "rows": 9}
    before, now = offset_map.State(**values), offset_map.State(**{**values, **changes})
    assert before.same_rows(now) is same


# --- Parameters and fields


@pytest.mark.parametrize(
    ("query", "meant"),
    [
        ("serach=a", "Did you mean search?"),
        ("zzz=1", "Known param"),
        ("Limit=3", "mean limit?"),
    ],
)
def test_unknown_parameter_is_refused_with_a_suggestion(query, meant):
    answer = ask(f"/?{query}")
    assert answer.status_code == 400
    (name,) = answer.data
    assert name == query.partition("=")[0]
    assert meant in str(answer.data[name])
    assert "cursor, fields, limit, ordering, search" in str(answer.data[name])


@pytest.mark.parametrize("query", ["search=a", "utm_source=x", "_=1", "later=1", "team=1", "line"])
def test_parameter_that_is_read_or_ignored_is_accepted(query):
    class Reads(Stops):
        def get_queryset(self):
            self.request.query_params.get("line")
            return super().get_queryset()

    with override_settings(IGNORED_QUERY_PARAMETERS=["team"]):
        assert ask(f"/?{query}", Reads).status_code == 200


def test_only_so_many_unknown_parameters_are_named():
    query = urlencode({f"x{number}": 1 for number in range(30)})
    assert len(ask(f"/?{query}").data) == 10


def test_only_the_named_fields_are_sent_and_loaded():
    with CaptureQueriesContext(connection) as captured:
        answer = ask("/?fields=%20line%20,,id&ordering=name")
    assert [set(row) for row in answer.data["results"]] == [{"line", "id"}] * 3
    (query,) = captured
    assert '"opened"' not in query["sql"]
    assert '"secret"' not in query["sql"]
    assert set(ask("/?fields=,").data["results"][0]) == {"id", "name", "line", "opened"}


def test_field_that_is_not_shown_is_refused_with_those_that_are():
    answer = ask("/?fields=name,secret,nmae")
    assert answer.status_code == 400
    assert answer.data["fields"] == (
        "Unknown: 'nmae', 'secret'. Choose from id, name, line, opened."
    )


# --- ETags


class Conditional(conditional.ConditionalMixin, generics.ListAPIView):
    authentication_classes = ()
    queryset = Stop.objects.all()
    serializer_class = OfStops
    conditional_databases = ("default",)


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """The version of each database's data."""
    versions: dict[str, str | None] = {"default": "1"}
    monkeypatch.setattr(conditional, "_version", versions.get)
    return versions


def etag(path: str = "/", **headers: str) -> str | None:
    return ask(path, Conditional, **headers).get("ETag")


def test_etag_depends_only_on_what_the_response_can_depend_on(version):
    first = etag()
    assert first.startswith('W/"')
    for same in ({"x-request-id": "1"}, {"accept-encoding": "gzip"}, {"traceparent": "00"}):
        assert etag(**same) == first
    others = [
        etag("/?a=1"),
        etag(**{"accept-language": "pt"}),
        etag(authorization="Token 1"),
        etag(cookie="a=1"),
    ]
    with translation.override("pt"):
        others.append(etag())
    version["default"] = "2"
    others.append(etag())
    assert len({first, *others}) == 1 + len(others)
    version["default"] = None
    assert etag() is None


def test_client_with_the_current_version_gets_a_304_and_any_other_the_response(version):
    has = etag()
    for given, status in (
        (has, 304),
        (f'"other", {has}', 304),
        (f'{has[:-1]}.of-one-row"', 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
    ):
        answer = ask("/", Conditional, **{"if-none-match": given})
        assert answer.status_code == status, given
        assert answer["ETag"].startswith(has[:-1])


def test_etag_depends_on_the_headers_that_a_view_names(version):
    class Named(Conditional):
        conditional_headers = ("X-Team",)

    def of(**headers: str) -> str:
        return ask("/", Named, **headers)["ETag"]

    assert of(**{"user-agent": "a"}) == of()
    assert len({of(), of(**{"x-team": "1"}), of(authorization="Token 1")}) == 3
    assert "X-Team" in ask("/", Named)["Vary"]


def test_list_is_written_only_where_the_client_names_no_version_of_it(version):
    class Written(Conditional, generics.CreateAPIView):
        def post(self, request, *args, **kwargs):
            return Response(status=201)

    def post(given: str) -> int:
        request = APIRequestFactory().post("/", headers={"if-match": given} if given else {})
        return Written.as_view()(request).status_code

    assert (post(""), post("*"), post('"any"')) == (201, 201, 412)
