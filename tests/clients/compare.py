"""Compares the features that a client has read with the rows in the database."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.support.asked import Asked

BOX = "-122.5,45.4,-122.2,45.7"
INSIDE = "geom && ST_MakeEnvelope(-122.5, 45.4, -122.2, 45.7, 4326)"
EXACT = 1e-7  # degrees: about 1 cm, the last decimal place that programs print
OF_A_TILE = 0.003  # degrees: one of 4096 grid steps of a tile that is 11.25 degrees wide
TILE = ("5", "5", "11")  # zoom, column, row: this tile contains all rows


def differences(
    api: Asked,
    features: list[dict],
    table: str = "stop",
    where: str = "true",
    within: float = EXACT,
) -> list[str]:
    """How a client's features differ from the rows of the table."""
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
    # Sorted, because programs change the direction of polygon rings to that of RFC 7946.
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
