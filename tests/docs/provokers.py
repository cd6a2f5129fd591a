"""Provokes each error of docs/troubleshooting.md on the image, and returns the output.

On the page, each block follows a comment ``printed: NAME``. The function NAME is here.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests

from tests.conftest import PostGIS, start_postgis
from tests.support.broken import SETTINGS, URLS, write
from tests.support.containers import Container, Containers, docker, until

KEY = {"DJANGO_SECRET_KEY": "of-the-tests-and-as-long-as-django-wants-it-" * 2}
POSTGRES = {
    "POSTGRES_HOST": "db",
    "POSTGRES_NAME": "trees",
    "POSTGRES_USER": "trees",
    "POSTGRES_PASSWORD": "of-the-tests",
}
EXTENDS = "from backend.hacko_settings import *\n\n"
APP = {SETTINGS: f'{EXTENDS}INSTALLED_APPS += ["trees"]\n', "trees/__init__.py": ""}
MODEL = """\
from django.db import models


class Tree(models.Model):
    name = models.TextField()
"""
GEOMETRY = """\
from django.contrib.gis.db import models


class Tree(models.Model):
    place = models.PointField()
"""
ELSEWHERE = f"""\
{MODEL}
    class Meta:
        in_db = "cencus"
"""
MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    operations = [
        migrations.CreateModel(
            "Tree", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())]
        )
    ]
"""
# Pages that fail in different ways.
PAGES = """\
from django.contrib.contenttypes.models import ContentType
from django.http import HttpResponse
from django.templatetags.static import static
from django.urls import path

urlpatterns = [
    path("count/", lambda request: HttpResponse(ContentType.objects.count())),
    path("map/", lambda request: HttpResponse(static("trees/tree.css"))),
    path("report/", lambda request: HttpResponse(len(b"x" * 2**30))),
]
"""

# Packages that these tests install, and their folders in the image.
PACKAGES = {"storages": "/opt/venv/lib/python3.13/site-packages/storages"}

ERRORS: dict[str, Callable[[Stage], str]] = {}


def provokes(provoker: Callable[[Stage], str]) -> Callable[[Stage], str]:
    ERRORS[provoker.__name__] = provoker
    return provoker


