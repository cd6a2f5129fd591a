"""A team's local_settings, without a container: found, loaded, extended, and refused."""

from pathlib import Path

import pytest

from backend.conf import overrides
from tests.support.broken import BROKEN, Broken, write
from tests.support.projects import assert_two_lines, run, shell


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_broken_local_settings_stops_the_boot_with_two_lines(project, broken: Broken):
    write(project, broken.files, broken.folders)
    done = run(
        project,
        "-m",
        "backend.boot",
        "gunicorn",
        "--check-config",
        "backend.wsgi",
        "-c",
        "gunicorn_conf.py",
    )
    assert done.returncode == 1
    assert_two_lines(done.stderr, f"{project}/{broken.place}", broken.problem, broken.fix)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("file", ["settings", "urls", "gunicorn_conf"])
def test_secret_in_an_error_of_team_code_is_masked(project, file, form):
    code = 'import os\nPARTS = int(os.environ["GEOCODER_URL"])\n'
    write(project, {f"local_settings/{file}.py": code})
    boot = ("-m", "backend.boot", "gunicorn", "backend.wsgi", "-c", "gunicorn_conf.py")
    done = run(project, *boot, GEOCODER_URL="https://ada:hush@a.org/", LOG_FORMAT=form)
    assert done.returncode == 1
    error = f"{file}.py, line 2: ValueError: invalid literal for int() with base 10"
    assert f"{error}: 'https://ada:***@a.org/'" in done.stdout + done.stderr
    assert "hush" not in done.stdout + done.stderr


# ---------------------------------------------------------------------------
# Found and loaded

MOUNTED, COPIED = "src_files/local_settings", "local_settings"


def setting(project: Path, name: str, **env: str) -> str:
    return shell(project, f"from django.conf import settings; print(settings.{name})", **env)


def test_absent_folder_is_silent(project):
    done = run(project, "manage.py", "check", "--fail-level", "WARNING")
    assert (done.returncode, done.stderr) == (0, "")
    assert [overrides.find(module, project) for module in overrides.MODULES] == [None] * 3


@pytest.mark.parametrize("folder", [MOUNTED, COPIED])
def test_each_file_is_optional(project, folder):
    write(project, {f"{folder}/urls.py": "urlpatterns = []\n"})
    assert overrides.find("settings", project) is None
    assert overrides.find("gunicorn_conf", project) is None
    name = folder.replace("/", ".")
    assert overrides.find("urls", project) == (f"{name}.urls", project / folder / "urls.py")


@pytest.mark.parametrize("folder", [MOUNTED, COPIED])
@pytest.mark.parametrize("init", ["with __init__.py", "without __init__.py"])
def test_it_is_a_real_module_with_file_siblings_and_relative_imports(project, folder, init):
    files = {
        "settings.py": "from . import names\nfrom .names import NAME\n\n"
        "PROJECT_NAME = ' '.join([NAME, __name__, __file__, names.__name__])\n",
        "names.py": "NAME = 'ours'\n",
    }
    if init == "with __init__.py":
        files["__init__.py"] = ""
    write(project / folder, files)
    name = folder.replace("/", ".")
    expected = f"ours {name}.settings {project / folder / 'settings.py'} {name}.names"
    assert setting(project, "PROJECT_NAME") == expected


def test_mounted_folder_replaces_the_copied_one_completely(project):
    write(project, {f"{MOUNTED}/settings.py": "PROJECT_NAME = 'mounted'\n"})
    write(project, {f"{COPIED}/settings.py": "PROJECT_NAME = 'copied'\nPROJECT_VERSION = 'v0'\n"})
    write(project, {f"{COPIED}/urls.py": "raise RuntimeError\n"})
    assert setting(project, "PROJECT_NAME") == "mounted"
    assert setting(project, "PROJECT_VERSION") == "v1"
    # Not even a file that the mounted folder does not have is used.
    assert overrides.find("urls", project) is None


def test_empty_mounted_folder_hides_the_copied_one(project):
    write(project, {f"{COPIED}/settings.py": "PROJECT_NAME = 'copied'\n"})
    (project / MOUNTED).mkdir(parents=True)
    assert setting(project, "PROJECT_NAME") == "Django REST API"


def test_src_files_without_local_settings_leaves_the_copied_folder(project):
    write(project, {f"{COPIED}/settings.py": "PROJECT_NAME = 'copied'\n"})
    (project / "src_files").mkdir()
    assert setting(project, "PROJECT_NAME") == "copied"


def test_installed_package_of_the_same_name_is_reported_and_not_used(project, tmp_path):
    write(tmp_path, {"installed/local_settings/__init__.py": ""})
    write(tmp_path, {"installed/local_settings/settings.py": "PROJECT_NAME = 'theirs'\n"})
    write(project, {f"{COPIED}/settings.py": "PROJECT_NAME = 'ours'\n"})
    # Python prefers a package with __init__.py to a folder without it, anywhere in sys.path.
    done = run(project, "manage.py", "check", PYTHONPATH=str(tmp_path / "installed"))
    assert done.returncode == 1
    assert_two_lines(
        done.stderr,
        f"{project / COPIED / 'settings.py'}",
        "is hidden by an installed package of the same name, ",
        f"Add an empty __init__.py to {project / COPIED}",
    )


