"""The checks of ``manage.py doctor`` on each database."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from django.apps import apps
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from backend.conf.errors import finding_of, one_line
from backend.conf.findings import OK, PROBLEM, WARNING, Finding
from backend.databases.needs import Need, aliases, need_of
from backend.doctor.models import unreadable
from backend.health import tables
from backend.health.probes import has_managed_models
from backend.router import alias_of

if TYPE_CHECKING:
    from django.db.backends.sqlite3.base import DatabaseWrapper as SQLiteWrapper

# Seconds for all queries to one database: a paused server never answers.
PATIENCE = 10
# Seconds between two clocks. Above the first, short-lived signatures and tokens begin to fail.
# Above the second, sessions and the order of rows are wrong.
CLOCK_WARNING, CLOCK_PROBLEM = 2, 60

FACTS = """
SELECT current_setting('server_version') AS version,
       pg_postmaster_start_time()::text AS server,
       (SELECT oid FROM pg_database WHERE datname = current_database()) AS database,
       to_regclass('django_migrations')::oid AS migrations_table,
       current_setting('max_connections')::int AS max_connections,
       current_setting('superuser_reserved_connections')::int
           + coalesce(current_setting('reserved_connections', true), '0')::int AS reserved,
       extract(epoch FROM clock_timestamp())::float AS clock,
       current_setting('search_path') AS search_path,
       current_schemas(false)::text[] AS searched,
       (SELECT array_agg(nspname::text) FROM pg_namespace) AS schemas,
       (SELECT extversion FROM pg_extension WHERE extname = 'postgis') AS postgis,
       (SELECT default_version FROM pg_available_extensions
        WHERE name = 'postgis') AS postgis_available,
       to_regtype('geometry') IS NOT NULL AS has_geometry_type
"""


@dataclass
class Facts:
    """What a PostgreSQL database reports, and this process's clock before and after."""

    version: str
    server: str  # its start time, to the microsecond: the same under each of its names
    database: int
    migrations_table: int | None
    max_connections: int
    reserved: int
    clock: float  # Unix time, seconds
    search_path: str
    searched: list[str]
    schemas: list[str]
    postgis: str | None
    postgis_available: str | None
    has_geometry_type: bool
    asked: float = 0
    answered: float = 0


@dataclass
class Examination:
    """The findings on one alias, and the data for the comparison between aliases."""

    alias: str
    findings: list[Finding] = field(default_factory=list)
    facts: Facts | None = None
    migrates: bool = False

    def add(self, level: str, message: str, fix: str = "") -> None:
        self.findings.append(Finding(level, f"database {self.alias}", message, fix))

    def cannot_be_used(self, message: str, fix: str) -> None:
        """A problem, or a warning if the database is optional, because the API works without it."""
        self.add(PROBLEM if need_of(self.alias) == Need.REQUIRED else WARNING, message, fix)


def examine_all() -> list[Examination]:
    """Examine every alias that is not ignored, in parallel, for at most ``PATIENCE`` seconds."""
    running = []
    for alias in aliases(Need.REQUIRED, Need.OPTIONAL):
        examination = Examination(alias)
        # A daemon thread, so that a thread that hangs does not keep the process alive.
        thread = threading.Thread(target=_examine, args=(examination,), daemon=True)
        thread.start()
        running.append((examination, thread))
    end = time.monotonic() + PATIENCE
    results = []
    for examination, thread in running:
        thread.join(max(end - time.monotonic(), 0))
        if thread.is_alive():
            # A new object, because the thread may still write to the old one.
            examination = Examination(examination.alias)
            examination.cannot_be_used(
                f"It did not answer within {PATIENCE} s.",
                "Check that the server is not paused or overloaded, and that nothing on the way to "
                "it drops packets.",
            )
        results.append(examination)
    return results


def _examine(examination: Examination) -> None:
    connection = connections[examination.alias]
    try:
        examination.migrates = has_managed_models(examination.alias)
        if connection.vendor == "postgresql":
            _examine_postgresql(examination, connection)
        else:
            _examine_sqlite(examination, cast("SQLiteWrapper", connection))
    except DatabaseError as error:
        examination.cannot_be_used(
            f"It cannot be used: {one_line(error)}",
            "Check that the server is running and that host, port, name, user, and password are "
            "correct.",
        )
    except Exception as error:  # noqa: BLE001  a check that fails is a finding, too
        examination.findings.append(finding_of(f"database {examination.alias}", error))
    finally:
        connection.close()


def _examine_sqlite(examination: Examination, connection: SQLiteWrapper) -> None:
    name = connection.settings_dict["NAME"]
    # Connecting would create an empty file.
    if not connection.is_in_memory_db() and not Path(name).exists():
        examination.add(
            PROBLEM, f"{name} does not exist.", "Start the server once, with MIGRATE=true."
        )
        return
    connection.ensure_connection()
    version = ".".join(map(str, connection.Database.sqlite_version_info))
    examination.add(OK, f"answers: {connection.display_name} {version}")
    examination.findings += _migrations(examination, connection)


