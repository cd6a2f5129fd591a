"""The packages of the image, and whether a child image kept the versions that it needs.

pip and uv obey the same file while they install. Poetry, PDM, and others do not know it.
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
    """A package whose version does not suit the image; ``version`` is None if it is missing."""

    name: str
    version: str | None
    needed: str

    @property
    def problem(self) -> str:
        return f"{self.name} is {self.version or 'missing'}; the image needs {self.needed}."

    @property
    def fix(self) -> str:
        return (
            f"Remove {self.name} from your requirements, or change it to {self.name}{self.needed}."
        )


def wrong() -> Iterator[Wrong]:
    """The packages that a child image downgraded, or upgraded too far. Empty outside the image."""
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
    """The numbers of a version. Without the package `packaging`, which may itself be too old."""
    match = re.match(r"(?:\d+!)?([\d.]*)", version)
    assert match, "it matches an empty text too"
    numbers = re.sub(r"(\.0+)+$", "", match[1])
    return tuple(int(number) for number in numbers.split(".") if number)


def _versions() -> dict[str, str]:
    """The version of each installed package by name, read from the names of folders for speed."""
    folders = Path(sysconfig.get_path("purelib")).glob("*-*.dist-info")
    parts = (folder.name.removesuffix(".dist-info").split("-", 1) for folder in folders)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in parts}
