"""Data: the cases, the contestants of each case, and the targets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bench.contestants import CONTESTANTS

# In the middle of the dataset. The features are few enough that each server returns all of them,
# and that pygeoapi, which takes 5 ms per feature of a tile, finishes.
POINT_TILE = (13, 1308, 2933)
POLYGON_TILE = (11, 327, 733)
BOX = "-122.56,45.36,-122.44,45.46"


@dataclass(frozen=True)
class Runner:
    """How a contestant runs a case: the path to request, or a file in bench/raw."""

    contestant: str
    path: str
    variant: str = ""  # if a contestant has several ways
    accept: str = "application/json"

    @property
    def name(self) -> str:
        return f"{self.contestant} {self.variant}".strip()

    @property
    def title(self) -> str:
        title = CONTESTANTS[self.contestant].title
        return f"{title}, {self.variant}" if self.variant else title


@dataclass(frozen=True)
class Case:
    """``kind`` is rate (as many responses as possible) or download (one large response at a time).

    ``check`` names the check that all runners do the same work: see bench/check.py.
    """

    name: str
    title: str
    kind: str
    runners: tuple[Runner, ...]
    check: str
    bound: float = 60  # the most seconds for one download
    identical: tuple[str, ...] = field(default=())  # runners whose bodies must be the same


@dataclass(frozen=True)
class Comparison:
    """The ratio of two runners' speeds or, with ``at_most``, of their times or sizes."""

    title: str
    case: str
    runner: str
    against: str
    at_least: float | None = None
    at_most: float | None = None


def _django(path: str, *names: str) -> tuple[Runner, ...]:
    return tuple(Runner(name, path) for name in names or ("ours", "stock", "y2019"))


def _features(table: str, limit: int, *, y2019: bool = False) -> tuple[Runner, ...]:
    """The first features of a table, from every other contestant that returns GeoJSON."""
    names = ("stock", "y2019") if y2019 else ("stock",)
    return (
        *_django(f"/geo/{table}/?limit={limit}", *names),
        Runner("tipg", f"/collections/public.{table}/items?limit={limit}&f=geojson"),
        Runner("pygeoapi", f"/collections/{table}/items?limit={limit}&f=json"),
    )


def _tile(table: str, z: int, x: int, y: int) -> tuple[Runner, ...]:
    mvt = "application/vnd.mapbox-vector-tile"
    ogc = f"tiles/WebMercatorQuad/{z}"
    return (
        Runner("ours", f"/fast/{table}/tiles/{z}/{x}/{y}.mvt", accept="*/*"),
        Runner("tables", f"/api/{table}/tiles/{z}/{x}/{y}.mvt", accept="*/*"),
        Runner("tipg", f"/collections/public.{table}/{ogc}/{x}/{y}", accept=mvt),
        # OGC API - Tiles has the row before the column.
        Runner("pygeoapi", f"/collections/{table}/{ogc}/{y}/{x}?f=mvt", accept=mvt),
        Runner("raw", f"tile_{table}.sql"),
    )


def _pages(offsets: dict[str, int]) -> tuple[Runner, ...]:
    titles = {"few": "1,000 rows", "many": "1 million rows"}
    return tuple(
        Runner(name, f"/rows/{table}/?limit=10&offset={offset}", titles[table])
        for name in ("ours", "stock")
        for table, offset in offsets.items()
    )


def _same(path: str, accept: str = "application/json") -> tuple[Runner, ...]:
    """A table without code, and with code that offers the same: streams, tiles, and filters."""
    return (
        Runner("tables", f"/api/{path}", accept=accept),
        Runner("ours", f"/full/{path}", FILTERED, accept),
    )


STREAM = "/fast/{}.geojson"
STREAMED, MIXIN, FILTERED = "streamed", "SpatialMixin", "SpatialMixin and filters"

