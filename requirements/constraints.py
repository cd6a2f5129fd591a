"""Prints pip constraints for a child's requirements: at least what the lock pins.

    python constraints.py 5.2

A child may raise what the image carries, below the next major version (of Django,
within the series), and never lower it: pip then names both sides of the conflict.
"""

import re
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main(series: str) -> None:
    lock = (FOLDER / f"django-{series}.lock").read_text()
    locked = dict(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    ranges = (FOLDER / "common.txt").read_text()
    for name, below in re.findall(r"^([\w.-]+)(?:\[.*?\])?>=[^,]+,<([\w.]+)", ranges, re.MULTILINE):
        limit = f"=={series}.*" if name == "django" else f"<{below}"
        print(f"{name}>={locked[name]},{limit}")


if __name__ == "__main__":
    main(*sys.argv[1:])
