"""What an ASGI server of a team needs: the image's layers, and an address during the start."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from gunicorn.config import Config

from backend.boot import commands, listening
from backend.logs.boot import say
from backend.server import handover

SERVERS = ("uvicorn", "daphne", "hypercorn")
# The application of the project, which backend.asgi imports.
PROJECTS = "BACKEND_ASGI_APPLICATION"
LAYERED = "backend.asgi:application"
MODULE = re.compile(r"[A-Za-z_]\w*(\.\w+)+(:\w+)?")
APPLICATION = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
# The options of each server for its host and its port; hypercorn has one for both.
OPTIONS = {
    "uvicorn": (("--host",), ("--port",)),
    "daphne": (("-b", "--bind"), ("-p", "--port")),
    "hypercorn": (("-b", "--bind"), ()),
}
DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", "8000"
# With these, the server makes the application itself, or listens elsewhere.
FACTORY = "--factory"
ELSEWHERE = {
    *("--uds", "--fd", "-u", "--unix-socket", "-e", "--endpoint"),
    *("--ssl-keyfile", "--keyfile", "--env-file"),
}


def is_used_by(config: Config) -> bool:
    """Whether gunicorn's workers call an ASGI application."""
    worker: str = config.worker_class_str
    return worker == "asgi" or worker.startswith(("gunicorn.workers.gasgi", "uvicorn"))


def with_layers(command: list[str], server: commands.Program) -> list[str]:
    """The command with the image's layers around its application, if that is named in it."""
    names = [word for word in server.words if APPLICATION.fullmatch(word)]
    if len(names) != 1 or FACTORY in server.words:
        say(f"{server.name} has no health pages, because its command names no ASGI application")
        return command
    os.environ[PROJECTS] = names[0]
    return [word.replace(names[0], LAYERED) for word in command]


def answering(server: commands.Program, prefix: str) -> handover.Answering | None:
    """Respond where the server will listen, if its command names a TCP port or none."""
    options = {name: os.path.expandvars(value) for name, value in _options(server.words)}
    hosts, ports = OPTIONS[server.name]
    host = next((options[name] for name in hosts if name in options), DEFAULT_HOST)
    port = next((options[name] for name in ports if name in options), DEFAULT_PORT)
    if not ports:
        host, port = host.rsplit(":", 1) if ":" in host else (host, DEFAULT_PORT)
    if options.keys() & ELSEWHERE or not port.isdigit():
        return None
    config = Config()
    config.set("bind", f"[{host}]:{port}" if ":" in host.strip("[]") else f"{host}:{port}")
    return handover.Answering(listening.bind(config), prefix)


def _options(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    for word, following in pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if name.startswith("-"):
            yield name, value if equals else following
