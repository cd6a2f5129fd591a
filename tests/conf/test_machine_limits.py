"""CPU and memory limits, read from the files of cgroup v2 and v1."""

import logging
import math
import os
from pathlib import Path

import pytest

from backend.conf import machine_limits
from backend.conf.machine_limits import MIB
from tests.support.broken import write


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    """Tests see eight cores on any machine."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


def v2(folder: Path, cpu: str = "max 100000", memory: str = "max") -> Path:
    return write(folder, {"cpu.max": f"{cpu}\n", "memory.max": f"{memory}\n"})


def v1(folder: Path, quota: int = -1, memory: int = 9223372036854771712) -> Path:
    files = {
        "cpu/cpu.cfs_quota_us": f"{quota}\n",
        "cpu/cpu.cfs_period_us": "100000\n",
        "memory/memory.limit_in_bytes": f"{memory}\n",
    }
    return write(folder, files)


@pytest.mark.parametrize(
    ("quota", "cores"), [("150000 100000", 1.5), ("25000 50000", 0.5), ("max 100000", 8)]
)
def test_cpu_limit_of_cgroup_v2_counts_in_cores(tmp_path, quota, cores):
    assert machine_limits.cpu_cores(v2(tmp_path, cpu=quota)) == cores


@pytest.mark.parametrize(("quota", "cores"), [(250000, 2.5), (50000, 0.5), (-1, 8)])
def test_cpu_limit_of_cgroup_v1_counts_in_cores(tmp_path, quota, cores):
    assert machine_limits.cpu_cores(v1(tmp_path, quota=quota)) == cores


def test_cpu_limit_above_the_cores_of_the_machine_is_the_machine(tmp_path):
    assert machine_limits.cpu_cores(v2(tmp_path, cpu="1600000 100000")) == 8


def test_without_a_limit_the_cores_that_the_process_is_pinned_to_count(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert machine_limits.cpu_cores(v2(tmp_path)) == 1
    assert machine_limits.cpu_cores(tmp_path / "no cgroup") == 1


def test_memory_limit_is_read_from_cgroup_v2_and_v1(tmp_path):
    assert machine_limits.memory_bytes(v2(tmp_path / "2", memory="536870912")) == 512 * MIB
    assert machine_limits.memory_bytes(v1(tmp_path / "1", memory=536870912)) == 512 * MIB


def test_no_memory_limit_is_none_in_cgroup_v2_and_v1(tmp_path):
    assert machine_limits.memory_bytes(v2(tmp_path / "2")) is None
    assert machine_limits.memory_bytes(v1(tmp_path / "1")) is None
    assert machine_limits.memory_bytes(tmp_path / "no cgroup") is None


def test_one_worker_per_core_and_a_part_of_a_core_counts_as_one(tmp_path):
    assert machine_limits.workers(v2(tmp_path / "a", cpu="150000 100000")) == 2
    assert machine_limits.workers(v1(tmp_path / "b", quota=300000)) == 3
    assert machine_limits.workers(v2(tmp_path / "c")) == 8


@pytest.mark.parametrize(
    ("memory", "workers"), [(64 + 3 * 48, 3), (64 + 3 * 48 - 1, 2), (64 + 20 * 48, 8), (32, 1)]
)
def test_workers_fit_into_the_memory_and_there_is_at_least_one(tmp_path, memory, workers):
    assert machine_limits.workers(v2(tmp_path, memory=str(memory * MIB))) == workers


@pytest.mark.parametrize(
    ("memory", "count", "logged"),
    [
        (None, 8, None),
        (64 + 8 * 48, 8, None),
        (128, 1, ("1 worker for 8 cores: the memory limit of 128 MiB does not allow more", "INFO")),
        (
            64,
            1,
            ("1 worker can take 112 MiB, which is above the memory limit of 64 MiB: ", "WARNING"),
        ),
        (
            256,
            5,
            ("5 workers can take 304 MiB, which is above the memory limit of 256 MiB: ", "WARNING"),
        ),
        (256, 2, None),  # configured, and fewer than would fit
    ],
)
def test_few_workers_have_a_reason_and_too_many_a_warning(tmp_path, memory, count, logged):
    folder = v2(tmp_path, memory="max" if memory is None else str(memory * MIB))
    shortage = machine_limits.shortage(count, folder)
    if logged is None:
        assert shortage is None
        return
    (text, level), (expected, name) = shortage, logged
    assert logging.getLevelName(level) == name
    if name == "WARNING":
        assert text.startswith(expected)
        assert "Raise the limit" in text
    else:
        assert text == expected


@pytest.mark.parametrize(
    ("memory", "count", "room"), [("max", 2, math.inf), (128 * MIB, 1, 16 * MIB), (1, 4, 4 * MIB)]
)
def test_request_bodies_can_use_the_memory_that_the_workers_leave(tmp_path, memory, count, room):
    assert machine_limits.room(count, v2(tmp_path, memory=str(memory))) == room


@pytest.mark.parametrize(
    ("folder", "in_memory"),
    [("/tmp", True), ("/tmp/a", True), ("/tmpfoo", False), ("/tmp/disk/a", False), ("/", False)],
)
def test_folder_on_a_tmpfs_is_memory(tmp_path, folder, in_memory):
    mounts = "overlay / overlay rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/sda1 /tmp/disk ext4 rw 0 0\n"
    files = write(tmp_path, {"mounts": mounts})
    assert machine_limits.is_in_memory(folder, files / "mounts") is in_memory
