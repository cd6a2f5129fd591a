"""Every row appears exactly once, with every kind of queryset, key, link and format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import PostGIS
from tests.support.containers import Container, Containers
from tests.support.live import assert_nothing_wrong

pytestmark = pytest.mark.engine

PROJECT = Path(__file__).parent / "rows_project"
MVT = Path(__file__).parents[1] / "support" / "mvt.py"


@pytest.fixture(scope="module")
def things(postgis: PostGIS) -> Iterator[Container]:
    started = Containers()
    yield started.start(
        env=postgis.env(postgis.database(), WEB_CONCURRENCY="1"),
        mounts={
            PROJECT / "local_settings": "/code/src_files/local_settings:ro",
            PROJECT / "things": "/code/things:ro",
            MVT: "/code/mvt.py:ro",
        },
        options=["--network", postgis.network],
    ).wait_until_ready()
    started.clean()


@pytest.fixture(scope="module")
def cells(things: Container) -> dict[str, str]:
    """For each cell of the matrix, the difference, or an empty text if there is none."""
    printed = things.exec("python", "manage.py", "walk")
    (line,) = [line for line in printed.splitlines() if line.startswith("RESULTS ")]
    return json.loads(line.removeprefix("RESULTS "))


def test_every_walk_and_format_has_every_row_once(
    cells: dict[str, str], figures: Callable[[str], None]
) -> None:
    differ = {name: text for name, text in cells.items() if text}
    figures(f"{len(cells)} cells, {len(differ)} differ")
    assert not differ, "\n".join(f"{name}: {text}" for name, text in differ.items())


SESSION = """
import json
from django.db import connection
import backend.wsgi
from backend.geo.tile_sql import ONE_PLAN

def shown():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('max_parallel_workers_per_gather'),"
                       " current_setting('jit'), current_setting('statement_timeout')")
        return cursor.fetchone()

first = shown()
with connection.cursor() as cursor:
    name = cursor.execute("SELECT current_database()") or cursor.fetchone()[0]
    cursor.execute(f"ALTER DATABASE {name} SET max_parallel_workers_per_gather = 3")
connection.close()
second = shown()
with connection.cursor() as cursor:
    cursor.execute(f"ALTER DATABASE {name} RESET max_parallel_workers_per_gather")
    cursor.execute(ONE_PLAN + "SELECT current_setting('max_parallel_workers_per_gather')")
    tile = cursor.fetchone()
print("SHOWN", json.dumps([first, second, tile]))
"""


def test_sessions_of_the_server_have_one_plan_unless_the_database_says_otherwise(
    things: Container,
) -> None:
    printed = things.exec("python", "manage.py", "shell", "--command", SESSION)
    (line,) = [line for line in printed.splitlines() if line.startswith("SHOWN ")]
    first, second, tile = json.loads(line.removeprefix("SHOWN "))
    assert first == ["0", "off", "5min"]
    assert second == ["3", "off", "5min"]
    assert tile == ["0"]


def test_live_check_finds_nothing_wrong(things: Container) -> None:
    assert_nothing_wrong(things)


KEYS = """
import json
from django.db import models
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from backend.lists import counting, keyset, offset_map
from backend.lists.pagination import CursorPagination, LimitOffsetPagination
from things.models import ByComposite, ByInteger, ByNullable, ByText

def page(rows, query, **attributes):
    view = type("View", (), {"filterset_fields": (), **attributes})()
    paginator = LimitOffsetPagination()
    request = Request(APIRequestFactory().get(f"/?{query}"))
    found = paginator.paginate_queryset(rows, request, view)
    return [len(found), paginator.get_paginated_response(found).data["count"]]

class Encoded(models.AutoField):
    __module__ = "things.fields"  # otherwise, the module is that of Django's shell

    def from_db_value(self, value, *_):
        return f"x{value}"

class Hidden(models.Model):
    id = Encoded(primary_key=True)

    class Meta:
        app_label = "things"

place = "POINT(1 1)"
ByComposite.objects.filter(street="").delete()
for house in range(3):
    ByComposite.objects.create(street="", house=house, label=f"blank {house}", place=place)
