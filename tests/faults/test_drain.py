"""SIGTERM loses no request if the proxy checks readiness and the grace period is long enough."""

from __future__ import annotations

import contextlib
import csv
import http.client
import io
import json
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from tests.conftest import PostGIS
from tests.faults.conftest import Report
from tests.support.broken import write
from tests.support.containers import Container, Containers, docker, until

pytestmark = [pytest.mark.engine, pytest.mark.alone]

ROLLED = 20_000  # requests, at least
URLS = '''
import os
import socket
import time

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from backend.server import phase

if not os.path.exists("/tmp/gate"):
    os.mkfifo("/tmp/gate")


def hello(request):
    return JsonResponse({"host": socket.gethostname()})


def gate(request):
    """Respond when the test opens the gate."""
    print("at the gate", flush=True)
    open("/tmp/gate").read()
    return HttpResponse("opened")


def stream(request):
    """Send a line every 0.1 s. The last one is the phase."""
    def lines():
        print("stream begins", flush=True)
        for number in range(int(request.GET["lines"])):
            yield f"{number}\\n"
            time.sleep(0.1)
        yield phase.current().name
    return StreamingHttpResponse(lines(), content_type="text/plain")


@csrf_exempt
def upload(request):
    print("upload begins", flush=True)
    size = len(request.read())
    return JsonResponse({"size": size, "phase": phase.current().name})


urlpatterns = [
    path("hello/", hello), path("gate/", gate), path("stream/", stream), path("upload/", upload)
]
'''


def settings(folder: Path, gunicorn_conf: str = "") -> dict[Path, str]:
    """The mount of a project with the views above."""
    write(folder, {"urls.py": URLS, "gunicorn_conf.py": gunicorn_conf})
    folder.chmod(0o755)
    return {folder: "/code/local_settings"}


def terminate(container: Container) -> None:
    docker("kill", "--signal", "TERM", container.name)


def connects(container: Container) -> bool:
    """Whether the server accepts a connection from inside, where no proxy accepts it instead."""
    return container.exec("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8000", check=False) == ""


class Answer(threading.Thread):
    """The response to one request, which can take a long time."""

    def __init__(self, ask: Callable[[], requests.Response]) -> None:
        super().__init__()
        self.ask = ask
        self.response: requests.Response | None = None
        self.error: requests.RequestException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.response = self.ask()
        except requests.RequestException as error:
            self.error = error


def held_request(container: Container) -> Answer:
    """A request that a worker holds until the gate opens."""
    answer = Answer(lambda: requests.get(container.url("/gate/"), timeout=60))
    until(lambda: "at the gate" in container.logs(), "a worker has the request")
    return answer


def open_gate(container: Container) -> None:
    container.exec("sh", "-c", "echo > /tmp/gate", user="1001")


# ---------------------------------------------------------------------------


def test_while_it_drains_it_is_not_ready_and_serves_each_connections_last_answer(
    containers: Containers, tmp_path: Path
):
    container = containers.start(env={"DRAIN_SECONDS": "300"}, mounts=settings(tmp_path))
    container.wait_until_ready()
    assert container.get("/hello/").headers["Connection"] == "keep-alive"
    terminate(container)
    until(lambda: container.get("/health/ready").status_code == 503, "not ready")
    state = container.get("/health/ready").json()
    assert (state["phase"], state["since"][-1]) == ("draining", "Z")
    assert container.get("/health/live").status_code == 200
    for _ in range(10):  # of both workers
        answer = container.get("/hello/")
        assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
    assert (
        "This container is stopping"
        in container.get("/health/", headers={"Accept": "text/html"}).text
    )
    terminate(container)  # a second signal ends the wait
    assert container.exit_code() == 0


def test_stop_waits_for_the_drain_seconds_and_ends_with_exit_code_0(
    containers: Containers, tmp_path: Path
):
    container = containers.start(env={"DRAIN_SECONDS": "2"}, mounts=settings(tmp_path))
    container.wait_until_ready()
    started = time.monotonic()
    terminate(container)
    assert container.exit_code() == 0
    assert time.monotonic() - started >= 2
    assert "Draining: not ready, but accepting requests for another 2 s" in container.logs()
    assert "SIGKILL" not in container.logs()


