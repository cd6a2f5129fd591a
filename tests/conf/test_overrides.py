"""A team's local_settings in containers: valid files are served, and broken ones are refused."""

import pytest

from tests.support.broken import BROKEN, GUNICORN, SETTINGS, URLS, Broken, write
from tests.support.containers import until
from tests.support.projects import assert_two_lines

pytestmark = pytest.mark.engine

# The limit for a "docker run", which takes about one second.
SECONDS = 30


def mounted(folder, broken: Broken) -> dict:
    """Mounts that put a broken project where a team mounts its checkout."""
    write(folder, broken.files, broken.folders)
    folder.chmod(0o755)
    top = {name.partition("/")[0] for name in (*broken.files, *broken.folders)}
    targets = {"local_settings": "/code/src_files/local_settings"}
    return {folder / name: targets.get(name, f"/code/{name}") for name in top}


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_broken_local_settings_stops_the_container_with_two_lines(containers, tmp_path, broken):
    done = containers.run(mounts=mounted(tmp_path, broken), patience=SECONDS)
    assert done.returncode == 1, done.stdout + done.stderr
    place = broken.place.replace("local_settings", "src_files/local_settings")
    assert_two_lines(done.stderr, f"/code/{place}", broken.problem, broken.fix)


@pytest.mark.parametrize("file", [SETTINGS, URLS, GUNICORN])
def test_unreadable_file_stops_the_container_and_says_how_to_make_it_readable(
    containers, tmp_path, file
):
    write(tmp_path, {file: ""})
    (tmp_path / file).chmod(0)
    done = containers.run(
        mounts={tmp_path / "local_settings": "/code/local_settings"}, patience=SECONDS
    )
    assert done.returncode == 1
    problem = "cannot be read by the application's user (UID 1001)."
    fix = f"Make it readable: chmod a+r {(tmp_path / file).name}"
    assert_two_lines(done.stderr, f"/code/{file}", problem, fix)


def test_unreadable_folder_stops_the_container_and_is_not_treated_as_absent(containers, tmp_path):
    write(tmp_path, {SETTINGS: ""})
    (tmp_path / "local_settings").chmod(0o700)
    done = containers.run(
        mounts={tmp_path / "local_settings": "/code/local_settings"}, patience=SECONDS
    )
    assert done.returncode == 1
    problem, fix = "cannot be accessed: Permission denied.", "chmod a+rx /code/local_settings"
    # This is the first file that the image looks for in the folder.
    assert_two_lines(done.stderr, "/code/local_settings/gunicorn_conf.py", problem, fix)


def test_unreadable_sibling_module_stops_the_container(containers, tmp_path):
    write(tmp_path, {SETTINGS: "from .secret import *\n", "local_settings/secret.py": ""})
    (tmp_path / "local_settings/secret.py").chmod(0)
    done = containers.run(
        mounts={tmp_path / "local_settings": "/code/local_settings"}, patience=SECONDS
    )
    assert done.returncode == 1
    problem, fix = "PermissionError: ", "Make the file readable for the application's user"
    assert_two_lines(done.stderr, f"/code/{SETTINGS}, line 1", problem, fix)


def test_mount_of_a_missing_file_says_that_docker_created_a_folder(containers, tmp_path):
    done = containers.run(mounts={tmp_path / "typo.py": f"/code/{SETTINGS}"}, patience=SECONDS)
    assert done.returncode == 1
    fix = "Docker creates a folder if the file to mount does not exist on the host"
    assert_two_lines(done.stderr, f"/code/{SETTINGS}", "is a folder, not a file.", fix)


def test_debug_shows_the_traceback_before_the_two_lines(containers, tmp_path):
    write(tmp_path, {SETTINGS: "VALUE = 1 / 0\n"})
    mounts = {tmp_path / "local_settings": "/code/local_settings"}
    lines = containers.run(env={"DEBUG": "true"}, mounts=mounts).stderr.splitlines()
    assert "Traceback (most recent call last):" in lines
    assert lines[-2].startswith(f"ERROR: /code/{SETTINGS}, line 1: ZeroDivisionError")


# ---------------------------------------------------------------------------
# Valid files are served

GOOD = {
    "__init__.py": "",
    "settings.py": "from backend.hacko_settings import *\n"
    "from .names import NAME\n\n"
    "PROJECT_NAME = NAME\n"
    'INSTALLED_APPS += ["stops"]\n',
    "names.py": 'NAME = "Stops of " + __package__\n',
    "urls.py": "from django.conf import settings\n"
    "from django.http import HttpResponse\n"
    "from django.urls import path\n\n"
    "def where(request):\n"
    '    return HttpResponse(f"{settings.PROJECT_NAME} {__name__} {__file__}")\n\n'
    'urlpatterns = [path("where", where)]\n',
    "gunicorn_conf.py": "workers = 3\n",
}
APP = {"__init__.py": "", "models.py": ""}


def test_mounted_checkout_is_served_and_wins_over_a_copied_folder(containers, tmp_path):
    write(tmp_path / "local_settings", GOOD)
    write(tmp_path / "stops", APP)
    write(tmp_path / "copied", {"urls.py": "raise RuntimeError", "settings.py": "raise ValueError"})
    container = containers.start(
        mounts={
            tmp_path / "local_settings": "/code/src_files/local_settings",
            tmp_path / "stops": "/code/stops",
            tmp_path / "copied": "/code/local_settings",
        }
    ).wait_until_ready()
    package = "src_files.local_settings"
    file = "/code/src_files/local_settings/urls.py"
    assert container.get("/where").text == f"Stops of {package} {package}.urls {file}"
    until(lambda: len(container.processes()) == 1 + 3, "gunicorn and three workers run")


def test_copied_folder_without_init_is_served(containers, tmp_path):
    files = {name: text for name, text in GOOD.items() if name != "__init__.py"}
    write(tmp_path, {f"local_settings/{name}": text for name, text in files.items()})
    write(tmp_path / "stops", APP)
    container = containers.start(
        mounts={
            tmp_path / "local_settings": "/code/local_settings",
            tmp_path / "stops": "/code/stops",
        }
    ).wait_until_ready()
    expected = "Stops of local_settings local_settings.urls /code/local_settings/urls.py"
    assert container.get("/where").text == expected
    # The team's pages come first, and the image's pages are still there.
    assert "Stops of local_settings" in container.get("/").text
    assert container.get("/swagger/").status_code == 200
