"""Replicas that start together on an empty database."""

from __future__ import annotations

import functools
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from backend.boot import migrations
from tests.conftest import PostGIS
from tests.faults.conftest import Report
from tests.support.broken import write
from tests.support.containers import Container, Containers, docker, until
from tests.support.migrating import APPLIED, MIGRATING, WAIT_AT_THE_GATE, held, project

pytestmark = [pytest.mark.engine, pytest.mark.alone]

ROUNDS = int(os.environ.get("ROUNDS", "5"))
REPLICAS = 4


SUPERUSER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "never-in-a-log-7"}


def is_ready(address: str) -> bool:
    """Uses no docker command, because four replicas at a time would run too many."""
    try:
        return requests.get(address, timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


def test_of_four_replicas_on_an_empty_database_exactly_one_migrates_and_all_become_ready(
    postgis: PostGIS, tmp_path, report: Report
):
    # Half a second of work, so that the other replicas start meanwhile.
    mounts = project(tmp_path, 'migrations.RunSQL("SELECT pg_sleep(0.5)")')
    waited, times = 0, []
    # To copy it is faster than CREATE EXTENSION postgis.
    empty = postgis.database()
    for number in range(ROUNDS):
        database, containers = f"{empty}_{number}", Containers()
        postgis.sql(f"CREATE DATABASE {database} TEMPLATE {empty}")
        off = {"WEB_CONCURRENCY": "1", "COLLECTSTATIC": "false"}
        env = postgis.env(database, **SUPERUSER, **off)
        options = ["--network", postgis.network]

        def replica(_: int) -> Container:
            container = containers.start(env=env, mounts=mounts, options=options)  # noqa: B023
            until(functools.partial(is_ready, container.url("/health/ready")), container.name)
            return container

        started = time.monotonic()
        try:
            with ThreadPoolExecutor(REPLICAS) as pool:
                replicas = list(pool.map(replica, range(REPLICAS)))
                times.append(time.monotonic() - started)
            logs = [container.logs() for container in replicas]
            assert [MIGRATING in log for log in logs].count(True) == 1, "\n\n".join(logs)
            assert postgis.sql(APPLIED, database) == "2"
            # One replica creates the superuser, and the others find it.
            assert sum("superuser 'ada' created" in log for log in logs) == 1
            assert sum("superuser 'ada' exists" in log for log in logs) == REPLICAS - 1
            waited += sum("waiting for the migration lock" in log for log in logs)
        finally:
            with ThreadPoolExecutor(REPLICAS) as pool:
                list(pool.map(Container.remove, containers.started))
    promised = f"one migrates, all become ready ({waited} waited for the lock)"
    counts = {"sent": ROUNDS * REPLICAS, "failed": 0, "lost": 0}
    report.add(
        f"{REPLICAS} replicas at once, {ROUNDS} rounds", promised, None, max(times), **counts
    )


# An application with a static file, and a page that shows a hash of the secret key.
ON_ONE_VOLUME = {
    "roads/__init__.py": "",
    "roads/static/roads/map.css": "body { color: teal }",
    "local_settings/settings.py": "from backend.hacko_settings import *\n\n"
    'INSTALLED_APPS += ["roads"]\n',
    "local_settings/urls.py": """
from hashlib import sha256
from django.conf import settings
from django.http import JsonResponse
from django.templatetags.static import static
from django.urls import path

def signs(request):
    key = sha256(settings.SECRET_KEY.encode()).hexdigest()
    return JsonResponse({"key": key, "style": static("roads/map.css")})

urlpatterns = [path("signs", signs)]
""",
}
ONCE = ("migrating database 'default'", "collecting static files into /data/static")


def test_replicas_on_one_empty_volume_write_to_it_one_at_a_time(
    containers: Containers, tmp_path: Path, report: Report
) -> None:
    write(tmp_path, ON_ONE_VOLUME)
    mounted = {tmp_path / name: f"/code/{name}:ro" for name in ("roads", "local_settings")}
    mounted[containers.volume()] = "/data"

    def replica(_: int) -> Container:
        container = containers.start(env={"WEB_CONCURRENCY": "1"}, mounts=mounted)
        return container.wait_until_ready()

    started = time.monotonic()
    with ThreadPoolExecutor(REPLICAS) as pool:
        replicas = list(pool.map(replica, range(REPLICAS)))
    took = time.monotonic() - started
    logs = [container.logs() for container in replicas]
    for line in ONCE:
        assert sum(line in log for log in logs) == 1, "\n\n".join(logs)
    signs = [container.get("/signs").json() for container in replicas]
    assert signs == signs[:1] * REPLICAS
    for container in replicas:
        assert container.get(signs[0]["style"]).text == "body { color: teal }"
    names = replicas[0].exec("sh", "-c", "cd /data && find . -name '.*.new' -o -name .new")
    assert names == ""
    # Platforms that choose the UID use group 0.
    look = functools.partial(
        containers.run,
        *("--check-config",),
        env={"MIGRATE": "false"},
        mounts=mounted,
        options=["--user", "4321:0"],
    )
    assert "secret key cannot be kept" not in look().stdout
    replicas[0].exec("chmod", "0600", "/data/secret_key")
    assert "/data/secret_key cannot be read: Permission denied" in look().stdout
    counts = {"sent": REPLICAS, "failed": 0, "lost": 0}
    report.add(f"{REPLICAS} replicas on one empty volume", "one writes", None, took, **counts)


# Short timeouts for the test. The real ones take 30 s: see VANISHED in backend.boot.migrations.
QUICKER = {
    "tcp_keepalives_idle": "1",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "3000",
    "client_connection_check_interval": "1000",
}


def quicker(folder: Path) -> dict[Path, str]:
    """Mounts the image's module with these timeouts."""
    text = Path(migrations.__file__).read_text()
    for name, value in migrations.VANISHED.items():
        line = f'"{name}": "{value}"'
        assert line in text
        text = text.replace(line, f'"{name}": "{QUICKER[name]}"')
    file = folder / "migrations.py"
    file.write_text(text)
    return {file: "/opt/backend/backend/boot/migrations.py:ro"}


def test_a_machine_that_vanishes_while_it_migrates_leaves_its_locks_to_the_next(
    containers: Containers, postgis: PostGIS, tmp_path: Path, report: Report
) -> None:
    """Its network is cut, and no packet reports that it is gone."""
    database = postgis.database()
    mounted = {**project(tmp_path, WAIT_AT_THE_GATE), **quicker(tmp_path)}
    env = postgis.env(database, WEB_CONCURRENCY="1", COLLECTSTATIC="false")
    start = functools.partial(
        containers.start, env=env, mounts=mounted, options=["--network", postgis.network]
    )
    with held(postgis, database):
        first = start()
        until(lambda: MIGRATING in first.logs(), "the first one migrates")
        second = start()
        until(lambda: "held since" in second.logs(), "the second one waits, and says since when")
        address = first.inspect()["NetworkSettings"]["Networks"][postgis.network]["IPAddress"]
        its = f"FROM pg_stat_activity WHERE client_addr = '{address}'"
        assert postgis.sql(f"SELECT count(*) {its}") == "2"  # for the lock and the migration
        docker("network", "disconnect", postgis.network, first.name)
        cut = time.monotonic()
        until(lambda: MIGRATING in second.logs(), "the second one migrates")
        recovered = time.monotonic() - cut
        until(lambda: postgis.sql(f"SELECT count(*) {its}") == "0", "nothing of it is left")
    second.wait_until_ready()
    assert postgis.sql(APPLIED, database) == "2"
    report.add("network of a migrating container cut", "its locks are freed", None, recovered)
