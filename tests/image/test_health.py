"""Docker's health check follows what runs: whatever that is, and wherever it listens."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.broken import write
from tests.support.containers import Container, Containers, until
from tests.support.projects import assert_two_lines

OFTEN = "--health-interval=1s"
AT_ONCE = 3  # containers
HANGING = ("PORT from a file", "TLS", "Unix socket")
# A server that the image knows by its name only, and that speaks no HTTP.
UVICORN = """#!/opt/venv/bin/python
import socketserver

class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"not for you")

socketserver.TCPServer(("127.0.0.1", 9300), Answer).serve_forever()
"""
WAITS = "echo waiting; exec sleep 600"


@dataclass(frozen=True)
class Case:
    name: str
    command: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


CASES = [
    Case("PORT from a file", env={"PORT_FILE": "/run/mounted/port"}),
    Case("bind at one address", ("--bind", "127.0.0.2:9100")),
    Case("IPv6 alone", ("--bind", "[::1]:9100")),
    Case("without IPv6", options=("--sysctl", "net.ipv6.conf.all.disable_ipv6=1")),
    Case("Unix socket", ("--bind", "unix:/tmp/api.sock")),
    Case(
        "TLS",
        ("--certfile", "/run/mounted/cert.pem", "--keyfile", "/run/mounted/key.pem"),
    ),
    Case("shell form", ("/bin/sh", "-c", "gunicorn backend.wsgi --bind 0.0.0.0:9100")),
    Case("configuration of its own", ("gunicorn", "backend.wsgi", "-c", "/run/mounted/own.py")),
    Case("runserver", ("python", "-Wall", "manage.py", "runserver", "127.0.0.1:9200")),
    Case("server of another kind", ("uvicorn", "team.asgi:application")),
    Case("worker", ("celery", "--app", "team", "worker")),
    Case("below Docker's init", ("celery", "worker"), options=("--init",)),
    Case("another entry point", ("-c", WAITS), options=("--entrypoint", "sh")),
    Case(
        "nowhere to write",
        # To collect them into an empty folder takes most of a minute.
        env={"COLLECTSTATIC": "false"},
        options=("--read-only", "--tmpfs", "/data:mode=777", "--tmpfs", "/dev/shm:ro"),
    ),
]


@dataclass(frozen=True)
class Seen:
    """The log of a container that became healthy; what its check said while it hung."""

    log: str
    hanging: str


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Seen]]:
    folder = tmp_path_factory.mktemp("health")
    programs = {"uvicorn": UVICORN, "celery": "#!/bin/sh\n" + WAITS}
    write(folder, {**programs, "port": "9400\n", "own.py": 'bind = "127.0.0.1:9500"\n'})
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=elsewhere"]
    files = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run([*make, *files], check=True, capture_output=True)
    for file in (folder, *folder.iterdir()):
        file.chmod(0o755)
    mounts: dict[str | Path, str] = {folder: "/run/mounted:ro"}
    mounts |= {folder / name: f"/usr/local/bin/{name}:ro" for name in programs}
    containers = Containers()

    def run(case: Case) -> Seen:
        options = (OFTEN, *case.options)
        started = containers.start(*case.command, env=case.env, mounts=mounts, options=options)
        try:
            until(lambda: health(started) == "healthy", f"{case} is healthy")
            hanging = asked_while_it_hangs(started) if case.name in HANGING else ""
            return Seen(started.logs(), hanging)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{started.logs()}") from None
        finally:
            started.remove()  # its checks cost more than it does

    with ThreadPoolExecutor(AT_ONCE) as threads:
        futures = {case.name: threads.submit(run, case) for case in CASES}
        yield lambda name: futures[name].result()
    containers.clean()


def health(container: Container) -> str:
    return container.inspect()["State"]["Health"]["Status"]


def asked_while_it_hangs(container: Container) -> str:
    container.exec("bash", "-c", "kill -STOP $(cat /proc/1/task/1/children)")
    return container.exec("bash", "-c", "timeout 1 bin/healthcheck; echo $?").strip()


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_what_runs_becomes_healthy(seen: Callable[[str], Seen], name: str) -> None:
    assert seen(name)


@pytest.mark.parametrize("name", HANGING)
def test_server_that_hangs_is_not_well(seen: Callable[[str], Seen], name: str) -> None:
    assert seen(name).hanging.endswith("124")


def test_shell_form_is_prepared_and_has_the_images_server(seen: Callable[[str], Seen]) -> None:
    log = seen("shell form").log
    assert "gunicorn is given no configuration: it takes /code/gunicorn_conf.py" in log
    assert "boot: ready to serve" in log
    assert "Using worker: backend.server.worker.Worker" in log
    assert "runs below a shell" not in log
    assert "boot: ready to serve" in seen("runserver").log
    assert "boot:" not in seen("worker").log


def test_shell_that_keeps_the_signal_is_warned_of(containers: Containers) -> None:
    done = containers.run("sh", "-c", "true && gunicorn --version; echo ended")
    assert "WARNING: gunicorn runs below a shell, which keeps the signal" in done.stdout


def test_address_that_this_container_has_not_stops_the_start(containers: Containers) -> None:
    no_ipv6 = ("--sysctl", "net.ipv6.conf.all.disable_ipv6=1")
    done = containers.run("--bind", "[::1]:8000", options=no_ipv6)
    assert done.returncode == 1
    place = "The server cannot listen: connection to ('::1', 8000) failed"
    assert_two_lines(done.stderr, place, "Cannot assign requested address", "bind to 0.0.0.0")
