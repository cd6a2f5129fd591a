"""The commands of a project's processes: its server, if it is not the image's own, and workers."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping

from backend.kit.adopt import containers

SERVERS = {"daphne", "uvicorn", "hypercorn", "granian"}
# The arguments with which each listens where the image's health check asks.
ADDRESS = "0.0.0.0"  # noqa: S104  of the container
LISTENING = {
    "daphne": ["--bind", ADDRESS, "--port", "8000"],
    "granian": ["--interface", "asgi", "--host", ADDRESS, "--port", "8000"],
    "hypercorn": ["--bind", f"{ADDRESS}:8000"],
    "uvicorn": ["--host", ADDRESS, "--port", "8000"],
}
WORKERS = {"celery", "python", "python3", "./manage.py", "rq", "dramatiq"}
# Commands of manage.py that end, or that are the server.
NOT_WORKERS = re.compile(
    r"\b(runserver\w*|migrate\w*|makemigrations|collectstatic|createsuperuser|loaddata|shell\w*"
    r"|test|compilemessages|wait_for\w*|pytest)\b"
)
PORT = re.compile(r"\$\{?PORT(:-\d+)?\}?")
START = re.compile(rf"\b(gunicorn|{'|'.join(sorted(SERVERS))})\s.*")


def server(texts: Mapping[str, str], folder: str, asgi: str, requirements: str) -> str:
    """The CMD for the server, as JSON, or empty if the image's own is the same.

    ``asgi`` is the setting ASGI_APPLICATION, of a project that speaks more than HTTP.
    ``requirements`` are the texts of the files that name its packages.
    """
    # With a configuration of its own, gunicorn needs to know the module.
    has_own = posixpath.join(folder, "gunicorn.conf.py") in texts
    for command in _commands(texts):
        words = _words(command)
        if not words:
            continue
        configured = words[0] == "gunicorn" and (has_own or {"-c", "--config"} & set(words))
        if words[0] in SERVERS or any("asgi" in word for word in words) or configured:
            return json.dumps(words)
    module, _, application = asgi.rpartition(".")
    for name in sorted(SERVERS):
        if module and re.search(rf"\b{name}\b", requirements):
            return json.dumps([name, *LISTENING[name], f"{module}:{application}"])
    modules = [
        posixpath.relpath(path, folder or ".").removesuffix(".py").replace("/", ".")
        for path in sorted(texts)
        if path.startswith(folder) and posixpath.basename(path) == "wsgi.py"
    ]
    return json.dumps(["gunicorn", modules[0]]) if has_own and modules else ""


def _commands(texts: Mapping[str, str]) -> Iterator[str]:
    """The commands that can start the server: in Procfile, Dockerfiles, Compose, and scripts."""
    for name, command, _ in containers.processes(texts.get("Procfile", "")):
        if name == "web":
            yield command
    for path, text in sorted(texts.items(), key=lambda item: (item[0].count("/"), item[0])):
        if containers.FOR_DEVELOPERS.search(path):
            continue
        if containers.is_dockerfile(path, text):
            for each in containers.instructions(text):
                if each.word in ("CMD", "ENTRYPOINT"):
                    yield _from_json(each.rest)
        elif path.endswith((".yml", ".yaml")):
            yield from (service.text("command") for service in containers.services(text))
        elif containers.is_script(path, text):
            for line in text.replace("\\\n", " ").splitlines():
                if not line.lstrip().startswith("#"):
                    yield line


def _from_json(command: str) -> str:
    """A command in the form of an instruction: ``["a", "b"]`` or ``a b``."""
    try:
        words = json.loads(command)
    except ValueError:
        return command
    return shlex.join(map(str, words)) if isinstance(words, list) else command


def _words(command: str) -> list[str]:
    """The words of a command that is or ends with a server, without those that need a shell."""
    match = START.search(PORT.sub("8000", command))
    if match is None or " install " in command or re.search(r"[;&|<>`]", match[0]):
        return []
    try:
        words = shlex.split(match[0])
    except ValueError:
        return []
    kept: list[str] = []
    for word in words:
        if "$" in word:
            if kept[-1].startswith("-") and "=" not in word:
                kept.pop()
        elif word != "--reload":
            kept.append(word)
    return kept


def workers(texts: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """The other processes: name, command as YAML, and the file that names them."""
    seen = {"api"}
    for name, command, path in _others(texts):
        words = containers.command_of(command)
        if not words or words[0] not in WORKERS or NOT_WORKERS.search(command):
            continue
        if name.lower() not in seen and json.dumps(words) not in seen:
            seen |= {name.lower(), json.dumps(words)}
            yield name.lower(), json.dumps(words), path


def _others(texts: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name, command, _ in containers.processes(texts.get("Procfile", "")):
        if name not in ("web", "release"):
            yield name, command, "Procfile"
    for path in containers.compose_files(texts):
        for service in containers.services(texts[path]):
            yield service.name, service.text("command"), path
