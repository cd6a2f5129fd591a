"""manage.py: the errors of commands that cannot start, and the commands that the image adds."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.broken import SETTINGS, write
from tests.support.projects import assert_two_lines, run

KEY = {"DJANGO_SECRET_KEY": "of-the-tests-and-as-long-as-django-wants-it-of-the-tests"}
DOWN = {"DATABASE_URL": "postgis://api:hush@127.0.0.1:1/api", **KEY}


@pytest.mark.parametrize("command", ["check", "help"])
def test_app_that_does_not_exist_is_an_error_of_two_lines_for_any_command(
    project: Path, command: str
) -> None:
    settings = "from backend.hacko_settings import *\n\nINSTALLED_APPS += ['censsus']\n"
    write(project, {"local_settings/settings.py": settings})
    done = run(project, "manage.py", command)
    assert done.returncode == 1
    place = f"{project}/local_settings/settings.py, line 3"
    problem = "ModuleNotFoundError: No module named 'censsus'"
    assert_two_lines(done.stderr, place, problem, "Check the spelling of 'censsus'")


def test_wait_for_db_says_what_answers_and_gives_up_in_time(project: Path) -> None:
    answers = run(project, "manage.py", "wait_for_db", DATA_DIR=str(project))
    assert (answers.returncode, answers.stderr) == (0, "")
    assert "database 'default'" in answers.stdout
    late = run(
        *(project, "manage.py", "wait_for_db", "--timeout", "0"),
        DATABASE_URL="postgis://api:hush@127.0.0.1:1/api",
        DJANGO_SECRET_KEY="of-the-tests-and-as-long-as-django-wants-it",
    )
    assert late.returncode == 1
    place = "The database 'default' (127.0.0.1:1/api) did not answer within 0 s"
    assert_two_lines(late.stderr, place, "Connection refused", "Check that the server is running")


def test_wait_for_db_waits_for_the_databases_that_it_names(project: Path) -> None:
    down = {"CENSUS_DATABASE_URL": "postgis://api:hush@127.0.0.1:1/census", **KEY}
    env = {"DATA_DIR": str(project), **down}
    answers = run(project, "manage.py", "wait_for_db", "--database", "default", **env)
    assert (answers.returncode, answers.stderr) == (0, "")
    both = ("--database", "default", "--database", "census", "--timeout", "0")
    late = run(project, "manage.py", "wait_for_db", *both, **env)
    assert late.returncode == 1
    place = "The database 'census' (127.0.0.1:1/census) did not answer within 0 s"
    assert_two_lines(late.stderr, place, "Connection refused", "Check that the server is running")
    unknown = run(project, "manage.py", "wait_for_db", "--database", "cencus", **env)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    place = "--database names 'cencus', which is not in DATABASES."
    assert_two_lines(unknown.stderr, place, "", "DATABASES contains 'default', 'census'.")


OWN_COMMAND = """\
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    def handle(self, **options):
        self.stdout.write("the project's own")
"""
DERIVED = """\
from backend.management.commands import wait_for_db


class Command(wait_for_db.Command):
    def handle(self, **options):
        super().handle(**options)
        self.stdout.write("and the project's own")
"""


def with_command(project: Path, name: str, text: str) -> Path:
    """A project with a command in an application that is listed after the image's."""
    folder = "core/management"
    empty = ("core/__init__.py", f"{folder}/__init__.py", f"{folder}/commands/__init__.py")
    settings = "from backend.hacko_settings import *\n\nINSTALLED_APPS += ['core']\n"
    files = {SETTINGS: settings, f"{folder}/commands/{name}.py": text}
    return write(project, dict.fromkeys(empty, "") | files)


@pytest.mark.parametrize(
    "name", ["wait_for_db", "config", "doctor", "migrate_databases", "inspectapi"]
)
def test_command_of_an_application_replaces_the_images(project: Path, name: str) -> None:
    with_command(project, name, OWN_COMMAND)
    done = run(project, "manage.py", name, DATA_DIR=str(project))
    assert (done.returncode, done.stdout, done.stderr) == (0, "the project's own\n", "")


def test_command_of_an_application_can_extend_the_images(project: Path) -> None:
    with_command(project, "wait_for_db", DERIVED)
    done = run(project, "manage.py", "wait_for_db", DATA_DIR=str(project))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["and the project's own"]


# --- Errors that the user of a command can correct ---------------------------