def _examine_postgresql(examination: Examination, connection: BaseDatabaseWrapper) -> None:
    connection.ensure_connection()
    asked = time.time()
    with connection.cursor() as cursor:
        cursor.execute(FACTS)
        names = [column.name for column in cursor.description]
        facts = Facts(**dict(zip(names, cursor.fetchone(), strict=True)))
    facts.asked, facts.answered = asked, time.time()
    examination.facts = facts
    postgis = f", PostGIS {facts.postgis}" if facts.postgis else ""
    examination.add(OK, f"answers: PostgreSQL {facts.version}{postgis}")
    examination.findings += [
        *_geometry(examination.alias, facts),
        *_search_path(examination.alias, facts),
        *clock(examination.alias, facts),
        *_migrations(examination, connection),
        *unreadable(examination.alias, connection),
    ]


def _geometry(alias: str, facts: Facts) -> Iterator[Finding]:
    subject = f"database {alias}"
    if facts.postgis and facts.postgis_available not in (None, facts.postgis):
        yield Finding(
            WARNING,
            subject,
            f"PostGIS is {facts.postgis}, but the server has {facts.postgis_available}.",
            "Run ALTER EXTENSION postgis UPDATE; as the extension's owner.",
        )
    users = [
        model._meta.label
        for model in apps.get_models()
        if alias_of(model) == alias
        and any(hasattr(column, "geom_type") for column in model._meta.local_fields)
    ]
    if not users or facts.has_geometry_type:
        return
    if facts.postgis:
        yield Finding(
            PROBLEM,
            subject,
            f"PostGIS is in a schema that is not on the search_path ({facts.search_path}), but "
            f"{users[0]} has a geometry.",
            "Add that schema, most often public, to the search_path of this database.",
        )
    else:
        yield Finding(
            PROBLEM,
            subject,
            f"PostGIS is not installed, but {users[0]} has a geometry.",
            "Run CREATE EXTENSION postgis; as a superuser of that database.",
        )


def _search_path(alias: str, facts: Facts) -> Iterator[Finding]:
    for position, schema in enumerate(schemas_of(facts.search_path)):
        if schema in facts.searched or schema == "$user":
            continue
        missing = schema not in facts.schemas
        what = "does not exist" if missing else "cannot be used by this user"
        # PostgreSQL creates new tables in the first schema that exists, which may be the wrong one.
        yield Finding(
            WARNING if position and facts.searched else PROBLEM,
            f"database {alias}",
            f"The schema '{schema}' of the search_path ({facts.search_path}) {what}.",
            f'Run CREATE SCHEMA "{schema}"; or correct the search_path in OPTIONS or in the URL.'
            if missing
            else f'Run GRANT USAGE ON SCHEMA "{schema}" TO the user of this database.',
        )


def schemas_of(search_path: str) -> list[str]:
    """The names in PostgreSQL's search_path: quoted ones unchanged, others in lowercase."""
    names = re.findall(r'"((?:[^"]|"")*)"|([^,\s]+)', search_path)
    return [quoted.replace('""', '"') or plain.lower() for quoted, plain in names]


def clock(alias: str, facts: Facts) -> Iterator[Finding]:
    """How far the database's clock is outside the time between the query and its answer."""
    ahead, behind = facts.clock - facts.answered, facts.asked - facts.clock
    difference = max(ahead, behind)
    if difference <= CLOCK_WARNING:
        return
    yield Finding(
        PROBLEM if difference > CLOCK_PROBLEM else WARNING,
        f"database {alias}",
        f"Its clock is {difference:.0f} s {'ahead of' if ahead > 0 else 'behind'} this one.",
        "Synchronize both hosts with the same time servers (NTP).",
    )


def _migrations(examination: Examination, connection: BaseDatabaseWrapper) -> Iterator[Finding]:
    subject = f"database {examination.alias}"
    if not examination.migrates:
        yield Finding(OK, subject, "has no managed models: nothing to migrate")
        return
    executor = MigrationExecutor(connection)
    loader = executor.loader
    loader.check_consistent_history(connection)
    pending = [
        f"{migration.app_label}.{migration.name}"
        for migration, _ in executor.migration_plan(loader.graph.leaf_nodes())
    ]
    if pending:
        others = f" and {len(pending) - 1} more" if len(pending) > 1 else ""
        yield Finding(
            PROBLEM,
            subject,
            f"Migrations are pending: {pending[0]}{others}.",
            "Run python manage.py migrate_databases, or start a server with MIGRATE=true.",
        )
    elif lost := tables.lost(examination.alias):
        yield finding_of(subject, lost)
    else:
        yield Finding(OK, subject, "is up to date with the migrations")
    unknown = [
        ".".join(key)
        for key in loader.applied_migrations
        if key[0] in loader.migrated_apps
        and key not in loader.disk_migrations
        # The database keeps the names of migrations that a squashed one replaced.
        and not any(key in one.replaces for one in loader.disk_migrations.values())
    ]
    if unknown:
        yield Finding(
            WARNING,
            subject,
            f"It has migrations that this image does not know: {', '.join(sorted(unknown)[:3])}.",
            "Run the image that added them, or reverse them with it before you run an older image.",
        )
