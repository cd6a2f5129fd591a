"""Whether a client has read the count and the geometries that SQL has."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.support.asked import Asked

BOX = "-122.5,45.4,-122.2,45.7"
INSIDE = "geom && ST_MakeEnvelope(-122.5, 45.4, -122.2, 45.7, 4326)"
EXACT = 1e-7  # degrees; a centimetre, the seventh decimal that programs print
OF_A_TILE = 0.003  # degrees: a step of the grid of 4096 of a tile of 11.25
TILE = ("5", "5", "11")  # zoom, column, row: all rows are in it


def differences(
    api: Asked,
    features: list[dict],
    table: str = "stop",
    where: str = "true",
    within: float = EXACT,
) -> list[str]:
    """Where a client's features are others than the rows of the table."""
    column = {"stop": "geom", "zone": "area"}[table]
    rows = api.sql(f"SELECT name, ST_AsGeoJSON({column}, 9) FROM asked_{table} WHERE {where}")
    expected = {
        name: json.loads(shape) for name, shape in (row.split("|") for row in rows.splitlines())
    }
    got = {feature["properties"]["name"]: feature["geometry"] for feature in features}
    different = [
        f"{name}: {got.get(name)} is not {shape}"
        for name, shape in expected.items()
        if not _alike(got.get(name), shape, within)
    ]
    if len(features) != len(expected) or set(got) - set(expected):
        different.append(f"{len(features)} features of {len(expected)} rows")
    return different


def _alike(got: dict | None, expected: dict, within: float) -> bool:
    if got is None or got["type"] != expected["type"]:
        return False
    # Sorted, for programs turn the rings of a polygon as RFC 7946 wants them.
    wanted, actual = (sorted(_vertices(shape["coordinates"])) for shape in (expected, got))
    return len(wanted) == len(actual) and all(
        abs(a - b) <= within
        for wanted_vertex, actual_vertex in zip(wanted, actual, strict=True)
        for a, b in zip(wanted_vertex, actual_vertex, strict=True)
    )


def _vertices(coordinates: list) -> Iterator[tuple[float, ...]]:
    if isinstance(coordinates[0], list):
        for part in coordinates:
            yield from _vertices(part)
    else:
        yield tuple(coordinates)