def test_request_in_flight_is_finished_and_nobody_else_is_left_hanging(
    containers: Containers, tmp_path: Path
):
    container = containers.start(mounts=settings(tmp_path)).wait_until_ready()
    held = held_request(container)
    assert connects(container)
    terminate(container)
    # Otherwise the backlog of the listening socket would accept them, and reset them at the end.
    until(lambda: not connects(container), "new connections are refused")
    assert held.is_alive()
    open_gate(container)
    held.join()
    assert held.error is None
    assert (held.response.status_code, held.response.text) == (200, "opened")
    assert container.exit_code() == 0
    assert "Cut" not in container.logs()


def test_silent_connection_does_not_hold_up_the_stop(containers: Containers, tmp_path: Path):
    env = {"WEB_CONCURRENCY": "1", "WEB_THREADS": "1"}
    container = containers.start(env=env, mounts=settings(tmp_path)).wait_until_ready()
    code = (
        "import socket; s = socket.create_connection(('127.0.0.1', 8000)); "
        "print('connected', flush=True); s.recv(1)"
    )
    client = subprocess.Popen(
        ["docker", "exec", container.name, "python", "-c", code], stdout=subprocess.PIPE, text=True
    )
    with client:
        assert client.stdout.readline() == "connected\n"
        # The only thread waits 5 s for the client. After this response, it no longer does.
        assert container.get("/hello/").status_code == 200
        started = time.monotonic()
        terminate(container)
        assert container.exit_code() == 0
        assert time.monotonic() - started < 15  # and not the 30 s of the grace period


def test_request_longer_than_the_grace_period_is_cut_and_logged(
    containers: Containers, tmp_path: Path
):
    containers.may_log("Cut off after the grace period")
    mounts = settings(tmp_path, "graceful_timeout = 1\n")
    container = containers.start(mounts=mounts).wait_until_ready()
    held = held_request(container)
    terminate(container)
    assert container.exit_code() == 0
    held.join()
    assert isinstance(held.error, requests.ConnectionError)
    log = container.logs()
    assert re.search(
        r"Cut off after the grace period of 1 s: 1 request\(s\): GET /gate/ \(\d+ s\)", log
    )
    assert "SIGKILL" not in log


def test_hooks_of_a_team_run_in_addition_to_those_of_the_image(
    containers: Containers, tmp_path: Path
):
    names = ("on_starting", "when_ready", "post_worker_init")
    conf = "".join(f"def {name}(it):\n    print('team: {name}', flush=True)\n\n" for name in names)
    container = containers.start(env={"DRAIN_SECONDS": "300"}, mounts=settings(tmp_path, conf))
    container.wait_until_ready()
    assert all(f"team: {name}" in container.logs() for name in names)
    terminate(container)
    until(lambda: container.get("/health/ready").status_code == 503, "draining")


# ---------------------------------------------------------------------------
# Two replicas behind a proxy, rolled one after the other


