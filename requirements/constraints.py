"""Prints constraints for a child's requirements: at least what the image needs.

    python constraints.py 5.2

A child can upgrade a package of common.txt within its major version (Django: within its
series), but not downgrade it. It can downgrade a dependency of these packages, but not
below the version that they require. Run this where the packages are installed.
"""

import re
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

FOLDER = Path(__file__).parent


def main(series: str) -> None:
    lock = (FOLDER / f"django-{series}.lock").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    ranges = (FOLDER / "common.txt").read_text()
    carried = re.findall(r"^([\w.-]+)(?:\[.*?\])?>=[^,]+,<([\w.]+)", ranges, re.MULTILINE)
    for name, below in carried:
        if name == "django":
            major, minor = map(int, series.split("."))
            below = f"{major}.{minor + 1}"
        print(f"{name}>={locked[name]},<{below}")
    others = {name for name in locked if name not in dict(carried)}
    for name, version in sorted(needed(locked, others).items()):
        print(f"{name}>={version}")


def needed(packages: Iterable[str], others: set[str]) -> dict[str, Version]:
    """The lowest version of each of the ``others`` that the packages accept."""
    least: dict[str, Version] = {}
    installed = (name for name in packages if any(metadata.distributions(name=name)))
    for text in (text for name in installed for text in metadata.requires(name) or ()):
        asked = Requirement(text)
        name = canonicalize_name(asked.name)
        if name in others and (asked.marker is None or asked.marker.evaluate({"extra": ""})):
            for each in asked.specifier:
                if each.operator == ">=":
                    least[name] = max(least.get(name, Version("0")), Version(each.version))
    return least


if __name__ == "__main__":
    main(*sys.argv[1:])
