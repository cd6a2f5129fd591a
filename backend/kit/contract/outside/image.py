"""Checks of an image without starting it: its configuration and its history."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backend.conf.findings import OK, PROBLEM, WARNING, Finding
from backend.conf.secret_vocabulary import FORMS, MASK, is_secret
from backend.kit.contract.outside.engine import docker
from backend.kit.contract.report import Impossible

ENTRY_POINT = "/opt/backend/bin/docker-entrypoint.sh"
HEALTH_CHECK = "/opt/backend/bin/healthcheck"
# Both have a link in /code, under the names that earlier images had.
LINKS = {
    ENTRY_POINT: "/code/bin/docker-entrypoint.sh",
    HEALTH_CHECK: "/code/bin/healthcheck",
}
PYTHON = "/opt/venv/bin/python"
# The base's last instruction that is in the history of every image built on it.
MARK = "LABEL org.opencontainers.image.title=backend-docker-django "
# user:password@ in a URL, if the password is not a variable.
LOGIN = re.compile(r"\b[a-z][\w+.-]*://[^\s:/?#@$]*:[^\s/@$]+@", re.IGNORECASE)
# The user information with or without a password: either part can be a token or contain an @.
USER_IN_URL = re.compile(r"(?<=://)[^\s/?#]*@")
# --token abc, --api-key="abc", Authorization: Bearer abc
OPTION = re.compile(
    r"""((?P<name>--[\w-]+)[\s=]+|Authorization:\s*\w+\s+)"""
    r"""("[^"$][^"]*"|'[^']*'|[^\s"'$-][^\s"']*)""",
    re.IGNORECASE,
)
PAIR = re.compile(r"""([A-Za-z_][A-Za-z0-9_]*)=((?:"[^"]*"|'[^']*'|\\.|[^\s"';&|\\])*)""")
SHELL = re.compile(r"(?:/bin/)?(?:ba|da)?sh (?:-o \w+ |-\w+ )*-\w*c ")


@dataclass(frozen=True)
class Step:
    """An instruction of a Dockerfile, and the bytes that it added."""

    instruction: str
    size: int

    @property
    def readable(self) -> str:
        """The instruction as in the Dockerfile, but on one line and without its secrets."""
        text = re.sub(r"\s*# buildkit$|^/bin/sh -c #\(nop\)\s*", "", self.instruction)
        if text.startswith("RUN") or SHELL.match(text):
            text = f"RUN {SHELL.split(text, 1)[-1]}"
        return " ".join(_masked(text).split())


@dataclass(frozen=True)
class Image:
    """``steps`` are in the order of the Dockerfile. ``own`` are those after the base's."""

    name: str
    config: dict[str, Any]
    layers: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def own(self) -> tuple[Step, ...] | None:
        """None if the history does not show where the base's steps end."""
        marks = [n for n, step in enumerate(self.steps) if step.instruction.startswith(MARK)]
        return self.steps[marks[0] + 1 :] if marks else None

    @property
    def has_the_images_entry_point(self) -> bool:
        return self.config.get("Entrypoint") in ([ENTRY_POINT], [LINKS[ENTRY_POINT]])


def find(name: str) -> Image:
    """Raises Impossible if there is no such image on this engine."""
    done = docker("image", "inspect", name, check=False)
    if done.returncode:
        raise Impossible(
            f"This machine does not have the image {name}.",
            f"Build or pull it first: docker build --tag {name} . or docker pull {name}",
        )
    document = json.loads(done.stdout)[0]
    shown = docker("history", "--no-trunc", "--human=false", "--format", "{{json .}}", name)
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    steps = tuple(Step(line["CreatedBy"], int(line["Size"])) for line in reversed(lines))
    layers = tuple(document["RootFS"].get("Layers") or ())
    return Image(name, document["Config"], layers, steps)


def check_inside(image: Image, environment: list[str]) -> dict[str, Any]:
    """Run the image's own checks, and return their results and facts.

    They run in the image's Python, because a team's entry point may not have the command, and as
    root, who can read every file. Raises Impossible for an image that is not built on ours.
    """
    done = docker(
        *("run", "--rm", "--network", "none", "--user", "0"),
        *environment,
        *("--entrypoint", PYTHON, image.name, "-P", "-m", "backend.kit.contract", "--json"),
        check=False,
    )
    lines = done.stdout.splitlines()
    if done.returncode in (0, 1) and lines and lines[-1].startswith("{"):
        document: dict[str, Any] = json.loads(lines[-1])
        return document
    if "No module named backend" in done.stderr:
        raise Impossible(
            f"{image.name} does not have the command `check`: its base image is older than this "
            "program.",
            "Build it again on the current base image: docker build --pull",
        )
    if done.returncode in (126, 127):
        raise Impossible(
            f"{image.name} is not built on backend-docker-django.",
            "Begin its Dockerfile with FROM hackoregoncivic/backend-docker-django.",
        )
    output = " ".join((done.stderr or done.stdout).split())[-300:]
    raise Impossible(
        f"The checks inside {image.name} failed (exit code {done.returncode}): {output}",
        "Correct the cause that the message names, if it is in your image.",
    )


