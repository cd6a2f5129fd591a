"""Prints constraints for a child's requirements: what the image needs.

    python constraints.py 5.2

A child can upgrade a package of common.txt within its major version (Django: within its
series), but not downgrade it. It can change the version of a dependency of these packages to
any version that all of them accept. Run this where the packages are installed.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, canonicalize_version
from packaging.version import Version

FOLDER = Path(__file__).parent


def main(series: str) -> None:
    lock = (FOLDER / f"django-{series}.lock").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    ranges = (FOLDER / "common.txt").read_text()
    carried = re.findall(r"^([\w.-]+)(?:\[.*?\])?>=[^,]+,<([\w.]+)", ranges, re.MULTILINE)
    accepted = _accepted(locked)
    for name, below in carried:
        if name == "django":
            major, minor = map(int, series.split("."))
            below = f"{major}.{minor + 1}"
        accepted[name] &= SpecifierSet(f">={locked[name]},<{below}")
    others = sorted(name for name in accepted if name in locked and name not in dict(carried))
    for name in [*dict(carried), *others]:
        if accepted[name]:
            print(f"{name}{_shortest(accepted[name])}")
    # The name of the same driver as a source package: see psycopg2_alias.py.
    print(f"psycopg2=={locked['psycopg2-binary']}")


def _accepted(packages: Iterable[str]) -> dict[str, SpecifierSet]:
    """The versions of each package that all the packages accept."""
    accepted: dict[str, SpecifierSet] = defaultdict(SpecifierSet)
    installed = (name for name in packages if any(metadata.distributions(name=name)))
    for text in (text for name in installed for text in metadata.requires(name) or ()):
        asked = Requirement(text)
        if asked.marker is None or asked.marker.evaluate({"extra": ""}):
            accepted[canonicalize_name(asked.name)] &= asked.specifier
    return accepted


def _shortest(accepted: SpecifierSet) -> str:
    """Only the highest lower bound, and the lowest upper bound."""
    bounds: dict[str, set[Version]] = defaultdict(set)
    for each in accepted:
        bounds[each.operator].add(Version(each.version))
    # backend/conf/image_packages.py reads these. If a package has another, the build fails.
    unknown = set(bounds) - {">=", "<", "!="}
    assert not unknown, (accepted, unknown)
    parts = [
        *((">=", version) for version in sorted(bounds[">="])[-1:]),
        *(("<", version) for version in sorted(bounds["<"])[:1]),
        *(("!=", version) for version in sorted(bounds["!="])),
    ]
    return ",".join(operator + canonicalize_version(version) for operator, version in parts)


if __name__ == "__main__":
    main(*sys.argv[1:])
