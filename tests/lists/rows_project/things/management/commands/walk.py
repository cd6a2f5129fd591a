"""Reads every kind of queryset in every way. The test runs this command in the container.

Before each request, it writes some rows again, unchanged. They then have another place in the
table, so PostgreSQL returns rows that share a place in the ordering in a different order.
"""

from __future__ import annotations

import collections
import datetime
import functools
import json
import traceback
import uuid
import zoneinfo
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import mvt
from django.contrib.contenttypes.models import ContentType
from django.contrib.gis.geos import Point
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.models import (
    CompositePrimaryKey,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    IntegerField,
    OuterRef,
    QuerySet,
    Value,
    Window,
)
from django.db.models.expressions import RawSQL
from django.db.models.functions import Lower, RowNumber, TruncDay
from rest_framework import serializers, viewsets
from rest_framework.pagination import PageNumberPagination
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from backend.geo.viewsets import SpatialMixin
from backend.lists.pagination import CursorPagination, LimitOffsetPagination
from things.models import TAGS, THINGS, ByComposite, ByInteger, ByRelation, Note, Owner

ROWS = 30
PAGE = 8
TILE = (10, 162, 366)  # a part of Portland; rows are in it and around it
TOKYO = zoneinfo.ZoneInfo("Asia/Tokyo")
# The last one is the latest time in Python, but PostgreSQL has later ones.
ENDS = ("-infinity", "infinity", "9999-12-31 23:59:59.999999Z")
START = datetime.datetime(2019, 1, 1, tzinfo=datetime.UTC)


def key(model: type, n: int) -> dict[str, Any]:
    """A key that is not in the order in which rows are created."""
    number = n * 37 % 101
    return {
        "ByUuid": {"id": uuid.UUID(int=number * 2**100 + n)},
        "ByText": {"code": f"Straße {number:03d}/{n} &+%"},
        "ByDecimal": {"number": f"{number}.5"},
        "ByComposite": {"street": f"S {number % 7}", "house": number},
    }.get(model.__name__, {"pk": number})


def fill() -> None:
    with connection.schema_editor() as editor:
        for model in (Owner, Note, *(model for model in THINGS)):
            for parent in model._meta.parents:
                editor.create_model(parent)
            editor.create_model(model)
        for model in TAGS.values():
            editor.create_model(model)
    for model in THINGS:
        for n in range(1, ROWS + 1):
            if model is ByRelation:
                Owner.objects.create(pk=n * 37 % 101, title=f"T {n % 4}")
            row = model(
                **key(model, n),
                label=f"row {n}",
                kind=f"k {n % 5}",
                name=("a", "B", "b", "C")[n % 4],
                seen=None if n % 3 == 0 else START + datetime.timedelta(days=n % 6),
                weight=None if n % 4 == 0 else (n % 5) / 3,
                place=Point(-123 + n / 100, 45.5, srid=4326),
            )
            row.save(force_insert=True)
            if n % 7 == 1:
                with connection.cursor() as cursor:
                    cursor.execute(
                        f"UPDATE {model._meta.db_table} SET seen = %s WHERE label = %s",
                        [ENDS[n % 3], row.label],
                    )
            if model in TAGS:
                for m in range(n % 4):
                    TAGS[model].objects.create(thing=row, text=f"x{m}")
    about = ContentType.objects.get_for_model(ByInteger)
    for row in ByInteger.objects.all():
        for m in range(row.pk % 3):
            Note.objects.create(content_type=about, object_id=row.pk, text=f"x{m}")


def shuffle(model: type, turn: int) -> None:
    with connection.cursor() as cursor:
        for table in [model, *model._meta.parents, *([TAGS[model]] if model in TAGS else [])]:
            name = table._meta.db_table
            column = next(field.column for field in table._meta.local_fields if field.column)
            cursor.execute(
                f'UPDATE {name} SET "{column}" = "{column}" WHERE hashtext({name}::text) %% 3 = %s',
                [turn % 3],
            )


# --- Kinds of querysets


def rows(model: type) -> QuerySet:
    return model._default_manager.all()