@dataclass
class Stage:
    """A PostGIS server with the name ``db``, and an API with its own database on it.

    Several threads may start containers at the same time.
    """

    started: Containers
    postgis: PostGIS
    network: str
    folder: Path
    api: Container = field(init=False)

    def __post_init__(self) -> None:
        docker("network", "connect", "--alias", "db", self.network, self.postgis.host)
        self.postgis.sql("CREATE ROLE trees LOGIN PASSWORD 'of-the-tests'")
        for database in ("trees", "planted", "bare"):
            self.postgis.sql(f"CREATE DATABASE {database} OWNER trees")
        for database in ("trees", "planted"):
            self.postgis.sql("CREATE EXTENSION postgis", database)
        self.api = self.serve({URLS: PAGES}, env=KEY | POSTGRES).wait_until_ready()

    def close(self) -> None:
        """Restore the server, which other tests use too."""
        for database in ("trees", "planted", "bare"):
            self.postgis.sql(f"DROP DATABASE {database} WITH (FORCE)")
        self.postgis.sql("DROP ROLE trees")

    def serve(
        self,
        files: Mapping[str, str],
        *options: str,
        command: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> Container:
        mounts = self._written(files)
        options = (*self._network(), *options)
        return self.started.start(*command, env=env, options=options, mounts=mounts)

    def prepare(
        self, files: Mapping[str, str], *options: str, env: Mapping[str, str] | None = None
    ) -> tuple[str, str]:
        """The log and the errors of a container that ends before its server would start."""
        done = self.started.run(
            "--check-config",
            env=env,
            options=[*self._network(), *options],
            mounts=self._written(files),
        )
        return done.stdout, done.stderr

    def runs(self, files: Mapping[str, str], *command: str, env: Mapping[str, str]) -> str:
        done = self.started.run(
            *command, env=env, options=self._network(), mounts=self._written(files)
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ends(self, files: Mapping[str, str], *command: str, env: Mapping[str, str]) -> str:
        """The errors of a command, which must end with exit code 1."""
        done = self.started.run(
            *command, env=env, options=self._network(), mounts=self._written(files)
        )
        assert done.returncode == 1, done.stdout
        return done.stderr

    def fails(self, files: Mapping[str, str], *options: str, **env: str) -> str:
        """The errors of a start with a team's ``files``, which must print some."""
        _, errors = self.prepare(files, *options, env=env)
        assert errors, "the start did not fail"
        return errors

    def warns(self, files: Mapping[str, str], **env: str) -> str:
        log, errors = self.prepare(files, env=env)
        assert not errors, errors
        return line_with("WARNING: ", log)

    def _network(self) -> list[str]:
        return ["--network", self.network]

    def _written(self, files: Mapping[str, str]) -> dict[str | Path, str]:
        root = self.folder / uuid.uuid4().hex
        root.mkdir()
        write(root, dict(files))
        for script in root.glob("*.sh"):
            script.chmod(0o755)
        return {each: PACKAGES.get(each.name, f"/code/{each.name}") for each in root.iterdir()}


def line_with(text: str, log: str) -> str:
    (line,) = [line for line in log.splitlines() if text in line]
    return line


def logged(container: Container, text: str) -> str:
    """Wait for a text in the log, and return the only line with it."""
    until(lambda: text in container.logs(), f"{text} in the log")
    return line_with(text, container.logs())


# --- Variables ---------------------------------------------------------------


@provokes
def missing_key(stage: Stage) -> str:
    return stage.fails({}, **POSTGRES)


@provokes
def public_key(stage: Stage) -> str:
    return stage.fails({}, **POSTGRES, DJANGO_SECRET_KEY="change-me-in-production")


@provokes
def unreadable_value(stage: Stage) -> str:
    return stage.fails({}, DEBUG="ture")


@provokes
def origin_without_scheme(stage: Stage) -> str:
    return stage.fails({}, CORS_ALLOWED_ORIGINS="map.example.org")


@provokes
def host_with_scheme(stage: Stage) -> str:
    return stage.fails({}, ALLOWED_HOSTS="https://api.example.org/")


@provokes
def misspelled_variable(stage: Stage) -> str:
    return stage.warns({}, POSTGRES_PASWORD="x")


@provokes
def no_database_name(stage: Stage) -> str:
    return stage.fails({}, POSTGRES_USER="trees", POSTGRES_HOST="db")


# --- Your code ---------------------------------------------------------------


@provokes
def missing_package(stage: Stage) -> str:
    return stage.fails({SETTINGS: f"{EXTENDS}import storages\n"})


@provokes
def downgraded_package(stage: Stage) -> str:
    return stage.fails({"old/uritemplate-2.0.0.dist-info/METADATA": ""}, PYTHONPATH="/code/old")


@provokes
def contradiction(stage: Stage) -> str:
    requires = "Requires-Dist: urllib3<1.27,>=1.21.1\n"
    files = {
        "own/requests-2.28.0.dist-info/METADATA": requires,
        "own/urllib3-2.2.0.dist-info/METADATA": "",
    }
    return stage.warns(files, PYTHONPATH="/code/own")


@provokes
def missing_dependency(stage: Stage) -> str:
    package = {
        SETTINGS: f'{EXTENDS}INSTALLED_APPS += ["storages"]\n',
        "storages/__init__.py": "import boto3\n",
    }
    return stage.fails(package)


@provokes
def folder_for_file(stage: Stage) -> str:
    return stage.fails({"local_settings/settings.py/nothing": ""})


@provokes
def no_urlpatterns(stage: Stage) -> str:
    return stage.fails({URLS: "from django.urls import path\n"})


@provokes
def unknown_alias(stage: Stage) -> str:
    return stage.fails(APP | {"trees/models.py": ELSEWHERE})


@provokes
def ignored_variable(stage: Stage) -> str:
    sqlite = '{"ENGINE": "django.db.backends.sqlite3", "NAME": "/data/db.sqlite3"}'
    return stage.fails(
        {SETTINGS: f'{EXTENDS}DATABASES = {{"default": {sqlite}}}\n'}, **KEY, **POSTGRES
    )


@provokes
def geometry_on_sqlite(stage: Stage) -> str:
    return stage.fails(APP | {"trees/models.py": GEOMETRY})


# --- Databases and migrations ------------------------------------------------


@provokes
def wrong_password(stage: Stage) -> str:
    return stage.fails({}, **KEY, **POSTGRES | {"POSTGRES_PASSWORD": "another"})


@provokes
def unknown_host(stage: Stage) -> str:
    here = POSTGRES | {"POSTGRES_HOST": "database", "DB_WAIT_TIMEOUT": "1"}
    return stage.fails({}, **KEY, **here)


@provokes
def nobody_listens(stage: Stage) -> str:
    here = POSTGRES | {"POSTGRES_HOST": "localhost", "DB_WAIT_TIMEOUT": "1"}
    return stage.fails({}, **KEY, **here)


@provokes
def no_postgis(stage: Stage) -> str:
    return stage.fails({}, **KEY, **POSTGRES | {"POSTGRES_NAME": "bare"})


@provokes
def plain_postgres(stage: Stage) -> str:
    server = start_postgis(stage.started, stage.network)
    server.container.exec(
        "sh", "-c", "rm /usr/share/postgresql/*/extension/postgis.control", user="0"
    )
    server.sql("CREATE DATABASE trees")
    return stage.fails({}, **server.env("trees"))


@provokes
def no_migrations(stage: Stage) -> str:
    return stage.warns(APP | {"trees/models.py": MODEL}, DEBUG="true")


@provokes
def nobody_migrates(stage: Stage) -> str:
    """SQLite in a container of its own, as at a worker's first try without PostgreSQL."""
    env = {"MIGRATE_LOCK_TIMEOUT": "1"}
    return stage.ends({}, "celery", "--app", "jobs", "worker", env=env)


@provokes
def table_exists(stage: Stage) -> str:
    files = APP | {
        "trees/migrations/__init__.py": "",
        "trees/migrations/0001_initial.py": MIGRATION,
    }
    stage.postgis.sql("CREATE TABLE trees_tree (id bigint)", "planted")
    env = KEY | POSTGRES | {"POSTGRES_NAME": "planted"}
    error = stage.fails(files, **env)
    # The page recommends this command for an identical table. The next start then succeeds.
    stage.runs(files, "python", "manage.py", "migrate", "--fake-initial", env=env)
    assert stage.prepare(files, env=env)[1] == ""
    return error


@provokes
def too_few_connections(stage: Stage) -> str:
    here = POSTGRES | {"POSTGRES_NAME": "bare", "MIGRATE": "false"}
    return stage.warns({}, **KEY, **here, REPLICAS="8", WEB_CONCURRENCY="4")


@provokes
def command_without_database(stage: Stage) -> str:
    here = POSTGRES | {"POSTGRES_HOST": "localhost"}
    return stage.ends({}, "python", "manage.py", "migrate", env=KEY | here)


@provokes
def missing_table(stage: Stage) -> str:
    code = "from django.contrib.auth.models import User; User.objects.count()"
    return stage.ends({}, "python", "manage.py", "shell", "-v0", "-c", code, env={})


@provokes
def database_away(stage: Stage) -> str:
    stage.postgis.sql("ALTER DATABASE trees ALLOW_CONNECTIONS false")
    stage.postgis.end_connections("datname = 'trees'")
    try:
        answer = stage.api.get("/count/")
    finally:
        stage.postgis.sql("ALTER DATABASE trees ALLOW_CONNECTIONS true")
    assert answer.status_code == 503
    return answer.text


# --- The container -----------------------------------------------------------


@provokes
def read_only_data(stage: Stage) -> str:
    return stage.fails({}, "--volume", f"{stage.started.volume()}:/data:ro")


@provokes
def database_in_code(stage: Stage) -> str:
    name = 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "%s"}}\n'
    files = {SETTINGS: EXTENDS + name % "/code/db.sqlite3"}
    return stage.ends(files, "python", "manage.py", "migrate", env={})