def configuration(image: Image, port: int) -> Iterator[Finding]:
    """Entry point, ports, health check, and folder are those of the base image."""
    config = image.config
    if image.has_the_images_entry_point:
        yield Finding(OK, "entry point", f"the image's: {ENTRY_POINT}")
    else:
        own = " ".join(config.get("Entrypoint") or []) or "none"
        yield Finding(
            WARNING,
            "entry point",
            f"Your own entry point ({own}) replaces the image's, which waits for databases, "
            "migrates, collects static files, and drops root privileges.",
            "Remove ENTRYPOINT from your Dockerfile, or end your entry point with exec "
            f'{ENTRY_POINT} "$@".',
        )
    exposed = [text.partition("/")[0] for text in config.get("ExposedPorts") or {}]
    if str(port) in exposed:
        yield Finding(OK, "ports", f"exposes {', '.join(exposed)}, listens on {port}")
    else:
        yield Finding(
            WARNING,
            "ports",
            f"The API listens on {port}, but the image exposes {', '.join(exposed) or 'no port'}.",
            f"Add EXPOSE {port} to your Dockerfile, or remove PORT from it.",
        )
    yield _health_check(config)


def _health_check(config: dict[str, Any]) -> Finding:
    test = (config.get("Healthcheck") or {}).get("Test") or []
    if test in (["CMD", HEALTH_CHECK], ["CMD", LINKS[HEALTH_CHECK]]):
        return Finding(OK, "health check", f"the image's: {HEALTH_CHECK}")
    if test in ([], ["NONE"]):
        return Finding(
            PROBLEM,
            "health check",
            "There is no health check, so Docker treats a dead server as healthy.",
            "Remove HEALTHCHECK from your Dockerfile, so that the image's own applies.",
        )
    message = f"Your own health check replaces the image's: {' '.join(test[1:])}"
    fix = "Remove HEALTHCHECK from your Dockerfile, unless yours checks more."
    return Finding(WARNING, "health check", message, fix)


def secrets(image: Image) -> Iterator[Finding]:
    """No password was passed to a build, because `docker history` shows it to everyone."""
    clean = True
    for variable in image.config.get("Env") or []:
        name, _, value = variable.partition("=")
        if _is_secret(name, value):
            clean = False
            yield _leak(f"ENV {name}", PROBLEM)
    env = {variable.partition("=")[0] for variable in image.config.get("Env") or []}
    seen = set()
    for step in image.own if image.own is not None else image.steps:
        for where, status, name in _in_step(step):
            if (where, name) not in seen and not (where == "ENV" and name in env):
                clean = False
                seen.add((where, name))
                yield _leak(f"{where} {name}", status)
    if not clean:
        return
    yield Finding(OK, "secrets in history", "neither docker inspect nor docker history shows one")


def _in_step(step: Step) -> Iterator[tuple[str, str, str]]:
    """Instruction, level, and name of each secret in the step."""
    text = step.instruction
    head, script = text, ""
    shell = SHELL.search(text)
    if shell:
        head, script = text[: shell.start()], text[shell.end() :]
    where = "ENV" if head.startswith("ENV") else "ARG"
    if head.startswith(("ENV ", "ARG ", "RUN |", "|")):
        for name, value in PAIR.findall(head):
            if _is_secret(name, value):
                yield where, PROBLEM, name
    for name, value in PAIR.findall(script):
        if is_secret(name) and _is_value(value):
            # Usually a throwaway key for manage.py collectstatic.
            yield "RUN", WARNING, name
    if LOGIN.search(script):
        yield "RUN", PROBLEM, "with a URL that has a password"


def _is_secret(name: str, value: str) -> bool:
    if not _is_value(value):
        return False
    return is_secret(name) or bool(LOGIN.search(value) or FORMS.search(value))


def _is_value(value: str) -> bool:
    plain = value.strip("\"'")
    return bool(plain) and not plain.startswith("$")


def _masked(text: str) -> str:
    def mask(pair: re.Match[str]) -> str:
        name, value = pair.groups()
        secret = is_secret(name) and _is_value(value)
        # A value can contain pairs itself: OPTIONS="--token=abc".
        return f"{name}={MASK if secret else PAIR.sub(mask, value)}"

    def mask_option(option: re.Match[str]) -> str:
        secret = option["name"] is None or is_secret(option["name"])
        return f"{option[1]}{MASK}" if secret else option[0]

    text = FORMS.sub(MASK, USER_IN_URL.sub(f"{MASK}@", text))
    return PAIR.sub(mask, OPTION.sub(mask_option, text))


def _leak(what: str, status: str) -> Finding:
    fix = "Remove it, change the secret, and pass it to the container: docker run --env-file."
    if what.startswith("RUN") and status == WARNING:
        fix = "Remove it: the image's commands do not need a key at build time."
    elif not what.startswith("ENV"):
        fix = (
            "Change the secret, and pass it to the build with RUN --mount=type=secret, which "
            "leaves no trace in the image."
        )
    return Finding(
        status, "secrets in history", f"{what} has a value that is no longer secret.", fix
    )
