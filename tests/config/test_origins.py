"""The origins of values that ``manage.py config`` shows, without a container."""

import ast
import json
import re
import shlex
import shutil
from pathlib import Path

import pytest

from backend.conf import environment, source
from backend.conf.environment import Environment
from backend.conf.variables import TABLE
from backend.config import origins, report, server
from tests.support.broken import write
from tests.support.projects import assert_two_lines, run

ROOT = Path(environment.__file__).resolve().parents[2]
SETTINGS = "local_settings/settings.py"
TEAM = {
    SETTINGS: """\
import os
from backend.hacko_settings import *
from .databases import *
from .names import TITLE as PROJECT_NAME

INSTALLED_APPS += ["census"]
MIDDLEWARE.insert(0, "django.middleware.gzip.GZipMiddleware")
if DEBUG:
    PAGE = "debug"
else:
    PAGE = "production"
TIME_ZONE = "UTC"
TIME_ZONE = "America/Los_Angeles"
REST_FRAMEWORK["PAGE_SIZE"] = 3
globals()["BUILT"] = 1
MAP_STYLE = os.environ.get("MAP_STYLE", "plain")
LANGUAGES = [("en", "English")]
LANGUAGES = [*LANGUAGES, ("es", "Spanish")]
STATIC_URL = "/static/"
FIRST, SECOND = 1, 2
""",
    "local_settings/databases.py": """\

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/tmp/none.sqlite3"}}
""",
    "local_settings/names.py": 'TITLE = "Census"\n',
    "local_settings/gunicorn_conf.py": "timeout = 90\nthreads = 2\n",
    "census/__init__.py": "",
}


class Asked:
    """The output of ``config --json`` for a project."""

    def __init__(self, project: Path, **env: str) -> None:
        done = run(project, "manage.py", "config", "--json", **env)
        assert (done.returncode, done.stderr) == (0, "")
        self.project, self.document = project, json.loads(done.stdout)

    def origins(self, name: str, section: str = "settings") -> list[str]:
        """Short forms: a kind with its variable, or with a file of the project and its line."""
        return [self.short(origin) for origin in self.document[section][name]["origins"]]

    def short(self, origin: dict) -> str:
        file = origin.get("file", "").removeprefix(f"{self.project}/")
        words = (origin["kind"], origin.get("variable"), file, origin.get("line"))
        return " ".join(str(word) for word in words if word)

    def value(self, name: str, section: str = "settings") -> object:
        return self.document[section][name]["value"]

    def changed(self, section: str) -> set[str]:
        return {name for name, entry in self.document[section].items() if entry["changed"]}


