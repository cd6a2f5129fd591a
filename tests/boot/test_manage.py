"""manage.py in containers: commands without a database, errors, and new applications."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.conftest import PostGIS, start_postgis
from tests.support.broken import SETTINGS, write
from tests.support.containers import Containers
from tests.support.projects import assert_two_lines

pytestmark = pytest.mark.engine

KEY = {"DJANGO_SECRET_KEY": "of-the-tests-and-as-long-as-django-wants-it-of-the-tests"}
NOWHERE = {"DATABASE_URL": "postgis://nobody:x@nowhere/x", **KEY}
EXTENDS = "from backend.hacko_settings import *\n\n"
MANAGE = ("python", "manage.py")
GEOMETRY = """\
from django.contrib.gis.db import models


class Tree(models.Model):
    name = models.TextField()
    place = models.PointField()
    crown = models.MultiPolygonField(srid=2913, null=True)
"""
# Files on the host that belong to a developer.
OWNER = 4711


def app(folder: Path) -> dict[Path, str]:
    """Mounts of an application with geometries and without migrations."""
    settings = f"{EXTENDS}INSTALLED_APPS += ['trees']\n"
    files = {SETTINGS: settings, "trees/models.py": GEOMETRY, "trees/migrations/__init__.py": ""}
    write(folder, {"trees/__init__.py": "", **files})
    (folder / "trees/migrations").chmod(0o777)
    return {folder / name: f"/code/{name}" for name in ("trees", "local_settings")}


def test_makemigrations_and_check_need_no_database(containers: Containers, tmp_path: Path) -> None:
    mounts = app(tmp_path)
    checked = containers.run(*MANAGE, "check", env=NOWHERE, mounts=mounts)
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr
    containers.may_log("RuntimeWarning: Got an error checking a consistent migration history")
    made = containers.run(*MANAGE, "makemigrations", env=NOWHERE, mounts=mounts)
    assert made.returncode == 0, made.stderr
    migration = (tmp_path / "trees/migrations/0001_initial.py").read_text()
    assert (
        "django.contrib.gis.db.models.fields.MultiPolygonField(null=True, srid=2913)" in migration
    )
    assert "Traceback" not in made.stderr
    pending = containers.run(*MANAGE, "makemigrations", "--check", env=NOWHERE, mounts=mounts)
    assert (pending.returncode, pending.stdout) == (0, "No changes detected\n")


@pytest.fixture(scope="module")
def plain_postgres(network: str):
    """A server like that of the image ``postgres``, which has no PostGIS."""
    started = Containers()
    server = start_postgis(started, network)
    server.container.exec(
        "sh", "-c", "rm /usr/share/postgresql/*/extension/postgis.control", user="0"
    )
    server.sql("CREATE DATABASE trees")
    yield server
    started.clean()


def test_makemigrations_needs_no_postgis(
    containers: Containers, plain_postgres: PostGIS, tmp_path: Path
) -> None:
    on = {"env": plain_postgres.env("trees"), "options": ["--network", plain_postgres.network]}
    made = containers.run(*MANAGE, "makemigrations", mounts=app(tmp_path), **on)
    assert (made.returncode, made.stderr) == (0, "")
    assert "+ Create model Tree" in made.stdout


def test_server_without_postgis_needs_another_image_if_a_model_has_a_geometry(
    containers: Containers, plain_postgres: PostGIS, tmp_path: Path
) -> None:
    on = {"env": plain_postgres.env("trees"), "options": ["--network", plain_postgres.network]}
    done = containers.run(*MANAGE, "migrate", mounts=app(tmp_path), **on)
    assert done.returncode == 1
    place = f"The database 'default' ({plain_postgres.host}:5432/trees) has no PostGIS"
    problem = 'extension "postgis" is not available'
    fix = "A model has a geometry field, so run a server with PostGIS: in the Compose file, image: "
    assert_two_lines(done.stderr, place, problem, fix)


def test_server_without_postgis_needs_another_engine_if_no_model_has_a_geometry(
    containers: Containers, plain_postgres: PostGIS, tmp_path: Path
) -> None:
    on = {"env": plain_postgres.env("trees"), "options": ["--network", plain_postgres.network]}
    done = containers.run(*MANAGE, "migrate", **on)
    assert done.returncode == 1
    engine = "django.db.backends.postgresql"
    place = f"The database 'default' ({plain_postgres.host}:5432/trees) has no PostGIS"
    fix = f"so you can set ENGINE of 'default' in DATABASES to '{engine}"
    assert_two_lines(done.stderr, place, "is not available", fix)
    # The advice, followed:
    write(tmp_path, {SETTINGS: f"{EXTENDS}DATABASES['default']['ENGINE'] = '{engine}'\n"})
    mounts = {tmp_path / "local_settings": "/code/local_settings"}
    done = containers.run(*MANAGE, "migrate", "-v0", mounts=mounts, **on)
    assert (done.returncode, done.stderr) == (0, "")


def test_wrong_login_and_missing_database_are_errors_of_two_lines(
    containers: Containers, postgis: PostGIS
) -> None:
    options = ["--network", postgis.network]
    wrong = postgis.env("postgres", POSTGRES_PASSWORD="another")
    done = containers.run(*MANAGE, "migrate", env=wrong, options=options)
    place = f"The database 'default' ({postgis.host}:5432/postgres) refuses the login"
    assert_two_lines(done.stderr, place, "password authentication failed", "Correct the user and")
    done = containers.run(*MANAGE, "showmigrations", env=postgis.env("cencus"), options=options)
    place = f"The database 'default' ({postgis.host}:5432/cencus) does not exist"
    assert_two_lines(done.stderr, place, 'database "cencus" does not exist', "Correct the name")
    assert done.returncode == 1


def test_missing_table_of_postgresql_is_an_error_of_two_lines(
    containers: Containers, postgis: PostGIS
) -> None:
    on = {"env": postgis.env(postgis.database()), "options": ["--network", postgis.network]}
    user = ("createsuperuser", "--noinput", "--username", "chief", "--email", "a@example.org")
    done = containers.run(*MANAGE, *user, **on)
    assert done.returncode == 1
    errors = done.stderr[done.stderr.index("ERROR: ") :]
    place = "ProgrammingError in database 'default'"
    problem = 'relation "auth_user" does not exist'
    assert_two_lines(errors, place, problem, "Apply the migrations: python manage.py migrate")


@pytest.mark.parametrize(
    ("settings", "problem", "name"),
    [
        (
            "import os\nLOGGING['handlers']['file'] = "
            "{'class': 'logging.FileHandler', 'filename': '/code/debug.log'}\n"
            "LOGGING['root']['handlers'].append('file')\n",
            "ValueError: Unable to configure handler 'file': [Errno 13] Permission denied: "
            "'/code/debug.log'",
            "debug.log",
        ),
        (
            "import os\nos.makedirs('/code/uploads')\n",
            "PermissionError: [Errno 13] Permission denied: '/code/uploads'",
            "uploads",
        ),
    ],
    ids=["LOGGING", "uploads"],
)
def test_file_that_settings_write_is_moved_to_the_data_folder(
    containers: Containers, tmp_path: Path, settings: str, problem: str, name: str
) -> None:
    write(tmp_path, {SETTINGS: EXTENDS + settings})
    mounts = {tmp_path / "local_settings": "/code/local_settings"}
    for command in ((), (*MANAGE, "check")):
        done = containers.run(*command, mounts=mounts)
        assert done.returncode == 1
        fix = f"set its path to /data/{name}. Mount a volume at /data."
        assert_two_lines(done.stderr, f"/code/{SETTINGS}", problem, fix)


def test_read_only_database_in_the_code_is_moved_to_the_data_folder(
    containers: Containers, tmp_path: Path
) -> None:
    database = "{'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': '/code/db.sqlite3'}}"
    write(tmp_path, {SETTINGS: f"{EXTENDS}DATABASES = {database}\n", "db.sqlite3": ""})
    mounts = {tmp_path / name: f"/code/{name}" for name in ("local_settings", "db.sqlite3")}
    done = containers.run(*MANAGE, "migrate", mounts=mounts)
    assert done.returncode == 1
    place = "The database 'default' (/code/db.sqlite3) cannot be written by UID 1001"
    fix = "set NAME of 'default' to /data/db.sqlite3. Mount a volume at /data."
    assert_two_lines(done.stderr, place, "attempt to write a readonly database", fix)


# --- startapp ----------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder of a developer's files, as a team mounted it in 2019: without a manage.py."""
    tmp_path.chmod(0o755)
    folder = tmp_path / "src_files"
    write(folder, {SETTINGS: EXTENDS})
    for each in (folder, *folder.rglob("*")):
        os.chown(each, OWNER, OWNER)
    return folder


