"""The responses of a container from its first second, while it prepares."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests.conftest import PostGIS
from tests.support import logs
from tests.support.broken import write
from tests.support.containers import Container, Containers, docker, until
from tests.support.projects import assert_two_lines

pytestmark = pytest.mark.engine

NOBODY = {
    "POSTGRES_HOST": "127.0.0.1",
    "POSTGRES_NAME": "name-of-the-database",
    "POSTGRES_USER": "name-of-the-user",
    "POSTGRES_PASSWORD": "of-no-server",
    "DJANGO_SECRET_KEY": "of-the-tests-and-as-long-as-django-wants-it",
    "DB_WAIT_TIMEOUT": "300",
}
SUPERUSER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "never-in-a-log-7"}
KEY = 4711  # of the advisory lock that the test's migration waits for
MIGRATION = f"""
from django.db import migrations

class Migration(migrations.Migration):
    initial = True
    operations = [migrations.RunSQL("SELECT pg_advisory_xact_lock({KEY})")]
"""
TABLE_ELSEWHERE = """
from django.db import migrations, models

class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel("Count", [("id", models.AutoField(primary_key=True))],
                               options={"in_db": "census"}),
    ]
"""
MODEL_ELSEWHERE = """
from django.db import models

class Count(models.Model):
    id = models.AutoField(primary_key=True)

    class Meta:
        in_db = "census"
"""
DATABASES = ("database:default", "database:census")
SLOW = {
    "slow/__init__.py": "",
    "slow/models.py": "",
    "slow/migrations/__init__.py": "",
    "slow/migrations/0001_initial.py": MIGRATION,
    "census/__init__.py": "",
    "census/models.py": MODEL_ELSEWHERE,
    "census/migrations/__init__.py": "",
    "census/migrations/0001_initial.py": TABLE_ELSEWHERE,
    "local_settings/settings.py": "from backend.hacko_settings import *\n\n"
    'INSTALLED_APPS += ["slow", "census"]\n',
}


def in_phase(container: Container, name: str) -> requests.Response:
    """The response of /health/ready as soon as it names the phase."""

    def answers() -> list[requests.Response]:
        """The response, in a list because a response with status 503 is false."""
        assert container.running, container.logs()
        with contextlib.suppress(requests.ConnectionError):
            answer = container.get("/health/ready")
            return [answer] if answer.json()["phase"] == name else []
        return []

    return until(answers, f"phase {name}")[0]


@contextlib.contextmanager
def held_lock(postgis: PostGIS, database: str) -> Iterator[None]:
    """Hold the lock that the migration waits for."""
    psql = ["psql", "--quiet", "--username", postgis.user, database]
    with subprocess.Popen(
        ["docker", "exec", "--interactive", postgis.host, *psql],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as session:
        session.stdin.write(f"SELECT pg_advisory_lock({KEY});\n\\echo held\n")
        session.stdin.flush()
        while "held" not in session.stdout.readline():
            assert session.poll() is None
        yield
        session.stdin.close()


def test_while_it_waits_it_is_alive_names_what_is_wrong_and_serves_nothing_yet(
    containers: Containers,
):
    containers.may_log("SECRET_KEY")
    container = containers.start(env=NOBODY)
    in_phase(container, "waiting-for-database")
    until(lambda: container.get("/health/ready").json()["checks"], "a first attempt failed")
    ready = container.get("/health/ready")
    assert ready.status_code == 503
    assert int(ready.headers["Retry-After"]) > 0
    assert ready.json()["checks"] == {"database:default": "unreachable"}
    assert ready.json()["since"].endswith("Z")
    for part in ("POSTGRES_HOST", "POSTGRES_NAME", "POSTGRES_USER", "POSTGRES_PASSWORD"):
        assert NOBODY[part] not in ready.text
    assert container.get("/health/live").status_code == 200
    for path in ("/", "/admin/", "/api/stops/?limit=3"):
        answer = container.get(path)
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "waiting-for-database" in answer.json()["detail"]
    assert container.session.head(container.url("/health/live")).status_code == 200
    since = container.get("/health/ready").json()["since"]
    assert since == ready.json()["since"], "since is not the time of the request"
    docker("stop", "--time", "20", container.name)
    assert container.exit_code() == 0


def test_long_migration_is_neither_unhealthy_nor_ready(
    containers: Containers, postgis: PostGIS, tmp_path: Path
):
    write(tmp_path, SLOW)
    mounts = {tmp_path / name: f"/code/{name}" for name in ("slow", "census", "local_settings")}
    database = postgis.database()
    login = f"{postgis.user}:{quote(postgis.password, safe='')}"
    census = f"postgis://{login}@{postgis.host}/{postgis.database()}"
    with held_lock(postgis, database):
        container = containers.start(
            env=postgis.env(database, CENSUS_DATABASE_URL=census),
            mounts=mounts,
            options=["--network", postgis.network, "--health-interval", "250ms"],
        )
        answer = in_phase(container, "migrating")
        assert answer.status_code == 503
        # Of both databases from the first response on, although one is migrated later.
        assert answer.json()["checks"] == dict.fromkeys(DATABASES, "migrations pending")

        def health() -> dict:
            return container.inspect()["State"]["Health"]

        # Three failures in a row make a container unhealthy.
        until(lambda: len(health()["Log"]) > 3, "more checks than Docker tolerates failures")
        assert {probe["ExitCode"] for probe in health()["Log"]} == {1}
        assert health()["Status"] == "starting"
        assert container.get("/health/live").status_code == 200
        assert container.get("/health/ready").json() == answer.json()
    in_phase(container, "ready")
    # The first probe of a database reads its migrations, and is late on a busy machine.
    until(lambda: container.get("/health/ready").status_code == 200, "every database has answered")
    assert container.get("/health/ready").json()["checks"] == dict.fromkeys(DATABASES, "ok")
    until(lambda: health()["Status"] == "healthy", "healthy")


SLOW_IMPORTS = """
import os
import time
from pathlib import Path

