"""The checks of ``manage.py doctor`` that compare the databases with each other."""

from __future__ import annotations

from collections.abc import Iterator

from backend.boot.budget import Load
from backend.conf.findings import OK, PROBLEM, WARNING, Finding
from backend.doctor.databases import Examination, Facts


def shared_migrations(examinations: list[Examination]) -> Iterator[Finding]:
    """Aliases that share one django_migrations table, so that each migrates by the other's."""
    owners: dict[tuple[str, int, int], str] = {}
    for examination in examinations:
        facts = examination.facts
        if facts is None or facts.migrations_table is None or not examination.migrates:
            continue
        table = (facts.server, facts.database, facts.migrations_table)
        owner = owners.setdefault(table, examination.alias)
        if owner != examination.alias:
            yield Finding(
                PROBLEM,
                f"database {examination.alias}",
                f"Its search_path ({facts.search_path}) finds the django_migrations table of "
                f"'{owner}': migrations that are applied to one count as applied to the other.",
                "Put a separate schema first in its search_path. To create django_migrations "
                "there, migrate this database alone, with only that schema on the path.",
            )


def connection_budget(examinations: list[Examination], load: Load) -> Iterator[Finding]:
    """Compare the connections of this API with the slots of each server, as at the start."""
    servers: dict[str, tuple[Facts, list[str]]] = {}
    for examination in examinations:
        if examined := examination.facts:
            _, aliases = servers.setdefault(examined.server, (examined, []))
            aliases.append(examination.alias)
    for facts, aliases in servers.values():
        need, slots = load.per_database * len(aliases), facts.max_connections - facts.reserved
        arithmetic = (
            f"{load} x {len(aliases)} databases ({', '.join(aliases)}) = {need} connections; the "
            f"server has "
            f"{slots} (max_connections {facts.max_connections} - {facts.reserved} reserved)"
        )
        if need <= slots:
            yield Finding(OK, "connections", arithmetic)
        else:
            yield Finding(
                WARNING,
                "connections",
                arithmetic + ".",
                "Lower WEB_CONCURRENCY or WEB_THREADS, raise max_connections, or put a pooler in "
                "front of the server.",
            )