@provokes
def server_below_script(stage: Stage) -> str:
    script = "#!/bin/sh\npython manage.py migrate\ngunicorn backend.wsgi -c gunicorn_conf.py\n"
    api = stage.serve({"start.sh": script}, command=("./start.sh",))
    return logged(api, "gunicorn was started without")


@provokes
def may_not_give_up_root(stage: Stage) -> str:
    return stage.fails({}, "--cap-drop", "ALL")


@provokes
def port_in_use(stage: Stage) -> str:
    done = docker("exec", stage.api.name, "bin/docker-entrypoint.sh", check=False)
    return done.stderr


@provokes
def out_of_memory(stage: Stage) -> str:
    limit = ("--memory", "256m", "--memory-swap", "256m")
    api = stage.serve({URLS: PAGES}, *limit).wait_until_ready()

    def killed() -> list[str]:
        with contextlib.suppress(requests.ConnectionError):
            api.get("/report/")
        return [line for line in api.logs().splitlines() if "out of memory" in line]

    return until(killed, "a worker is killed for its memory")[0]


@provokes
def missing_static_file(stage: Stage) -> str:
    assert stage.api.get("/map/").status_code == 500
    return logged(stage.api, "ValueError: ").strip()


@provokes
def unresolved_static_file(stage: Stage) -> str:
    return stage.fails(APP | {"trees/static/trees/tree.css": 'p { background: url("oak.png") }'})


# --- Requests ----------------------------------------------------------------


@provokes
def foreign_host(stage: Stage) -> str:
    answer = stage.api.get("/", headers={"Host": "api:8000"})
    assert answer.status_code == 400
    return logged(stage.api, "ALLOWED_HOSTS")


@provokes
def foreign_origin(stage: Stage) -> str:
    answer = stage.api.session.post(
        stage.api.url("/admin/login/"), headers={"Origin": "https://api.example.org"}, timeout=30
    )
    assert answer.status_code == 403
    return logged(stage.api, "Forbidden")


@provokes
def large_body(stage: Stage) -> str:
    json = {"Content-Type": "application/json"}
    answer = stage.api.session.post(
        stage.api.url("/count/"), b" " * 10_000_001, headers=json, timeout=30
    )
    assert answer.status_code == 413
    return answer.text
