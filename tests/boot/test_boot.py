"""What a container does before its first request, and how it starts and stops."""

import re
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.conftest import PostGIS
from tests.support.broken import write
from tests.support.containers import (
    POSTGIS_IMAGE,
    Container,
    Containers,
    docker,
    until,
)
from tests.support.projects import assert_two_lines

pytestmark = pytest.mark.engine

# No server listens there, so connections are refused immediately.
NOBODY = {
    "POSTGRES_HOST": "127.0.0.1",
    "POSTGRES_NAME": "api",
    "POSTGRES_USER": "api",
    "POSTGRES_PASSWORD": "of-no-server",
    "DJANGO_SECRET_KEY": "of-the-tests-and-as-long-as-django-wants-it" * 2,
}
SUPERUSER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "never-in-a-log-7"}


def boot_lines(container: Container) -> list[str]:
    return [line for line in container.logs().splitlines() if line.startswith("boot: ")]


def log_in(container: Container) -> int:
    """Post the superuser's password to the admin's login form, and return the status code."""
    page = container.get("/admin/login/")
    return container.session.post(
        container.url("/admin/login/"),
        data={
            "username": SUPERUSER["DJANGO_SUPERUSER_USERNAME"],
            "password": SUPERUSER["DJANGO_SUPERUSER_PASSWORD"],
            "csrfmiddlewaretoken": re.search(r'csrfmiddlewaretoken" value="(\w+)"', page.text)[1],
        },
        allow_redirects=False,
        timeout=30,
    ).status_code


# ---------------------------------------------------------------------------
# The first start: SQLite on a volume, a superuser, a restart


class FirstLook:
    """A container that several tests check, and a second one on the same volume."""

    def __init__(self, started: Containers) -> None:
        self.started = started
        self.volume = started.volume()
        self.container = self.start()
        self.login = log_in(self.container)

    def start(self) -> Container:
        return self.started.start(env=SUPERUSER, mounts={self.volume: "/data"}).wait_until_ready()


@pytest.fixture(scope="module")
def first_look():
    started = Containers()
    yield FirstLook(started)
    started.clean()


def test_process_one_is_gunicorn_and_every_process_runs_as_the_applications_user(first_look):
    processes = first_look.container.processes()
    assert {process["uid"] for process in processes} == {"1001"}
    first = str(first_look.container.inspect()["State"]["Pid"])
    assert {process["ppid"] for process in processes if process["pid"] != first} == {first}
    assert all(row["args"].endswith("gunicorn backend.wsgi") for row in processes)


def test_superuser_of_the_environment_can_log_in(first_look):
    assert first_look.login == 302


def test_superusers_password_is_in_no_log_and_not_in_the_servers_environment(first_look):
    password = SUPERUSER["DJANGO_SUPERUSER_PASSWORD"]
    assert password not in first_look.container.logs()
    environment = first_look.container.exec("cat", "/proc/1/environ", user="1001")
    assert "DJANGO_SUPERUSER_USERNAME" in environment
    assert password not in environment


def test_next_container_on_the_volume_keeps_data_session_and_superuser(first_look):
    assert "boot: superuser 'ada' created" in boot_lines(first_look.container)
    following = first_look.start()
    lines = boot_lines(following)
    assert "boot: superuser 'ada' exists and is left as it is" in lines
    assert "boot: database 'default' is up to date" in lines
    assert "boot: static files are unchanged" in lines
    following.session.cookies = first_look.container.session.cookies
    assert following.get("/admin/", allow_redirects=False).status_code == 200


def test_sigterm_while_serving_ends_with_exit_code_0(containers):
    container = containers.start().wait_until_ready()
    docker("stop", "--time", "20", container.name)
    assert container.exit_code() == 0
    assert "Shutting down: Master" in container.logs()


def test_image_holds_no_secret_key_and_no_database(containers):
    done = containers.run("find", "/data", "-maxdepth", "1", "-mindepth", "1")
    assert sorted(done.stdout.split()) == ["/data/media", "/data/static"]
    assert containers.run("ls", "-A", "/data/media").stdout == ""


