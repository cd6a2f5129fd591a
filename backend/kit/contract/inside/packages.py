"""Python packages: the image's are not downgraded, and all of them fit together."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement

from backend.conf import image_packages
from backend.conf.findings import OK, PROBLEM, SKIPPED, Finding


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
    """There is one driver: if both are installed, Django uses psycopg 3."""
    version = _version("psycopg")
    if version:
        yield Finding(
            PROBLEM,
            "psycopg",
            f"psycopg {version} is installed together with psycopg2, and Django prefers it.",
            "Remove psycopg from your requirements.txt.",
        )
    else:
        yield Finding(OK, "psycopg", f"only psycopg2 {_version('psycopg2-binary')}")


def consistent() -> Iterator[Finding]:
    """The check of `pip check`: each package has what it needs. pip takes a second to start."""
    wrong = False
    for package in metadata.distributions():
        for text in package.requires or ():
            requirement = Requirement(text)
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            version = _version(requirement.name)
            if version and requirement.specifier.contains(version, prereleases=True):
                continue
            wrong = True
            yield Finding(
                PROBLEM,
                "pip check",
                f"{package.name} {package.version} needs {requirement}, but {version or 'nothing'} "
                "is installed.",
                "Put both in one requirements.txt, so that pip finds versions that fit together.",
            )
    if not wrong:
        yield Finding(OK, "pip check", "every package has what it needs")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