CASES = (
    Case("hello", "A view that does nothing", "rate", _django("/hello/", "ours", "y2019"), "body"),
    Case(
        "list",
        "List of 10 of 1,000 rows",
        "rate",
        (
            *_django("/rows/few/?limit=10"),
            Runner("tables", "/api/rows_thousand/?limit=10"),
            Runner("ours", "/full/few/?limit=10", FILTERED),
            Runner("raw", "list.sql"),
        ),
        "body",
        identical=("ours", "stock", "y2019"),
    ),
    Case(
        "detail",
        "One row",
        "rate",
        (
            *_django("/rows/few/500/"),
            Runner("tables", "/api/rows_thousand/500/"),
            Runner("ours", "/full/few/500/", FILTERED),
            Runner("raw", "detail.sql"),
        ),
        "body",
        identical=("ours", "stock", "y2019"),
    ),
    Case(
        "polygons-100",
        "GeoJSON of 100 polygons of 50 vertices",
        "rate",
        (
            Runner("ours", "/geo/polygons/?limit=100", "no code change"),
            Runner("ours", "/fast/polygons.geojson?limit=100", STREAMED, "application/geo+json"),
            Runner("ours", "/fast/polygons/?limit=100", MIXIN),
            Runner("tables", "/api/polygons/?limit=100"),
            *_features("polygons", 100, y2019=True),
            Runner("raw", "polygons_100.sql"),
        ),
        "features",
        identical=("ours no code change", "stock", "y2019"),
    ),
    Case(
        "box",
        "GeoJSON of the 104 polygons in a box",
        "rate",
        (
            Runner("ours", f"/geo/polygons/?limit=200&in_bbox={BOX}", "no code change"),
            Runner(
                *("ours", f"/fast/polygons.geojson?limit=200&in_bbox={BOX}"),
                *(STREAMED, "application/geo+json"),
            ),
            Runner("ours", f"/fast/polygons/?limit=200&in_bbox={BOX}", MIXIN),
            Runner("tables", f"/api/polygons/?limit=200&in_bbox={BOX}"),
            *_django(f"/geo/polygons/?limit=200&in_bbox={BOX}", "stock"),
            Runner("tipg", f"/collections/public.polygons/items?limit=200&bbox={BOX}&f=geojson"),
            Runner("pygeoapi", f"/collections/polygons/items?limit=200&bbox={BOX}&f=json"),
            Runner("raw", "box.sql"),
        ),
        "features",
        identical=("ours no code change", "stock"),
    ),
    Case("tile-points", "Tile of about 740 points", "rate", _tile("points", *POINT_TILE), "tile"),
    Case(
        "tile-polygons",
        "Tile of about 170 polygons",
        "rate",
        _tile("polygons", *POLYGON_TILE),
        "tile",
    ),
    Case(
        "first-page",
        "First page of 10 rows",
        "rate",
        _pages({"few": 0, "many": 0}),
        "rows",
    ),
    Case(
        "deep-page",
        "Page of 10 rows at 99 % of the table",
        "rate",
        (
            *_pages({"few": 990, "many": 990_000}),
            Runner("tables", "/api/rows_million/?limit=10&offset=990000"),
            Runner("ours", "/full/many/?limit=10&offset=990000", FILTERED),
        ),
        "rows",
    ),
    *(
        Case(f"lines-{name}", title, "rate", _same(f"lines/?{query}"), "features")
        for name, title, query in (
            ("list", "First page of 10 of 200,000 lines", "limit=10"),
            ("filter", "10 of 200,000 lines of a kind", "limit=10&kind=park"),
            ("box", "100 of 200,000 lines in a box", f"limit=100&in_bbox={BOX}"),
            ("deep-page", "Page of 10 at 99 % of 200,000 lines", "limit=10&offset=198000"),
        )
    ),
    Case(
        "lines-tile",
        "Tile of 200,000 lines",
        "rate",
        _same("lines/tiles/{}/{}/{}.mvt".format(*POLYGON_TILE), "*/*"),
        "tile",
    ),
    # Each server has its own URL for the file: the name that our image gives it contains a hash.
    Case("static", "Static file", "rate", _django("admin/css/base.css", "ours", "y2019"), "status"),
    Case(
        "polygons-20000",
        "GeoJSON of 20,000 polygons",
        "download",
        (
            Runner("ours", STREAM.format("polygons"), STREAMED, "application/geo+json"),
            Runner("tables", "/api/polygons.geojson", accept="application/geo+json"),
            *_features("polygons", 20_000),
            Runner("raw", "polygons.sql"),
        ),
        "features",
    ),
    Case(
        "lines-200000",
        "GeoJSON of 200,000 lines",
        "download",
        (
            Runner("ours", STREAM.format("lines"), STREAMED, "application/geo+json"),
            Runner("tables", "/api/lines.geojson", accept="application/geo+json"),
            *_features("lines", 200_000),
            Runner("raw", "lines.sql"),
        ),
        "count",
    ),
    Case(
        "points-1500000",
        "GeoJSON of 1.5 million points",
        "download",
        (
            Runner("ours", STREAM.format("points"), STREAMED, "application/geo+json"),
            Runner("raw", "points.sql"),
        ),
        "count",
    ),
)

OF_LINES = ("list", "filter", "box", "deep-page", "tile")
FEATURES = {"polygons-100": 100, "box": 104, "polygons-20000": 20_000}
FEATURES |= {"lines-list": 10, "lines-filter": 10, "lines-box": 100, "lines-deep-page": 10}
FEATURES |= {"lines-200000": 200_000, "points-1500000": 1_500_000}
TILES = {"tile-points": ("points", POINT_TILE), "tile-polygons": ("polygons", POLYGON_TILE)}
TILES["lines-tile"] = ("lines", POLYGON_TILE)


