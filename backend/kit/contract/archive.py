"""bin/image-test as one file, so that a team needs no clone: a zip archive that Python runs.

https://docs.python.org/3/library/zipapp.html#the-python-zip-application-archive-format
"""

from __future__ import annotations

import io
import zipfile
from typing import TextIO

from backend.conf.places import CODE
from backend.kit.contract.report import Impossible

FILES = (
    *("backend/__init__.py", "backend/kit/contract/__init__.py", "backend/kit/contract/report.py"),
    *("backend/kit/__init__.py", "backend/conf/__init__.py", "backend/conf/findings.py"),
    "backend/conf/secret_vocabulary.py",
)
FOLDER = "backend/kit/contract/outside"
MAIN = """\
import sys

from backend.kit.contract.outside.command import main

sys.exit(main(sys.argv[1:]))
"""


def print_to(output: TextIO) -> int:
    """Write the archive, which is binary.

    Raises Impossible for a terminal, which would also change its bytes.
    """
    if output.isatty():
        raise Impossible(
            "The program is binary, so it cannot be printed to a terminal.",
            "Write it to a file, without --tty: docker run --rm IMAGE check --print-image-test "
            "> image-test",
        )
    output.buffer.write(archive())
    output.buffer.flush()
    return 0


def archive() -> bytes:
    memory = io.BytesIO(b"#!/usr/bin/env python3\n")
    memory.seek(0, io.SEEK_END)
    sources = [*(CODE / name for name in FILES), *sorted((CODE / FOLDER).glob("*.py"))]
    with zipfile.ZipFile(memory, "a", zipfile.ZIP_DEFLATED) as package:
        for source in sources:
            package.writestr(str(source.relative_to(CODE)), source.read_bytes())
        package.writestr("__main__.py", MAIN)
    return memory.getvalue()
