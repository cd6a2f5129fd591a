"""Docker's health check works with any server, wherever it listens."""

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

pytestmark = pytest.mark.engine

OFTEN = "--health-interval=1s"
AT_ONCE = 3  # containers
HANGING = ("PORT from a file", "TLS", "Unix socket")
# A server that the image recognizes only by its name, and that does not speak HTTP.
UVICORN = """#!/opt/venv/bin/python
import socketserver

class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"not for you")

socketserver.TCPServer(("127.0.0.1", 9300), Answer).serve_forever()
"""
ENTRY_POINT = "/opt/backend/bin/docker-entrypoint.sh"
START = """#!/bin/sh
echo "this script starts it"
$1 gunicorn backend.wsgi -c /code/gunicorn_conf.py --bind 127.0.0.1:9600 --workers 1
"""
WAITS = "echo waiting; exec sleep 600"


@dataclass(frozen=True)
class Case:
    name: str
    command: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()

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
    Case(
        "runserver",
        ("python", "-Wall", "manage.py", "runserver", "127.0.0.1:9200"),
        logs=("DeprecationWarning", "This is a development server"),
    ),
    Case("server of another kind", ("uvicorn", "team.asgi:application")),
    # Nobody migrates its SQLite file.
    Case("worker", ("celery", "--app", "team", "worker"), env={"DB_WAIT": "false"}),
    Case("below Docker's init", ("sleep", "600"), options=("--init",)),
    Case("another entry point", ("-c", WAITS), options=("--entrypoint", "sh")),
    Case("full memory", options=("--tmpfs", "/dev/shm:size=4k")),
    Case(
        "nowhere to write",
        # Collecting static files into an empty folder takes most of a minute.
        env={"COLLECTSTATIC": "false"},
        options=("--read-only", "--tmpfs", "/data:mode=777", "--tmpfs", "/dev/shm:ro"),
        logs=("No directory at: /data/static/",),
    ),
]


@dataclass(frozen=True)
class Seen:
    """The log of a container that became healthy, and the result of its check while it hung."""

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
        started.may_log(*case.logs)
        try:
            until(lambda: health(started) == "healthy", f"{case} is healthy")
            hanging = asked_while_it_hangs(started) if case.name in HANGING else ""
            return Seen(started.logs(), hanging)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{started.logs()}") from None
        finally:
            started.remove()  # its checks use more CPU time than its server

    with ThreadPoolExecutor(AT_ONCE) as threads:
        futures = {case.name: threads.submit(run, case) for case in CASES}
        yield lambda name: futures[name].result()
    containers.clean()


def health(container: Container) -> str:
    return container.inspect()["State"]["Health"]["Status"]


def asked(container: Container) -> str:
    """The exit code of the health check, or 124 if it waits for a server that hangs."""
    return container.exec("bash", "-c", "timeout 1 bin/healthcheck; echo $?").strip()


def asked_while_it_hangs(container: Container) -> str:
    container.exec("bash", "-c", "kill -STOP -1")
    return asked(container)


@pytest.mark.parametrize("name", [case.name for case in CASES])
def test_every_server_becomes_healthy(seen: Callable[[str], Seen], name: str) -> None:
    assert seen(name)


@pytest.mark.parametrize("name", HANGING)
def test_server_that_hangs_is_unhealthy(seen: Callable[[str], Seen], name: str) -> None:
    assert seen(name).hanging.endswith("124")


def test_shell_form_is_prepared_and_has_the_images_server(seen: Callable[[str], Seen]) -> None:
    log = seen("shell form").log
    assert "the command names no gunicorn configuration: using /opt/backend/gunicorn_conf.py" in log
    assert "boot: ready to serve" in log
    assert "Using worker: backend.server.worker.Worker" in log
    assert "runs under a shell" not in log
    assert "boot: ready to serve" in seen("runserver").log
    assert "boot: ready to work" in seen("worker").log
    assert "boot:" not in seen("below Docker's init").log


