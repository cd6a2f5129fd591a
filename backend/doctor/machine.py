"""The checks of ``manage.py doctor`` on the container's limits."""

from __future__ import annotations

import math
import resource
from collections.abc import Iterator
from pathlib import Path

from backend.conf import machine_limits
from backend.conf.findings import OK, WARNING, Finding

# Log files, the listening socket, heartbeat files, and files of libraries.
OTHER_FILES = 100


def memory_and_cpu(workers: int, cgroup: Path = machine_limits.CGROUP) -> Iterator[Finding]:
    """Whether the limits of memory and CPU are enough for the workers."""
    memory, need = machine_limits.memory_bytes(cgroup), machine_limits.MASTER_MEMORY
    need += workers * machine_limits.WORKER_MEMORY
    fit = machine_limits.workers(cgroup)
    if memory is None:
        yield Finding(OK, "memory", f"{workers} workers, and no limit")
    elif need <= memory:
        yield Finding(OK, "memory", f"{_mib(need)} for {workers} workers, {_mib(memory)} allowed")
    else:
        yield Finding(
            WARNING,
            "memory",
            f"{workers} workers can need {_mib(need)}, but {_mib(memory)} are allowed: the kernel "
            "kills workers when the memory is used up.",
            f"Set WEB_CONCURRENCY={fit}, or allow {_mib(need)}."
            if fit < workers
            else f"Allow {_mib(need)}, which one worker needs.",
        )
    cores = machine_limits.cpu_cores(cgroup)
    # gunicorn's own advice on the maximum: https://docs.gunicorn.org/en/stable/design.html
    most = 2 * math.ceil(cores) + 1
    if workers <= most:
        yield Finding(OK, "CPU", f"{workers} workers on {cores:g} cores")
    else:
        message = f"{workers} workers share {cores:g} cores."
        yield Finding(WARNING, "CPU", message, f"Set WEB_CONCURRENCY to {most} or less.")


def open_files(worker_connections: int, threads: int, databases: int) -> Iterator[Finding]:
    """Whether one worker can open enough files for all its connections."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    need = worker_connections + threads * databases + OTHER_FILES
    if allowed == resource.RLIM_INFINITY or need <= allowed:
        yield Finding(OK, "open files", f"{need} per worker, {allowed} allowed")
    else:
        yield Finding(
            WARNING,
            "open files",
            f"A worker can need {need}, but {allowed} are allowed.",
            f"Run with --ulimit nofile={need}, or lower worker_connections in gunicorn_conf.py.",
        )


def _mib(size: int) -> str:
    return f"{size // machine_limits.MIB} MiB"