def test_static_files_are_collected_only_when_one_changed(containers, tmp_path):
    app = "stops/__init__.py", "stops/static/stops/map.css"
    write(tmp_path, {app[0]: "", app[1]: "body { color: red }"})
    # Only a few files, because compressing those of the admin and Swagger takes most of a minute.
    settings = 'INSTALLED_APPS = ["stops", "django.contrib.contenttypes", "django.contrib.auth"]'
    write(tmp_path, {"local_settings/settings.py": settings})
    container = containers.start(
        mounts={tmp_path / name: f"/code/{name}" for name in ("stops", "local_settings")}
    ).wait_until_ready()
    assert "boot: collecting static files into /data/static" in boot_lines(container)

    def restarted() -> list[str]:
        before = len(boot_lines(container))
        container.restart(20)
        container.wait_until_ready()
        return boot_lines(container)[before:]

    assert "boot: static files are unchanged" in restarted()
    write(tmp_path, {app[1]: "body { color: blue }"})
    assert "boot: collecting static files into /data/static" in restarted()
    name = container.exec("sh", "-c", "cd /data/static && ls -t stops/map.*.css | head -n 1")
    answer = container.get(f"/static/{name.strip()}")
    assert answer.text == "body { color: blue }"
    assert "immutable" in answer.headers["Cache-Control"]


# ---------------------------------------------------------------------------
# Waiting for a database


def test_waiting_is_bounded_and_each_line_has_the_servers_last_error(containers):
    done = containers.run(env={**NOBODY, "DB_WAIT_TIMEOUT": "2"})
    assert done.returncode == 1
    waits = [line for line in done.stdout.splitlines() if "waiting for database" in line]
    assert len(waits) >= 2
    assert all("Connection refused" in line and " of 2 s: " in line for line in waits)
    assert_two_lines(
        done.stderr,
        "The database 'default' (127.0.0.1:5432/api) did not answer within 2 s",
        "Connection refused",
        "Check that the server is running and that host, port, and name are correct.",
    )
    assert NOBODY["POSTGRES_PASSWORD"] not in done.stdout + done.stderr


def test_wrong_password_fails_at_once_and_is_not_printed(containers, postgis: PostGIS):
    env = postgis.env("postgres", POSTGRES_PASSWORD="guessed-wrong")
    done = containers.run(env=env, options=["--network", postgis.network])
    assert done.returncode == 1
    assert "waiting" not in done.stdout
    assert_two_lines(
        done.stderr,
        f"The database 'default' ({postgis.host}:5432/postgres) refuses the login",
        'password authentication failed for user "api"',
        "Correct the user and the password (POSTGRES_USER, POSTGRES_PASSWORD",
    )
    assert "guessed-wrong" not in done.stdout + done.stderr


def test_encryption_that_the_server_does_not_have_fails_at_once(containers, postgis: PostGIS):
    env = postgis.env("postgres", POSTGRES_NAME="")
    url = f"POSTGIS://api:{quote(postgis.password, safe='')}@{postgis.host}/postgres/"
    env["DATABASE_URL"] = f"{url}?sslmode=require"
    done = containers.run(env=env, options=["--network", postgis.network])
    assert done.returncode == 1
    assert "waiting" not in done.stdout
    assert_two_lines(
        done.stderr,
        f"The database 'default' ({postgis.host}:5432/postgres) cannot be opened",
        "server does not support SSL, but SSL was required",
        "Correct its options, such as sslmode",
    )


def test_start_waits_for_a_database_that_comes_up_late(containers, network):
    env = {**NOBODY, "POSTGRES_HOST": "late-database"}
    api = containers.start(env=env, options=["--network", network])
    until(lambda: "waiting for database" in api.logs(), "the boot waits")
    assert api.running
    password = {"POSTGRES_USER": "api", "POSTGRES_PASSWORD": NOBODY["POSTGRES_PASSWORD"]}
    place = ["--network", network, "--network-alias", "late-database"]
    containers.start(image=POSTGIS_IMAGE, env=password, options=place)
    api.wait_until_ready()
    assert "boot: database 'default' (late-database:5432/api) answers" in boot_lines(api)


