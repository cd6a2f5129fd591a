"""Settings that ignore a database that a variable names stop the start, and name both."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.broken import write
from tests.support.projects import assert_two_lines, run

KEY = {"DJANGO_SECRET_KEY": "of-the-tests-and-as-long-as-django-wants-it-" * 2}
URL = {"DATABASE_URL": "postgis://api:hush@DB.example.org:6432/census"}
PARTS = {"POSTGRES_USER": "api", "POSTGRES_PASSWORD": "hush", "POSTGRES_HOST": "db"}
SQLITE = '{"ENGINE": "django.db.backends.sqlite3", "NAME": "/data/db.sqlite3"}'
EXTENDS = "from backend.hacko_settings import *\n"
POSTGIS = "django.contrib.gis.db.backends.postgis"
# A team's own reading of DATABASE_URL, as dj_database_url does it.
PARSED = """
import os
from urllib.parse import urlsplit
url = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "HOST": url.hostname, "PORT": url.port,
    "NAME": url.path[1:], "USER": url.username, "PASSWORD": url.password,
}}
"""
PARSED_PARTS = """
import os
DATABASES = {"default": {
    "ENGINE": "django.contrib.gis.db.backends.postgis",
    "NAME": os.environ["POSTGRES_DB"],
    **{part: os.environ[f"POSTGRES_{part}"] for part in ("HOST", "USER", "PASSWORD")},
}}
"""


def start(project: Path, settings: str | dict[str, str], *command: str, **env: str):
    files = {"settings.py": settings} if isinstance(settings, str) else settings
    write(project / "local_settings", files)
    return run(project, "manage.py", *(command or ("check",)), **KEY, **env)


IGNORED = {
    "URL": (
        f"\nDATABASES = {{'default': {SQLITE}}}\n",
        URL,
        "line 2: DATABASES['default'] is SQLite, but DATABASE_URL names 'census' on "
        "db.example.org:6432.",
    ),
    "URL of another scheme": (
        f"DATABASES = {{'default': {SQLITE}}}\n",
        {"DATABASE_URL": "mysql://u:hush@db/n"},
        "line 1: DATABASES['default'] is SQLite, but DATABASE_URL names 'n' on db.",
    ),
    "URL of a socket": (
        f"DATABASES = {{'default': {SQLITE.replace('/data/db.sqlite3', 'census')}}}\n",
        {"DATABASE_URL": "postgis:///census"},
        "line 1: DATABASES['default'] is SQLite, but DATABASE_URL names 'census'.",
    ),
    "URL of the default alias": (
        f"DATABASES = {{'default': {SQLITE}}}\n",
        {"DEFAULT_DATABASE_URL": "postgis://u@db/n"},
        "line 1: DATABASES['default'] is SQLite, but DEFAULT_DATABASE_URL names 'n' on db.",
    ),
    "parts": (
        f"DATABASES = {{'default': {SQLITE}}}\n",
        {**PARTS, "POSTGRES_DB": "census"},
        "line 1: DATABASES['default'] is SQLite, but POSTGRES_DB names 'census' on db.",
    ),
    "host": (
        f"{EXTENDS}DATABASES['default']['HOST'] = 'localhost'\n"
        "DATABASES['default']['OPTIONS'] = {}\n",
        {**PARTS, "POSTGRES_NAME": "census", "POSTGRES_PORT": "5432"},
        "line 2: DATABASES['default'] is 'census' on localhost:5432, but POSTGRES_NAME names "
        "'census' on db:5432.",
    ),
    "name": (
        f"{EXTENDS}DATABASES['default'].update(NAME='other')\n",
        URL,
        "line 2: DATABASES['default'] is 'other' on db.example.org:6432, but DATABASE_URL names "
        "'census' on db.example.org:6432.",
    ),
    "port": (
        f"{EXTENDS}DATABASES['default']['PORT'] = 5433\n",
        URL,
        "line 2: DATABASES['default'] is 'census' on db.example.org:5433, but DATABASE_URL names "
        "'census' on db.example.org:6432.",
    ),
    "alias": (
        f"{EXTENDS}DATABASES['census'] = {SQLITE}\n",
        {"CENSUS_DATABASE_URL": "postgis://u:hush@db/n"},
        "line 2: DATABASES['census'] is SQLite, but CENSUS_DATABASE_URL names 'n' on db.",
    ),
    "alias that is left out": (
        f"DATABASES = {{'default': {SQLITE}}}\n",
        {"CENSUS_DATABASE_URL": "postgis://u:hush@db/n"},
        "line 1: DATABASES has no 'census', but CENSUS_DATABASE_URL names 'n' on db.",
    ),
    "branch that ran": (
        f"if True:\n    DATABASES = {{'default': {SQLITE}}}\n"
        f"else:\n    DATABASES = {{'default': {{'ENGINE': '{POSTGIS}'}}}}\n"
        "for database in DATABASES.values():\n    database['ATOMIC_REQUESTS'] = True\n",
        URL,
        "line 2: DATABASES['default'] is SQLite, but DATABASE_URL names 'census' on "
        "db.example.org:6432.",
    ),
}


@pytest.mark.parametrize("case", IGNORED)
def test_settings_that_ignore_a_variable_stop_the_start(project: Path, case: str) -> None:
    settings, env, problem = IGNORED[case]
    done = start(project, settings, **env)
    assert done.returncode == 1
    variable = problem.partition(", but ")[2].partition(" ")[0]
    fix = f"Use {variable} there. If the settings are right, set {variable} to an empty value."
    place = f"{project}/local_settings/settings.py"
    assert_two_lines(done.stderr, place, problem, fix)
    assert "hush" not in done.stderr


def test_error_names_the_line_of_an_imported_module(project: Path) -> None:
    files = {
        "settings.py": "from .base import *\n",
        "base.py": "from . import base\nfrom backend.hacko_settings import *\nfrom .data import D\n"
        "from .data import D as DATABASES\n",
        "data.py": f"\n\nD = {{'default': {SQLITE}}}\n",
    }
    done = start(project, files, **URL)
    place = f"{project}/local_settings/data.py, line 3"
    assert_two_lines(done.stderr, place, "DATABASES['default'] is SQLite", "Use DATABASE_URL there")


def test_error_names_the_variable_of_the_file_or_of_dotenv(project: Path) -> None:
    settings = f"DATABASES = {{'default': {SQLITE}}}\n"
    (project / "url").write_text(URL["DATABASE_URL"])
    done = start(project, settings, DATABASE_URL_FILE=f"{project}/url")
    assert "but DATABASE_URL_FILE names 'census'" in done.stderr
    (project / ".env").write_text(f"DATABASE_URL={URL['DATABASE_URL']}\n")
    assert "but DATABASE_URL names 'census'" in start(project, settings, DEBUG="true").stderr


def test_invalid_variable_is_named_without_its_value(project: Path) -> None:
    for url in ("hush", "postgis://u:hush@db:x/n"):
        done = start(project, f"DATABASES = {{'default': {SQLITE}}}\n", DATABASE_URL=url)
        place = "The environment variable DATABASE_URL"
        assert_two_lines(done.stderr, place, "has a value", "Set DATABASE_URL to")
        assert "hush" not in done.stderr


HONORED = {
    "its own parser": (PARSED, URL),
    "another engine": (
        f"{EXTENDS}DATABASES['default']['ENGINE'] = 'django.db.backends.postgresql'\n",
        URL,
    ),
    "its own parts": (PARSED_PARTS, {**PARTS, "POSTGRES_DB": "census"}),
    "more databases": (f"{EXTENDS}DATABASES['parks'] = {{**DATABASES['default']}}\n", URL),
    "SQLite by URL": (
        f"DATABASES = {{'default': {SQLITE}}}\n",
        {"DATABASE_URL": "sqlite:////data/db.sqlite3"},
    ),
    "an empty variable": (f"DATABASES = {{'default': {SQLITE}}}\n", {"DATABASE_URL": ""}),
    "no complete variables": (f"DATABASES = {{'default': {SQLITE}}}\n", PARTS),
}


@pytest.mark.parametrize("case", HONORED)
def test_settings_that_read_the_variable_or_mean_it_start(project: Path, case: str) -> None:
    settings, env = HONORED[case]
    done = start(project, settings, "diffsettings", **env)
    assert (done.returncode, done.stderr) == (0, "")


def test_variables_of_check_that_only_let_settings_load_do_not_count(project: Path) -> None:
    write(project, {"local_settings/settings.py": f"DATABASES = {{'default': {SQLITE}}}\n"})
    code = (
        "from backend.kit.contract.inside import standins; standins.stand_in(); "
        "from django.conf import settings; print(settings.DATABASES['default']['NAME'])"
    )
    done = run(project, "-c", code, DJANGO_SETTINGS_MODULE="backend.settings")
    assert (done.stdout, done.stderr) == ("/data/db.sqlite3\n", "")


def test_tests_may_have_a_database_of_their_own(project: Path) -> None:
    settings = f"import sys\nif 'test' in sys.argv:\n    DATABASES = {{'default': {SQLITE}}}\n"
    done = start(project, settings, "test", **URL)
    assert "Ran 0 tests" in done.stderr