@pytest.fixture(scope="module")
def team(tmp_path_factory) -> Asked:
    project = tmp_path_factory.mktemp("origins")
    shutil.copytree(
        ROOT / "backend", project / "backend", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("manage.py", "gunicorn_conf.py"):
        shutil.copy(ROOT / name, project)
    write(project, {**TEAM, "port": "8123\n", "store/PROJECT_VERSION": "v7"})
    return Asked(
        project,
        PORT_FILE=f"{project}/port",
        SECRET_STORE=f"{project}/store",
        PATH_PREFIX="/api",
        MAP_STYLE="dark",
        LOG_LEVEL="WARNING",
        GUNICORN_CMD_ARGS="--keep-alive 5 --threads 7",
    )


def test_extended_setting_names_the_line_that_extends_it_and_the_image(team):
    assert team.origins("INSTALLED_APPS")[0] == f"override {SETTINGS} 6"
    assert team.origins("INSTALLED_APPS")[-1].startswith("default backend/hacko_settings.py ")
    assert team.origins("MIDDLEWARE")[0] == f"override {SETTINGS} 7"
    assert team.origins("REST_FRAMEWORK")[0] == f"override {SETTINGS} 14"


def test_replaced_setting_names_the_last_line_alone(team):
    assert team.origins("TIME_ZONE") == [f"override {SETTINGS} 13"]


def test_setting_built_on_itself_names_both_lines(team):
    assert team.origins("LANGUAGES") == [f"override {SETTINGS} {line}" for line in (18, 17)]


def test_setting_in_two_branches_names_the_branch_that_ran(team):
    assert (team.value("PAGE"), team.origins("PAGE")) == ("production", [f"override {SETTINGS} 11"])


def test_imported_settings_name_the_file_they_came_from(team):
    assert team.origins("DATABASES") == ["override local_settings/databases.py 2"]
    assert team.origins("PROJECT_NAME") == ["override local_settings/names.py 1"]


def test_setting_without_a_statement_names_the_file(team):
    assert team.origins("BUILT") == [f"override {SETTINGS}"]


def test_setting_of_a_tuple_names_its_line(team):
    assert team.origins("SECOND") == [f"override {SETTINGS} 20"]


def test_variable_that_the_team_reads_itself_is_named(team):
    assert team.origins("MAP_STYLE") == [f"override {SETTINGS} 16", "environment MAP_STYLE"]


def test_setting_that_the_image_completes_after_the_team_says_so(team):
    assert team.value("STATIC_URL") == "/api/static/"
    assert team.origins("STATIC_URL") == [
        "environment PATH_PREFIX",
        "completed backend/conf/required.py",
        f"override {SETTINGS} 19",
    ]


def test_setting_made_from_a_variable_names_where_that_was_read(team):
    assert team.origins("PROJECT_VERSION") == ["secret store PROJECT_VERSION store"]
    assert team.origins("LOGGING")[:2] == ["environment LOG_LEVEL", "derived DEBUG"]
    assert team.origins("DATA_DIR")[0].startswith("default DATA_DIR backend/hacko_settings.py ")
    assert team.origins("PORT", "environment") == ["file PORT port"]
    assert team.origins("DEBUG", "environment") == ["unset"]


def test_servers_settings_name_variable_override_and_arguments(team):
    assert team.value("bind", "gunicorn") == ["0.0.0.0:8123"]
    assert team.origins("bind", "gunicorn") == ["file PORT port"]
    assert team.origins("timeout", "gunicorn") == ["override local_settings/gunicorn_conf.py 1"]
    assert team.value("threads", "gunicorn") == 7
    assert team.origins("threads", "gunicorn") == ["environment GUNICORN_CMD_ARGS"]
    assert team.origins("keepalive", "gunicorn") == ["environment GUNICORN_CMD_ARGS"]
    assert team.origins("workers", "gunicorn")[0].startswith("default WEB_CONCURRENCY gunicorn_")
    assert team.origins("backlog", "gunicorn") == ["gunicorn"]


def test_changed_is_what_differs_from_a_plain_image(team):
    assert team.changed("settings") >= {"INSTALLED_APPS", "TIME_ZONE", "PAGE", "PROJECT_VERSION"}
    assert not team.changed("settings") & {"TEMPLATES", "DEBUG", "ROOT_URLCONF", "USE_TZ"}
    assert team.changed("environment") == {
        *("PORT", "SECRET_STORE", "PATH_PREFIX", "LOG_LEVEL", "PROJECT_VERSION")
    }
    assert team.changed("gunicorn") == {"bind", "timeout", "threads", "keepalive"}


def test_plain_project_has_nothing_changed(project):
    asked = Asked(project, DEBUG="false", LOG_LEVEL="INFO")
    assert [asked.changed(section) for section in asked.document if section != "image"] == [
        set(),
        set(),
        set(),
    ]
    assert asked.origins("SECRET_KEY") == ["generated data/secret_key"]


def test_databases_name_the_variables_that_make_them_and_dotenv(project):
    text = "POSTGRES_NAME=census\nPOSTGRES_USER=ada\nLAND_DATABASE_URL=postgis://u:pw@land/l\n"
    write(project, {".env": text})
    asked = Asked(
        project, DEBUG="true", POSTGRES_HOST="db", POSTGRES_NAME="", DJANGO_SECRET_KEY="k"
    )
    assert set(asked.origins("DATABASES")) == {
        *(".env POSTGRES_NAME", ".env POSTGRES_USER", ".env LAND_DATABASE_URL"),
        "environment POSTGRES_HOST",
    }
    assert asked.origins("DEBUG") == ["environment DEBUG"]
    assert asked.value("LAND_DATABASE_URL", "environment").startswith("postgis://u:***")


@pytest.mark.parametrize(
    ("files", "env", "place", "problem"),
    [
        ({}, {"PORT": "http"}, "The environment variable PORT", "is 'http'"),
        (
            {"local_settings/gunicorn_conf.py": "\nworkers = 'many'\n"},
            {},
            "local_settings/gunicorn_conf.py, line 2",
            "workers = 'many'",
        ),
        (
            {"local_settings/gunicorn_conf.py": "\n\n1 / 0\n"},
            {},
            "local_settings/gunicorn_conf.py, line 3",
            "ZeroDivisionError",
        ),
    ],
)
def test_invalid_configuration_ends_config_with_two_lines_and_is_a_finding_of_doctor(
    project, files, env, place, problem
):
    write(project, files)
    place = f"{project}/{place}" if files else place
    assert_two_lines(run(project, "manage.py", "config", **env).stderr, place, problem, "")
    done = run(project, "manage.py", "doctor", **env)
    assert done.returncode == 1
    assert done.stderr == ""
    [line] = [line for line in done.stdout.splitlines() if place in line and "problem" in line][:1]
    assert problem in line


def test_every_setting_made_from_the_whole_environment_says_which_variables():
    setting_names = set()
    for statement in ast.parse((ROOT / "backend/hacko_settings.py").read_text()).body:
        if not isinstance(statement, ast.Assign):
            continue
        by_key = {id(node.value) for node in ast.walk(statement) if isinstance(node, ast.Subscript)}
        names = [node for node in ast.walk(statement.value) if isinstance(node, ast.Name)]
        if any(node.id == "_env" and id(node) not in by_key for node in names):
            setting_names |= {target.id for target in statement.targets}
    assert setting_names == set(origins.FROM_WHOLE_ENVIRONMENT)
    variables = [*origins.FROM_WHOLE_ENVIRONMENT.values(), *origins.COMPLETED_FROM.values()]
    assert {name for names in variables for name in names} <= set(TABLE)


def test_variables_that_the_dockerfile_sets_are_attributed_to_the_image():
    runtime = (ROOT / "Dockerfile").read_text().split("AS runtime")[1].split("AS dev")[0]
    set_there = dict(re.findall(r"(?:ENV|\\\n)\s+(\w+)=(\S+)", runtime))
    assert {name: set_there[name] for name in set_there.keys() & TABLE} == report.OF_THE_IMAGE


@pytest.mark.parametrize(
    ("env", "dotenv", "store", "expected"),
    [
        ({}, set(), {}, None),
        ({"PORT": " "}, set(), {}, None),
        ({"PORT": "1"}, set(), {"PORT": "2"}, ("environment", "PORT")),
        ({"PORT": "1"}, {"PORT"}, {}, (".env", "PORT")),
        ({"SECRET_STORE": "/store"}, set(), {"PORT": "2"}, ("secret store", "/store")),
    ],
)
def test_source_of_a_variable(env, dotenv, store, expected):
    assert Environment(env, store, dotenv).source("PORT") == expected


BINDINGS = [
    ("X = 1\nX = 2\n", [(1, False), (2, False)]),
    ("X: int = 1\nX: int\n", [(1, False)]),
    ("X += [1]\n", [(1, True)]),
    ("X = X + [1]\n", [(1, True)]),
    ('X["a"]["b"] = 1\n', [(1, True)]),
    ("X.a = 1\n", [(1, True)]),
    ('del X["a"]\n', [(1, True)]),
    ("X.append(1)\n", [(1, True)]),
    ("add(X)\n", [(1, True)]),
    ("print(X)\n", []),
    ("for x in X.values():\n    x['a'] = 1\n", [(1, True)]),
    ("def f():\n    X = 1\n", []),
    ("class A:\n    X = 1\n", []),
    ("try:\n    X = 1\nexcept ImportError:\n    X = 2\n", [(2, False), (4, False)]),
    ("with a:\n    X = 1\n", [(2, False)]),
    ("match a:\n    case 1:\n        X = 1\n", [(3, False)]),
    ("A, (X, B) = f()\n", [(1, False)]),
    ("from a import X\nfrom b import *\n", [(1, False), (2, False)]),
]


@pytest.mark.parametrize(("text", "expected"), BINDINGS)
def test_statements_that_bind_a_name(tmp_path, text, expected):
    file = tmp_path / "settings.py"
    file.write_text(text)
    bindings = source.of(file, "X")
    assert [(binding.line, binding.extends) for binding in bindings] == expected


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("/opt/venv/bin/python3 /opt/venv/bin/gunicorn app -w 3", ["app", "-w", "3"]),
        ("python -m backend.boot gunicorn app -c x.py", ["app", "-c", "x.py"]),
        ("python -m backend.boot --workers 3", ["--workers", "3"]),
        ("python -m backend.boot python manage.py runserver", []),
        ("tini -- env TZ=UTC sh -c 'true && exec gunicorn app -w 3'", ["app", "-w", "3"]),
        ("/sbin/init", []),
    ],
)
def test_flags_of_the_running_server_are_those_of_the_first_process(tmp_path, command, flags):
    (tmp_path / "cmdline").write_text("\0".join([*shlex.split(command), ""]))
    assert server.running_flags(tmp_path) == flags