# A proxy in front of PostgreSQL. Each port stops forwarding when a client sends a given text.
SILENT = """
import socket, sys, threading

def pump(source, target, text=None):
    while data := source.recv(65536):
        if text and text in data:
            threading.Event().wait()
        target.sendall(data)

def serve(port, text):
    for client in iter(lambda: listeners[port].accept()[0], None):
        server = socket.create_connection((sys.argv[1], 5432))
        for each in (client, server, text), (server, client):
            threading.Thread(target=pump, args=each, daemon=True).start()

texts = {int(port): text.encode() for port, text in (each.split("=") for each in sys.argv[2:])}
listeners = {port: socket.create_server(("", port)) for port in texts}
for each in texts.items():
    threading.Thread(target=serve, args=each).start()
print("listens", flush=True)
"""
# The text at which the server goes silent, and how the error at the start then begins.
SILENT_FROM = {
    "SELECT": "The database 'default'",
    "pg_class": "Migrating database 'default'",
    "pg_try_advisory": "Migrating database 'default'",
    "max_connections": "",  # a start does not need the number of connections
    "CREATE TABLE": "",  # a migration has no time limit
}


@pytest.fixture(scope="module")
def silent(postgis: PostGIS) -> Iterator[dict[str, tuple[str, str]]]:
    """For each text, the host and port of a server that goes silent when it receives the text."""
    started = Containers()
    ports = {text: str(5500 + number) for number, text in enumerate(SILENT_FROM)}
    texts = [f"{port}={text}" for text, port in ports.items()]
    proxy = started.start(
        *("python", "-c", SILENT, postgis.host, *texts), options=["--network", postgis.network]
    )
    until(lambda: "listens" in proxy.logs(), "the proxy listens")
    yield {text: (proxy.name, port) for text, port in ports.items()}
    started.clean()


# With psycopg 3, GeoDjango sends queries before Django knows the connection.
@pytest.mark.parametrize(
    ("text", "image"),
    [*((text, "psycopg 2") for text in SILENT_FROM), ("SELECT", "psycopg 3")],
    indirect=["image"],
)
def test_start_waits_no_longer_than_usual_for_a_server_that_is_silent_after_the_login(
    containers, postgis: PostGIS, silent: dict[str, tuple[str, str]], text: str, image: str
):
    host, port = silent[text]
    limit = "12" if text == "pg_class" else "3"
    off = {"COLLECTSTATIC": "false", "MIGRATE": str(text != "max_connections")}
    place = {"POSTGRES_HOST": host, "POSTGRES_PORT": port, "DB_WAIT_TIMEOUT": limit}
    container = containers.start(
        "--check-config",
        image=image,
        env=postgis.env(postgis.database(), **off, **place),
        options=["--network", postgis.network],
    )
    container.may_log("did not answer for")
    if text == "CREATE TABLE":
        until(lambda: "still migrating database 'default', 10 s" in container.logs(), "it reports")
        assert container.running
        return
    code, done = container.exit_code(), docker("logs", container.name)
    silence = f"the server accepts connections, but did not answer for {limit} s"
    if text == "max_connections":
        assert f"does not report its number of connections: {silence}" in done.stdout
        return
    assert code == 1
    assert_two_lines(done.stderr, SILENT_FROM[text], silence[:50], "")
    if text == "pg_class":
        assert "waiting for an answer from database 'default', 10 of 12 s" in done.stdout


def test_start_waits_until_the_timeout_for_the_lock_of_another_container_on_the_volume(containers):
    held = "/data/.db.sqlite3.lock"
    done = containers.run(
        *("flock", held, "python", "-m", "backend.boot", "--check-config"),
        env={"MIGRATE_LOCK_TIMEOUT": "2", "COLLECTSTATIC": "false"},
        patience=30,
    )
    assert done.returncode == 1
    assert done.stdout.count("waiting for another container that migrates 'default', 0 of 2 s") == 1
    assert_two_lines(
        done.stderr,
        "Another container",
        f"which migrates 'default', has held the lock {held} for 2 s.",
        "increase MIGRATE_LOCK_TIMEOUT",
    )


def test_sigterm_while_waiting_ends_at_once_with_exit_code_0(containers):
    container = containers.start(env={**NOBODY, "DB_WAIT_TIMEOUT": "300"})
    # The longest pause between two attempts is 2 s, so the signal arrives during a pause.
    until(lambda: container.logs().count("waiting for database") >= 3, "the boot waits")
    started = time.monotonic()
    docker("stop", "--time", "20", container.name)
    assert time.monotonic() - started < 3
    assert container.exit_code() == 0
    assert boot_lines(container)[-1] == "boot: stopped before it was ready (SIGTERM)"


