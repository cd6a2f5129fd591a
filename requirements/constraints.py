"""Prints constraints for a child's requirements: at least what the image needs.

    python constraints.py 5.2

A child may raise what the image carries, below the next major version (of Django,
within the series), and never lower it. Of the packages that come with those, it may not
lower one below what they ask for. Runs where the packages are installed.
"""

import re
import sys
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).parent


def main(series: str) -> None:
    lock = (FOLDER / f"django-{series}.lock").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    ranges = (FOLDER / "common.txt").read_text()
    carried = re.findall(r"^([\w.-]+)(?:\[.*?\])?>=[^,]+,<([\w.]+)", ranges, re.MULTILINE)
    for name, below in carried:
        limit = f"=={series}.*" if name == "django" else f"<{below}"
        print(f"{name}>={locked[name]},{limit}")
    others = {name for name in locked if name not in dict(carried)}
    print(*sorted(f"{each.name}{each.specifier}" for each in needs(locked, others)), sep="\n")


def needs(packages: Iterable[str], others: set[str]) -> set[Requirement]:
    """What the packages ask of the ``others``."""
    installed = (name for name in packages if any(metadata.distributions(name=name)))
    asked = (Requirement(text) for name in installed for text in metadata.requires(name) or ())
    return {
        Requirement(f"{canonicalize_name(each.name)}{each.specifier}")
        for each in asked
        if each.specifier and canonicalize_name(each.name) in others
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
