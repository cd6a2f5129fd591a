"""Dockerfiles, compose files, and shell scripts, which are only listed and never rewritten."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

import yaml

from backend.conf.findings import PROBLEM, Finding

IMAGE = "backend-docker-django"
LARGEST_SCRIPT = 100_000  # bytes; nobody writes a larger one by hand
OWN_ENTRYPOINT = (
    "It replaces the image's entry point, which waits for the databases, migrates each once, "
    "collects static files, creates the superuser, drops root privileges, and starts gunicorn."
)
# Words of a command, and what the image does now.
STEPS = {
    ("manage.py", "makemigrations"): (
        "At startup, makemigrations writes code inside the container, where nobody commits it.",
        "Delete the line. Run makemigrations on your own machine, and commit the migrations.",
    ),
    ("manage.py", "migrate"): (
        "The image migrates each database once when it starts, however many containers start.",
        "Delete the line. To migrate in a release step, set MIGRATE=no, and run manage.py "
        "migrate_databases there.",
    ),
    ("manage.py", "collectstatic"): (
        "The image collects static files when it starts, if they have changed.",
        "Delete the line. For faster starts, put `RUN python manage.py collectstatic --noinput` in "
        "the Dockerfile.",
    ),
    ("manage.py", "createsuperuser"): (
        "The image creates the superuser that DJANGO_SUPERUSER_USERNAME and _PASSWORD name.",
        "Delete the line, and set the two variables.",
    ),
    ("gunicorn",): (
        "The image starts gunicorn itself, as process 1, so that a stop signal reaches it.",
        "Delete the line. Put your own gunicorn_conf.py into local_settings/.",
    ),
    ("pg_isready",): (
        "The image waits for its databases, for DB_WAIT_TIMEOUT seconds (default: 60).",
        "Delete the loop.",
    ),
}
DEAD_IMAGES = {
    "mdillon/postgis": "postgis/postgis:17-3.5",
    "postgis/postgis:9.6": "postgis/postgis:17-3.5",
}


def may_be_one(path: str, size: int) -> bool:
    """Whether a file with this name and size in bytes is worth reading."""
    name = PurePosixPath(path).name.lower()
    if "." not in name and "dockerfile" not in name:
        return size <= LARGEST_SCRIPT  # a script without a suffix, or data
    return "dockerfile" in name or name.endswith((".yml", ".yaml", ".sh"))


def list_findings(path: str, text: str) -> Iterator[Finding]:
    name = PurePosixPath(path).name.lower()
    if "dockerfile" in name:
        # Dockerfiles of other images, such as a proxy, have their own entry points.
        if IMAGE in text:
            yield from _dockerfile(path, text)
    elif name.endswith((".yml", ".yaml")):
        yield from _compose(path, text)
    elif name.endswith(".sh") or re.match(r"#! ?/(usr/)?bin/(env )?(ba)?sh", text):
        yield from _script(path, text)


def _dockerfile(path: str, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), 1):
        word, _, rest = line.strip().partition(" ")
        if word.upper() == "ENTRYPOINT" and "/code/bin/docker-entrypoint.sh" not in rest:
            yield Finding(
                PROBLEM,
                path,
                f"ENTRYPOINT is a script of your project. {OWN_ENTRYPOINT}",
                "Delete the line, the script, and the COPY of the script.",
                number,
            )
        elif word.upper() == "CMD":
            yield from _steps(path, number, re.sub(r'[\[\],"]', " ", rest))


def _script(path: str, text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), 1):
        yield from _steps(path, number, line)
        if re.match(r"\s*until\s+psql\b", line):
            yield Finding(PROBLEM, path, *STEPS[("pg_isready",)], number)


def _steps(path: str, number: int, line: str) -> Iterator[Finding]:
    try:
        texts = shlex.split(line, comments=True)
    except ValueError:  # another line closes the quote
        texts = [line]
    # Split again, for quoted commands: sh -c "python manage.py migrate".
    words = [PurePosixPath(word).name for text in texts for word in text.split()]
    if words[:1] in (["echo"], ["printf"]):
        return
    for step, advice in STEPS.items():
        pairs = [tuple(words[at : at + len(step)]) for at in range(len(words))]
        if step in pairs:
            yield Finding(PROBLEM, path, *advice, number)


def _compose(path: str, text: str) -> Iterator[Finding]:
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return  # not a compose file, or a template of one
    services = mapping_value(document, "services")
    if not isinstance(services, yaml.MappingNode):
        return
    for _, service in services.value:
        for key in ("command", "entrypoint"):
            node = mapping_value(service, key)
            if node is None:
                continue
            words = " ".join(scalars(node))
            line = node.start_mark.line + 1
            if (
                re.search(r"\S*entrypoint\S*\.sh\b", words)
                and "/code/bin/docker-entrypoint.sh" not in words
            ):
                yield Finding(
                    PROBLEM,
                    path,
                    f"{key} is a script of your project. {OWN_ENTRYPOINT}",
                    f"Delete {key}: without it, the image serves your API.",
                    line,
                )
            elif key == "command":
                yield from _steps(path, line, words)
        image = mapping_value(service, "image")
        if isinstance(image, yaml.ScalarNode):
            yield from _image(path, image)


def _image(path: str, node: yaml.ScalarNode) -> Iterator[Finding]:
    for name, new in DEAD_IMAGES.items():
        if node.value.startswith(name):
            yield Finding(
                PROBLEM,
                path,
                f"The PostgreSQL in {node.value} is too old: Django 5.2 needs 14 or later.",
                f"Dump the data with it (pg_dump --format=custom), then restore it in {new} "
                "(pg_restore).",
                node.start_mark.line + 1,
            )


def mapping_value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """The value of a key in a mapping."""
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    return None


def scalars(node: yaml.Node) -> Iterator[str]:
    """The text of a scalar, or the texts of a list."""
    if isinstance(node, yaml.ScalarNode):
        yield node.value
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from scalars(item)