def test_each_step_can_be_switched_off(containers, tmp_path):
    write(tmp_path, {"static/new.css": "body {}"})
    settings = 'STATICFILES_DIRS = ["/code/local_settings/static"]\n'
    write(tmp_path, {"settings.py": settings})
    tmp_path.chmod(0o755)
    off = {"DB_WAIT": "false", "MIGRATE": "off", "COLLECTSTATIC": "0"}
    container = containers.start(
        env={**NOBODY, **off}, mounts={tmp_path: "/code/local_settings"}
    ).wait_until_serving()
    container.may_log("connection to server at")
    log = container.logs()
    assert "boot: ready to serve" in log
    assert not re.search("waiting|answers|migrat|static", log)
    assert container.get("/health/ready").status_code == 503


# ---------------------------------------------------------------------------
# Migrating

MODELS = """
from django.db import models

class Stop(models.Model):
    name = models.CharField(max_length=50)

class Census(models.Model):
    class Meta:
        in_db = "census"
        managed = False
"""
# The model has a field that the migration does not have.
MIGRATION = """
from django.db import migrations, models

class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel("Stop", [("id", models.BigAutoField(primary_key=True))]),
    ]
"""
STOPS = {
    "stops/__init__.py": "",
    "stops/models.py": MODELS,
    "stops/migrations/__init__.py": "",
    "stops/migrations/0001_initial.py": MIGRATION,
    "fresh/__init__.py": "",
    "fresh/models.py": "from django.db import models\n\nclass Fresh(models.Model):\n    pass\n",
    "local_settings/settings.py": "from backend.hacko_settings import *\n\n"
    'INSTALLED_APPS += ["stops", "fresh"]\n',
}


def test_each_alias_with_managed_models_is_migrated_and_makemigrations_never_runs(
    containers, postgis: PostGIS, tmp_path
):
    write(tmp_path, STOPS)
    for folder in ("stops", "stops/migrations", "fresh"):
        (tmp_path / folder).chmod(0o777)
    mounts = {tmp_path / name: f"/code/{name}" for name in ("stops", "fresh", "local_settings")}
    default, census = postgis.database(), postgis.database()
    login = f"{postgis.user}:{quote(postgis.password, safe='')}"
    url = f"postgis://{login}@{postgis.host}/{census}"
    env = postgis.env(default, CENSUS_DATABASE_URL=url, DEBUG="true", PYTHONDONTWRITEBYTECODE="1")
    place = ["--network", postgis.network]
    api = containers.start(env=env, options=place, mounts=mounts).wait_until_ready()

    api.may_log("has model changes without a migration", "has models but no migrations")

    lines = boot_lines(api)
    assert "boot: migrating database 'default'" in lines
    assert "boot: database 'census' has no managed models: nothing to migrate" in lines
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    assert "stops_stop" in postgis.sql(tables, default).split()
    assert postgis.sql(tables, census).split() == ["spatial_ref_sys"]

    warning = "boot: WARNING: 'stops' has model changes without a migration; "
    assert warning + "run python manage.py makemigrations stops" in lines
    warning = "boot: WARNING: 'fresh' has models but no migrations; "
    assert warning + "run python manage.py makemigrations fresh" in lines
    assert len([line for line in lines if "WARNING" in line]) == 2
    written = sorted(path.name for path in tmp_path.rglob("*/migrations/*.py"))
    assert written == ["0001_initial.py", "__init__.py"]
    assert not (tmp_path / "fresh/migrations").exists()


def test_migration_that_fails_stops_the_boot_and_names_its_line(containers, tmp_path):
    broken = MIGRATION.replace(
        "    operations = [\n",
        "    def count(apps, schema_editor):\n"
        "        apps.get_model('stops', 'Stopp')\n\n"
        "    operations = [\n        migrations.RunPython(count),\n",
    )
    write(tmp_path, {**STOPS, "stops/migrations/0001_initial.py": broken})
    write(tmp_path, {"stops/models.py": "", "fresh/models.py": ""})
    mounts = {tmp_path / name: f"/code/{name}" for name in ("stops", "fresh", "local_settings")}
    done = containers.run(mounts=mounts)
    assert done.returncode == 1
    place = "Migrating database 'default' failed. /code/stops/migrations/0001_initial.py, line 7"
    problem = "LookupError: No installed app with label 'stops'"
    assert_two_lines(
        done.stderr, place, problem, "Correct the migration, or the data that it fails on"
    )


