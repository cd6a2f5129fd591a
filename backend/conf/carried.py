"""The packages that the image carries, and whether a child left them in the versions it needs.

pip and uv hold to the same file while they install; Poetry, PDM and others do not know it.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CONSTRAINTS = Path(sys.prefix) / "constraints.txt"
# As requirements/constraints.py writes them.
LINE = re.compile(r"([\w.-]+)(>=([\d.]+)(?:,<([\d.]+))?)")


@dataclass(frozen=True)
class Wrong:
    """A package that is not in a version that the image needs; None where it is gone."""

    name: str
    version: str | None
    needed: str

    @property
    def problem(self) -> str:
        return f"{self.name} is {self.version or 'gone'}; the image needs {self.needed}."

    @property
    def fix(self) -> str:
        return (
            f"Remove {self.name} from your requirements, or let them say {self.name}{self.needed}."
        )


def wrong() -> Iterator[Wrong]:
    """The packages that a child lowered, or raised too far. Nothing outside of the image."""
    if not CONSTRAINTS.is_file():
        return
    versions = _versions()
    for line in CONSTRAINTS.read_text().splitlines():
        match = LINE.fullmatch(line)
        assert match, line
        name, needed, least, below = match.groups()
        version = versions.get(name)
        fits = version is not None and (
            _release(least) <= _release(version)
            and (not below or _release(version) < _release(below))
        )
        if not fits:
            yield Wrong(name, version, needed)


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a version. Not by the package `packaging`, which may be what was lowered."""
    match = re.match(r"(?:\d+!)?([\d.]*)", version)
    assert match, "it matches an empty text too"
    numbers = re.sub(r"(\.0+)+$", "", match[1])
    return tuple(int(number) for number in numbers.split(".") if number)


def _versions() -> dict[str, str]:
    """Version of each installed package, by its name; from the names of folders, which is quick."""
    folders = Path(sysconfig.get_path("purelib")).glob("*-*.dist-info")
    parts = (folder.name.removesuffix(".dist-info").split("-", 1) for folder in folders)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in parts}