blank = ByComposite.objects.get(street="", house=1)
text = keyset.text_of_key(blank)
beyond = page(ByComposite.objects.all(), "offset=5000")
listed = page([1, 2, 3], "limit=2", filterset_fields="__all__")
key = keyset.key_of(ByComposite, text, "page_after")
after = [row.house for row in ByComposite.objects.filter(pk__gt=key, street="")]
kinds = ByInteger.objects.order_by("id").values("kind").distinct()
counts = [counting.count(kinds).rows, counting.count(kinds, exact=True).rows, len(list(kinds))]
comparable = [keyset.has_comparable_key(model) for model in (ByText, Hidden)]
ByComposite.objects.filter(street="").delete()
rows = ByInteger.objects.order_by("seen").values("pk", "label")
request = Request(APIRequestFactory().get("/"))
shown = sorted(CursorPagination().paginate_queryset(rows, request)[0])
union = ByInteger.objects.union(ByNullable.objects.filter(kind="k 1"), all=True)
sliced = page(union.order_by("kind")[3:30], "limit=8&offset=8")
print("KEYS", json.dumps([beyond[0], listed, after, counts, comparable, shown, sliced]))
"""


@pytest.mark.usefixtures("cells")  # it creates the tables
def test_keys_and_rows_of_unusual_models_are_walked_as_stock_ones_are(things: Container) -> None:
    printed = things.exec("python", "manage.py", "shell", "--command", KEYS)
    (line,) = [line for line in printed.splitlines() if line.startswith("KEYS ")]
    beyond, listed, after, counts, comparable, shown, sliced = json.loads(
        line.removeprefix("KEYS ")
    )
    assert beyond == 0  # maps do not support keys of two columns
    assert listed == [2, 3]
    assert after == [2]  # a part of a key can be blank
    assert len(set(counts)) == 1, counts
    assert sliced == [8, 27]  # Django cannot count an ordered union
    assert comparable == [True, False]  # a team's field can encode its values
    assert shown == ["label", "pk"]  # without the columns that only the links need


WALKS = """
import json
from django.db import connection, models
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from backend.lists import offset_map
from backend.lists.pagination import LimitOffsetPagination

class Tree(models.Model):
    name = models.TextField()

    class Meta:
        app_label = "things"
        db_table = "tree"

class Leaf(models.Model):
    tree = models.ForeignKey(Tree, models.DO_NOTHING)

    class Meta:
        app_label = "things"
        db_table = "leaf"

def sql(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return [key for key, in cursor.fetchall()] if cursor.description else []

def walk(rows):
    offset_map._slots.clear()  # otherwise, the map is not built again so soon
    pages, mapped = {}, set()
    for offset in (5000, 6000, 7000, 0, 1000, 2000, 3000, 4000):
        paginator = LimitOffsetPagination()
        request = Request(APIRequestFactory().get(f"/?limit=1000&offset={offset}"))
        pages[offset] = [row.pk for row in paginator.paginate_queryset(rows, request)]
        mapped |= {paginator.mapped} if offset else set()
    return [key for offset in sorted(pages) for key in pages[offset]], mapped

sql("CREATE TABLE tree (id int PRIMARY KEY, name text NOT NULL)",
    "CREATE TABLE leaf (id serial PRIMARY KEY, tree_id int NOT NULL)",
    "INSERT INTO tree SELECT n, n FROM generate_series(1, 10) n",
    "INSERT INTO leaf (tree_id) SELECT 1 + n % 10 FROM generate_series(1, 7000) n",
    "CREATE ROLE tree_reader", "GRANT SELECT ON tree, leaf TO tree_reader")
KEY = "ALTER TABLE leaf ADD CONSTRAINT key FOREIGN KEY (tree_id) REFERENCES tree"
STATES = {
    "checked": [KEY],
    "hidden": ["ALTER TABLE tree ENABLE ROW LEVEL SECURITY",
               "CREATE POLICY even ON tree USING (id % 2 = 0)", "SET ROLE tree_reader"],
    "null": ["RESET ROLE", "ALTER TABLE tree DISABLE ROW LEVEL SECURITY",
             "ALTER TABLE leaf ALTER tree_id DROP NOT NULL",
             "UPDATE leaf SET tree_id = NULL WHERE id % 9 = 0"],
    "dangling": ["ALTER TABLE leaf DROP CONSTRAINT key",
                 "UPDATE leaf SET tree_id = 11 WHERE id % 9 = 0",
                 "ALTER TABLE leaf ALTER tree_id SET NOT NULL", KEY + " NOT VALID"],
}
rows = Leaf.objects.order_by("pk")
JOINS = {"selected": rows.select_related("tree"), "ordered": rows.order_by("pk", "tree__name")}
results = {}
for state, statements in STATES.items():
    sql(*statements)
    there = sql("SELECT leaf.id FROM leaf JOIN tree ON tree.id = tree_id ORDER BY leaf.id")
    whole = sql("SELECT id FROM leaf ORDER BY id")
    for name, joined in {**JOINS, "alone": rows}.items():
        found, mapped = walk(joined)
        right = found == (whole if name == "alone" else there)
        results[f"{state}: {name}"] = [right, sorted(mapped)]
    results[f"{state}: fewer"] = len(there) < len(whole)
sql("DROP TABLE leaf, tree", "DROP ROLE tree_reader")
print("WALKS", json.dumps(results))
"""


def test_walk_by_offset_has_the_rows_that_joins_leave(things: Container) -> None:
    """An unchecked foreign key, as in many tables for ``inspectdb``, can refer to a missing row."""
    printed = things.exec("python", "manage.py", "shell", "--command", WALKS)
    (line,) = [line for line in printed.splitlines() if line.startswith("WALKS ")]
    results = json.loads(line.removeprefix("WALKS "))
    for state in ("checked", "hidden", "null", "dangling"):
        assert results[f"{state}: fewer"] is (state != "checked")
        assert results[f"{state}: alone"] == [True, [True]], (state, results)
        for name in ("selected", "ordered"):
            assert results[f"{state}: {name}"] == [True, [state == "checked"]], (state, results)
