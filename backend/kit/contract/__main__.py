"""``docker run IMAGE check``: the checks of the contract that can run inside the image.

The exit code is 0, 1 for failed checks, or 2 if nothing could be checked.
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
from backend.conf import image_packages
from backend.conf.errors import StartupError
from backend.conf.findings import Finding
from backend.kit.contract import archive, report
from backend.kit.contract.report import Impossible

VENV = "/opt/venv"
OWN = ""  # --live without a URL


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="docker run IMAGE check",
        description="Checks the promises of an image that is built on backend-docker-django, as "
        "far as possible from inside: without a database and without a secret key. bin/image-test "
        "starts the image, and checks the rest.",
    )
    parser.add_argument(
        "--junit",
        metavar="FILE",
        help=("write a JUnit report to this file, for CI; - is standard output"),
    )
    parser.add_argument("--json", action="store_true", help="write JSON for programs")
    parser.add_argument(
        "--live",
        nargs="?",
        const=OWN,
        metavar="URL",
        help="instead, send a running project every request that reads, as every kind of user; "
        "without a URL, serve this project on test databases, and check it",
    )
    parser.add_argument(
        "--fixture",
        action="append",
        default=[],
        metavar="NAME",
        help="with --live and no URL: load this fixture into the test databases; can be repeated",
    )
    parser.add_argument(
        "--user",
        metavar="NAME",
        help="with --live URL: also log in, with the password in the variable CHECK_PASSWORD",
    )
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
    for package in image_packages.wrong():
        if package.version is None:
            raise Impossible(package.problem, package.fix)
    if importlib.util.find_spec("django") is None:
        raise Impossible(
            f"python is {sys.executable}, which does not have the image's packages.",
            f"In your Dockerfile, use ENV to put {VENV}/bin first in PATH.",
        )
    # Only a check needs the image's packages.
    from backend.kit.contract.inside import files, run, standins

    if options.live is not None:
        return ask(options)
    output, before = sys.stdout, dict(os.environ)
    # The output of a team's code while it loads is not part of the report.
    with contextlib.redirect_stdout(sys.stderr):
        # Both need root, who can read every file and write into a mounted folder.
        inventory = files.look()
        junit = open_report(options.junit) if options.junit not in (None, "-") else None
        standins.become_the_application()
        results, facts = run.everything(inventory, before)
    subject = f"This image (backend-docker-django {__version__})"
    return write_report(options, subject, results, facts, output, junit)


def ask(options: argparse.Namespace) -> int:
    """``--live``: check the responses of a project instead of its image."""
    from backend.kit.contract.inside import standins

    output = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):
        junit = open_report(options.junit) if options.junit not in (None, "-") else None
        standins.become_the_application()
        if options.live != OWN:
            from backend.kit.contract.live import site

            results, subject = site.look(options.live, options.user), options.live
        else:
            standins.key()
            from backend.kit.contract.live import own

            try:
                results, subject = own.look(options.fixture), "This project"
            except StartupError as error:
                raise Impossible(error.problem, error.fix) from error
    return write_report(options, subject, results, {}, output, junit)


def write_report(
    options: argparse.Namespace,
    subject: str,
    results: list[Finding],
    facts: dict[str, object],
    output: TextIO,
    junit: TextIO | None,
) -> int:
    """Write the report in every requested form, and return the exit code."""
    if options.junit:
        with junit or contextlib.nullcontext(output) as file:
            file.write(report.as_junit("check", results))
    if options.json:
        print(report.as_json(results, facts), file=output)
    elif options.junit != "-":
        print(report.as_text(subject, results), file=output)
    return 1 if report.failed(results) else 0


def open_report(name: str) -> TextIO:
    """The file to write to. It belongs to the owner of its folder, who mounted it."""
    path = Path(name)
    try:
        file = path.open("w", encoding="utf-8")
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
    except OSError as error:
        raise Impossible(
            f"{path} cannot be written: {error.strerror}.",
            "Mount a folder, and name a file in it: docker run --volume $PWD:/report IMAGE check "
            "--junit /report/check.xml",
        ) from error
    return file


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Impossible as error:
        print(error, file=sys.stderr)
        sys.exit(2)