QUERYSETS: dict[str, Callable[[type], QuerySet]] = {
    "as it is": rows,
    "unordered": lambda m: rows(m).order_by(),
    "by key, descending": lambda m: rows(m).order_by("-pk"),
    "by key and more": lambda m: rows(m).order_by("pk", "name"),
    "by few values": lambda m: rows(m).order_by("kind"),
    "by empty values": lambda m: rows(m).order_by("seen"),
    "by empty values, descending": lambda m: rows(m).order_by("-seen", "kind"),
    "by empty values, first": lambda m: rows(m).order_by(F("seen").asc(nulls_first=True)),
    "by a float": lambda m: rows(m).order_by("-weight"),
    "by a real": lambda m: (
        rows(m).alias(real=RawSQL("weight::real", [], FloatField())).order_by("real")
    ),
    "by fractions called whole": lambda m: (
        rows(m)
        .annotate(part=ExpressionWrapper(F("pk") / Value(7.0), output_field=IntegerField()))
        .order_by("-part")
    ),
    "by days of another zone": lambda m: (
        rows(m)
        .filter(seen__year__gt=2, seen__year__lt=9999)
        .annotate(day=TruncDay("seen", tzinfo=TOKYO))
        .order_by("-day")
    ),
    "by years and days": lambda m: (
        rows(m)
        .alias(
            span=RawSQL(
                "make_interval(0, (id %% 3)::int, 0, (id %% 5)::int * 91)", [], DurationField()
            )
        )
        .order_by("span")
    ),
    "by an expression": lambda m: rows(m).order_by(Lower("name").desc(), "kind"),
    "by an annotation": lambda m: rows(m).annotate(small=Lower("name")).order_by("-small"),
    "filtered": lambda m: rows(m).order_by().filter(kind__in=["k 1", "k 2", "k 4"]),
    "filtered, ordered": lambda m: rows(m).filter(kind__in=["k 1", "k 2"]).order_by("name"),
    "reversed": lambda m: rows(m).reverse(),
    "reversed, unordered": lambda m: rows(m).order_by().reverse(),
    "reversed, ordered": lambda m: rows(m).order_by("kind", "-seen").reverse(),
    "reversed, by key": lambda m: rows(m).order_by("-pk").reverse(),
    "distinct": lambda m: rows(m).order_by("kind").distinct(),
    "deferred": lambda m: rows(m).order_by("kind").defer("seen"),
    "latest of each": lambda m: (
        rows(m).order_by("kind", F("seen").desc(nulls_last=True)).distinct("kind")
    ),
    "one of each": lambda m: rows(m).order_by().distinct("kind"),
    "one of each, filtered": lambda m: rows(m).filter(name="b").order_by("seen").distinct("seen"),
    "sliced": lambda m: rows(m).order_by("kind")[5:38],
    "sliced, unordered": lambda m: rows(m).order_by()[:31],
    "first by a window": lambda m: (
        rows(m)
        .alias(place_in_kind=Window(RowNumber(), partition_by=["kind"], order_by=["name", "label"]))
        .filter(place_in_kind__lte=4)
        .order_by()
    ),
    "union": lambda m: rows(m).filter(kind="k 1").order_by().union(rows(m).filter(kind="k 2")),
    "union of annotated, by few values": lambda m: (
        rows(m)
        .annotate(part=Value(1))
        .union(*(rows(m).annotate(part=Value(n)) for n in (2, 3)), all=True)
        .order_by("kind")
    ),
    "union of slices": lambda m: rows(m).order_by("kind")[:9].union(rows(m).order_by("name")[:9]),
    "values": lambda m: rows(m).order_by("kind").values("pk", "label", "kind"),
}
JOINED: dict[str, Callable[[type], QuerySet]] = {
    "joined": lambda m: rows(m).order_by().filter(tags__text__startswith="x"),
    "joined, by key": lambda m: rows(m).order_by("pk").filter(tags__text__startswith="x"),
    "joined, by few values": lambda m: rows(m).order_by("kind").filter(tags__text__gt="x"),
    "joined, distinct": lambda m: rows(m).filter(tags__text__gt="x").order_by("name").distinct(),
    "joined, distinct, by key": lambda m: (
        rows(m).filter(tags__text__gt="x").order_by("-pk").distinct()
    ),
    "joined, annotated": lambda m: rows(m).order_by("pk").annotate(tag=F("tags__text")),
    "joined, annotated, distinct": lambda m: (
        rows(m).order_by("pk").annotate(tag=F("tags__text")).distinct()
    ),
    "joined, latest of each": lambda m: (
        rows(m).filter(tags__text__gt="x").order_by("kind", "-seen").distinct("kind")
    ),
    "by a joined value": lambda m: rows(m).order_by("pk", "tags__text"),
    "counted": lambda m: rows(m).annotate(tag=Count("tags")),
    "counted, by count": lambda m: rows(m).annotate(tag=Count("tags")).order_by("-tag"),
    "with an exists": lambda m: (
        rows(m)
        .order_by("name")
        .filter(Exists(TAGS[m].objects.filter(thing=OuterRef("pk"), text="x1")))
    ),
}
GENERIC: dict[str, Callable[[type], QuerySet]] = {
    "generic": lambda m: rows(m).order_by().filter(notes__text__startswith="x"),
    "generic, by key": lambda m: rows(m).order_by("pk").filter(notes__text__startswith="x"),
    "generic, distinct": lambda m: rows(m).order_by("pk").filter(notes__text__gt="x").distinct(),
}
GROUPED: dict[str, Callable[[type], QuerySet]] = {
    "groups": lambda m: rows(m).values("kind").annotate(total=Count("label")),
    "groups of two": lambda m: rows(m).values("kind", "name").annotate(total=Count("label")),
    "groups by total": lambda m: (
        rows(m).values("kind", "name").annotate(total=Count("label")).order_by("-total")
    ),
    "distinct values": lambda m: rows(m).order_by().values("kind", "seen").distinct(),
    "distinct values in order": lambda m: (
        rows(m).order_by("name").values("kind", "name").distinct()
    ),
    "groups of an annotation": lambda m: (
        rows(m).annotate(small=Lower("name")).values("small", "kind").annotate(total=Count("label"))
    ),
}


