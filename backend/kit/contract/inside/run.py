"""Runs every check, whatever the others meet, and tells what bin/image-test needs to know."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from backend import __version__
from backend.boot import configuration
from backend.conf.errors import StartupError, explain, results_of
from backend.kit.contract.inside import files, packages, places, standins
from backend.kit.contract.inside.files import Found
from backend.kit.contract.report import FAILED, OK, SKIPPED, Result

# Checks of a team's code, in the order in which a start loads it.
OF_CODE = ("in_db", "system checks", "debug", "secrets in settings", "static files", "permissions")


def everything(found: Found, before: dict[str, str]) -> tuple[list[Result], dict[str, object]]:
    """All results, and facts for who starts the image; ``before`` is the environment as given."""
    facts: dict[str, object] = {"version": __version__, "caches": dict(found.caches)}
    results = [
        *_alone("image's files", places.entry_point),
        *_alone("python", places.programs),
        *_alone("packages", packages.in_range),
        *_alone("psycopg", packages.psycopg),
        *_alone("pip check", packages.consistent),
        *files.secrets(found),
        *_alone("secrets in variables", lambda: places.variables(before)),
        *files.rights(found),
        *files.caches(found),
    ]
    return [*results, *_of_code(facts)], facts


def _of_code(facts: dict[str, object]) -> list[Result]:
    stand_in = standins.stand_in()
    standins.forbid_databases()
    names = [*OF_CODE, "migrations", "overrides", "server", "schema"]
    if broken := _load("settings", configuration.load_applications):
        return [broken, *_skipped(names, "the settings do not load")]
    # Only now: they need the applications.
    from backend.kit.contract.inside import models, project, schema, static

    results = [
        Result("settings", OK, "load, with all applications"),
        *_alone("debug", project.debug),
        *_alone("secrets in settings", lambda: project.secrets(stand_in)),
        *_alone("permissions", static.permissions),
        *_alone("static files", static.complete),
        *_alone("migrations", models.migrations),
        *_alone("server", project.server),
    ]
    broken = _load("middleware", configuration.load_middleware) or _load(
        "urls", configuration.load_urls
    )
    if broken:
        names = ["overrides", "in_db", "system checks", "schema"]
        return [*results, broken, *_skipped(names, f"the {broken.check} do not load")]
    from backend.kit.contract.inside import facts as of_project

    facts.update(of_project.collect())
    return [
        *results,
        *_alone("overrides", project.overrides_found),
        *_alone("system checks", project.system_checks),
        *_alone("schema", schema.schema),
    ]


def _load(name: str, loader: Callable[[], None]) -> Result | None:
    try:
        loader()
    except (Exception, SystemExit) as error:  # noqa: BLE001  a team's code raises anything
        return _failed(name, explain(error))
    return None


def _skipped(names: Iterable[str], why: str) -> list[Result]:
    return [Result(name, SKIPPED, f"not looked at: {why}") for name in names]


def _alone(name: str, check: Callable[[], Iterable[Result]]) -> list[Result]:
    return results_of(check, lambda error: _failed(name, error))


def _failed(name: str, error: StartupError) -> Result:
    return Result(name, FAILED, error.problem, error.fix)
