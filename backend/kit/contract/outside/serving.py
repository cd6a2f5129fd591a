"""Requests to a running container of the image: health, pages, and static files."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

from backend.conf.findings import OK, PROBLEM, SKIPPED, WARNING, Finding
from backend.kit.contract.outside.engine import Answer, Container, docker
from backend.kit.contract.outside.image import Image

TYPES = {".css": "text/css", ".js": "text/javascript"}
HEALTH = {"live": "/health/live", "ready": "/health/ready"}
NEVER_ROOT = (
    "Keep the image's ENTRYPOINT, or drop root privileges in your own: exec setpriv --reuid 1001 "
    '--regid 0 --clear-groups -- "$@"'
)


def all_of(container: Container, image: Image, facts: dict[str, Any]) -> Iterator[Finding]:
    """All checks of a container that is ready."""
    yield user(container)
    yield from health(container, facts["prefix"])
    yield docker_health(container, image)
    yield landing(container, facts)
    yield schema(container, facts)
    yield from static_files(container, facts)


def user(container: Container) -> Finding:
    """No process of the container runs as root."""
    users = container.users()
    if users and "0" not in users:
        return Finding(OK, "processes", f"run as UID {', '.join(users)}, none as root")
    message = f"Some processes run as root; the UIDs are {', '.join(users) or 'unknown'}."
    return Finding(PROBLEM, "processes", message, NEVER_ROOT)


def health(container: Container, prefix: str) -> Iterator[Finding]:
    """Both probes respond, and no URL of the team hides them."""
    for path in HEALTH.values():
        answer = _ask(container, prefix + path)
        document = _json(answer)
        if answer and answer.status == 200 and document.get("status") in ("live", "ready", "busy"):
            yield Finding(OK, path, "200")
        elif answer and document.get("status") == "degraded":
            yield Finding(WARNING, path, "degraded", f"See its checks: {document['checks']}")
        else:
            yield Finding(
                PROBLEM,
                path,
                f"This is not the image's response: {_describe(answer)}",
                "Serve backend.wsgi, as the image's CMD does.",
            )


def docker_health(container: Container, image: Image) -> Finding:
    """The command of HEALTHCHECK succeeds, because the API is ready."""
    test = (image.config.get("Healthcheck") or {}).get("Test") or ["NONE"]
    command = test[1:] if test[0] == "CMD" else ["/bin/sh", "-c", *test[1:]]
    if test[0] == "NONE":
        return Finding(SKIPPED, "docker's health", "the image has no HEALTHCHECK")
    done = docker("exec", container.name, *command, check=False)
    if done.returncode == 0:
        return Finding(OK, "docker's health", "healthy")
    output = " ".join((done.stderr + done.stdout).split())[:200]
    return Finding(
        PROBLEM,
        "docker's health",
        f"unhealthy, although the API is ready: {output}",
        "Remove HEALTHCHECK from your Dockerfile. The image's own follows PORT.",
    )


def landing(container: Container, facts: dict[str, Any]) -> Finding:
    """The landing page."""
    answer = _ask(container, f"{facts['prefix']}/")
    if answer and answer.status < 400:
        page = "the image's landing page" if facts["landing"] else "a page of your own"
        return Finding(OK, "/", f"{answer.status}, {page}")
    if answer and answer.status < 500 and not facts["landing"]:
        return Finding(
            *(WARNING, "/", f"{answer.status}, from your own URL pattern"),
            "Add a page for this path, or remove the pattern to get the image's landing page.",
        )
    fix = "To see the error, run docker run --env DEBUG=true IMAGE, and open the page."
    return Finding(PROBLEM, "/", _describe(answer), fix)


def schema(container: Container, facts: dict[str, Any]) -> Finding:
    """The OpenAPI document, as clients fetch it."""
    if not facts["schema"]:
        return Finding(SKIPPED, "/swagger.json", "your settings or URLs remove it")
    answer = _ask(container, f"{facts['prefix']}/swagger.json")
    document = _json(answer)
    if answer and answer.status == 200 and document.get("swagger") == "2.0":
        return Finding(OK, "/swagger.json", f"200, {len(document['paths'])} paths")
    return Finding(
        PROBLEM,
        "/swagger.json",
        _describe(answer),
        "To see which serializer or view raises an error, run docker run IMAGE check.",
    )


def static_files(container: Container, facts: dict[str, Any]) -> Iterator[Finding]:
    """A style sheet and a script have the right type, and caches can keep them forever."""
    url = facts["static_url"] or ""
    if "://" in url or not facts["static_samples"]:
        message = "another host serves them, or there are none"
        yield Finding(SKIPPED, "static files, served", message)
        return
    manifest = f"{facts['static_root']}/staticfiles.json"
    done = docker("exec", container.name, "cat", manifest, check=False)
    if done.returncode:
        yield Finding(
            PROBLEM,
            "static files, served",
            f"{manifest} is missing in the running container.",
            "Keep the image's STORAGES['staticfiles'], and do not set COLLECTSTATIC=false.",
        )
        return
    paths = json.loads(done.stdout)["paths"]
    for name in facts["static_samples"]:
        yield _static_file(container, name, paths.get(name), url)


def _static_file(container: Container, name: str, hashed: str | None, url: str) -> Finding:
    if hashed is None:
        return Finding(
            PROBLEM,
            "static files, served",
            f"{name} is not collected.",
            "Run python manage.py collectstatic --noinput in your Dockerfile.",
        )
    answer = _ask(container, url + hashed)
    kind = answer.headers.get("content-type") if answer else None
    wrong = []
    if not answer or answer.status != 200:
        wrong.append(_describe(answer))
    else:
        wanted = TYPES[name[name.rindex(".") :]]
        if not (kind or "").startswith(wanted):
            wrong.append(f"Content-Type is {kind}, not {wanted}")
        if "immutable" not in answer.headers.get("cache-control", ""):
            wrong.append(f"Cache-Control is {answer.headers.get('cache-control')}, not immutable")
    if wrong:
        return Finding(
            PROBLEM,
            "static files, served",
            f"{url}{hashed}: {'; '.join(wrong)}.",
            "Keep WhiteNoise in MIDDLEWARE, and the image's STORAGES['staticfiles'].",
        )
    return Finding(OK, "static files, served", f"{url}{hashed}: {kind}, cached forever")


def _ask(container: Container, path: str) -> Answer | None:
    try:
        return container.ask(path)
    except (OSError, http.client.HTTPException):
        return None


def _json(answer: Answer | None) -> dict[str, Any]:
    try:
        document = json.loads(answer.body) if answer else {}
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _describe(answer: Answer | None) -> str:
    if answer is None:
        return "no response"
    return f"{answer.status} {' '.join(answer.body[:200].decode(errors='replace').split())}"