# Kinds that depend on the kind of key.
OF_EACH_KEY = (
    *("unordered", "by key, descending", "by few values", "filtered", "reversed, unordered"),
    *("latest of each", "sliced", "union", "values"),
    *("joined", "joined, annotated", "counted", "groups"),
)
# Kinds that depend on the model's ordering.
OF_EACH_ORDERING = ("as it is", "reversed", "counted", "groups")


def kinds(model: type) -> dict[str, Callable[[type], QuerySet]]:
    if model is ByInteger:
        return {**QUERYSETS, **JOINED, **GENERIC, **GROUPED}
    known = {**QUERYSETS, **(JOINED if model in TAGS else {}), **GROUPED}
    chosen = OF_EACH_ORDERING if model._meta.ordering else OF_EACH_KEY
    return {kind: known[kind] for kind in chosen if kind in known}


# --- Ways to read them


def view(model: type, kind: str, queryset: QuerySet, paging: type, with_key: bool = False) -> type:
    """``with_key`` shows the key, so that links and cursors can contain it."""
    names, key_name = ["label", "kind"], model._meta.pk.name if with_key else None
    base: type = GeoFeatureModelSerializer
    shown = dict.fromkeys(queryset.query.annotation_select)
    if queryset._fields is not None:
        base, key_name = serializers.Serializer, None
        names = [*queryset.query.values_select, *shown]
        shown = dict.fromkeys(names)
    members: dict[str, Any] = {name: serializers.ReadOnlyField() for name in shown}
    meta = {"model": model, "geo_field": "place", "id_field": key_name}
    names = [*filter(None, (key_name,)), *names]
    meta["fields"] = [*names, *(name for name in shown if name not in names)]
    serializer = type("Rows", (base,), {**members, "Meta": type("Meta", (), meta)})
    options = {
        "queryset": queryset,
        "serializer_class": serializer,
        "pagination_class": paging,
        "conditional": False,
        "permission_classes": [],
        "authentication_classes": [],
    }
    return type("View", (SpatialMixin, viewsets.ReadOnlyModelViewSet), options)


class Pages(PageNumberPagination):
    page_size = PAGE


def get(cls: type, query: str = "", action: str = "list", **kwargs: Any) -> Any:
    request = APIRequestFactory().get(f"/?{query}")
    response = cls.as_view({"get": action})(request, **kwargs)
    if hasattr(response, "render"):
        response.render()
    assert response.status_code in (200, 204), (query, response.status_code, response.content)
    return response


def properties(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, dict):
        return [feature["properties"] for feature in content["features"]]
    return content


def texts(rows: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(row, sort_keys=True, default=str) for row in rows]


def page_of(response: Any) -> tuple[list[str], dict[str, Any]]:
    body = json.loads(response.content)
    return texts(properties(body["results"])), body