def test_shell_that_keeps_the_signal_causes_a_warning(containers: Containers) -> None:
    done = containers.run("sh", "-c", "true && gunicorn --version; echo ended")
    assert "WARNING: gunicorn runs under a shell, which does not forward the signal" in done.stdout


def test_server_below_a_script_causes_a_warning_and_is_still_checked(
    containers: Containers, tmp_path: Path
) -> None:
    script = write(tmp_path, {"start.sh": START}) / "start.sh"
    script.chmod(0o755)
    mounts = {script: "/code/start.sh:ro"}
    container = containers.start("./start.sh", mounts=mounts)
    through_the_image = containers.start("./start.sh", ENTRY_POINT, mounts=mounts)
    warning = "./start.sh, line 3: gunicorn was started without the image's entry point"
    container.may_log(warning)
    through_the_image.may_log("./start.sh, line 3: gunicorn runs under a shell")
    until(lambda: warning in container.logs(), "the warning")
    assert container.logs().count(warning) == 1
    assert asked(container) == "0"
    assert asked_while_it_hangs(container).endswith("124")
    until(lambda: "Listening at" in through_the_image.logs(), "the server")
    below_shell = "boot: WARNING: ./start.sh, line 3: gunicorn runs under a shell"
    assert below_shell in through_the_image.logs()
    until(lambda: asked(through_the_image) == "0", "it is healthy")
    assert warning not in through_the_image.logs()


@pytest.mark.parametrize("last", ["gunicorn backend.wsgi -c gunicorn_conf.py", '"$@"'])
def test_server_below_a_script_that_is_the_entry_point_causes_a_warning(
    containers: Containers, tmp_path: Path, last: str
) -> None:
    script = write(tmp_path, {"start.sh": f"#!/bin/bash\nset -e\n{last}\n"}) / "start.sh"
    script.chmod(0o755)
    options = ["--entrypoint", "/code/start.sh", "--user", "1001:0"]
    command = ["gunicorn", "backend.wsgi", "-c", "gunicorn_conf.py"] if "$" in last else []
    mounts = {script: "/code/start.sh:ro"}
    container = containers.start(*command, options=options, mounts=mounts)
    warning = "/code/start.sh, line 3: gunicorn was started without the image's entry point"
    container.may_log(warning)
    until(lambda: warning in container.logs(), "the warning")
    assert "The shell above it does not forward the signal" in container.logs()
    fix = "exec /opt/backend/bin/docker-entrypoint.sh gunicorn backend.wsgi"
    assert f"{fix} -c gunicorn_conf.py\n" in container.logs()


def test_containers_that_share_memory_have_a_check_each(containers: Containers) -> None:
    first = containers.start(options=["--ipc", "shareable"]).wait_until_serving()
    share = ["--ipc", f"container:{first.name}"]
    for options in ([], ["--user", "2000:0"]):
        done = containers.run("true", options=[*share, *options])
        assert (done.returncode, done.stderr) == (0, "")
    assert asked(first) == "0"
    assert asked_while_it_hangs(first).endswith("124")


def test_server_can_listen_on_ipv4_and_ipv6(containers: Containers) -> None:
    container = containers.start("--bind", "[::]:8000").wait_until_ready()
    ask = "exec 3<>/dev/tcp/::1/8000; printf 'GET /health/live HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
    assert '{"status": "live"}' in container.exec("bash", "-c", ask)


def test_address_that_the_container_does_not_have_stops_the_start(containers: Containers) -> None:
    no_ipv6 = ("--sysctl", "net.ipv6.conf.all.disable_ipv6=1")
    done = containers.run("--bind", "[::1]:8000", options=no_ipv6)
    assert done.returncode == 1
    place = "The server cannot listen: connection to ('::1', 8000) failed"
    assert_two_lines(done.stderr, place, "Cannot assign requested address", "Bind to 0.0.0.0")