def test_startapp_creates_the_app_in_the_mounted_folder(
    containers: Containers, checkout: Path
) -> None:
    mounts = {checkout: "/code/src_files"}
    other = containers.run(*MANAGE, "startapp", "trees", mounts=mounts)
    assert other.returncode == 1
    place = "/code/src_files/trees cannot be written by UID 1001: Permission denied."
    fix = f"Run the command as the owner of /code/src_files: docker run --user {OWNER}:0 ..."
    assert_two_lines(other.stderr, place, "", fix)
    owner = ["--user", f"{OWNER}:0"]
    done = containers.run(*MANAGE, "startapp", "trees", mounts=mounts, options=owner)
    assert (done.returncode, done.stderr) == (0, "")
    settings = "/code/src_files/local_settings/settings.py"
    line = 'INSTALLED_APPS += ["src_files.trees"]'
    created = f"Created /code/src_files/trees. To install it, add to {settings}:\n    {line}\n"
    assert done.stdout == created
    invalid = containers.run(*MANAGE, "startapp", "a-tree", mounts=mounts, options=owner)
    assert "'a-tree' is not a valid app name" in invalid.stderr
    assert not (checkout / "a-tree").exists()
    # `docker exec` is root.
    exec_options = ["--entrypoint", ""]
    root = containers.run(*MANAGE, "startapp", "parks", mounts=mounts, options=exec_options)
    assert root.returncode == 0, root.stderr
    for name in ("trees/models.py", "parks", "parks/migrations/__init__.py"):
        assert (checkout / name).stat().st_uid == OWNER, name
    (checkout / SETTINGS).write_text(f'{EXTENDS}{line}\nINSTALLED_APPS += ["src_files.parks"]\n')
    done = containers.run(*MANAGE, "check", "trees", "parks", mounts=mounts)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_application_with_the_projects_own_settings_is_installed_by_the_printed_line(
    containers: Containers, tmp_path: Path
) -> None:
    """Django's own startproject wrote the settings, and the image's app is in INSTALLED_APPS."""
    settings = 'SECRET_KEY = "x" * 50\nINSTALLED_APPS = ["backend"]\n'
    write(tmp_path, {"city/__init__.py": "", "city/settings.py": settings})
    (tmp_path / "apps").mkdir(mode=0o777)
    (tmp_path / "apps").chmod(0o777)
    mounts = {tmp_path / name: f"/code/{name}" for name in ("city", "apps")}
    env = {"DJANGO_SETTINGS_MODULE": "city.settings"}
    make = "mkdir apps/trees && python manage.py startapp trees apps/trees"
    done = containers.run("sh", "-c", make, mounts=mounts, env=env)
    assert done.returncode == 0, done.stderr
    line = 'INSTALLED_APPS += ["apps.trees"]'
    place = "/code/apps/trees. To install it, add to /code/city/settings.py"
    assert done.stdout == f"Created {place}:\n    {line}\n"
    with (tmp_path / "city/settings.py").open("a") as file:
        file.write(f"{line}\n")
    done = containers.run(*MANAGE, "check", "trees", mounts=mounts, env=env)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
