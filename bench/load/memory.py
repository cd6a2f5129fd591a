"""Prints the memory of all processes of a container in bytes, as one line of JSON.

It runs in a separate container that shares the process IDs of the measured one
(``docker run --pid=container:NAME --cap-add SYS_PTRACE``). It therefore works with any engine, and
needs nothing in the measured image.

memory.py           pss: proportional set size; rss: resident set size; peak: the largest rss so far
memory.py reset     the same, after it resets the peaks
"""

import contextlib
import json
import os
import sys
from pathlib import Path


def others() -> list[Path]:
    mine = {os.getpid(), os.getppid()}
    return [p for p in Path("/proc").iterdir() if p.name.isdigit() and int(p.name) not in mine]


def kilobytes(file: Path, name: str) -> int:
    line = next((x for x in file.read_text().splitlines() if x.startswith(f"{name}:")), "0 0")
    return int(line.split()[1])


def measure() -> dict:
    total = {"pss": 0, "rss": 0, "peak": 0, "processes": 0}
    for process in others():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it just ended
            total["pss"] += kilobytes(process / "smaps_rollup", "Pss") * 1024
            total["rss"] += kilobytes(process / "status", "VmRSS") * 1024
            total["peak"] += kilobytes(process / "status", "VmHWM") * 1024
            total["processes"] += 1
    return total


def reset() -> dict:
    for process in others():
        # https://www.kernel.org/doc/html/latest/filesystems/proc.html: 5 resets the peak
        (process / "clear_refs").write_text("5")
    return measure()


if __name__ == "__main__":
    print(json.dumps(reset() if sys.argv[1:] == ["reset"] else measure()))