@pytest.mark.parametrize(
    "command",
    [
        ("migrate",),
        ("createsuperuser", "--noinput", "--username", "chief", "--email", "a@example.org"),
        ("showmigrations",),
        ("shell", "-c", "from django.contrib.auth.models import User; User.objects.count()"),
    ],
    ids=lambda command: command[0],
)
def test_database_that_is_down_is_an_error_of_two_lines(
    project: Path, command: tuple[str, ...]
) -> None:
    # In debug mode too, where other errors have a traceback.
    done = run(project, "manage.py", *command, DEBUG="true", **DOWN)
    assert done.returncode == 1
    place = "The database 'default' (127.0.0.1:1/api) does not answer"
    assert_two_lines(done.stderr, place, "Connection refused", "python manage.py wait_for_db")


def test_traceback_is_shown_on_request(project: Path) -> None:
    done = run(project, "manage.py", "migrate", "--traceback", **DOWN)
    assert done.returncode == 1
    traceback, _, lines = done.stderr.partition("ERROR: ")
    assert traceback.startswith("Traceback (most recent call last):\n")
    assert "django.db.utils.OperationalError: connection to server" in traceback
    place = "The database 'default' (127.0.0.1:1/api) does not answer"
    assert_two_lines(f"ERROR: {lines}", place, "Connection refused", "Check that the server")
    late = run(project, "manage.py", "wait_for_db", "--timeout", "0", "--traceback", **DOWN)
    assert late.stderr.startswith("Traceback (most recent call last):\n")


def test_bug_of_the_project_keeps_its_traceback(project: Path) -> None:
    broken = OWN_COMMAND.replace("self.stdout", "self.stduot")
    with_command(project, "load", broken)
    done = run(project, "manage.py", "load", DATA_DIR=str(project))
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n")
    assert f'File "{project}/core/management/commands/load.py", line 6' in done.stderr
    assert "ERROR: " not in done.stderr


COUNTS_USERS = OWN_COMMAND.replace(
    "self.stdout", "from django.contrib.auth.models import User; User.objects.count(); self.stdout"
)


def test_missing_table_is_named_with_the_line_and_the_command_that_creates_it(
    project: Path,
) -> None:
    with_command(project, "count", COUNTS_USERS)
    env = {"DATA_DIR": str(project)}
    done = run(project, "manage.py", "count", **env)
    assert done.returncode == 1
    place = f"{project}/core/management/commands/count.py, line 6: OperationalError in database "
    problem = f"'default' ({project}/db.sqlite3): no such table: auth_user"
    assert_two_lines(done.stderr, place, problem, "migrations: python manage.py migrate")
    assert run(project, "manage.py", "migrate", "-v0", **env).returncode == 0
    assert run(project, "manage.py", "count", **env).stdout == "the project's own\n"


def test_missing_table_of_a_model_without_migrations_says_to_create_one(project: Path) -> None:
    counts = COUNTS_USERS.replace(
        "django.contrib.auth.models import User", "core.models import User"
    )
    with_command(project, "count", counts)
    model = "from django.db import models\n\n\nclass User(models.Model):\n    pass\n"
    write(project, {"core/models.py": model, "core/migrations/__init__.py": ""})
    env = {"DATA_DIR": str(project)}
    assert run(project, "manage.py", "migrate", "-v0", **env).returncode == 0
    done = run(project, "manage.py", "count", **env)
    assert "no such table: core_user" in done.stderr
    assert "FIX:   If it is the table of a model, create its migration (python" in done.stderr


@pytest.mark.parametrize("file", ["core/models.py", "local_settings/urls.py"])
def test_query_while_the_project_is_loaded_is_named_by_its_line(project: Path, file: str) -> None:
    with_command(project, "load", OWN_COMMAND)
    code = "from django.contrib.auth.models import User\n\nNAMES = list(User.objects.all())\n"
    write(project, {file: f"{code}urlpatterns = []\n"})
    done = run(project, "manage.py", "migrate", DATA_DIR=str(project))
    assert done.returncode == 1
    place = f"{project}/{file}, line 3: OperationalError in database 'default'"
    # Django warns too, if the query is in an application.
    lines = done.stderr[done.stderr.index("ERROR: ") :]
    assert_two_lines(lines, place, "no such table", "Move the query into a function that")


def test_settings_module_that_does_not_exist_is_named(project: Path) -> None:
    place = "DJANGO_SETTINGS_MODULE is 'city.setings', but there is no module 'city.setings'."
    write(project, {"city/__init__.py": ""})
    for option, env in (
        (["--settings", "city.setings"], {}),
        ([], {"DJANGO_SETTINGS_MODULE": "city.setings"}),
    ):
        done = run(project, "manage.py", "check", *option, **env)
        assert done.returncode == 1
        assert_two_lines(done.stderr, place, "", f"Python looks in {project} first.")


