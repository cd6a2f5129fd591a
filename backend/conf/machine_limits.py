"""The CPU and memory that this container can use, which differ from the machine's."""

from __future__ import annotations

import logging
import math
import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")
MOUNTS = Path("/proc/mounts")
MIB = 2**20
# cgroup v1 writes "no limit" as the largest multiple of a page that fits in 63 bits.
UNLIMITED = 2**60
# Two workers and their master took 99 MB of the container's memory after 5,000
# requests; the rest is room for a team's own modules and a large page.
MASTER_MEMORY = 64 * MIB
WORKER_MEMORY = 48 * MIB
LEAST_ROOM = 4 * MIB


def cpu_cores(cgroup: Path = CGROUP) -> float:
    """CPU cores, as a fraction where the limit is one; cgroup v2, then v1, then affinity."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _numbers(cgroup / "cpu.max") or [
        *_numbers(cgroup / "cpu/cpu.cfs_quota_us"),
        *_numbers(cgroup / "cpu/cpu.cfs_period_us"),
    ]
    if len(quota) == 2 and quota[0] > 0:
        return min(quota[0] / quota[1], available or 1)
    return available or 1


def memory_bytes(cgroup: Path = CGROUP) -> int | None:
    """The memory limit in bytes, None when there is none; cgroup v2, then v1."""
    for file in ("memory.max", "memory/memory.limit_in_bytes"):
        if limit := _numbers(cgroup / file):
            return limit[0] if limit[0] < UNLIMITED else None
    return None


def workers(cgroup: Path = CGROUP) -> int:
    """One worker per core, or fewer if the memory limit requires it, but at least one."""
    count = math.ceil(cpu_cores(cgroup))
    memory = memory_bytes(cgroup)
    if memory is not None:
        count = min(count, (memory - MASTER_MEMORY) // WORKER_MEMORY)
    return max(count, 1)


def room(count: int, cgroup: Path = CGROUP) -> float:
    """Bytes that each of ``count`` workers has for request bodies; infinite without a limit.

    At least 4 MiB: ``shortage`` warns if the memory is too small for the workers.
    """
    memory = memory_bytes(cgroup)
    if memory is None:
        return math.inf
    return max((memory - MASTER_MEMORY) // count - WORKER_MEMORY, LEAST_ROOM)


def is_in_memory(folder: str, mounts: Path = MOUNTS) -> bool:
    """Whether what is written to ``folder`` counts as memory of the container: on a tmpfs."""
    best, kind = "", ""
    for line in mounts.read_text().splitlines():
        _, place, filesystem = line.split()[:3]
        inside = f"{folder}/".startswith(place if place == "/" else f"{place}/")
        if inside and len(place) >= len(best):
            best, kind = place, filesystem
    return kind in ("tmpfs", "ramfs")


def shortage(count: int, cgroup: Path = CGROUP) -> tuple[str, int] | None:
    """A message if the memory is too small for ``count`` workers, or the reason for their number.

    With the level that it is logged at.
    """
    memory = memory_bytes(cgroup)
    if memory is None:
        return None
    needed = MASTER_MEMORY + count * WORKER_MEMORY
    limit = f"the memory limit of {memory // MIB} MiB"
    if memory < needed:
        risk = (
            f"{_workers(count)} can take {needed // MIB} MiB, which is above {limit}: the kernel "
            "then kills a worker in the middle of a request. Raise the limit"
            + (", or lower WEB_CONCURRENCY." if count > 1 else ".")
        )
        return risk, logging.WARNING
    cores = math.ceil(cpu_cores(cgroup))
    if count == workers(cgroup) < cores:
        return f"{_workers(count)} for {cores} cores: {limit} does not allow more", logging.INFO
    return None


def _workers(count: int) -> str:
    return "1 worker" if count == 1 else f"{count} workers"


def _numbers(file: Path) -> list[int]:
    """The numbers in a control file; empty when it is absent or says "max"."""
    try:
        words = file.read_text().split()
    except OSError:
        return []
    return (
        [int(word) for word in words] if all(word.lstrip("-").isdigit() for word in words) else []
    )
