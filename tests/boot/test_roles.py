"""Workers, schedulers, and commands that do not end, beside the server and on the same image."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import PostGIS, start_postgis
from tests.support.broken import write
from tests.support.containers import IMAGE, Container, Containers, docker, until
from tests.support.projects import assert_two_lines

pytestmark = pytest.mark.engine

OFTEN = ("--health-interval=1s", "--health-retries=1")
# With its password, the broker's URL is a secret.
PASSWORD = "of-the-broker"
TASKS = """\
import logging
import os
import time

from celery import Celery

app = Celery("{name}", broker=os.environ["BROKER_URL"])
app.conf.task_default_queue = "{name}"
app.conf.beat_schedule = {{"tick": {{"task": "{name}.tick", "schedule": 1.0}}}}
log = logging.getLogger("team")

@app.task(name="{name}.nap")
def nap(seconds, password=None):
    log.warning("nap begins")
    time.sleep(seconds)
    log.warning("nap ends")

@app.task(name="{name}.tick")
def tick():
    pass

@app.task(name="{name}.fail")
def fail(password):
    raise ValueError("the task's own error")
"""
CONSUME = """\
import signal
import sys
import time

from django.core.management.base import BaseCommand

class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--fail", action="store_true")
        parser.add_argument("--default", action="store_true")

    def handle(self, **options):
        if options["fail"]:
            sys.exit(3)
        if not options["default"]:
            signal.signal(signal.SIGTERM, self.stop)
        print("consuming", flush=True)
        time.sleep(600)

    def stop(self, *_):
        print("stopped in order", flush=True)
        sys.exit(0)
"""
SETTINGS = """\
import os

SECRET_KEY = os.environ["DJANGO_SECRET_KEY"]
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "jobs"]
ROOT_URLCONF = "mysite.urls"
USE_TZ = True
DATABASES = {"default": {
    "ENGINE": "django.contrib.gis.db.backends.postgis",
    "NAME": os.environ["POSTGRES_NAME"], "USER": os.environ["POSTGRES_USER"],
    "PASSWORD": os.environ["POSTGRES_PASSWORD"], "HOST": os.environ["POSTGRES_HOST"],
}}
"""
MANAGE = """\
import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
execute_from_command_line(sys.argv)
"""
FILES = {
    # A project of its own.
    "app/manage.py": MANAGE,
    "app/mysite/settings.py": SETTINGS,
    "app/mysite/urls.py": "urlpatterns = []\n",
    "app/mysite/celery.py": TASKS.format(name="mysite.celery"),
    "app/jobs/__init__.py": "",
    "app/jobs/management/commands/consume.py": CONSUME,
    "app/start.sh": '#!/bin/sh\necho "the script"\nexec celery -A mysite.celery worker -l INFO\n',
    # The image's project.
    "code/local_settings/celery.py": TASKS.format(name="local_settings.celery"),
    "code/local_settings/settings.py": "from backend.hacko_settings import *\n"
    "INSTALLED_APPS += ['jobs']\n",
    "code/jobs/__init__.py": "",
    "code/jobs/management/commands/consume.py": CONSUME,
    "Dockerfile": f"FROM {IMAGE}\nRUN pip install --no-cache-dir 'celery[redis]'\n"
    "COPY code /code\nCOPY app /app\nRUN chmod +x /app/start.sh\n",
}


@dataclass(frozen=True)
class Kind:
    """A kind of project: its folder and the module of its Celery application."""

    name: str
    folder: str
    module: str

    def celery(self, *words: str) -> list[str]:
        return ["celery", "-A", self.module, *words, "--loglevel", "INFO"]


OWN = Kind("own settings", "/app", "mysite.celery")
IMAGES = Kind("the image's", "/code", "local_settings.celery")


@dataclass
class Team:
    """A team's image, with a broker and a migrated database."""

    image: str
    env: dict[str, str]
    network: str
    containers: Containers = field(default_factory=Containers)

    def start(
        self,
        kind: Kind,
        *command: str,
        env: Mapping[str, str] | None = None,
        options: tuple[str, ...] = (),
    ) -> Container:
        options = ("--network", self.network, "--workdir", kind.folder, *OFTEN, *options)
        return self.containers.start(
            *command, image=self.image, env={**self.env, **(env or {})}, options=options
        )

    def run(self, kind: Kind, *command: str, **env: str) -> tuple[int, str]:
        options = ("--network", self.network, "--workdir", kind.folder)
        done = self.containers.run(
            *command, image=self.image, env={**self.env, **env}, options=options
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, network: str, postgis: PostGIS, redis_image: str
) -> Iterator[Team]:
    started = Containers()
    image = started.build(write(tmp_path_factory.mktemp("team"), FILES))
    words = ("redis-server", "--save", "", "--requirepass", PASSWORD)
    broker = started.start(*words, image=redis_image, options=["--network", network])
    broker.may_log("Memory overcommit")  # of the machine
    broker.wait_for_log("Ready to accept connections")
    url = {"BROKER_URL": f"redis://:{PASSWORD}@{broker.name}:6379/0"}
    env = {**postgis.env(postgis.database()), **url}
    team = Team(image, env, network, started)
    for kind in (OWN, IMAGES):
        assert team.run(kind, "python", "manage.py", "migrate")[0] == 0
    yield team
    started.clean()


@pytest.fixture
def team(shared: Team, containers: Containers) -> Team:
    return Team(shared.image, shared.env, shared.network, containers)


def health(container: Container) -> str:
    return container.inspect()["State"]["Health"]["Status"]


def becomes(container: Container, status: str) -> None:
    until(lambda: health(container) == status, f"{container.name} is {status}")


def send(container: Container, kind: Kind, call: str) -> None:
    code = f"from {kind.module} import *; {call}"
    container.exec("python", "-c", code, user="1001:0")


def stop(container: Container) -> int:
    docker("stop", "--time", "30", container.name)
    return container.exit_code()


@pytest.mark.parametrize("kind", [OWN, IMAGES], ids=lambda kind: kind.name)
def test_worker_waits_for_the_database_and_its_migrations_and_changes_nothing(
    team: Team, containers: Containers, kind: Kind
) -> None:
    env = {"POSTGRES_HOST": f"later-{team.network}", "POSTGRES_NAME": "api"}
    worker = team.start(kind, *kind.celery("worker"), env=env)
    worker.wait_for_log("boot: waiting for database 'default'")
    server = start_postgis(
        containers, team.network, options=["--network-alias", env["POSTGRES_HOST"]]
    )
    worker.wait_for_log("boot: waiting until the server migrates database 'default'")
    assert server.sql("SELECT to_regclass('django_migrations') IS NULL", "api") == "t"
    assert health(worker) == "starting"
    assert "celery@" not in worker.logs()
    assert team.run(kind, "python", "manage.py", "migrate", **env)[0] == 0
    worker.wait_for_log(r"INFO celery\.apps\.worker: celery@\w+ ready")
    becomes(worker, "healthy")
    assert "boot: migrating" not in worker.logs()
    assert "boot: static" not in worker.logs()
    assert {row["uid"] for row in worker.processes()} == {"1001"}


@pytest.mark.parametrize("kind", [OWN, IMAGES], ids=lambda kind: kind.name)
def test_worker_finishes_its_task_when_it_is_stopped(team: Team, kind: Kind) -> None:
    worker = team.start(kind, *kind.celery("worker"))
    worker.may_log("nap begins", "nap ends")
    becomes(worker, "healthy")
    send(worker, kind, "nap.delay(3)")
    worker.wait_for_log("nap begins")
    assert stop(worker) == 0
    log = worker.logs()
    assert "worker: Warm shutdown (MainProcess)" in log
    assert "nap ends" in log
    # A line of a task has the task's ID in the place of a request's.
    line = next(line for line in log.splitlines() if line.endswith("nap begins"))
    assert f"Task {kind.module}.nap[{line.split('[')[1].split(']')[0]}] succeeded" in log
    assert PASSWORD not in log


