"""Query parameters that no code reads are refused by name, and others are accepted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import PostGIS
from tests.support.asked import Asked, start_asked
from tests.support.containers import Containers

pytestmark = pytest.mark.engine

BOX = "-122.7,45.5,-122.6,45.6"
# For each URL, the refused parameter and the suggested one.
REFUSED = {
    f"/stops/?bbox={BOX}": ("bbox", "in_bbox"),
    f"/stops/?inbbox={BOX}": ("inbbox", "in_bbox"),
    "/stops/?line=3": ("line", "lines"),
    "/stops/?lines__gt=3": ("lines__gt", "lines__gte"),
    "/stops/?name__contains=x": ("name__contains", "name__icontains"),
    "/stops/?field=name": ("field", "fields"),
    "/stops/?order=name": ("order", "ordering"),
    "/stops/?limits=3": ("limits", "limit"),
    "/stops/?fare=1.5": ("fare", None),
    "/stops/?lines=3&LINES=4": ("LINES", None),
    "/stops/?page=2": ("page", None),
    f"/stops.geojson?bbox={BOX}": ("bbox", "in_bbox"),
    f"/stops.csv?bbox={BOX}": ("bbox", "in_bbox"),
    f"/stops.fgb?bbox={BOX}": ("bbox", "in_bbox"),
    "/stops/3/?line=3": ("line", "lines"),
    "/stops/tiles/?line=3": ("line", "lines"),
    "/stops/tiles/12/652/1465.mvt?line=3": ("line", "lines"),
    "/stops/tiles/12/1/1.mvt?line=3": ("line", "lines"),  # 204 without it
    f"/zones/?in_bbox={BOX}": ("in_bbox", "area__in_bbox or entrance__in_bbox"),
    "/zones/?tile=12/652/1465": ("tile", "area__tile or entrance__tile"),
    f"/notes/?in_bbox={BOX}": ("in_bbox", None),
    "/notes/?limit=3": ("limit", None),
    "/notes/?q=Note": ("q", None),
    "/own/?opened=2020-01-05": ("opened", "opened_after or opened_before"),
    "/own/?evn=yes": ("evn", "even"),
    "/own/?least=3": ("least", None),
}
# For each URL, the number of rows, or None to skip that check.
TAKEN = {
    "/stops/": 30,
    f"/stops/?in_bbox={BOX}&lines=3&name__icontains=stop&lines__in=3,4&ordering=-name": 4,
    "/stops/?lines=": 30,
    "/stops/?limit=2&offset=2&count=exact&page_after=4&format=json": 30,
    "/stops/?_=1700000000&utm_source=letter&fbclid=x&_ga=1&gclid=2": 30,
    "/stops.geojson?limit=2&offset=3&_=17&fields=name": None,
    "/stops/3/?format=json&limit=10&lines=3": None,
    "/stops/tiles/12/652/1465.mvt?lines=3&limit=7&utm_term=x": None,
    "/stops/map/?lines=3&limit=7": None,
    "/stops/?format=api&lines=3": None,
    "/zones/?area__in_bbox=-122.7,45.5,-122.6,45.6&entrance__tile=12/652/1465": None,
    "/notes/?page=1&per_page=3&search=Note": 5,
    "/notes/?page=2": 5,
    "/own/": 4,
    "/own/?lines=4": 4,
    "/own/?most=10&lines=3": 2,
    "/own/?even=yes&lines=4": 4,
    "/own/?even=no&opened_after=2020-01-05&callback=show": None,
    "/own/everything/?whatever=1": None,
    "/own/listing/?whatever=1": None,
    "/cached/?lines=3": 4,
    "/plain/?bbox=1&line=3": 30,
}
# Numbers that float() or int() accept, but nobody writes.
ODD_NUMBERS = (
    "1_0",
    "\u0661\u0660",
    "\uff11",
    "0x10",
    "nan",
    "infinity",
    "1e",
    "1__0",
    "\t1",
    "--1",
)
# For another process, because its environment differs from the server's.
ASK = """
import django
django.setup()
from django.test import Client
answer = Client().get("/stops/?bbox=1", headers={"host": "localhost"})
print(answer.status_code, answer.request["QUERY_STRING"] and answer.wsgi_request.GET.dict())
"""


@pytest.fixture(scope="module")
def asked(postgis: PostGIS) -> Iterator[Asked]:
    started = Containers()
    yield start_asked(started, postgis, IGNORED_QUERY_PARAMETERS="app_*,session")
    started.clean()


def test_unknown_parameter_is_refused_with_the_likely_names(
    asked: Asked, figures: Callable[[str], None]
) -> None:
    different = {}
    for path, (name, meant) in REFUSED.items():
        answer = asked.get(path)
        message = answer.json().get(name, "") if answer.status_code == 400 else ""
        suggested = message.partition("Did you mean ")[2].partition("?")[0]
        if not message or (
            meant is not None and meant not in (suggested, *suggested.split(" or "))
        ):
            different[path] = (answer.status_code, answer.text[:200])
    figures(f"{len(REFUSED)} requests with an unknown parameter; different: {len(different)}")
    assert not different


def test_parameter_that_something_reads_is_accepted(
    asked: Asked, figures: Callable[[str], None]
) -> None:
    different = {}
    for path, rows in TAKEN.items():
        answer = asked.get(path)
        if answer.status_code != 200 or (rows is not None and answer.json()["count"] != rows):
            different[path] = (answer.status_code, answer.text[:200])
    figures(f"{len(TAKEN)} requests with known parameters; different: {len(different)}")
    assert not different


def test_every_unknown_parameter_is_named_and_the_known_ones_listed(asked: Asked) -> None:
    errors = asked.get("/notes/?a=1&b=2&search=x").json()
    assert set(errors) == {"a", "b"}
    assert errors["a"].startswith(
        "This parameter is unknown. Known parameters: ordering, page, per_"
    )


def test_only_the_first_of_many_unknown_parameters_are_named(asked: Asked) -> None:
    answer = asked.get("/notes/?" + "&".join(f"a{number:03}=1" for number in range(500)))
    assert answer.status_code == 400
    assert list(answer.json()) == [f"a{number:03}" for number in range(10)]


def test_parameters_of_the_setting_pass(asked: Asked) -> None:
    assert asked.get("/stops/?app_version=3&session=x&lines=3").json()["count"] == 4
    assert asked.get("/stops/?ap_version=3").status_code == 400


def test_parameters_are_checked_for_head_as_for_get_but_not_for_writes(asked: Asked) -> None:
    assert asked.request("head", "/stops/?bbox=1").status_code == 400
    assert asked.request("post", "/stops/?bbox=1", json={}).status_code == 400
    assert "bbox" not in asked.request("post", "/stops/?bbox=1", json={}).json()
    assert asked.request("options", "/stops/?bbox=1").status_code == 200


def test_response_from_a_cache_of_the_team_is_left_alone(asked: Asked) -> None:
    path = "/cached/?lines=4&most=1"
    assert asked.get(path).status_code == 400  # and is not cached
    assert asked.get(path).status_code == 400
    for _ in range(2):
        assert asked.get("/cached/?lines=4").json()["count"] == 4


def test_refused_stream_leaves_no_query_behind(asked: Asked) -> None:
    assert asked.get("/stops.geojson?bbox=1").status_code == 400
    running = f"""
        SELECT count(*) FROM pg_stat_activity
        WHERE query LIKE '%COPY (%' AND datname = '{asked.database}'
        AND state <> 'idle' AND pid <> pg_backend_pid()"""
    assert asked.sql(running) == "0"


def test_links_of_a_page_keep_the_ignored_parameters(asked: Asked) -> None:
    page = asked.get("/stops/?limit=20&utm_source=letter").json()
    assert "utm_source=letter" in page["next"]
    assert asked.container.session.get(page["next"], timeout=60).status_code == 200


def test_setting_of_all_switches_it_off(asked: Asked) -> None:
    off = ("env", "IGNORED_QUERY_PARAMETERS=*", "DJANGO_SETTINGS_MODULE=backend.settings")
    assert "200 {'bbox': '1'}" in asked.container.exec(*off, "python", "-c", ASK)


def test_unusual_forms_of_numbers_are_not_accepted(
    asked: Asked, figures: Callable[[str], None]
) -> None:
    """400, or the default page where REST framework ignores an invalid value."""
    different = {}
    for odd in ODD_NUMBERS:
        places = {"in_bbox": f"{odd},0,20,20", "point": f"0,{odd}", "page_after": odd}
        cells = {name: {name: value} for name, value in places.items()}
        cells["dist"] = {"point": "0,0", "dist": odd}
        for name, query in cells.items():
            answer = asked.get("/stops/", params=query)
            if answer.status_code != 400 or name not in answer.json():
                different[name, odd] = answer.text[:200]
        for name in ("limit", "offset"):
            answer = asked.get("/stops/", params={name: odd})
            first, *others = answer.json()["results"]["features"]
            if (first["id"], len(others)) != (1, 9):
                different[name, odd] = answer.text[:200]
            answer = asked.get("/stops.geojson", params={name: odd})
            if answer.status_code != 400:
                different[name, odd, "stream"] = answer.text[:200]
    figures(f"{len(ODD_NUMBERS) * 8} odd numbers; different: {len(different)}")
    assert not different


@pytest.mark.parametrize("number", ["-122.7", "-122.70", "-1.227e2", " -122.7 ", "-1227.E-1"])
def test_usual_forms_of_numbers_are_accepted(asked: Asked, number: str) -> None:
    box = f"{number},45.,-122.6,+4.56e1"
    assert asked.get("/stops/", params={"in_bbox": box}).json()["count"] == 30


def test_filter_named_like_a_pagination_parameter_wins(asked: Asked) -> None:
    for path, rows in (
        ("/paged/?page_after=3&limit=4", 12),
        ("/ranged/?page_after=2020-01-11", 21),
    ):
        seen, page = [], asked.get(path).json()
        while True:
            seen += [row["id"] for row in page["results"]]
            if page["next"] is None:
                break
            page = asked.container.session.get(page["next"], timeout=60).json()
        assert (page["count"], len(seen), len(set(seen))) == (rows, rows, rows), path


def test_advice_on_a_large_page_names_streams_only_if_the_view_has_them(asked: Asked) -> None:
    def advice(path: str) -> str:
        return asked.get(path, params={"limit": 1_000_000}).json()["limit"]

    assert "with ?format=geojson" in advice("/stops/")
    assert "format" not in advice("/plain/")
    assert "format" not in advice("/shouts/")