def test_unknown_option_of_a_database_fails_at_once(containers):
    url = "postgis://api:hush@127.0.0.1/api?sslmod=require"
    done = containers.run(env={"DATABASE_URL": url, "DJANGO_SECRET_KEY": "k" * 50})
    assert done.returncode == 1
    assert "waiting" not in done.stdout
    place = "The database 'default' (127.0.0.1:5432/api) cannot be opened"
    assert_two_lines(done.stderr, place, '"sslmod"', "Correct its options")
    assert "hush" not in done.stdout + done.stderr


# ---------------------------------------------------------------------------
# Configurations that refuse to start


def test_real_database_without_a_secret_key_refuses_to_start(containers):
    done = containers.run(env={**NOBODY, "DJANGO_SECRET_KEY": ""})
    assert done.returncode == 1
    place = "DJANGO_SECRET_KEY is not set. The API needs a key of its own"
    assert_two_lines(done.stderr, place, "", "Set DJANGO_SECRET_KEY to a long random text")


def test_host_of_a_database_without_its_name_refuses_to_start(containers):
    done = containers.run(env={"POSTGRES_HOST": "db", "POSTGRES_NAME": ""})
    assert done.returncode == 1
    place = "POSTGRES_HOST is set, but neither POSTGRES_NAME nor POSTGRES_DB is."
    assert_two_lines(done.stderr, place, "", "Set POSTGRES_NAME to the name of the database")


def test_misspelled_variable_is_reported_with_the_likely_name(containers):
    done = containers.run(env={**NOBODY, "POSTGRES_PASWORD": "hush", "DB_WAIT_TIMEOUT": "1"})
    warning = (
        "POSTGRES_PASWORD is set, but the image does not use it; did you mean POSTGRES_PASSWORD?"
    )
    assert f"boot: WARNING: {warning}" in done.stdout.splitlines()
    assert "hush" not in done.stdout + done.stderr


def test_data_folder_that_cannot_be_written_stops_the_boot_and_names_the_user(containers):
    done = containers.run(options=["--user", "12345:12345"])
    assert done.returncode == 1
    place = "The data folder /data cannot be written by UID 12345: Permission denied."
    assert_two_lines(done.stderr, place, "", "Mount a volume there (docker run -v api-data:/data)")


def test_root_that_cannot_switch_to_another_user_stops_the_boot(containers):
    done = containers.run(options=["--cap-drop", "ALL"])
    assert done.returncode == 1
    place = "The container runs as root and cannot switch to another user"
    assert_two_lines(done.stderr, place, "CAP_SETUID", "docker run --user 1001:0")


# ---------------------------------------------------------------------------
# Commands in place of the server, and flags for it


def test_a_command_is_run_at_once_as_the_applications_user(containers):
    done = containers.run("bash", "-c", 'id -u; echo "$HOME" "$0"; exit 7', "an argument; echo no")
    assert done.stdout == "1001\n/home/app an argument; echo no\n"
    assert (done.returncode, done.stderr) == (7, "")


def test_manage_py_shell_runs_with_the_projects_settings(containers):
    code = "from django.conf import settings; print(settings.ROOT_URLCONF)"
    done = containers.run("python", "manage.py", "shell", "--verbosity", "0", "-c", code)
    assert (done.returncode, done.stdout) == (0, "backend.urls\n"), done.stderr


def test_command_that_would_write_code_into_the_image_says_where_to_run_it(containers):
    done = containers.run("python", "manage.py", "startapp", "trees")
    assert done.returncode == 1
    place = "/code/trees cannot be written by UID 1001: Permission denied."
    assert_two_lines(done.stderr, place, "", "Run the command where your project is mounted")


def test_flags_alone_go_to_gunicorn(containers):
    container = containers.start("--workers", "3", "--access-logfile", "/dev/null")
    container.wait_until_ready()
    until(lambda: len(container.processes()) == 1 + 3, "gunicorn and three workers run")
    assert '"GET /health/ready' not in container.logs()


@pytest.mark.parametrize(
    ("command", "code", "reason"),
    [
        ("pyhton", 127, "No such file or directory"),
        ("/opt/backend", 126, "Permission denied"),
    ],
)
def test_command_that_cannot_be_run_exits_as_a_shell_would(containers, command, code, reason):
    done = containers.run(command, "manage.py")
    assert done.returncode == code
    place = f"The command '{command}' cannot be run: {reason}."
    assert_two_lines(done.stderr, place, "", "Check its spelling; the image runs commands such as")