def test_every_line_of_a_worker_is_an_object_without_the_arguments_of_a_task(team: Team) -> None:
    worker = team.start(OWN, *OWN.celery("worker"), env={"LOG_FORMAT": "json"})
    worker.may_log("the task's own error", "nap begins", "nap ends")
    becomes(worker, "healthy")
    send(worker, OWN, "fail.delay(password='of-the-task')")
    worker.wait_for_log("the task's own error")
    assert stop(worker) == 0
    events = [json.loads(line) for line in worker.logs().splitlines()]
    failure = next(event for event in events if event["level"] == "ERROR")
    assert failure["exception"]["type"] == "ValueError"
    assert failure["request_id"] == failure["data"]["id"]
    assert events[-1]["message"] == "worker: Warm shutdown (MainProcess)"
    assert "of-the-task" not in worker.logs()
    assert PASSWORD not in worker.logs()


def test_worker_of_a_mounted_project_runs_as_its_developer(team: Team, tmp_path: Path) -> None:
    """Its log has no warning about privileges."""
    write(tmp_path, {name.removeprefix("app/"): FILES[name] for name in FILES if "app/" in name})
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.chown(path, 1000, 1000)
    worker = team.start(OWN, *OWN.celery("worker"), options=(f"--volume={tmp_path}:/app",))
    becomes(worker, "healthy")
    assert {row["uid"] for row in worker.processes()} == {"1000"}


def test_worker_that_hangs_is_unhealthy_until_it_continues(team: Team) -> None:
    worker = team.start(OWN, *OWN.celery("worker"))
    becomes(worker, "healthy")
    # Its last heartbeat becomes older than a minute.
    age = "kill -STOP -1; sed -i 's/^beating .*/beating 0/' /dev/shm/health-check.*"
    worker.exec("bash", "-c", age, user="1001:0")
    becomes(worker, "unhealthy")
    worker.exec("bash", "-c", "kill -CONT -1", user="1001:0")
    becomes(worker, "healthy")


def test_worker_that_is_killed_ends_its_container(team: Team) -> None:
    worker = team.start(OWN, *OWN.celery("worker"))
    becomes(worker, "healthy")
    worker.exec("bash", "-c", "kill -KILL $(cat /proc/1/task/1/children)")
    assert worker.exit_code() == 137


def test_worker_stays_healthy_while_a_long_task_runs(team: Team) -> None:
    """With the pool whose event loop runs the tasks itself."""
    worker = team.start(OWN, *OWN.celery("worker", "--pool", "solo"))
    worker.may_log("nap begins", "nap ends")
    becomes(worker, "healthy")
    assert worker.exec("bash", "-c", "cat /dev/shm/health-check.*") == "running\n"
    send(worker, OWN, "nap.delay(2)")
    worker.wait_for_log("nap begins")
    assert stop(worker) == 0
    assert "nap ends" in worker.logs()


@pytest.mark.parametrize("kind", [OWN, IMAGES], ids=lambda kind: kind.name)
def test_beat_keeps_its_schedule_in_the_data_folder(team: Team, kind: Kind) -> None:
    beat = team.start(kind, *kind.celery("beat"))
    beat.wait_for_log(f"INFO celery.beat: Scheduler: Sending due task tick \\({kind.module}.tick")
    becomes(beat, "healthy")
    assert "/data/celerybeat-schedule" in beat.exec("bash", "-c", "ls /data/celerybeat-schedule*")
    assert stop(beat) == 0
    assert PASSWORD not in beat.logs()


@pytest.mark.parametrize(
    ("words", "line", "code"),
    [((), "stopped in order", 0), (("--default",), "consuming", 143)],
    ids=["own handler", "no handler"],
)
@pytest.mark.parametrize("kind", [OWN, IMAGES], ids=lambda kind: kind.name)
def test_management_command_with_a_role_waits_and_gets_the_signal(
    team: Team, kind: Kind, words: tuple[str, ...], line: str, code: int
) -> None:
    command = team.start(kind, "python", "manage.py", "consume", *words, env={"ROLE": "worker"})
    becomes(command, "healthy")
    command.wait_for_log("consuming")
    assert stop(command) == code
    assert line in command.logs()
    assert "boot: database 'default' is up to date\nboot: ready to work" in command.logs()


def test_exit_code_of_a_command_is_that_of_the_container(team: Team) -> None:
    code, log = team.run(OWN, "python", "manage.py", "consume", "--fail", ROLE="worker")
    assert (code, "boot: ready to work" in log) == (3, True)


