"""Names, comments, and values of a database that would do harm if any page took them literally."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from tests.conftest import PostGIS
from tests.support.browser import chromium
from tests.support.containers import Containers
from tests.tables.published import Published, Source, start

pytestmark = pytest.mark.engine

SOURCE = Source(Path(__file__).with_name("hostile.sql"), ("evil \"s'%{}<b>",), role=PostGIS.user)
TABLE = "/api/x-DROP-TABLE-y/"
# What a page must not have, beside a variable that a script sets.
MARKUP = 'img[src="x"], svg[onload], iframe, [href^="javascript"]'
HARM = f"""[
    window.harm ?? null,
    ...[...document.querySelectorAll('{MARKUP}')].map((each) => each.outerHTML),
]"""
LATE = ("/swagger/", "/redoc/")  # pages that scripts make
INJECTED = (
    *("' OR 1=1 --", "'; DROP TABLE x; --", "'||pg_sleep(9)||'", "1) OR (1=1", "\\' OR"),
    *("{{7*7}}", "${7*7}", "$(id)", "%s", "%(x)s", "{0}", "<script>", "\x00", "\u202e", "a\nb"),
)


@pytest.fixture(scope="module")
def api(postgis: PostGIS) -> Iterator[Published]:
    started = Containers()
    started.may_log("superuser", "owns")
    published = start(started, postgis, SOURCE)
    published.container.exec(
        *("env", "DJANGO_SUPERUSER_PASSWORD=secret", "python", "manage.py", "createsuperuser"),
        *("--noinput", "--username", "ada", "--email", "ada@example.org"),
    )
    yield published
    started.clean()


def pages(api: Published) -> list[str]:
    """Every page for people, except those of the admin."""
    paths = [path for path in api.document["paths"] if "{" not in path]
    maps = [f"{path}map/" for path in paths if f"{path}tiles/" in paths]
    lists = [path for path in paths if not path.endswith("/tiles/") or path == "/api/tiles/"]
    rows = [f"{TABLE}1/", f"/api/y/{quote('<img src=x onerror=harm=17>', safe='')}/"]
    return ["/", "/swagger/", "/redoc/", *lists, *maps, *rows]


@pytest.mark.browser
def test_nothing_of_the_database_is_markup_or_a_script_on_any_page(api: Published) -> None:
    harmed: dict[str, Any] = {}
    base = api.container.url("")
    with chromium(str(urlsplit(base).hostname)) as browser:
        page = browser.new_page()

        def visit(path: str) -> None:
            answer = page.goto(base + path, wait_until="networkidle" if path in LATE else "load")
            assert answer, path
            assert answer.status == 200, path
            for summary in page.locator(".opblock-summary").all():
                summary.click()
            if (harm := page.evaluate(HARM)) != [None]:
                harmed[path] = harm

        def links(selector: str) -> set[str]:
            return {str(each.get_attribute("href")) for each in page.locator(selector).all()}

        for path in pages(api):
            visit(path)
        page.goto(f"{base}/admin/login/")
        page.fill("#id_username", "ada")
        page.fill("#id_password", "secret")
        page.click("[type=submit]")
        lists = links("#content th a[href*='/published/']")
        assert len(lists) == 5
        for path in lists:
            visit(path)
            for row in links("#result_list th a"):
                visit(row)
    assert not harmed


def test_no_value_of_a_parameter_is_sql(api: Published) -> None:
    wrong = []
    values = itertools.cycle(INJECTED)
    for path in (TABLE, "/api/y/"):
        for parameter in api.operation(path)["parameters"]:
            asked = f"{path}?{quote(parameter['name'])}={quote(next(values))}"
            answer = api.get(asked)
            if answer.status_code not in (200, 400, 404, 406):
                wrong.append(f"{asked}: {answer.status_code}")
    assert not wrong
    assert api.get("/api/y/").json()["count"] == 3


def test_name_of_a_file_is_one_header(api: Published) -> None:
    for suffix in (".csv", ".fgb"):
        answer = api.get(f"/api/table-Set-Cookie-a-b-file-x{suffix}")
        name = f'attachment; filename="tablesetcookieabfilex{suffix}"'
        assert answer.headers["Content-Disposition"] == name
        assert "Set-Cookie" not in answer.headers


def test_title_and_comment_of_a_list_read_as_in_the_database(api: Published) -> None:
    page = api.get(TABLE, headers={"Accept": "text/html"}).text
    assert "<h1>X&#x27;; DROP TABLE &quot;y&quot;; -- List</h1>" in page
    assert "<p>a &lt; b &lt;script&gt;" in page


def test_admin_lists_numbers_that_are_not_finite(api: Published) -> None:
    address = api.container.url("/admin/login/")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', api.get("/admin/login/").text)
    assert token
    form = {"username": "ada", "password": "secret", "csrfmiddlewaretoken": token[1]}
    api.container.session.post(address, data=form, headers={"Referer": address}, timeout=60)
    page = api.get("/admin/published/y/")
    assert page.status_code == 200
    assert 'field-n">NaN<' in page.text
    assert 'field-n">Infinity<' in page.text
    row = api.get("/admin/published/y/_3Cimg src=x onerror=harm=17_3E/change/")
    assert row.status_code == 200
    # The name of the row, and the key of one without a name.
    assert "Second row" in api.get("/admin/published/y/.._2F.._2Fetc_2Fpasswd/change/").text


def test_filters_and_keys_are_described_with_the_names_of_columns(api: Published) -> None:
    described = {
        each["name"]: each["description"] for each in api.operation("/api/y/")["parameters"]
    }
    assert described["display name"] == "display name"
    assert described["n__gte"] == "n is greater than or equal to"
    assert described["ref__in"] == "ref is in"
    (key,) = api.document["paths"]["/api/y/{id}/"]["parameters"]
    assert key["description"] == "The key of a row: id."
