"""One measurement of one runner. Times are in seconds, and sizes in bytes."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from statistics import quantiles

from bench import contestants
from bench.cases import Case, Runner
from bench.lab import Lab, LabError, docker

CONNECTIONS = 8
# The memory of a process after a while depends on all kinds of pages. Most requests are for cheap
# ones, so that 10,000 requests take half a minute.
PAGES = {"/geo/polygons/?limit=100": 1, "/rows/few/?limit=10": 10, "/rows/few/500/": 10}
REQUESTS = [path for path, often in {**PAGES, "/hello/": 79}.items() for _ in range(often)]
# The same tables where there is no code. Nothing but a health check is as light as /hello/.
WITHOUT_CODE = {
    "/geo/polygons/": "/api/polygons/",
    "/rows/few/": "/api/rows_thousand/",
    "/hello/": "/health/live",
}


@dataclass(frozen=True)
class Sample:
    """``speed`` is the number of responses per second, or 0 if a response did not come in time."""

    speed: float
    p50: float | None = None
    p99: float | None = None
    size: int | None = None  # of one response
    ttfb: float | None = None
    memory: int | None = None


def sample(lab: Lab, case: Case, runner: Runner, seconds: int, alone: bool) -> Sample:
    """Measure once. ``alone`` sends one request at a time, if several would not end in a round."""
    if runner.contestant == "raw":
        return _copy(lab, runner) if case.kind == "download" else _pgbench(lab, runner, seconds)
    if case.kind == "download" or alone:
        return download(lab, runner, case.bound)
    single = download(lab, runner, case.bound)
    return replace(_rate(lab, runner, seconds), size=single.size, ttfb=single.ttfb)


def url(lab: Lab, runner: Runner) -> str:
    return contestants.url(lab, runner.contestant, runner.path)


def download(lab: Lab, runner: Runner, bound: float) -> Sample:
    answer = lab.client("get", url(lab, runner), str(bound), runner.accept)
    if not answer["finished"] and not answer.get("error"):
        contestants.restart(lab, runner.contestant)
        return Sample(speed=0)
    if answer["status"] != 200 or not answer["finished"]:
        raise LabError(f"{runner.title}: {runner.path} returned {answer}")
    took = answer["seconds"]
    return Sample(1 / took, took, took, answer["bytes"], answer["ttfb"])


def _rate(lab: Lab, runner: Runner, seconds: int, connections: int = CONNECTIONS) -> Sample:
    headers = ("--header", "Host: bench", "--header", f"Accept: {runner.accept}")
    flags = ("--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s")
    flags += ("--timeout", "60s", "--script", "/bench/count.lua")
    last = docker("exec", lab.load, "wrk", *flags, *headers, url(lab, runner)).splitlines()[-1]
    done = json.loads(last)
    if done["errors"] or not done["requests"]:
        raise LabError(f"{runner.title}: {runner.path}: {last}")
    return Sample(done["requests"] / done["seconds"], done["p50"], done["p99"])


def _pgbench(lab: Lab, runner: Runner, seconds: int) -> Sample:
    """Run prepared statements over the same number of connections, on the server's core."""
    raw, log = f"{lab.name}-raw", "/dev/shm/log"  # noqa: S108  in the container
    script = (
        f"rm -f {log}.*; pgbench --no-vacuum --protocol=prepared --time={seconds} --log "
        f"--log-prefix={log} --client={CONNECTIONS} --jobs=1 --file=/sql/{runner.path} >&2 "
        f"&& cut -d ' ' -f 3 {log}.*"
    )
    times = [int(line) / 1e6 for line in docker("exec", raw, "bash", "-c", script).split()]
    centiles = quantiles(times, n=100)
    return Sample(CONNECTIONS / (sum(times) / len(times)), centiles[49], centiles[98])


def _copy(lab: Lab, runner: Runner) -> Sample:
    done = json.loads(docker("exec", f"{lab.name}-raw", "copy", f"/sql/{runner.path}"))
    return Sample(1 / done["seconds"], done["seconds"], done["seconds"], done["bytes"])


def boot(lab: Lab, name: str) -> Sample:
    """The time from `docker run` to the first 200, with nothing to migrate."""
    start = time.time()
    container = contestants.start(lab, name, "boot")
    took = contestants.wait(lab, name, "boot") - start
    lab.stop(container)
    return Sample(1 / took, took, took)


def memory(lab: Lab, name: str, requests: int) -> Sample:
    """The PSS of all processes of a new container after so many requests."""
    container = contestants.start(lab, name, "memory")
    contestants.wait(lab, name, "memory")
    urls = [contestants.url(lab, name, _path(name, path), "memory") for path in REQUESTS]
    done = lab.client("many", str(requests), str(CONNECTIONS), *urls)
    if done["errors"]:
        raise LabError(f"{name}: {done['errors']} of {requests} requests failed")
    used = lab.memory(container)["pss"]
    lab.stop(container)
    # Its reciprocal is the "speed", so that here too, a higher speed is better.
    return Sample(1 / used, memory=used)


def _path(name: str, path: str) -> str:
    if name != "tables":
        return path
    start = next(start for start in WITHOUT_CODE if path.startswith(start))
    return WITHOUT_CODE[start] + path.removeprefix(start)


def growth(lab: Lab, runner: Runner, bound: float) -> tuple[int, dict]:
    """The most bytes by which the processes grow during one download, and its response."""
    container = f"{lab.name}-{runner.contestant}"
    before = lab.memory(container, "reset")["rss"]
    answer = lab.client("get", url(lab, runner), str(bound), runner.accept)
    return max(lab.memory(container)["peak"] - before, 0), answer


def served_meanwhile(lab: Lab, stream: Runner, other: Runner) -> tuple[Sample, bool]:
    """The responses to another client during a stream, and whether the stream lasted longer."""
    running = lab.client_in_background("get", url(lab, stream), "120", stream.accept)
    try:
        time.sleep(0.5)  # time for the stream to begin, because no condition shows that it has
        answers = _rate(lab, other, 2, connections=1)
        outlasted = running.poll() is None
        running.communicate(timeout=180)
    finally:
        running.kill()
        running.wait()
    return answers, outlasted
