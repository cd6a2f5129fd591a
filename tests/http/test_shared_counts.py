"""A worker never reads a shared count that another one has half written."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from backend.http.throttles import SharedCounts


def test_count_is_read_whole_while_others_write_it(tmp_path: Path) -> None:
    counts = SharedCounts(tmp_path)
    value = list(range(100))
    counts.set("key", value, 60)

    def write(_: int) -> None:
        for _ in range(1000):
            counts.set("key", value, 60)

    def read(_: int) -> list[object]:
        values = []
        for _ in range(1000):
            try:
                values.append(counts.get("key"))
            except json.JSONDecodeError as error:
                values.append(error)
        return values

    with ThreadPoolExecutor(4) as pool:
        writing = pool.map(write, range(2))
        reading = list(pool.map(read, range(2)))
        list(writing)
    assert [one for values in reading for one in values if one != value] == []
    assert len(list(tmp_path.iterdir())) == 1
