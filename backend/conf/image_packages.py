"""The packages of the image: whether a child image kept what they need, and whether all fit.

pip, uv, and Pipenv obey the constraints while they install. Poetry and `uv sync` install what a
lock file says, whatever the image needs.
"""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from backend.conf.errors import StartupError

CONSTRAINTS = Path(sys.prefix) / "constraints.txt"
# As requirements/constraints.py writes them.
LINE = re.compile(r"([\w.-]+?)((?:(?:>=|<|!=|==)[\d.]+,?)+)")
BOUND = re.compile(r"(>=|<|!=|==)([\d.]+)")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<": operator.lt,
    "!=": operator.ne,
    "==": operator.eq,
}
# Each of the other commands removes the packages that a lock file does not list.
KEEP = (
    "Keep what the image has: use `uv sync --inexact`, `poetry install` (not `poetry sync`), or "
    "`pip install` (not `pip-sync`)."
)
# A package that may be missing if the other one is installed: the driver for PostgreSQL.
INSTEAD = {"psycopg2-binary": "psycopg"}


@dataclass(frozen=True)
class Wrong:
    """A package whose version does not suit the image; ``version`` is None if it is missing."""

    name: str
    version: str | None
    needed: str

    @property
    def problem(self) -> str:
        return f"{self.name} is {self.version or 'missing'}; the image needs {self.needed}."

    @property
    def fix(self) -> str:
        if self.version is None:
            return KEEP
        return (
            f"Remove {self.name} from your requirements, or change it to {self.name}{self.needed}. "
            "If you have a lock file, update it."
        )


@dataclass(frozen=True)
class Unmet:
    """A requirement of an installed package; ``version`` is None if what it needs is missing."""

    package: str
    requirement: str
    name: str
    version: str | None

    @property
    def problem(self) -> str:
        installed = f"{self.name} {self.version}" if self.version else f"no {self.name}"
        return f"{self.package} needs {self.requirement}, but {installed} is installed."

    @property
    def fix(self) -> str:
        return (
            "Put both in one requirements file, or update your lock file, so that the installer "
            "finds versions that fit together."
        )


def wrong() -> Iterator[Wrong]:
    """The packages that a child image downgraded, upgraded too far, or removed.

    Empty outside the image. Does without the package `packaging`, which may itself be too old.
    """
    if not CONSTRAINTS.is_file():
        return
    installed = _installed()
    for line in CONSTRAINTS.read_text().splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        name, needed = match.groups()
        version = installed[name].version if name in installed else None
        # Nothing needs the alias psycopg2.
        if version is None and (needed.startswith("==") or INSTEAD.get(name) in installed):
            continue
        if version is None or not _is_in(version, needed):
            yield Wrong(name, version, needed)


def check() -> None:
    """Raises StartupError for the first package whose version does not suit the image."""
    for package in wrong():
        raise StartupError(package.problem, package.fix)


def stop_if_missing() -> None:
    """End the process with two lines if a package is missing, before an import fails.

    They are two lines with LOG_FORMAT=json too, because the packages that read it can be missing.
    """
    for package in wrong():
        if package.version is None:
            sys.exit(f"{StartupError(package.problem, package.fix)}")


def unmet() -> Iterator[Unmet]:
    """What installed packages require and do not have, like `pip check`, but in milliseconds."""
    from packaging.requirements import Requirement

    installed = _installed()
    for package in installed.values():
        for text in package.requirements():
            try:
                requirement = Requirement(text)
                if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                    continue
                name = _canonical(requirement.name)
                version = installed[name].version if name in installed else _other_version(name)
                is_met = version and requirement.specifier.contains(version, prereleases=True)
            except ValueError:  # a very old package, with a form that `packaging` does not know
                continue
            if not is_met and INSTEAD.get(name) not in installed:
                needed = f"{requirement.name}{requirement.specifier}"
                yield Unmet(f"{package.name} {package.version}", needed, name, version)


def _is_in(version: str, needed: str) -> bool:
    numbers = _release(version)
    return all(COMPARE[sign](numbers, _release(bound)) for sign, bound in BOUND.findall(needed))


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a version."""
    match = re.match(r"(?:\d+!)?([\d.]*)", version)
    assert match, "it matches an empty text too"
    numbers = re.sub(r"(\.0+)+$", "", match[1])
    return tuple(int(number) for number in numbers.split(".") if number)


@dataclass(frozen=True)
class _Package:
    """An installed package, in a folder NAME-VERSION.dist-info."""

    name: str
    version: str
    metadata: Path

    def requirements(self) -> Iterator[str]:
        """Those without extras. Parsing each file as an e-mail would take ten times as long."""
        header, _, _ = self.metadata.read_bytes().partition(b"\n\n")
        for line in header.decode(errors="replace").splitlines():
            field, _, text = line.partition(":")
            if field == "Requires-Dist" and not re.search(r"extra\s*==", text):
                yield text.strip()


def _installed() -> dict[str, _Package]:
    """The installed packages by name. Python imports the first of several versions."""
    packages: dict[str, _Package] = {}
    for entry in dict.fromkeys(sys.path):
        for file in sorted(Path(entry).glob("*-*.dist-info/METADATA")):
            name, version = file.parent.name.removesuffix(".dist-info").split("-", 1)
            packages.setdefault(_canonical(name), _Package(_canonical(name), version, file))
    return packages


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _other_version(name: str) -> str | None:
    """The version of a package without such a folder, such as an old editable installation."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
