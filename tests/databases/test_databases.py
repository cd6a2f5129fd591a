"""Databases that are down, silent, full, optional or ignored, while an API serves."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.conftest import PostGIS, start_postgis
from tests.support import logs
from tests.support.broken import write
from tests.support.containers import IMAGE, Container, Containers, docker, until
from tests.support.projects import assert_two_lines

pytestmark = pytest.mark.engine

URLS = """
from django.db import connections
from django.http import HttpResponse
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

def ask(alias, statement="SELECT 1"):
    with connections[alias].cursor() as cursor:
        cursor.execute(statement)

class Rest(APIView):
    def get(self, request, alias):
        ask(alias)
        return Response({"alias": alias})

def plain(request, alias):
    ask(alias)
    return HttpResponse(alias)

def slow(request, seconds):
    ask("default", f"SELECT pg_sleep({seconds})")
    return HttpResponse("slow")

def wrong(request):
    ask("default", "SELECT no_such_column")

urlpatterns = [
    path("rest/<alias>/", Rest.as_view()),
    path("plain/<alias>/", plain),
    path("slow/<seconds>/", slow),
    path("wrong/", wrong),
]
"""
EXTENDING = """
from backend.hacko_settings import *

REST_FRAMEWORK = {**REST_FRAMEWORK, "DEFAULT_PERMISSION_CLASSES": []}
"""
# Replaces the settings that contain the image's exception handler and middleware.
REPLACING = """
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"]
MIDDLEWARE = []
REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []}
"""
NOWHERE = "postgis://api:hush@nowhere.invalid/census"


@pytest.fixture
def server(network: str) -> Iterator[PostGIS]:
    """A PostGIS server that a test can stop, pause, or disconnect."""
    started = Containers()
    yield start_postgis(started, network)
    started.clean()


def api(
    containers: Containers,
    postgis: PostGIS,
    folder: Path,
    settings: str = EXTENDING,
    *,
    image: str = IMAGE,
    **env: str,
) -> Container:
    local = {"local_settings/urls.py": URLS, "local_settings/settings.py": settings}
    write(folder, local)
    default = {"WEB_CONCURRENCY": "1", "MIGRATE": "no", "COLLECTSTATIC": "no"}
    container = containers.start(
        image=image,
        env={**postgis.env("postgres"), **default, **env},
        mounts={folder / "local_settings": "/code/local_settings:ro"},
        options=["--network", postgis.network],
    )
    return container.wait_until_serving()


def assert_unavailable(answer: requests.Response, detail: str) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert int(answer.headers["Retry-After"]) > 0
    assert list(answer.json()) == ["detail"]
    assert detail in answer.json()["detail"]


# ---------------------------------------------------------------------------
# Required, optional, ignored


@pytest.mark.parametrize("settings", [EXTENDING, REPLACING], ids=["extending", "replacing"])
def test_an_optional_database_that_is_down_degrades_and_only_its_requests_are_503(
    containers, postgis: PostGIS, tmp_path, settings
):
    containers.may_log(
        *logs.OUTAGE, "the optional database 'census'", "Internal Server Error: /wrong/"
    )
    env = {"CENSUS_DATABASE_URL": NOWHERE, "MIGRATE": "yes", "POSTGRES_NAME": postgis.database()}
    container = api(containers, postgis, tmp_path, settings, **env)
    assert "WARNING: the optional database 'census' (nowhere.invalid" in container.logs()
    ready = container.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["status"] == "degraded"
    assert ready.json()["phase"] == "ready"
    checks = {"database:default": "ok", "database:census": "unreachable"}
    assert ready.json()["checks"] == checks
    for path in ("rest", "plain"):
        assert container.get(f"/{path}/default/").status_code == 200
        answer = container.get(f"/{path}/census/")
        assert_unavailable(answer, "does not answer")
        assert "nowhere" not in answer.text
    container.wait_for_log("answered with 503: could not translate host name")
    assert container.get("/wrong/").status_code == 500


def test_an_optional_database_that_is_down_is_tried_once_per_start(containers):
    """The wait tries it, and the migrations do not try it again."""
    containers.may_log("SECRET_KEY", "the optional database 'default'")
    env = {"DATABASE_URL": NOWHERE, "OPTIONAL_DATABASES": "default", "COLLECTSTATIC": "no"}
    container = containers.start(env={**env, "DJANGO_SECRET_KEY": "k7" * 25}).wait_until_serving()
    assert container.logs().count("WARNING: the optional database 'default'") == 1


def test_an_ignored_database_is_never_queried_and_lists_win_over_models(
    containers, postgis: PostGIS, tmp_path
):
    containers.may_log(*logs.OUTAGE, "the optional database 'land'")
    env = {"CENSUS_DATABASE_URL": NOWHERE, "LAND_DATABASE_URL": NOWHERE, "DB_WAIT_TIMEOUT": "1"}
    needs = {"IGNORED_DATABASES": "census", "OPTIONAL_DATABASES": "default,land"}
    container = api(containers, postgis, tmp_path, **env, **needs)
    ready = container.get("/health/ready").json()
    assert list(ready["checks"]) == ["database:default", "database:land"]
    assert "'census'" not in container.logs()
    needs = {**postgis.env("postgres"), "REQUIRED_DATABASES": "census", **env}
    done = containers.run(env=needs, options=["--network", postgis.network])
    assert done.returncode == 1
    assert_two_lines(
        done.stderr, "The database 'census' (nowhere.invalid", "did not answer", "DB_WAIT_TIMEOUT"
    )


def test_a_list_with_an_unknown_alias_stops_the_start_and_so_does_one_in_two_lists(containers):
    done = containers.run(env={"OPTIONAL_DATABASES": "Default"})
    assert done.returncode == 1
    place = "OPTIONAL_DATABASES names 'Default', which is not in DATABASES."
    assert_two_lines(done.stderr, place, "", "Did you mean 'default'?")
    done = containers.run(env={"OPTIONAL_DATABASES": "default", "IGNORED_DATABASES": "default"})
    assert done.returncode == 1
    place = "The database 'default' is in OPTIONAL_DATABASES and in IGNORED_DATABASES."
    assert_two_lines(done.stderr, place, "", "Name it in one of them.")


# ---------------------------------------------------------------------------
# Down and back again


def in_parallel(number: int, container: Container, path: str) -> list[requests.Response]:
    address = container.url(path)
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(lambda _: requests.get(address, timeout=60), range(number)))


def recovers(container: Container, fault: str) -> None:
    """Wait until the service answers again, and check that it does not use stale connections."""
    started = time.monotonic()
    until(lambda: container.get("/plain/default/").status_code == 200, f"it recovers from {fault}")
    print(f"\n{fault}: answered again after {time.monotonic() - started:.1f} s")
    # One request per thread at the same time, so that every thread answers.
    for _ in range(5):
        answers = in_parallel(4, container, "/slow/0.05/")
        assert [answer.status_code for answer in answers] == [200] * 4
    until(lambda: asked(container), "the health page reaches the database too")


def asked(container: Container) -> bool:
    """Whether the health page reached the database, in which no migrations are applied."""
    checks = container.get("/health/ready").json()["checks"]
    return checks == {"database:default": "migrations pending"}


def warmed(container: Container) -> Container:
    """Open a connection in each thread."""
    assert {answer.status_code for answer in in_parallel(8, container, "/slow/0.2/")} == {200}
    return container


def test_after_a_restart_of_postgresql_the_service_recovers_without_stale_connections(
    containers, server: PostGIS, tmp_path, image: str
):
    containers.may_log(*logs.OUTAGE)
    container = warmed(api(containers, server, tmp_path, image=image, DB_WAIT="yes"))
    docker("stop", "--time", "5", server.host)
    for path in ("/rest/default/", "/plain/default/"):
        assert_unavailable(container.get(path), "does not answer")
    ready = container.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    docker("start", server.host)
    accepts = ("exec", server.host, "pg_isready", "--quiet", "--host", "127.0.0.1")
    until(lambda: docker(*accepts, check=False).returncode == 0, "PostgreSQL is back")
    # Most threads have not noticed anything yet.
    answers = in_parallel(4, container, "/slow/0.2/")
    assert [answer.status_code for answer in answers] == [200] * 4
    recovers(container, "restart")


def test_connection_that_the_server_ended_is_not_used_and_others_are_not_checked_each_time(
    containers, server: PostGIS, tmp_path
):
    server.sql("ALTER SYSTEM SET log_statement = 'all'")
    server.sql("SELECT pg_reload_conf()")
    until(lambda: server.sql("SHOW log_statement") == "all", "new connections are logged")
    container = warmed(api(containers, server, tmp_path))
    before = len(server.container.logs())
    for _ in range(40):
        assert container.get("/slow/0/").status_code == 200
    asked = "statement: SELECT pg_sleep(0)"
    # Docker's log is slightly behind the server's output.
    until(lambda: server.container.logs()[before:].count(asked) == 40, "40 queries are logged")
    assert server.container.logs()[before:].count("statement: SELECT 1\n") < 20
    assert server.end_connections("client_addr IS NOT NULL") >= 4
    answers = in_parallel(8, container, "/slow/0.2/")
    assert [answer.status_code for answer in answers] == [200] * 8


def test_while_every_thread_waits_for_a_silent_database_live_answers(
    containers, server: PostGIS, tmp_path
):
    containers.may_log(*logs.OUTAGE)
    container = warmed(api(containers, server, tmp_path))
    docker("pause", server.host)
    try:
        with ThreadPoolExecutor(8) as pool:
            address = container.url("/plain/default/")
            waiting = [pool.submit(requests.get, address, timeout=120) for _ in range(8)]
            time.sleep(0.5)  # lets the requests arrive, which a test cannot observe
            for _ in range(3):
                live = requests.get(container.url("/health/live"), timeout=3)
                assert live.json() == {"status": "live"}
            ready = requests.get(container.url("/health/ready"), timeout=4)
            assert ready.json()["checks"] == {"database:default": "unreachable"}
            assert not any(request.done() for request in waiting)
            docker("unpause", server.host)
            assert [request.result().status_code for request in waiting] == [200] * 8
    finally:
        docker("unpause", server.host, check=False)
    recovers(container, "pause")


def test_when_the_network_heals_the_service_recovers(containers, server: PostGIS, tmp_path):
    containers.may_log(*logs.OUTAGE)
    container = warmed(api(containers, server, tmp_path))
    docker("network", "disconnect", server.network, server.host)
    assert_unavailable(container.get("/plain/default/", timeout=60), "does not answer")
    docker("network", "connect", server.network, server.host)
    recovers(container, "network cut")


def test_a_query_that_exceeds_its_timeout_is_a_503_that_says_so(
    containers, postgis: PostGIS, tmp_path
):
    containers.may_log(*logs.OUTAGE)
    container = api(containers, postgis, tmp_path, STATEMENT_TIMEOUT="1")
    answer = container.get("/slow/30/")
    assert_unavailable(answer, "The database needed more than 1 s for this request.")


# ---------------------------------------------------------------------------
# The server's connections


@pytest.fixture(scope="module")
def small_server(network: str) -> Iterator[PostGIS]:
    """A server with few connections: 10, of which 3 are reserved."""
    started = Containers()
    few = ["-c", "max_connections=10", "-c", "superuser_reserved_connections=3"]
    server = start_postgis(started, network, *few)
    server.sql("CREATE ROLE ordinary LOGIN PASSWORD 'ordinary'")
    yield server
    started.clean()


@pytest.fixture
def small(small_server: PostGIS) -> PostGIS:
    """Frees all of its connections. The network of a container that is removed by force goes too,
    and the server may not notice for hours that the client is gone.
    """
    small_server.end_connections()
    return small_server


def on_small(containers: Containers, small: PostGIS, folder: Path, **env: str) -> Container:
    login = {"POSTGRES_USER": "ordinary", "POSTGRES_PASSWORD": "ordinary", "WEB_THREADS": "16"}
    return api(containers, small, folder, **login, **env)


def test_more_load_than_the_database_has_connections_is_503_and_never_500(
    containers, small: PostGIS, tmp_path, figures: Callable[[str], None]
):
    containers.may_log(*logs.OUTAGE, "max_connections 10")
    container = on_small(containers, small, tmp_path)
    needed = (
        r"WARNING: 1 replicas x 1 workers x \(16 threads \+ 1 for probes\) x 1 databases = 17 "
        rf"connections to {small.host}:5432, which has 7 \(max_connections 10 - 3 reserved\)"
    )
    assert re.search(needed, container.logs()), container.logs()
    answers = [answer for _ in range(5) for answer in in_parallel(16, container, "/slow/0.3/")]
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {200, 503}, statuses
    for answer in answers:
        if answer.status_code == 503:
            assert_unavailable(answer, "has no free connection")
    figures(f"16 threads on 7 connections: {dict(statuses)}")


def test_an_enforced_budget_lowers_the_threads_so_that_no_request_is_turned_away(
    containers, small: PostGIS, tmp_path
):
    containers.may_log(*logs.OUTAGE, "max_connections 10")
    container = on_small(containers, small, tmp_path, DB_CONNECTION_BUDGET="enforce")
    assert ": starting 6 threads per worker instead" in container.logs()
    answers = [answer for _ in range(3) for answer in in_parallel(16, container, "/slow/0.3/")]
    assert Counter(answer.status_code for answer in answers) == {200: 48}
    assert asked(container)


def test_a_budget_that_cannot_be_kept_stops_the_start_and_says_what_to_do(
    containers, small: PostGIS
):
    env = {"DB_CONNECTION_BUDGET": "enforce", "REPLICAS": "4", "WEB_CONCURRENCY": "1"}
    done = containers.run(env=small.env("postgres", **env), options=["--network", small.network])
    assert done.returncode == 1
    place = "The connections do not suffice for one thread per worker: 4 replicas x 1 workers"
    assert_two_lines(done.stderr, place, "", "Lower WEB_CONCURRENCY or the number of replicas")
