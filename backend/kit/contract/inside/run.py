"""Runs every check, even if others fail, and collects the facts for bin/image-test."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from backend import __version__
from backend.boot import configuration
from backend.conf.errors import finding_of, findings_of
from backend.conf.findings import OK, SKIPPED, Finding
from backend.kit.contract.inside import files, folders, packages, standins
from backend.kit.contract.inside.files import Inventory

# Checks of a team's code, in the order in which a start loads it.
OF_CODE = ("in_db", "system checks", "debug", "secrets in settings", "static files", "permissions")


def everything(
    inventory: Inventory, before: dict[str, str]
) -> tuple[list[Finding], dict[str, object]]:
    """All results, and facts for bin/image-test. ``before`` is the original environment."""
    facts: dict[str, object] = {"version": __version__, "caches": dict(inventory.caches)}
    results = [
        *findings_of("image's files", folders.entry_point),
        *findings_of("python", folders.programs),
        *findings_of("packages", packages.in_range),
        *findings_of("psycopg", packages.psycopg),
        *findings_of("pip check", packages.consistent),
        *files.secrets(inventory),
        *findings_of("secrets in variables", lambda: folders.variables(before)),
        *files.rights(inventory),
        *files.caches(inventory),
    ]
    return [*results, *_of_code(facts)], facts


def _of_code(facts: dict[str, object]) -> list[Finding]:
    stand_in = standins.stand_in()
    standins.forbid_databases()
    names = [*OF_CODE, "migrations", "overrides", "server", "schema"]
    if broken := _load("settings", configuration.load_applications):
        return [broken, *_skipped(names, "the settings do not load")]
    # Imported here, because they need the applications.
    from backend.kit.contract.inside import models, project, schema, static

    results = [
        Finding(OK, "settings", "load, with all applications"),
        *findings_of("debug", project.debug),
        *findings_of("secrets in settings", lambda: project.secrets(stand_in)),
        *findings_of("permissions", static.permissions),
        *findings_of("static files", static.complete),
        *findings_of("migrations", models.migrations),
        *findings_of("server", project.server),
    ]
    broken = _load("middleware", configuration.load_middleware) or _load(
        "urls", configuration.load_urls
    )
    if broken:
        names = ["overrides", "in_db", "system checks", "schema"]
        return [*results, broken, *_skipped(names, f"the {broken.subject} do not load")]
    from backend.kit.contract.inside import facts as of_project

    facts.update(of_project.collect())
    return [
        *results,
        *findings_of("overrides", project.overrides_found),
        *findings_of("system checks", project.system_checks),
        *findings_of("schema", schema.schema),
    ]


def _load(name: str, loader: Callable[[], None]) -> Finding | None:
    try:
        loader()
    except (Exception, SystemExit) as error:  # noqa: BLE001  a team's code raises anything
        return finding_of(name, error)
    return None


def _skipped(names: Iterable[str], why: str) -> list[Finding]:
    return [Finding(SKIPPED, name, f"not checked: {why}") for name in names]
