"""``bin/image-test IMAGE``: checks the whole contract on our image or on one built on it."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from backend.conf.findings import OK, Finding
from backend.kit.contract import report
from backend.kit.contract.outside import engine, image, size
from backend.kit.contract.outside.lifetime import Lifetime
from backend.kit.contract.outside.surroundings import POSTGIS, Surroundings
from backend.kit.contract.report import Impossible

# A check from outside is better.
SUPERSEDED = ("secrets in variables",)


def arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="image-test",
        description="Checks the promises of an image that is built on backend-docker-django: looks "
        "inside, starts it, sends requests to its port, and stops it. The exit code is 0 if no "
        "check failed, 1 if a check failed, and 2 if the image could not be checked.",
    )
    parser.add_argument("image", help="an image on this machine, such as my-api:tag")
    parser.add_argument(
        "--postgis", action="store_true", help="start it with a PostGIS server instead of SQLite"
    )
    parser.add_argument(
        "--postgis-image",
        metavar="IMAGE",
        default=POSTGIS,
        help=f"the image of that server (default: {POSTGIS})",
    )
    parser.add_argument(
        "--database",
        metavar="ALIAS",
        action="append",
        default=[],
        help="create another database on that server, and pass it to the image as "
        "<ALIAS>_DATABASE_URL (can be repeated)",
    )
    parser.add_argument(
        "--env",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="start the image with this variable (can be repeated)",
    )
    parser.add_argument(
        "--env-file",
        metavar="FILE",
        action="append",
        default=[],
        help="start the image with the variables in this file (can be repeated)",
    )
    parser.add_argument("--network", help="the network of your own databases")
    parser.add_argument(
        "--no-start",
        action="store_true",
        help="check only what is visible without starting the image",
    )
    parser.add_argument(
        "--base", metavar="IMAGE", help="fail unless it is built on exactly this base image"
    )
    parser.add_argument(
        "--max-added",
        metavar="MB",
        type=float,
        help="fail if it adds more than this to the base image",
    )
    parser.add_argument(
        "--patience",
        metavar="SECONDS",
        type=float,
        default=120,
        help="seconds that a start can take (default: 120)",
    )
    parser.add_argument(
        "--junit",
        metavar="FILE",
        help=("write a JUnit report to this file, for CI; - is standard output"),
    )
    options = parser.parse_args(given)
    options.postgis = options.postgis or bool(options.database)
    return options


def main(given: Sequence[str]) -> int:
    signal.signal(signal.SIGTERM, _end)  # removes what was started, as Ctrl-C does
    options = arguments(given)
    try:
        results = run(options)
        if options.junit not in (None, "-"):
            _write(Path(options.junit), report.as_junit(options.image, results))
    except Impossible as error:
        print(error, file=sys.stderr)
        return 2
    if options.junit == "-":
        print(report.as_junit(options.image, results), end="")
    else:
        print(report.as_text(options.image, results))
    return 1 if report.failed(results) else 0


def run(options: argparse.Namespace) -> list[Finding]:
    """All results. Raises Impossible if nothing can be checked."""
    engine.require(ports=not options.no_start)
    tested_image = image.find(options.image)
    with ExitStack() as stack:
        postgis = options.postgis_image if options.postgis and not options.no_start else None
        surroundings = Surroundings(
            options.env, options.env_file, options.network, postgis, options.database
        )
        stack.callback(surroundings.remove)
        document = image.check_inside(tested_image, surroundings.environment())
        facts = document["facts"]
        results = [
            Finding(OK, "image", f"built on backend-docker-django {facts['version']}"),
            *image.configuration(tested_image, facts.get("port", 8000)),
            *image.secrets(tested_image),
            *size.added(tested_image, facts["caches"], options.max_added),
        ]
        if options.base:
            results.append(size.newest_base(tested_image, image.find(options.base)))
        inside = report.from_json(document)
        results += [result for result in inside if result.subject not in SUPERSEDED]
        if not options.no_start and "port" in facts:
            results += Lifetime(tested_image, surroundings, facts, options.patience).checks()
        return results


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Impossible(
            f"{file} cannot be written: {error.strerror}.",
            "Correct the path in --junit.",
        ) from error


def _end(signal_number: int, frame: object) -> None:
    sys.exit(128 + signal_number)
