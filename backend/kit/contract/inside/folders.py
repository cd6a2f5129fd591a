"""The files, names, and variables of the image that children rely on."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from backend.conf import places, project
from backend.conf.findings import OK, PROBLEM, WARNING, Finding
from backend.conf.secret_vocabulary import is_secret
from backend.conf.variables import ALIAS_URL, TABLE

PROGRAMS = ("bin/docker-entrypoint.sh", "bin/healthcheck")
NAMES = ("manage.py", "gunicorn_conf.py", "backend/wsgi.py", "backend/urls.py")


def entry_point() -> Iterator[Finding]:
    """The image's programs are in their places and executable."""
    lost = [name for name in NAMES if not (places.CODE / name).is_file()]
    lost += [name for name in PROGRAMS if not os.access(places.CODE / name, os.X_OK)]
    if lost:
        yield Finding(
            PROBLEM,
            "image's files",
            f"{', '.join(lost)} in {places.CODE} is missing or not executable.",
            f"Do not copy or mount anything over {places.CODE}.",
        )
    else:
        yield Finding(OK, "image's files", "entry point, health check, and server are in place")


def programs() -> Iterator[Finding]:
    """`python` is the one with the image's packages, and there is a project in the folder."""
    python = shutil.which("python")
    inside = python is not None and Path(python).is_relative_to(sys.prefix)
    if not inside:
        yield Finding(
            PROBLEM,
            "python",
            f"python is {python}, which does not have the image's packages.",
            f"Put {sys.prefix}/bin first in PATH. Use ENV PATH=/your/bin:$PATH only if your folder "
            "does not contain python.",
        )
    else:
        yield Finding(OK, "python", f"{python}")
    if Path("manage.py").is_file():
        yield Finding(OK, "project", f"{project.find(Path.cwd(), os.environ)}")
    else:
        yield Finding(
            WARNING,
            "folder",
            f"WORKDIR is {Path.cwd()}, which has no manage.py.",
            f"End your Dockerfile with WORKDIR {places.ROOT}, or with the folder of your project.",
        )


def variables(before: dict[str, str]) -> Iterator[Finding]:
    """Which secrets are set. From inside, nothing shows whether the image itself sets them.

    ``before`` is the environment before stand-ins were added.
    """
    secret = sorted(name for name in before if _is_secret(name) and before[name].strip())
    message = "no variable of the image contains one"
    if secret:
        message = (
            f"{', '.join(secret)}: set when the container started, or by the image; bin/image-test "
            "shows which"
        )
    yield Finding(OK, "secrets in variables", message)


def _is_secret(name: str) -> bool:
    if name in TABLE:
        return TABLE[name].secret
    return bool(ALIAS_URL.fullmatch(name)) or is_secret(name)