@pytest.mark.parametrize(
    ("command", "role"),
    [
        (("./start.sh",), "worker"),
        (("./start.sh",), ""),
        (("sh", "-c", "celery -A mysite.celery worker -l $LEVEL"), ""),
        (("bash", "-c", "cd /app && exec celery -A mysite.celery worker -l INFO"), ""),
        (("python", "-m", "celery", "-A", "mysite.celery", "worker", "-l", "INFO"), ""),
    ],
    ids=str,
)
def test_worker_in_every_form_waits_and_stops_in_order(
    team: Team, command: tuple[str, ...], role: str
) -> None:
    worker = team.start(OWN, *command, env={"ROLE": role, "LEVEL": "INFO"})
    worker.may_log("nap begins", "nap ends")
    worker.wait_for_log(r"celery@\w+ ready")
    becomes(worker, "healthy")
    assert worker.logs().count("boot: ready to work") == 1
    send(worker, OWN, "nap.delay(2)")
    worker.wait_for_log("nap begins")
    assert stop(worker) == 0
    assert "nap ends" in worker.logs()


def test_worker_below_a_shell_causes_a_warning(team: Team) -> None:
    worker = team.start(OWN, "sh", "-c", "celery -A mysite.celery worker -l INFO; true")
    warning = "boot: WARNING: celery worker runs under a shell, which does not forward the signal"
    worker.may_log(warning)
    worker.wait_for_log(warning)
    becomes(worker, "healthy")
    # A worker that runs is healthy before its first heartbeat.
    state = ("bash", "-c", "cat /dev/shm/health-check.*")
    until(lambda: worker.exec(*state).startswith("beating "), "its heart beats")


def test_person_in_a_container_of_a_worker_need_not_wait(team: Team) -> None:
    nobody = {"ROLE": "worker", "POSTGRES_HOST": "127.0.0.1"}
    assert team.run(OWN, "bash", **nobody) == (0, "")
    code, log = team.run(OWN, "python", "manage.py", "showmigrations", "--plan", ROLE="worker")
    assert (code, "boot:" in log) == (0, False)


def test_celery_asks_the_worker_of_its_container(team: Team) -> None:
    worker = team.start(OWN, *OWN.celery("worker"))
    becomes(worker, "healthy")
    ping = ("celery", "-A", OWN.module, "inspect", "ping")
    assert "1 node online." in worker.exec(*ping, user="1001:0")


def test_unknown_role_is_an_error(containers: Containers) -> None:
    done = containers.run("bash", "-c", "echo started", env={"ROLE": "wroker"})
    assert (done.returncode, done.stdout) == (1, "")
    place = "The environment variable ROLE is 'wroker'"
    assert_two_lines(done.stderr, place, "not a valid choice", "Set ROLE to worker.")


def test_server_ignores_the_role_and_says_so(containers: Containers) -> None:
    server = containers.start(env={"ROLE": "worker"})
    server.may_log("ROLE=worker has no effect")
    server.wait_until_ready()
    warning = "boot: WARNING: ROLE=worker has no effect, because the command starts a server"
    assert f"{warning}: gunicorn" in server.logs()


@pytest.mark.parametrize("words", [("worker",), ("inspect", "ping")], ids=str)
def test_celery_that_is_not_installed_is_an_error(
    containers: Containers, words: tuple[str, ...]
) -> None:
    done = containers.run("celery", "-A", "team", *words, env={"DB_WAIT": "false"})
    assert done.returncode == 127
    place = "The command 'celery' cannot be run"
    assert_two_lines(done.stderr, place, "not installed", "Add it to your requirements.txt")


def test_migrations_that_nobody_applies_stop_the_worker(team: Team, postgis: PostGIS) -> None:
    name = postgis.database()
    env = {"POSTGRES_NAME": name, "MIGRATE_LOCK_TIMEOUT": "1"}
    code, log = team.run(OWN, *OWN.celery("worker"), **env)
    assert code == 1
    place = f"database 'default' ({postgis.host}:5432/{name})"
    assert f"ERROR: Nobody applied the migrations of {place} within 1 s.\n" in log
