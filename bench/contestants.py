"""The contestants, and how each of them is started. Each has a folder next to this file."""

from __future__ import annotations

from dataclasses import dataclass

from bench.lab import CONTESTANT_CORE, DATABASE, Lab, LabError, build, docker


@dataclass(frozen=True)
class Contestant:
    name: str
    title: str
    ready: str  # a path that returns 200 as soon as the server serves


CONTESTANTS = {
    contestant.name: contestant
    for contestant in (
        Contestant("ours", "this image", "/health/ready"),
        Contestant("tables", "this image without code", "/health/ready"),
        Contestant("before", "the image before", "/health/ready"),
        Contestant("y2019", "2019 configuration", "/hello/"),
        Contestant("stock", "stock djangorestframework-gis", "/health/ready"),
        Contestant("tipg", "tipg", "/healthz"),
        Contestant("pygeoapi", "pygeoapi", "/?f=json"),
        Contestant("raw", "raw SQL", ""),
    )
}
DJANGO = ("ours", "tables", "before", "y2019", "stock")


def versions(name: str, container: str) -> str:
    """The name and version of a contestant that is a package on PyPI."""
    package = {"tipg": "tipg", "pygeoapi": "pygeoapi"}.get(name)
    if package is None:
        return ""
    code = f"from importlib.metadata import version; print(version('{package}'))"
    return f"{package} {docker('exec', container, 'python', '-c', code).strip()}"


def start(lab: Lab, name: str, alias: str = "") -> str:
    """Start a contestant on its core. Returns the container's name."""
    if name in DJANGO:
        env = lab.env()
    elif name == "tipg":
        env = {"DATABASE_URL": lab.url(), "TIPG_MAX_FEATURES_PER_QUERY": "2000000"}
    else:
        env = {"PGHOST": lab.database, "PGUSER": DATABASE, "PGDATABASE": DATABASE}
        env |= {"PGPASSWORD": lab.password}
    # Raw SQL copies rows into a file in memory.
    room = ("--shm-size", "2g") if name == "raw" else ()
    return lab.start(
        alias or name, f"bdd-bench:{name}", core=CONTESTANT_CORE, env=env, options=room
    )


def prepare(names: set[str], before: str) -> None:
    """Build the images of the named contestants. ``before`` is the other build of this image."""
    for name in CONTESTANTS:
        if name in names and name != "before":
            build(name)
    if "before" in names:
        build("ours", before, tag="before")


def migrate(lab: Lab) -> None:
    """Create the tables of Django's own applications, so that no start has to migrate."""
    environment = [x for pair in lab.env().items() for x in ("--env", "=".join(pair))]
    docker(
        *("run", "--rm", *lab.label, "--network", lab.name, *environment, "bdd-bench:ours"),
        *("python", "manage.py", "migrate", "--noinput"),
    )


def url(lab: Lab, name: str, path: str, alias: str = "") -> str:
    return f"http://{lab.name}-{alias or name}:8000{path}"


def wait(lab: Lab, name: str, alias: str = "", seconds: float = 90) -> float:
    """The time of day at which a contestant first returned 200."""
    answer = lab.client("wait", url(lab, name, CONTESTANTS[name].ready, alias), str(seconds))
    if answer["at"] is None:
        log = docker("logs", "--tail", "30", f"{lab.name}-{alias or name}")
        raise LabError(f"{name} did not respond within {seconds} s:\n{log}")
    return answer["at"]


def restart(lab: Lab, name: str) -> None:
    """Stop a contestant that still computes a response for a client that has disconnected."""
    docker("restart", "--time", "0", container(lab, name))
    wait(lab, name)


def container(lab: Lab, name: str) -> str:
    return f"{lab.name}-{name}"
