"""The dataset: places around Portland, Oregon. It is the same in every run."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator

from bench.cases import Case
from bench.lab import Lab

SEED = 20190401
WEST, SOUTH, EAST, NORTH = -123.5, 44.7, -121.5, 46.1  # degrees
KINDS = ("park", "school", "shop", "home", "stop", "tree", "well")
POINTS, LINES, POLYGONS = 1_500_000, 200_000, 20_000
LINE_POSITIONS, POLYGON_VERTICES = 10, 50
ROWS = {"rows_thousand": 1_000, "rows_million": 1_000_000}
# The tables, by their names in the paths of the API.
OF_PATHS = {
    **{name: name for name in ("points", "lines", "polygons")},
    **{"few": "rows_thousand", "many": "rows_million"},
}
# EWKB with SRID, little endian: https://postgis.net/docs/ST_AsEWKB.html
HAS_SRID = 0x20000000
SRID = 4326


def tables_of(cases: list[Case]) -> list[str]:
    """The tables that these cases read."""
    paths = [runner.path for case in cases for runner in case.runners]
    return [table for name, table in OF_PATHS.items() if any(f"/{name}" in path for path in paths)]


def load(lab: Lab, tables: list[str]) -> None:
    """Create all tables, fill the named ones with COPY, then index, vacuum, and analyze them."""
    rows_of = {"points": points, "lines": lines, "polygons": polygons}
    lab.psql_file("dataset.sql")
    for table in tables:
        lab.copy(table, rows(ROWS[table]) if table in ROWS else rows_of[table]())
    for table in rows_of:
        lab.psql(f"CREATE INDEX {table}_geom ON {table} USING gist (geom)")
    # Freeze the rows and set their hint bits, which the first reader would otherwise have to do.
    lab.psql("VACUUM (FREEZE, ANALYZE)")
    lab.psql("CHECKPOINT")


def points() -> Iterator[str]:
    pick = random.Random(SEED)  # noqa: S311  it must be reproducible
    for n in range(1, POINTS + 1):
        yield f"{_properties(pick, 'Point', n)}\t{_point(*_position(pick))}\n"


def lines() -> Iterator[str]:
    pick = random.Random(SEED + 1)  # noqa: S311
    for n in range(1, LINES + 1):
        lon, lat = _position(pick)
        path = [(lon, lat)]
        for _ in range(LINE_POSITIONS - 1):
            lon, lat = lon + pick.uniform(-0.001, 0.001), lat + pick.uniform(-0.001, 0.001)
            path.append((round(lon, 7), round(lat, 7)))
        yield f"{_properties(pick, 'Line', n)}\t{_ewkb(2, _ring(path))}\n"


def polygons() -> Iterator[str]:
    """Polygons of 50 vertices. They are valid, because they are star-shaped."""
    pick = random.Random(SEED + 2)  # noqa: S311
    for n in range(1, POLYGONS + 1):
        lon, lat = _position(pick)
        ring = []
        for step in range(POLYGON_VERTICES):
            angle, radius = math.tau * step / POLYGON_VERTICES, pick.uniform(0.001, 0.002)
            x, y = lon + radius * math.cos(angle), lat + radius * math.sin(angle)
            ring.append((round(x, 7), round(y, 7)))
        ring.append(ring[0])
        yield f"{_properties(pick, 'Polygon', n)}\t{_ewkb(3, struct.pack('<I', 1) + _ring(ring))}\n"


def rows(count: int) -> Iterator[str]:
    pick = random.Random(SEED + 3)  # noqa: S311
    for n in range(1, count + 1):
        opened = f"20{n % 20:02}-{n % 12 + 1:02}-{n % 28 + 1:02} {n % 24:02}:00:00+00"
        yield f"{_properties(pick, 'Row', n)}\t{opened}\n"


def _properties(pick: random.Random, noun: str, n: int) -> str:
    return f"{n}\t{noun} {n}\t{KINDS[n % len(KINDS)]}\t{pick.randrange(100_000) / 100}"


def _position(pick: random.Random) -> tuple[float, float]:
    """A position with seven decimals (1 cm), as is typical. All servers write it the same way."""
    return (
        round(WEST + pick.random() * (EAST - WEST), 7),
        round(SOUTH + pick.random() * (NORTH - SOUTH), 7),
    )


def _ring(positions: list[tuple[float, float]]) -> bytes:
    return struct.pack("<I", len(positions)) + b"".join(struct.pack("<dd", *p) for p in positions)


def _point(lon: float, lat: float) -> str:
    return _ewkb(1, struct.pack("<dd", lon, lat))


def _ewkb(kind: int, coordinates: bytes) -> str:
    return (struct.pack("<BII", 1, kind | HAS_SRID, SRID) + coordinates).hex()