again = "DJANGO_SUPERUSER_PASSWORD" not in os.environ
while not Path("/tmp/again" if again else "/tmp/once").exists():
    time.sleep(0.05)
urlpatterns = []
"""


def test_while_the_application_is_loaded_once_and_again_it_is_alive(
    containers: Containers, tmp_path: Path
):
    write(tmp_path, {"local_settings/urls.py": SLOW_IMPORTS})
    mounts = {tmp_path / "local_settings": "/code/local_settings"}
    container = containers.start(env=SUPERUSER, mounts=mounts)
    for file in ("/tmp/once", "/tmp/again"):
        assert in_phase(container, "starting").status_code == 503
        assert container.get("/health/live").json() == {"status": "live", "phase": "starting"}
        container.exec("touch", file)
        until(lambda: "ready to serve" in container.logs(), "it is prepared")
    container.wait_until_ready()


class Asker(threading.Thread):
    """Requests /health/live with new connections. Failures count from the first response on."""

    def __init__(self, container: Container) -> None:
        super().__init__()
        self.url = container.url("/health/live")
        self.answers: list[dict] = []
        self.failures: list[Exception] = []
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            try:
                answer = requests.get(self.url, headers={"Connection": "close"}, timeout=30)
                assert answer.status_code == 200
                self.answers.append(answer.json())
            except (requests.ConnectionError, AssertionError) as error:
                if self.answers:
                    self.failures.append(error)

    def has_seen_both(self) -> bool:
        """Whether responses came while it prepared, and the last 50 came from the server."""
        return "phase" in self.answers[0] and all("phase" not in a for a in self.answers[-50:])


@pytest.mark.parametrize(
    "env", [{}, SUPERUSER], ids=["becomes gunicorn", "execs it, for the password's sake"]
)
def test_no_connection_fails_between_preparing_and_serving(containers: Containers, env):
    container = containers.start(env=env)
    asker = Asker(container)
    asker.start()
    try:
        container.wait_until_ready()
        until(lambda: len(asker.answers) > 50 and asker.has_seen_both(), "both have answered")
    finally:
        asker.enough.set()
        asker.join()
    assert asker.failures == []
    (line,) = [line for line in container.logs().splitlines() if "Listening at" in line]
    assert "http://0.0.0.0:8000 (" in line


def test_every_address_answers_a_unix_socket_too_and_survives_a_reload(containers: Containers):
    containers.may_log("SECRET_KEY")
    flags = ("--bind", "0.0.0.0:8000", "--bind", "unix:/tmp/api.sock", "--workers", "1")
    code = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/tmp/api.sock'); "
        "s.sendall(b'GET /health/live HTTP/1.0\\r\\n\\r\\n'); print(s.makefile().read())"
    )

    def over_unix_socket(container: Container) -> str:
        return container.exec("python", "-c", code, check=False)

    waiting = containers.start(*flags, env=NOBODY)
    in_phase(waiting, "waiting-for-database")
    assert '"phase": "waiting-for-database"' in over_unix_socket(waiting)

    serving = containers.start(*flags).wait_until_ready()
    assert '{"status": "live"}' in over_unix_socket(serving)
    (line,) = [line for line in serving.logs().splitlines() if "Listening at" in line]
    assert "http://0.0.0.0:8000,unix:/tmp/api.sock" in line
    booted = serving.logs().count("Booting worker")
    docker("kill", "--signal", "HUP", serving.name)
    until(lambda: serving.logs().count("Booting worker") > booted, "the reload")
    assert '{"status": "live"}' in over_unix_socket(serving)
    serving.wait_until_ready()


def test_port_in_use_stops_the_boot_and_names_it(containers: Containers):
    other = containers.start().wait_until_ready()
    done = containers.run(options=["--network", f"container:{other.name}"])
    assert done.returncode == 1
    assert_two_lines(
        done.stderr,
        "The server cannot listen: connection to ('0.0.0.0', 8000) failed",
        "Address already in use",
        "Stop the program that listens there, or choose another address with PORT",
    )
    assert "migrating" not in done.stdout


LOW = ("--sysctl", "net.ipv4.ip_unprivileged_port_start=1024")


@pytest.mark.parametrize(
    ("address", "options", "problem", "fix"),
    [
        ("0.0.0.0:80", LOW, "Permission denied", "publish it as a low port"),
        ("unix:/run/api.sock", (), "Permission denied", "UID 1001 can write to"),
        ("unix:/absent/api.sock", (), "No such file or directory", "Mount a volume"),
    ],
)
def test_address_that_this_user_cannot_bind_stops_the_boot(
    containers: Containers, address: str, options: tuple[str, ...], problem: str, fix: str
):
    done = containers.run("--bind", address, options=options)
    assert done.returncode == 1
    assert_two_lines(done.stderr, "The server cannot listen: connection to ", problem, fix)


@pytest.mark.parametrize("flag", ["--check-config", "--print-config"])
def test_gunicorn_that_only_checks_its_configuration_does_not_listen(containers: Containers, flag):
    done = containers.run(flag)
    assert (done.returncode, done.stderr) == (0, "")


def test_ready_goes_back_to_waiting_and_says_since_when(containers: Containers, postgis: PostGIS):
    containers.may_log(*logs.OUTAGE)
    database = postgis.database()
    place = ["--network", postgis.network]
    container = containers.start(env=postgis.env(database, CONN_MAX_AGE="0"), options=place)
    first = in_phase(container, "ready").json()["since"]
    postgis.sql(f"ALTER DATABASE {database} RENAME TO {database}_away")
    waiting = in_phase(container, "waiting-for-database")
    assert waiting.status_code == 503
    assert waiting.json()["checks"] == {"database:default": "unreachable"}
    assert waiting.json()["since"] >= first
    # As after the loss of a volume or the restore of an older backup.
    postgis.sql(f"CREATE DATABASE {database}")
    assert in_phase(container, "migrations-pending").json()["checks"] == {
        "database:default": "migrations pending"
    }
    postgis.sql(f"DROP DATABASE {database} WITH (FORCE)")
    postgis.sql(f"ALTER DATABASE {database}_away RENAME TO {database}")
    again = in_phase(container, "ready").json()["since"]
    assert again >= waiting.json()["since"]