def walk(cls: type, model: type, link: str = "next", query: str = f"limit={PAGE}") -> list[str]:
    seen, turn = [], 0
    while True:
        shuffle(model, turn)
        rows, body = page_of(get(cls, query))
        seen += rows if link == "next" else rows[::-1]
        if body[link] is None:
            return seen
        query, turn = urlsplit(body[link]).query, turn + 1
        assert turn < 100, "the links form a loop"


def offsets(cls: type, model: type) -> list[str]:
    seen: list[str] = []
    for turn in range(100):
        shuffle(model, turn)
        rows, _ = page_of(get(cls, f"limit={PAGE}&offset={turn * PAGE}"))
        if not rows:
            return seen
        seen += rows
    raise AssertionError("pages without an end")


def backward(cls: type, model: type) -> list[str]:
    """Read all pages from the last to the first."""
    query = f"limit={PAGE}"
    while (body := page_of(get(cls, query))[1])["next"]:
        query = urlsplit(body["next"]).query
    return walk(cls, model, "previous", query)[::-1]


def stream(cls: type, query: str = "") -> list[str]:
    response = get(cls, f"format=geojson&{query}")
    body = b"".join(response.streaming_content)
    response.close()
    return texts(properties(json.loads(body)))


def cut(cls: type, model: type) -> list[str]:
    seen: list[str] = []
    for turn in range(100):
        shuffle(model, turn)
        rows = stream(cls, f"limit={PAGE}&offset={turn * PAGE}")
        if not rows:
            return seen
        seen += rows
    raise AssertionError("streams without an end")


def refused(cls: type, model: type) -> None:
    try:
        get(cls)
    except ImproperlyConfigured as error:
        message = str(error)
    else:
        message = "200"
    assert f"CursorPagination cannot page {model.__name__}" in message, message


def grouped(model: type, query: str) -> None:
    """In a team's own action, the filters do not change the groups."""

    class Totals(view(model, "as it is", rows(model), LimitOffsetPagination)):
        def totals(self, request: Any) -> Response:
            filtered = self.filter_queryset(self.get_queryset())
            return Response(list(filtered.values("kind").annotate(total=Count("label"))))

    totals = json.loads(get(Totals, query, "totals").content)
    assert len(totals) == 5, f"{len(totals)} groups"


def reordered(cls: type, model: type, whole: list[str]) -> None:
    """In the client's ordering, there are the same rows."""
    rows = walk(cls, model, query=f"limit={PAGE}&ordering=-label")
    assert sorted(rows) == sorted(whole), "other rows"
    labels = [json.loads(text)["label"] for text in rows]
    with connection.cursor() as cursor:  # with the collation of the database
        cursor.execute("SELECT x FROM unnest(%s) x ORDER BY x DESC", [labels])
        assert labels == [label for (label,) in cursor.fetchall()], "in another order"


def tile(cls: type, model: type, address: tuple[int, int, int]) -> list[str]:
    shuffle(model, address[0])
    z, x, y = map(str, address)
    response = get(cls, action="tile", z=z, x=x, y=y)
    layers = mvt.layers(response.content) if response.content else {}
    return texts([one.properties for features in layers.values() for one in features])


def inside(model: type, rows: list[str], address: tuple[int, int, int]) -> list[str]:
    """The rows in the tile and its buffer, as a tile has them: without nulls."""
    z, x, _ = address
    side, edge = 360 / 2**z, 64 / 4096
    west, east = -180 + (x - edge) * side, -180 + (x + 1 + edge) * side
    places = dict(model._default_manager.values_list("label", "place"))
    shown = [json.loads(text) for text in rows]
    return texts(
        [
            {name: value for name, value in row.items() if value is not None}
            for row in shown
            if west <= places[row["label"]].x <= east
        ]
    )


