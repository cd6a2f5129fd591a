"""``docker run IMAGE check``: the contract as far as it can be known inside, with exit code 0 or 1.

Exit code 2: nothing could be checked.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from backend import __version__
from backend.contract import archive, report
from backend.contract.report import Impossible

VENV = "/opt/venv"


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="docker run IMAGE check",
        description="Checks what an image built on backend-docker-django promises, as far as that "
        "can be known inside: without a database and without a secret key. bin/image-test starts "
        "the image, and checks the rest.",
    )
    parser.add_argument(
        "--junit", metavar="FILE", help="write JUnit there, for CI; - is standard output"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--print-image-test",
        action="store_true",
        help="print the program bin/image-test: ... check --print-image-test > image-test",
    )
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    options = arguments(given)
    if options.print_image_test:
        return archive.print_to(sys.stdout)
    if importlib.util.find_spec("django") is None:
        raise Impossible(
            f"python is {sys.executable}, which has none of the image's packages.",
            f"Let PATH begin with {VENV}/bin, in the ENV of your Dockerfile.",
        )
    # Only a check needs what the image carries.
    from backend.contract.inside import files, run, standins

    output, before = sys.stdout, dict(os.environ)
    # What a team's code prints while it is loaded is no part of the report.
    with contextlib.redirect_stdout(sys.stderr):
        # Both while it is root, which sees every file and may write into a mounted folder.
        found = files.look()
        junit = open_report(options.junit) if options.junit not in (None, "-") else None
        standins.become_the_application()
        results, facts = run.everything(found, before)
    subject = f"This image (backend-docker-django {__version__})"
    if options.junit:
        with junit or contextlib.nullcontext(output) as file:
            file.write(report.as_junit("check", results))
    if options.json:
        print(report.as_json(results, facts), file=output)
    elif options.junit != "-":
        print(report.as_text(subject, results), file=output)
    return 1 if report.failed(results) else 0


def open_report(name: str) -> TextIO:
    """The file to write to, which belongs to whom its folder does: who mounted it."""
    path = Path(name)
    try:
        file = path.open("w", encoding="utf-8")
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
    except OSError as error:
        raise Impossible(
            f"{path} cannot be written: {error.strerror}.",
            "Mount a folder and name a file in it: docker run --volume $PWD:/report IMAGE check "
            "--junit /report/check.xml",
        ) from error
    return file


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Impossible as error:
        print(error, file=sys.stderr)
        sys.exit(2)
