"""The memory that parsed JSON takes is within the estimate for it."""

from __future__ import annotations

import codecs
import io
import json
import tracemalloc

import pytest

from backend.http.bodies import OF_BYTE, memory_of_values

SHAPES = {
    "objects": b"{}",
    "arrays": b"[]",
    "one in each": b"[0]",
    "named": b'{"a":1}',
    "integers": b"1000",
    "floats": b"1.5",
    "texts": b'"ab"',
    "foreign texts": '"éx"'.encode(),
    "places": b"[-122.67,45.52]",
    "features": b'{"type":"Point","coordinates":[-122.67,45.52]}',
}


@pytest.mark.parametrize("shape", SHAPES)
def test_json_takes_no_more_memory_than_estimated(shape: str) -> None:
    value = SHAPES[shape]
    body = b"[" + b",".join([value] * (100_000 // len(value))) + b"]"
    tracemalloc.start()
    try:
        # As REST framework parses it.
        parsed = json.load(codecs.getreader("utf-8")(io.BytesIO(body)))
        _, taken = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert parsed
    assert taken < len(body) * OF_BYTE + memory_of_values(body)