def test_settings_without_a_secret_key_say_how_to_create_one(project: Path) -> None:
    settings = """\
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
"""
    write(project, {"city/__init__.py": "", "city/settings.py": settings})
    code = "from django.core.signing import dumps; dumps(1)"
    done = run(project, "manage.py", "shell", "-c", code, DJANGO_SETTINGS_MODULE="city.settings")
    assert done.returncode == 1
    place = "city.settings has no SECRET_KEY."
    assert_two_lines(done.stderr, place, "", "to a long random text")


def test_sqlite_file_outside_of_the_data_folder_is_moved_there(project: Path) -> None:
    settings = """\
from backend.hacko_settings import *

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "missing/x.sqlite3"}}
"""
    write(project, {SETTINGS: settings})
    done = run(project, "manage.py", "migrate", DATA_DIR="/data")
    assert done.returncode == 1
    place = f"The database 'default' (missing/x.sqlite3) cannot be opened by UID {os.geteuid()}"
    fix = "set NAME of 'default' to /data/x.sqlite3. Mount a volume at /data."
    assert_two_lines(done.stderr, place, "unable to open database file", fix)


def test_geometry_on_the_plain_engine_says_which_engine_and_image_to_choose(project: Path) -> None:
    settings = """\
from backend.hacko_settings import *

INSTALLED_APPS += ["trees"]
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
"""
    model = "from django.contrib.gis.db.models import Model, PointField\n\n\nclass Tree(Model):\n"
    files = {"trees/__init__.py": "", "trees/models.py": f"{model}    place = PointField()\n"}
    write(project, {SETTINGS: settings, **files})
    done = run(project, "manage.py", "migrate", **DOWN)
    assert done.returncode == 1
    assert "trees.Tree.place: (backend.E004)" in done.stderr
    assert (
        "HINT: Set ENGINE of 'default' to 'django.contrib.gis.db.backends.postgis'. " in done.stderr
    )
    assert "needs PostGIS too, as in the image postgis/postgis." in done.stderr


# --- startapp ----------------------------------------------------------------


def test_startapp_prints_the_lines_that_install_the_app(project: Path) -> None:
    env = {"DATA_DIR": str(project)}
    first = run(project, "manage.py", "startapp", "trees", **env)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines() == [
        f"Created {project}/trees. To install it, add to {project}/local_settings/settings.py:",
        "    from backend.hacko_settings import *",
        '    INSTALLED_APPS += ["trees"]',
    ]
    write(project, {SETTINGS: install(first.stdout)})
    (project / "apps/parks").mkdir(parents=True)
    second = run(project, "manage.py", "startapp", "parks", "apps/parks", **env)
    assert install(second.stdout) == 'INSTALLED_APPS += ["apps.parks"]\n'
    with (project / SETTINGS).open("a") as settings:
        settings.write(install(second.stdout))
    installed = run(project, "manage.py", "check", "trees", "parks", **env)
    assert (installed.returncode, installed.stderr) == (0, ""), installed.stderr
    assert run(project, "manage.py", "startapp", "woods", "-v0", **env).stdout == ""


def install(output: str) -> str:
    """The indented lines of the output."""
    return "".join(f"{line.strip()}\n" for line in output.splitlines() if line.startswith("    "))


@pytest.mark.parametrize(
    ("dockerfile", "lines"),
    [
        ("COPY local_settings ./local_settings\n", ["COPY trees ./trees", "!trees"]),
        ("COPY --chown=1:0 . /code\n", []),
    ],
)
def test_startapp_names_the_files_that_list_the_apps(
    project: Path, dockerfile: str, lines: list[str]
) -> None:
    write(project, {"Dockerfile": dockerfile, ".dockerignore": "*\n!local_settings\n"})
    done = run(project, "manage.py", "startapp", "trees", DATA_DIR=str(project))
    assert install(done.stdout).splitlines()[2:] == lines


def test_second_app_passes_the_linters_of_the_project(project: Path) -> None:
    done = run(project, "manage.py", "startapp", "trees", DATA_DIR=str(project))
    assert done.returncode == 0, done.stderr
    shutil.copy(ROOT / "scaffold/ruff.toml-tpl", project / "trees/ruff.toml")
    for arguments in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *arguments, "--no-cache", "."]
        checked = subprocess.run(
            command, cwd=project / "trees", capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr
