"""Tells installers that psycopg2 is installed, because psycopg2-binary is the same code.

Many requirements name psycopg2, which is a source package: its build needs a compiler and libpq's
headers, and would overwrite the files of psycopg2-binary. The alias contains no code, so a package
manager can remove it without breaking psycopg2-binary.
"""

import sysconfig
from importlib import metadata
from pathlib import Path

BINARY = metadata.metadata("psycopg2-binary")
VERSION = BINARY["Version"]
METADATA = f"""\
Metadata-Version: 2.1
Name: psycopg2
Version: {VERSION}
Summary: An alias: psycopg2-binary contains the code
Home-page: {BINARY["Home-page"]}
License: {BINARY["License"]}
Requires-Dist: psycopg2-binary>={VERSION}
"""


def main() -> None:
    folder = Path(sysconfig.get_path("purelib")) / f"psycopg2-{VERSION}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(METADATA)
    # Without this list, no package manager removes or replaces the alias.
    names = ("METADATA", "RECORD")
    (folder / "RECORD").write_text("".join(f"{folder.name}/{name},,\n" for name in names))


if __name__ == "__main__":
    main()