def _against(
    case: str, runner: str, title: str, stock: float | None = None, raw: float | None = None
) -> list[Comparison]:
    """Comparisons with all other contestants. The target is to be faster than tipg and pygeoapi."""
    aims = {"stock": stock, "raw": raw, "tipg": 1, "pygeoapi": 1}
    names = {"stock": "stock", "raw": "raw SQL", "tipg": "tipg", "pygeoapi": "pygeoapi"}
    there = {other.name for each in CASES if each.name == case for other in each.runners}
    return [
        Comparison(f"{title}, against {names[key]}", case, runner, key, at_least=aim)
        for key, aim in aims.items()
        if key in there
    ]


BOOT, MEMORY = "boot", "memory"
COMPARISONS = (
    Comparison("Hello, against 2019", "hello", "ours", "y2019"),
    Comparison("List of 10, against 2019", "list", "ours", "y2019", at_least=2.5),
    Comparison("Detail, against 2019", "detail", "ours", "y2019", at_least=4),
    Comparison("Static file, against 2019", "static", "ours", "y2019"),
    *_against("polygons-100", "ours no code change", "100 polygons, no code change", stock=5),
    *_against("polygons-100", f"ours {STREAMED}", "100 polygons, streamed"),
    *_against("box", "ours no code change", "Polygons in a box, no code change", stock=5),
    *_against("box", f"ours {STREAMED}", "Polygons in a box, streamed"),
    *_against("polygons-20000", f"ours {STREAMED}", "20,000 polygons, streamed", stock=20, raw=0.7),
    *_against("lines-200000", f"ours {STREAMED}", "200,000 lines, streamed", stock=20, raw=0.7),
    *_against("points-1500000", f"ours {STREAMED}", "1.5 million points, streamed", raw=0.7),
    *_against("tile-points", "ours", "Tile of points", raw=0.7),
    *_against("tile-polygons", "ours", "Tile of polygons", raw=0.7),
    Comparison(
        "First page of 1 million rows, time against that of 1,000",
        *("first-page", "ours 1 million rows", "ours 1,000 rows"),
        at_most=1.5,
    ),
    Comparison(
        "Deep page of 1 million rows, time against that of 1,000",
        *("deep-page", "ours 1 million rows", "ours 1,000 rows"),
        at_most=1.5,
    ),
    *(
        Comparison(f"Without code: {title}, against code", case, "tables", runner, at_least=0.95)
        for title, case, runner in (
            ("list of 10", "list", f"ours {FILTERED}"),
            ("detail", "detail", f"ours {FILTERED}"),
            ("100 polygons", "polygons-100", f"ours {MIXIN}"),
            ("polygons in a box", "box", f"ours {MIXIN}"),
            ("page at 99 % of 1 million rows", "deep-page", f"ours {FILTERED}"),
            ("tile of points", "tile-points", "ours"),
            ("tile of polygons", "tile-polygons", "ours"),
            ("20,000 polygons, streamed", "polygons-20000", f"ours {STREAMED}"),
            ("200,000 lines, streamed", "lines-200000", f"ours {STREAMED}"),
            *((f"lines, {name}", f"lines-{name}", f"ours {FILTERED}") for name in OF_LINES),
        )
    ),
    Comparison("Without code: list of 10, against a plain view", "list", "tables", "ours"),
    Comparison("Without code: detail, against a plain view", "detail", "tables", "ours"),
    Comparison("Without code: cold start, time against code", BOOT, "tables", "ours", at_most=1.5),
    Comparison("Without code: memory, against code", MEMORY, "tables", "ours", at_most=1.2),
    Comparison("Cold start, time against 2019", BOOT, "ours", "y2019", at_most=0.35),
    Comparison("Memory after 10,000 requests, against 2019", MEMORY, "ours", "y2019", at_most=0.55),
)
BEFORE = "before"  # another build of this image


def against_before(case: Case) -> tuple[Case, list[Comparison]]:
    """The case with only this image and another build of it."""
    runners, compared = [], []
    for runner in case.runners:
        if runner.contestant == "ours":
            before = replace(runner, contestant=BEFORE)
            runners += [runner, before]
            title = ", ".join(filter(None, (case.title, runner.variant, "against before")))
            compared.append(Comparison(title, case.name, runner.name, before.name))
    return replace(case, runners=tuple(runners), identical=()), compared


COMPARISONS_BEFORE = (
    Comparison("Cold start, time against before", BOOT, "ours", BEFORE, at_most=1.1),
    Comparison("Memory after 10,000 requests, against before", MEMORY, "ours", BEFORE, at_most=1.1),
)
