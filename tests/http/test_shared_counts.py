"""What all workers count is whole whenever one of them reads it."""

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
        found = []
        for _ in range(1000):
            try:
                found.append(counts.get("key"))
            except json.JSONDecodeError as error:
                found.append(error)
        return found

    with ThreadPoolExecutor(4) as pool:
        writing = pool.map(write, range(2))
        reading = list(pool.map(read, range(2)))
        list(writing)
    assert [one for found in reading for one in found if one != value] == []
    assert len(list(tmp_path.iterdir())) == 1