def cells(model: type, kind: str) -> Iterator[tuple[str, Callable[[], None]]]:
    """Each way, as a function that raises AssertionError if its rows differ from the list's."""
    queryset = kinds(model)[kind](model)
    features = queryset._fields is None
    pages = view(model, kind, queryset, LimitOffsetPagination)
    cursor = view(model, kind, queryset, CursorPagination)
    key = model._meta.pk
    # The ID of a GeoJSON feature is a single value, which belongs to this row only.
    if features and not (key.is_relation or isinstance(key, CompositePrimaryKey)):
        keyed = view(model, kind, queryset, LimitOffsetPagination, with_key=True)
        cursor = view(model, kind, queryset, CursorPagination, with_key=True)
    else:
        keyed = pages
    whole: list[str] = []

    def everything() -> None:
        whole.extend(page_of(get(pages, "limit=1000"))[0])
        direct = _labels(queryset)
        if direct is not None:
            have = sorted(json.loads(text)["label"] for text in whole)
            assert have == sorted(direct), f"{len(have)} rows, SQL has {len(direct)}"

    def same(rows: list[str], expected: list[str] | None = None, ordered: bool = True) -> None:
        expected = whole if expected is None else expected
        lost = collections.Counter(expected) - collections.Counter(rows)
        more = collections.Counter(rows) - collections.Counter(expected)
        differ = f"{sum(lost.values())} lost, {sum(more.values())} too many"
        assert lost == more == collections.Counter(), differ
        assert rows == expected or not ordered, "in another order"

    yield "list", everything
    yield "next", lambda: same(walk(keyed, model))
    yield "previous", lambda: same(backward(keyed, model))
    yield "offset", lambda: same(offsets(pages, model))
    numbers = view(model, kind, queryset, Pages)
    if features and kind in ("by few values", "latest of each", "one of each", "sliced"):
        yield "in the client's order", lambda: reordered(pages, model, whole)
        box = f"limit={PAGE}&in_bbox=-180,-90,180,90"
        yield "in a box", lambda: same(walk(pages, model, query=box), ordered=False)
    if kind != "by a joined value":  # Django's own Paginator counts these rows once
        yield "page numbers", lambda: same(walk(numbers, model, query=""))
    if kind not in NOT_BY_CURSOR and (kind != "values" or model is not ByComposite):
        # A cursor returns each row once, not once for each value of a join.
        yield "cursor", lambda: same(walk(cursor, model), list(dict.fromkeys(whole)))
        yield "cursor back", lambda: same(backward(cursor, model), list(dict.fromkeys(whole)))
    elif kind != "values":
        yield "cursor refuses by name", lambda: refused(cursor, model)
    if model is ByInteger and features:
        yield "next, without the key", lambda: same(walk(pages, model))
        yield "previous, without the key", lambda: same(backward(pages, model))
        if kind not in NOT_BY_CURSOR:
            hidden = view(model, kind, queryset, CursorPagination)
            for way, walked in (("cursor", walk), ("cursor back", backward)):
                yield (
                    f"{way}, without the key",
                    lambda walked=walked: same(walked(hidden, model), list(dict.fromkeys(whole))),
                )
    if features and not queryset.query.combinator:
        yield "stream", lambda: same(stream(pages), ordered=False)
        yield "stream, cut", lambda: same(cut(pages, model))
        for name, address in (("tile of all", (0, 0, 0)), ("tile", TILE)):
            yield (
                name,
                lambda address=address: same(
                    tile(pages, model, address), inside(model, whole, address), ordered=False
                ),
            )


# CursorPagination refuses these kinds, and its error names the cause.
NOT_BY_CURSOR = {
    *GROUPED,
    *("union", "union of annotated, by few values", "union of slices"),
    *("joined, annotated", "joined, annotated, distinct", "by a joined value"),
}


def _labels(queryset: QuerySet) -> list[str] | None:
    """The labels from one query of Django, or None if the ordering decides which rows it has."""
    parts = (queryset.query, *queryset.query.combined_queries)
    if queryset._fields is not None or any(q.is_sliced or q.distinct_fields for q in parts):
        return None
    return [row.label for row in queryset]


class Command(BaseCommand):
    help = "Prints the difference for each way to read the rows, or nothing if there is none."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("models", nargs="*", help="names of models (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        fill()
        chosen = [m for m in THINGS if not options["models"] or m.__name__ in options["models"]]
        results = {
            f"{model.__name__}: {kind}: {way}": _differs(check)
            for model in chosen
            for kind in kinds(model)
            for way, check in cells(model, kind)
        }
        for model in chosen:
            for query in ("", "ordering=kind"):
                name = f"{model.__name__}: grouped in an action: {query}"
                results[name] = _differs(functools.partial(grouped, model, query))
        self.stdout.write(f"RESULTS {json.dumps(results)}")


def _differs(check: Callable[[], None]) -> str:
    try:
        check()
    except Exception as error:  # noqa: BLE001  each cell has its own result
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} {error} ({where.filename}:{where.lineno})"
    return ""
