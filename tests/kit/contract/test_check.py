"""``docker run IMAGE check``: its reports on a sound child image and on broken ones."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.kit.contract.conftest import SOUND, Report, check
from tests.support.broken import write
from tests.support.containers import Containers

pytestmark = pytest.mark.engine

SETTINGS = SOUND["local_settings/settings.py"]
URLS = SOUND["local_settings/urls.py"]
MODELS = SOUND["trees/models.py"]
VIEWS = SOUND["trees/views.py"]


@dataclass(frozen=True)
class Fault:
    """A change to the sound child, and the messages of the checks that must fail or warn."""

    failed: dict[str, str] = field(default_factory=dict)
    warning: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    steps: str = ""


FAULTS = {
    "a model without its migration": Fault(
        {"migrations": "'trees' has model changes without a migration (Add field height to tree)"},
        files={"trees/models.py": MODELS + "    height = models.FloatField(null=True)\n"},
    ),
    "an alias that no database has": Fault(
        {"in_db": "line 5): Meta.in_db is 'survay', which is not in DATABASES. (backend.E001)"},
        files={"trees/models.py": MODELS + "\n    class Meta:\n        in_db = 'survay'\n"},
    ),
    "another system check": Fault(
        {"system checks": "(admin.E108)"},
        files={
            "trees/admin.py": """
from django.contrib import admin

from trees.models import Tree


@admin.register(Tree)
class TreeAdmin(admin.ModelAdmin):
    list_display = ["hight"]