@dataclass
class Load:
    """Clients that send requests without a pause until ``stop``, and their results."""

    address: tuple[str, int]
    sent: int = 0
    failures: list[str] = field(default_factory=list)
    last_phases: Counter = field(default_factory=Counter)
    enough: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, client: Callable[[], None], count: int) -> None:
        for _ in range(count):
            self.thread(self._repeat, client)

    def thread(self, work: Callable, client: Callable[[], None]) -> None:
        self.threads.append(threading.Thread(target=work, args=(client,)))
        self.threads[-1].start()

    def _repeat(self, client: Callable[[], None]) -> None:
        while not self.enough.is_set():
            self._once(client)

    def _once(self, client: Callable[[], None]) -> None:
        try:
            client()
        except (OSError, http.client.HTTPException, AssertionError) as error:
            with self.lock:
                self.failures.append(f"{client.__name__}: {error!r}")

    def meet(self, client: Callable[[], None], replica: Container) -> None:
        """Start requests until one has begun in ``replica``; each takes four seconds."""
        line = f"{client.__name__} begins"
        before = replica.logs().count(line)

        def has_begun() -> bool:
            self.thread(self._once, client)
            return replica.logs().count(line) > before

        until(has_begun, f"{line} in {replica.name}")

    def stop(self) -> None:
        self.enough.set()
        for thread in self.threads:
            thread.join()

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(*self.address, timeout=60)

    def count(self) -> None:
        with self.lock:
            self.sent += 1

    def kept(self) -> None:
        """Many requests over one connection."""
        with contextlib.closing(self.connect()) as connection:
            while not self.enough.is_set():
                self.hello(connection)

    def fresh(self) -> None:
        """A connection for each request."""
        with contextlib.closing(self.connect()) as connection:
            self.hello(connection)

    def hello(self, connection: http.client.HTTPConnection) -> None:
        self.count()
        connection.request("GET", "/hello/")
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (answer.status, body)
        assert json.loads(body)["host"]

    def stream(self) -> None:
        """A response of four seconds, complete to its last line."""
        self.count()
        with contextlib.closing(self.connect()) as connection:
            connection.request("GET", "/stream/?lines=40")
            answer = connection.getresponse()
            lines = answer.read().decode().splitlines()
            assert answer.status == 200, (answer.status, lines)
            assert lines[:-1] == [str(number) for number in range(40)], lines
            self.last_phases["stream", lines[-1]] += 1

    def upload(self) -> None:
        """A body of four seconds, too large to be collected before a thread gets it."""
        self.count()
        with contextlib.closing(self.connect()) as connection:
            connection.putrequest("POST", "/upload/")
            connection.putheader("Content-Length", "80000")
            connection.endheaders()
            for _ in range(40):
                connection.send(b"x" * 2000)
                time.sleep(0.1)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == 200, (answer.status, body)
            document = json.loads(body)
            assert document["size"] == 80_000
            self.last_phases["upload", document["phase"]] += 1


def states(proxy: Container) -> list[str]:
    """The states of the servers, according to the proxy."""
    rows = csv.DictReader(io.StringIO(proxy.get("/proxy-state;csv").text))
    return [row["status"] for row in rows if row["svname"] in ("a", "b")]


def test_rolling_two_replicas_under_load_fails_no_request(
    containers: Containers, postgis: PostGIS, tmp_path: Path, report: Report
):
    mounts = settings(tmp_path)
    env = postgis.env(postgis.database(), DRAIN_SECONDS="1", WEB_THREADS="8", WEB_CONCURRENCY="1")

    def replica(name: str) -> Container:
        place = ["--network", postgis.network, "--network-alias", f"replica-{name}"]
        flags = ("--access-logfile", "/dev/null")
        return containers.start(*flags, env=env, mounts=mounts, options=place).wait_until_ready()

    replicas = {name: replica(name) for name in ("a", "b")}
    image = containers.build(Path(__file__).parent / "proxy")
    proxy = containers.start(image=image, options=["--network", postgis.network])
    proxy.may_log("[WARNING]")  # HAProxy: which replica is up, and which is down

    def both_are_up() -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return all(state.startswith("UP") for state in states(proxy))
        return False

    until(both_are_up, "the proxy sees both replicas")
    host, port = docker("port", proxy.name, "8000/tcp").stdout.splitlines()[0].split(":")
    load = Load((host, int(port)))
    try:
        load.start(load.kept, 4)
        load.start(load.fresh, 2)
        for name, old in replicas.items():
            load.meet(load.stream, old)
            load.meet(load.upload, old)
            docker("stop", "--time", "60", old.name)
            assert old.exit_code() == 0
            assert "Cut" not in old.logs()
            old.remove()
            replica(name)
            until(both_are_up, f"the proxy sees the new replica {name}")
        until(lambda: load.sent > ROLLED, "all requests", patience=600)
    finally:
        load.stop()
    streams, uploads = (load.last_phases[kind, "draining"] for kind in ("stream", "upload"))
    promised = f"no request fails ({streams} streams, {uploads} uploads ended while draining)"
    counts = {"sent": load.sent, "failed": len(load.failures), "lost": 0}
    report.add("two replicas rolled behind haproxy", promised, **counts)
    assert not load.failures, Counter(load.failures).most_common(5)
    assert load.sent >= ROLLED
    assert load.last_phases["stream", "draining"] >= 2
    assert load.last_phases["upload", "draining"] >= 2
