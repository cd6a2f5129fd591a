"""Whether PostgreSQL has as many connections as this API can open."""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DatabaseError, connections

from backend.boot import waiting
from backend.conf.environment import Environment
from backend.conf.errors import StartupError, one_line
from backend.databases.needs import Need, aliases
from backend.logs.boot import say, warn
from backend.server import slots

if TYPE_CHECKING:
    from gunicorn.config import Config

# Each worker checks a database on a separate connection: backend.health.probes.
PROBES = 1
# The settings are read as text, because reserved_connections is new in PostgreSQL 16.
SLOTS = """
SELECT pg_backend_pid(), current_setting('max_connections')::int,
    current_setting('superuser_reserved_connections')::int
    + coalesce(current_setting('reserved_connections', true)::int, 0)
"""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL server, and how many connections it has for this API's databases."""

    place: str
    databases: int
    most: int
    reserved: int

    @property
    def slots(self) -> int:
        return self.most - self.reserved


@dataclass(frozen=True)
class Load:
    """The connections that all containers of this API can open to each database."""

    replicas: int
    workers: int
    threads: int
    has_streams: bool  # each stream has a connection in addition to that of its thread

    @property
    def streams(self) -> int:
        """The most streams of a worker at once."""
        return slots.of_threads(self.threads) if self.has_streams else 0

    @property
    def per_database(self) -> int:
        return self.replicas * self.workers * (self.threads + self.streams + PROBES)

    def __str__(self) -> str:
        parts = [f"{self.threads} threads", f"{PROBES} for probes"]
        if self.streams:
            parts.insert(1, f"{self.streams} for streams")
        return f"{self.replicas} replicas x {self.workers} workers x ({' + '.join(parts)})"


def flags(config: Config, env: Environment) -> list[str]:
    """Flags for gunicorn: none, or fewer threads with DB_CONNECTION_BUDGET=enforce.

    If the server has too few connections, the log shows the arithmetic. Raises StartupError if they
    do not suffice for one thread per worker. Workers without threads are not counted: their
    greenlets keep no connections.
    """
    greenlets = config.worker_class_str.startswith(("gevent", "eventlet"))
    if greenlets or env["DB_CONNECTION_BUDGET"] == "OFF":
        return []
    enforce = env["DB_CONNECTION_BUDGET"] == "ENFORCE"
    if not env["DB_WAIT"]:
        if enforce:
            warn("connections are not counted: DB_CONNECTION_BUDGET needs DB_WAIT")
        return []
    load = Load(env["REPLICAS"], config.workers, config.threads, has_streams())
    threads = _fit(load, enforce=enforce)
    return ["--threads", str(threads)] if threads < load.threads else []


def _fit(load: Load, *, enforce: bool) -> int:
    allowed = load.threads
    for server in _servers():
        needed = load.per_database * server.databases
        if needed <= server.slots:
            continue
        arithmetic = (
            f"{load} x {server.databases} databases = {needed} connections to {server.place}, "
            f"which has {server.slots} (max_connections {server.most} - {server.reserved} reserved)"
        )
        if not enforce:
            warn(
                f"{arithmetic}. Above that, requests get a 503. Lower "
                "WEB_THREADS or WEB_CONCURRENCY, raise max_connections, or set "
                "DB_CONNECTION_BUDGET=enforce."
            )
            continue
        fitting = threads_that_fit(load, server)
        if fitting < 1:
            raise StartupError(
                f"The connections do not suffice for one thread per worker: {arithmetic}.",
                "Lower WEB_CONCURRENCY or the number of replicas (REPLICAS), raise "
                "max_connections, or set DB_CONNECTION_BUDGET=warn.",
            )
        say(f"{arithmetic}: starting {fitting} threads per worker instead")
        allowed = min(allowed, fitting)
    return allowed


def threads_that_fit(load: Load, server: Server) -> int:
    """The most threads per worker for which the server has connections; below 1 if none."""
    threads = load.threads
    while threads and replace(load, threads=threads).per_database * server.databases > server.slots:
        threads -= 1
    return threads


def has_streams() -> bool:
    # If a view of the team streams, this module is loaded by now.
    return "backend.geo.copying" in sys.modules


def _servers() -> list[Server]:
    """The servers that answered the wait, each queried once on the connection of the wait."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for alias in aliases(Need.REQUIRED, Need.OPTIONAL):
        if connections[alias].vendor == "postgresql":
            database = settings.DATABASES[alias]
            places[f"{database['HOST'] or 'localhost'}:{database['PORT'] or 5432}"].append(alias)
    return [
        server
        for place, server_aliases in places.items()
        if (server := _server(place, server_aliases))
    ]


def _server(place: str, server_aliases: list[str]) -> Server | None:
    opened = [
        connections[alias] for alias in server_aliases if connections[alias].connection is not None
    ]
    if not opened:
        return None
    try:
        with waiting.asking(opened[0]), opened[0].cursor() as cursor:
            cursor.execute(SLOTS)
            pid, most, reserved = cursor.fetchone()
    except DatabaseError as error:
        warn(f"{place} does not report its number of connections: {one_line(error)}")
        return None
    if pid != opened[0].connection.info.backend_pid:
        say(
            f"{place} is a pooler: DB_CONNECTION_BUDGET and STATEMENT_TIMEOUT apply only to direct "
            "connections to PostgreSQL; set such limits in the pooler"
        )
        return None
    return Server(place, len(server_aliases), most, reserved)