"""
        },
    ),
    "secrets, setuid and a cache among the files": Fault(
        {
            "secrets in files": "/code/.env is in the image: anyone who can pull the image can "
            "read it.",
            "setuid": "/usr/bin/env run with the privileges of their owner",
        },
        {"caches": "/root/.cache contains 2.0 MB"},
        {
            ".env": "DJANGO_SECRET_KEY=x\n",
            ".env.example": "DJANGO_SECRET_KEY=\n",
            "deploy.pem": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n",
        },
        # The names of these folders start with the names of system folders.
        "RUN mkdir /library /binaries scaffolding && cp deploy.pem /library/k.pem "
        "&& cp .env /binaries/.env && cp .env scaffolding/.env\n"
        "RUN chmod u+s /usr/bin/env && mkdir -p /root/.cache/pip "
        "&& head -c 2000000 /dev/zero > /root/.cache/pip/x\n",
    ),
    "a lowered package, and a slow driver": Fault(
        {"packages": "django-filter is 25.1; the image needs >=26.2,<27."},
        {"psycopg": "is installed without its compiled part, so it is slower."},
        # Bypass the image's constraints.
        steps="RUN PIP_CONSTRAINT= pip install --no-cache-dir --no-deps "
        "django-filter==25.1 psycopg\n",
    ),
    "static files without hashed names": Fault(
        {"static files": "StaticFilesStorage does not hash the names of files"},
        files={
            "local_settings/settings.py": SETTINGS + "STORAGES['staticfiles'] = "
            "{'BACKEND': 'django.contrib.staticfiles.storage.StaticFilesStorage'}\n"
        },
    ),
    "static files that lost one": Fault(
        {"static files": "1 of them are missing in /data/static: trees/trees."},
        steps="RUN rm /data/static/trees/trees.*.css\n",
    ),
    "static files of before": Fault(
        warning={"static files": "Each new container collects them when it starts."},
        files={"trees/static/trees/new.css": "new { color: red }\n"},
    ),
    "debug mode of the image": Fault(
        {"debug": "The variable DEBUG is true."}, steps="ENV DEBUG=true\n"
    ),
    "debug mode, key and password in the settings": Fault(
        {
            "debug": "/code/local_settings/settings.py, line 4: DEBUG is always true",
            "secrets in settings": "/code/local_settings/settings.py, line 5: SECRET_KEY is in the",
        },
        files={
            "local_settings/settings.py": f"{SETTINGS}DEBUG = True\n"
            "SECRET_KEY = 'x7-of-a-team-that-commits-its-key-and-does-not-mind-at-all-93'\n"
            "DATABASES['survey'] = {**DATABASES['default'], 'PASSWORD': 'hunter-22'}\n"
        },
    ),
    "a view that cannot be described": Fault(
        {"schema": "ImproperlyConfigured: Field name `nothing` is not valid for model `Tree`"},
        files={"trees/views.py": VIEWS.replace('"id", "name"', '"id", "nothing"')},
    ),
    "a view that raises while it is described": Fault(
        warning={"schema": "/code/trees/views.py, line 18: KeyError: 'nothing'"},
        files={
            "trees/views.py": VIEWS + "\n    def get_serializer(self, *args, **kwargs):\n"
            "        return {}['nothing']\n"
        },
    ),
    "a filter that documents what Swagger 2.0 does not know": Fault(
        warning={"schema": "the parameter 'a' is documented as string: TypeError: 'tree' is not"},
        files={
            "trees/views.py": f"{VIEWS}\n    class Filter:\n"
            "        def filter_queryset(self, request, queryset, view):\n"
            "            return queryset\n\n"
            "        def get_schema_operation_parameters(self, view):\n"
            "            schema = {'type': 'tree'}\n"
            "            return [{'name': 'a', 'in': 'query', 'schema': schema}]\n\n"
            "    filter_backends = [Filter]\n"
        },
    ),
    "a serializer that documents what Swagger 2.0 does not know": Fault(
        # The definitions of the request and of the response both have it. The check names one.
        {"schema": "The document is not valid Swagger 2.0, at definitions "},
        files={
            "trees/views.py": VIEWS.replace(
                '"id", "name"]', '"id", "name"]\n        swagger_schema_fields = {"type": "tree"}'
            )
        },
    ),
    "a server on another port, and lost files": Fault(
        {
            "server": "gunicorn listens on 0.0.0.0:9000, but the health check requests port 8000",
            "image's files": "bin/healthcheck in /opt/backend is missing",
        },
        files={"local_settings/gunicorn_conf.py": 'bind = "0.0.0.0:9000"\n'},
        steps="RUN rm /opt/backend/bin/healthcheck\n",
    ),
    "settings that do not load": Fault(
        {"settings": "/code/local_settings/settings.py, line 4: NameError: name 'ture'"},
        files={"local_settings/settings.py": f"{SETTINGS}DEBUG = ture\n"},
    ),
    "a database that is asked while URLs load": Fault(
        {
            "urls": "/code/local_settings/urls.py, line 10: OperationalError: the code queries the "
            "database 'default' while it loads"
        },
        files={
            "local_settings/urls.py": f"{URLS}"
            "from trees.models import Tree\nFIRST = Tree.objects.first()\n"
        },
    ),
    "settings of its own": Fault(
        {
            "settings": "'forest.settings', but there is no module 'forest'",
        },
        steps="ENV DJANGO_SETTINGS_MODULE=forest.settings\n",
    ),
    "a data folder of root's": Fault(
        {"permissions": "DATA_DIR (/data) cannot be written by UID 1001; "},
        steps="RUN chown root /data && chmod 755 /data\n",
    ),
}


@pytest.fixture(scope="module")
def broken(
    request: pytest.FixtureRequest,
    images: Containers,
    sound: str,
    pool: ThreadPoolExecutor,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Future[Report]]:
    """The reports on the broken children that the selected tests need."""

    def report(fault: Fault) -> Report:
        folder = write(tmp_path_factory.mktemp("broken"), fault.files)
        (folder / "Dockerfile").write_text(f"FROM {sound}\nCOPY . ./\n{fault.steps}")
        (folder / ".dockerignore").write_text("Dockerfile\n.dockerignore\n")
        return check(images.build(folder))

    wanted = {
        item.callspec.params["name"]
        for item in request.session.items
        if item.originalname == test_names_what_is_broken_and_nothing_else.__name__
    }
    return {name: pool.submit(report, FAULTS[name]) for name in FAULTS if name in wanted}


@pytest.mark.parametrize("name", FAULTS)
def test_names_what_is_broken_and_nothing_else(broken: dict[str, Future[Report]], name: str):
    report, fault = broken[name].result(), FAULTS[name]
    assert report.checks("failed") == set(fault.failed), report.text + report.errors
    assert report.checks("warning") == set(fault.warning), report.text
    assert report.code == (1 if fault.failed else 0)
    for check_name, words in {**fault.failed, **fault.warning}.items():
        assert words in report.lines_of(check_name)
        assert "FIX: " in report.lines_of(check_name)


def test_every_secret_is_named_and_the_example_is_not(broken: dict[str, Future[Report]]):
    files = (
        broken["secrets, setuid and a cache among the files"].result().lines_of("secrets in files")
    )
    for place in ("/code/deploy.pem", "/library/k.pem", "/binaries/.env", "/code/scaffolding/.env"):
        assert f"{place} is in the image" in files
    assert ".env.example" not in files
    settings = broken["debug mode, key and password in the settings"].result()
    assert "the password of the database 'survey' is in the image" in settings.lines_of(
        "secrets in settings"
    )
    assert "hunter-22" not in settings.text


def test_checks_that_cannot_run_are_reported_as_skipped(broken: dict[str, Future[Report]]):
    report = broken["settings that do not load"].result()
    assert {"in_db", "migrations", "schema", "static files", "server"} <= report.checks("skipped")


@pytest.mark.parametrize("user", ["", "12345:0"])
def test_sound_child_passes_without_network_database_and_key(sound: str, user: str):
    report = check(sound, *(["--user", user] if user else []))
    assert (report.code, report.checks("failed"), report.checks("warning")) == (0, set(), set())
    assert "settings.py changes INSTALLED_APPS" in report.lines_of("overrides")
    assert "urls.py 1 URL patterns" in report.lines_of("overrides")
    assert "default: 7 managed models" in report.lines_of("migrations")
    assert "3 paths" in report.lines_of("schema") or "2 paths" in report.lines_of("schema")
    assert f"UID {user[:5] or 1001} cannot write to the code" in report.lines_of("permissions")


def test_junit_goes_to_a_mounted_folder_whose_owner_owns_it(sound: str, tmp_path: Path):
    os.chown(tmp_path, 4321, 4321)
    arguments = ("--junit", "/report/check.xml")
    report = check(sound, "--volume", f"{tmp_path}:/report", arguments=arguments)
    file = tmp_path / "check.xml"
    assert (report.code, file.stat().st_uid) == (0, 4321)
    suite = ElementTree.parse(file).getroot()
    cases = {case.get("name") for case in suite}
    assert cases == {name for _, name, _ in report.results}
    assert (suite.get("failures"), suite.get("tests")) == ("0", str(len(cases)))


def test_junit_on_standard_output_has_the_failure_and_nothing_beside_it(sound: str):
    env = ("--env", "DEBUG=true")
    report = check(sound, *env, arguments=("--junit", "-"))
    suite = ElementTree.fromstring(report.text)
    (failure,) = suite.iter("failure")
    assert report.code == 1
    assert "The variable DEBUG is true." in failure.get("message")
    assert "FIX: Remove ENV DEBUG" in failure.text


def test_report_that_cannot_be_written_is_an_error_and_not_a_verdict(sound: str):
    report = check(sound, arguments=("--junit", "/nowhere/check.xml"))
    assert report.code == 2
    assert report.errors.startswith("ERROR: /nowhere/check.xml cannot be written: No such file")
    assert "\nFIX:   Mount a folder" in report.errors


def test_secret_variables_of_a_compose_file_are_named_without_a_warning(sound: str):
    url = "CENSUS_DATABASE_URL=postgis://u:hunter-22@db/n"
    given = ("MAIL_PASSWORD=hunter-22", url, "API_PORT=8000")
    report = check(sound, *(f"--env={one}" for one in given))
    assert (report.code, report.checks("warning")) == (0, set())
    lines = report.lines_of("secrets in variables")
    assert "CENSUS_DATABASE_URL, MAIL_PASSWORD: set when" in lines
    assert "API_PORT" not in lines
    assert "hunter-22" not in report.text