# ---------------------------------------------------------------------------
# Replaced and extended


def test_setting_is_replaced_outright(project):
    write(project, {f"{COPIED}/settings.py": "REST_FRAMEWORK = {'PAGE_SIZE': 3}\nlower = 1\n"})
    # The image adds NUM_PROXIES, which decides where a throttle gets the client's address.
    assert setting(project, "REST_FRAMEWORK") == "{'PAGE_SIZE': 3, 'NUM_PROXIES': 0}"
    assert (
        shell(project, "from django.conf import settings; print(hasattr(settings, 'lower'))")
        == "False"
    )


def test_setting_is_extended_after_a_star_import(project):
    write(
        project,
        {
            f"{COPIED}/settings.py": "from backend.hacko_settings import *\n\n"
            'INSTALLED_APPS += ["passenger_census"]\n'
            'DATABASES["census"] = {**DATABASES["default"], "NAME": BASE_DIR / "census.sqlite3"}\n'
            'LOG = [PROJECT_NAME, "DEBUG" in globals(), "Path" in globals()]\n',
            "passenger_census/__init__.py": "",
        },
    )
    apps = setting(project, "INSTALLED_APPS")
    assert "'backend'" in apps
    assert apps.count("'passenger_census'") == 1
    assert setting(project, "DATABASES['census']['NAME']") == f"{project}/census.sqlite3"
    assert setting(project, "LOG") == "['Django REST API', True, False]"


def test_star_import_of_django_settings_works_as_in_the_2019_image(project):
    write(project, {f"{COPIED}/settings.py": "from backend import settings as s\nBASE = s.DEBUG\n"})
    assert setting(project, "BASE") in ("True", "False")


WHOLESALE = """
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DATABASE_ROUTERS = []
REST_FRAMEWORK = {}
STATIC_URL = "/files/"
STATIC_ROOT = "/nowhere"
BASE_DIR = "/nowhere"
TEMPLATES = []
LOGGING = {"version": 1}
"""


def test_what_the_image_needs_survives_a_team_that_replaced_everything(project):
    write(project, {f"{COPIED}/settings.py": WHOLESALE})
    write(project, {f"{COPIED}/urls.py": "urlpatterns = []\n"})
    code = """
from django.conf import settings
from django.test import Client
from backend.wsgi import application
from django.core.checks.registry import registry
print("backend" in settings.INSTALLED_APPS)
print(settings.MIDDLEWARE[:3], settings.DATABASE_ROUTERS)
print("check_alias_is_known" in {check.__name__ for check in registry.get_checks()})
print(Client(SERVER_NAME="localhost").get("/").status_code)
body = application({"PATH_INFO": "/health/live", "REQUEST_METHOD": "GET"}, lambda *answer: None)
print(b"".join(body))
"""
    assert shell(project, code).splitlines() == [
        "True",
        "['backend.pages.hosts.HostMiddleware', 'backend.http.unavailable.UnavailableMiddleware', "
        "'whitenoise.middleware.WhiteNoiseMiddleware'] ['backend.router.ModelDatabaseRouter']",
        "True",
        "200",
        'b\'{"status": "live"}\\n\'',
    ]


def test_urls_of_the_team_come_before_those_of_the_image(project):
    write(
        project,
        {
            f"{COPIED}/urls.py": "from django.contrib import admin\n"
            "from django.http import HttpResponse\n"
            "from django.urls import path\n\n"
            "def answer(request, exception=None):\n"
            '    return HttpResponse("theirs")\n\n'
            'urlpatterns = (path("", answer), path("staff/", admin.site.urls))\n'
            "handler404 = answer\n"
        },
    )
    code = """
from django.test import Client
client = Client(SERVER_NAME="localhost")
for path in ("/", "/absent", "/admin/", "/staff/", "/swagger.json"):
    print(client.get(path).content[:6])
"""
    landing, absent, admin, *others = shell(project, code).splitlines()
    assert landing == absent == admin == "b'theirs'"
    assert "b'theirs'" not in others


def test_gunicorn_conf_replaces_what_it_names_and_keeps_the_rest(project):
    write(project, {f"{COPIED}/gunicorn_conf.py": "import os\n\ntimeout = 7\n_own = os.name\n"})
    code = "import runpy; c = runpy.run_path('gunicorn_conf.py'); print(c['timeout'], c['bind'])"
    done = run(project, "-c", code, PORT="9001")
    assert (done.stdout, done.stderr) == ("7 0.0.0.0:9001\n", "")


def test_manage_py_says_the_same_two_lines_as_the_boot(project):
    write(project, {f"{COPIED}/settings.py": "\n1 / 0\n"})
    done = run(project, "manage.py", "check")
    assert done.returncode == 1
    place = f"{project / COPIED / 'settings.py'}, line 2"
    assert_two_lines(done.stderr, place, "ZeroDivisionError", "Correct that line")
