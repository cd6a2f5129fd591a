"""Python packages: the image's are not downgraded, and all of them fit together."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from backend.conf import image_packages
from backend.conf.findings import OK, PROBLEM, SKIPPED, WARNING, Finding


def in_range() -> Iterator[Finding]:
    """Each package is at least the image's version, and below the next major version."""
    if not image_packages.CONSTRAINTS.is_file():
        missing = f"{image_packages.CONSTRAINTS} does not exist: this is not the image"
        yield Finding(SKIPPED, "packages", missing)
        return
    wrong = list(image_packages.wrong())
    for each in wrong:
        yield Finding(PROBLEM, "packages", each.problem, each.fix)
    if not wrong:
        yield Finding(OK, "packages", "no package of the image is downgraded")


def psycopg() -> Iterator[Finding]:
    """Which driver Django uses. psycopg 3 is slower without its compiled part."""
    version = _version("psycopg")
    if version is None:
        yield Finding(OK, "psycopg", f"psycopg2 {_version('psycopg2-binary')}")
    elif _version("psycopg-binary") or _version("psycopg-c"):
        yield Finding(OK, "psycopg", f"psycopg {version}")
    else:
        yield Finding(
            WARNING,
            "psycopg",
            f"psycopg {version} is installed without its compiled part, so it is slower.",
            "Write psycopg[binary] in your requirements.txt.",
        )


def consistent() -> Iterator[Finding]:
    """The check of `pip check`: each package has what it needs."""
    unmet = list(image_packages.unmet())
    for each in unmet:
        yield Finding(PROBLEM, "pip check", each.problem, each.fix)
    if not unmet:
        yield Finding(OK, "pip check", "every package has what it needs")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
