"""Projects as strangers bring them: other folders, commands, and settings than startproject's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.conftest import PostGIS
from tests.support.containers import IMAGE, Containers

pytestmark = pytest.mark.engine

DOCKERFILE = f"FROM {IMAGE}\nWORKDIR /app\nCOPY . .\nEXPOSE 8000\n"
OPEN = "\nimport os\nALLOWED_HOSTS = ['*']\n"


def start_project(folder: Path, settings: str = "") -> None:
    folder.mkdir(exist_ok=True)
    make = ("-m", "django", "startproject", "mysite", str(folder))
    subprocess.run([sys.executable, *make], check=True, env={"PATH": os.environ["PATH"]})
    with (folder / "mysite/settings.py").open("a") as file:
        file.write(OPEN + settings)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory):
    """An image with a project in a folder below the working directory."""
    started, folder = Containers(), tmp_path_factory.mktemp("below")
    start_project(folder / "src")
    script = "#!/bin/sh -e\ncd src\npython manage.py migrate\nexec gunicorn mysite.wsgi\n"
    write(folder / "start.sh", script)
    write(folder / "Dockerfile", DOCKERFILE)
    yield started.build(folder)
    started.clean()


@pytest.mark.parametrize(
    "command",
    [
        ("gunicorn", "--chdir", "src", "mysite.wsgi:application"),
        ("gunicorn", "--pythonpath=src", "mysite.wsgi"),
        ("sh", "-c", "cd src && exec gunicorn mysite.wsgi"),
        ("python", "src/manage.py", "runserver", "0.0.0.0:8000"),
        ("./start.sh",),
    ],
    ids=" ".join,
)
def test_command_that_names_a_folder_serves_the_project_in_it(
    containers: Containers, below: str, command: tuple[str, ...]
):
    containers.may_log("This is a development server")
    container = containers.start(*command, image=below)
    container.wait_for_log("ready to serve")
    container.wait_until_ready()
    assert "The install worked successfully" in container.get("/").text
    assert "boot: project /app/src, settings mysite.settings" in container.logs()
    assert "(/app/src/manage.py, line 9)" in container.logs()


@pytest.mark.parametrize(
    "command",
    [
        ("python", "src/manage.py", "diffsettings"),
        ("sh", "-c", "cd src && python manage.py diffsettings"),
    ],
    ids=" ".join,
)
def test_manage_py_in_another_folder_has_its_own_settings(
    containers: Containers, below: str, command: tuple[str, ...]
):
    assert "ROOT_URLCONF = 'mysite.urls'" in containers.run(*command, image=below).stdout


def test_project_below_the_working_directory_is_an_error_with_the_right_folder(
    containers: Containers, below: str
):
    done = containers.run(image=below)
    assert done.returncode == 1
    assert "ERROR: /app has no manage.py, but /app/src has one.\nFIX: " in done.stderr
    assert "WORKDIR /app/src" in done.stderr
    container = containers.start(image=below, options=["--workdir", "/app/src"])
    container.wait_until_ready()
    assert "The install worked successfully" in container.get("/").text


@pytest.fixture
def project(tmp_path: Path) -> Path:
    start_project(tmp_path)
    write(tmp_path / "Dockerfile", DOCKERFILE)
    return tmp_path


def add(project: Path, settings: str) -> None:
    with (project / "mysite/settings.py").open("a") as file:
        file.write(settings)


TO_STDOUT = """
handler = {"class": "logging.FileHandler", "filename": "/dev/stdout"}
LOGGING = {"version": 1, "handlers": {"f": handler}, "root": {"handlers": ["f"], "level": "INFO"}}
"""


def test_log_files_can_be_the_output_of_the_container(containers: Containers, project: Path):
    add(project, TO_STDOUT)
    flags = ("--access-logfile", "/dev/stdout", "--error-logfile", "/dev/stderr")
    container = containers.start("gunicorn", "mysite.wsgi", *flags, image=containers.build(project))
    container.wait_until_ready()
    container.get("/seen-in-the-log/")
    container.wait_for_log("GET /seen-in-the-log/")
    container.may_log("Not Found: /seen-in-the-log/")


def test_project_without_a_database_is_ready(containers: Containers, project: Path):
    add(project, "INSTALLED_APPS = []\nMIDDLEWARE = []\nTEMPLATES = []\nDATABASES = {}\n")
    view = "from django.http import HttpResponse\nfrom django.urls import path\n"
    view += "urlpatterns = [path('', lambda request: HttpResponse('stateless'))]\n"
    write(project / "mysite/urls.py", view)
    container = containers.start(image=containers.build(project))
    container.wait_until_ready()
    assert container.get("/health/ready").json()["checks"] == {}
    assert container.get("/").text == "stateless"


def test_settings_of_the_image_as_a_whole_serve_the_projects_urls(
    containers: Containers, project: Path
):
    text = "from backend.hacko_settings import *\nROOT_URLCONF = 'mysite.urls'\n"
    write(project / "mysite/settings.py", text)
    container = containers.start(image=containers.build(project))
    container.wait_until_ready()
    assert container.get("/admin/login/").status_code == 200
    assert container.get("/nowhere/").status_code == 404


def test_static_files_of_a_path_prefix_are_served_with_and_without_it(
    containers: Containers, project: Path
):
    add(project, "FORCE_SCRIPT_NAME = '/api'\n")
    container = containers.start(image=containers.build(project))
    container.wait_until_ready()
    assert 'href="/api/static/admin/css/base.css"' in container.get("/api/admin/login/").text
    # A proxy can remove the prefix.
    for path in ("/api/static/admin/css/base.css", "/static/admin/css/base.css"):
        assert container.get(path).headers["Content-Type"] == 'text/css; charset="utf-8"'


@pytest.mark.parametrize("value", ["os.environ.get('SECRET_KEY')", "''"])
def test_empty_secret_key_stops_the_start(containers: Containers, project: Path, value: str):
    add(project, f"SECRET_KEY = {value}\n")
    done = containers.run(image=containers.build(project))
    assert done.returncode == 1
    assert "ERROR: mysite.settings has no SECRET_KEY.\nFIX:   Set SECRET_KEY," in done.stderr


LOG_FILE = """
LOGGING = {"version": 1, "handlers": {"file": {
    "class": "logging.FileHandler", "filename": BASE_DIR / "logs/debug.log",
}}, "root": {"handlers": ["file"]}}
"""


@pytest.mark.parametrize(
    ("settings", "text", "problem", "fix"),
    [
        ("INSTALLED_APPS += ['polls']\n", "'polls'", "No module named 'polls'", "Check the spell"),
        (
            "MIDDLEWARE += ['polls.Count']\n",
            "polls.Count",
            "No module named 'polls'",
            "Check the spell",
        ),
        ("ROOT_URLCONF = 'mysite.urlz'\n", "mysite.urlz", "'mysite.urlz'", "Check the spell"),
        (
            LOG_FILE,
            '["file"]',
            "No such file or directory: '/app/logs/debug.log'",
            "/data/debug.log",
        ),
    ],
    ids=["application", "middleware", "urls", "log file"],
)
def test_name_in_own_settings_that_is_wrong_is_found_by_its_line(
    containers: Containers, project: Path, settings: str, text: str, problem: str, fix: str
):
    add(project, settings)
    lines = (project / "mysite/settings.py").read_text().splitlines()
    line = next(number for number, each in enumerate(lines, start=1) if text in each)
    done = containers.run(image=containers.build(project))
    assert done.returncode == 1
    assert f"ERROR: /app/mysite/settings.py, line {line}: " in done.stderr
    assert problem in done.stderr
    assert fix in done.stderr.splitlines()[-1]


BROKEN_WSGI = "from whitenoise.django import DjangoWhiteNoise\napplication = None\n"


@pytest.mark.parametrize(
    ("command", "problem", "fix"),
    [
        (("gunicorn",), "/app/mysite/wsgi.py, line 1: ModuleNotFoundError: No module named ", ""),
        (("gunicorn", "mysite.wsgi"), "/app/mysite/wsgi.py, line 1: ModuleNotFoundError: ", ""),
        (("gunicorn", "mysit.wsgi"), "the application mysit.wsgi: ModuleNotFoundError: ", "spell"),
        (("gunicorn", "mysite.urls:app"), "the application mysite.urls:app: ", "mysite.urls:app"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_application_that_cannot_be_loaded_is_two_lines(
    containers: Containers, project: Path, command: tuple[str, ...], problem: str, fix: str
):
    write(project / "mysite/wsgi.py", BROKEN_WSGI)
    done = containers.run(*command, image=containers.build(project))
    assert done.returncode == 1
    assert f"ERROR: {problem}" in done.stderr
    assert fix in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stdout + done.stderr


def test_user_of_the_dockerfile_needs_no_access_to_the_data_folder(
    containers: Containers, project: Path
):
    user = "RUN useradd web && chown --recursive web /app\nUSER web\n"
    write(project / "Dockerfile", DOCKERFILE + user)
    container = containers.start(image=containers.build(project))
    container.wait_until_ready()
    assert "boot: collecting static files into /tmp/static" in container.logs()
    assert container.get("/static/admin/css/base.css").status_code == 200


def test_static_root_that_cannot_be_written_is_an_error_with_a_fix_that_works(
    containers: Containers, project: Path
):
    add(project, "STATIC_ROOT = '/var/www/static'\n")
    done = containers.run(image=containers.build(project))
    assert "ERROR: Static files cannot be written: [Errno 13] Permission denied" in done.stderr
    fix = done.stderr.partition("in your Dockerfile (")[2].partition(")")[0]
    write(project / "Dockerfile", f"{DOCKERFILE}{fix}\n")
    container = containers.start(image=containers.build(project))
    container.wait_until_ready()
    assert container.get("/static/admin/css/base.css").status_code == 200


def test_sqlite_file_that_cannot_be_opened_stops_the_start_at_once(
    containers: Containers, project: Path
):
    image = containers.build(project)
    done = containers.run(image=image, options=["--user", "1234"])
    assert done.returncode == 1
    assert "waiting for database" not in done.stdout
    problem = "ERROR: The database 'default' (/app/db.sqlite3) cannot be opened by UID 1234: "
    assert problem in done.stderr
    assert "FIX:   Keep it in the data folder" in done.stderr


READS_FILE = """
import os
from pathlib import Path
for line in Path(__file__).with_name(".env").read_text().splitlines():
    os.environ.setdefault(*line.split("="))
"""


def test_manage_py_can_read_a_file_of_variables(containers: Containers, project: Path):
    manage, text = project / "manage.py", (project / "manage.py").read_text()
    write(manage, READS_FILE + text.replace("'mysite.settings'", "os.environ['SETTINGS']"))
    write(project / ".env", "SETTINGS=mysite.live\nSECRET_KEY=from-the-file-of-the-project\n")
    write(
        project / "mysite/live.py",
        "from .settings import *\nSECRET_KEY = os.environ['SECRET_KEY']\n",
    )
    container = containers.start("gunicorn", "mysite.wsgi", image=containers.build(project))
    container.wait_until_ready()
    first = container.logs().splitlines()[0]
    assert first.startswith("boot: project /app, settings mysite.live (/app/manage.py, line ")


CONFIGURED = """
from configurations import Configuration
class Live(Configuration):
    SECRET_KEY = "a"
    ROOT_URLCONF = "mysite.urls"
    ALLOWED_HOSTS = ["*"]
"""


@pytest.mark.parametrize(
    "command",
    [("gunicorn", "mysite.wsgi"), ("uvicorn", "mysite.asgi:application", "--host", "0.0.0.0")],  # noqa: S104
    ids=lambda command: command[0],
)
def test_django_configurations_is_installed_by_manage_py(
    containers: Containers, project: Path, command: tuple[str, ...]
):
    containers.may_log("security.W009", "without Lifespan support")
    write(project / "mysite/settings.py", CONFIGURED)
    write(project / "mysite/urls.py", "urlpatterns = []\n")
    for name in ("manage.py", "mysite/wsgi.py", "mysite/asgi.py"):
        text = (project / name).read_text().replace("from django.core.", "from configurations.")
        write(project / name, f"import os\nos.environ['DJANGO_CONFIGURATION'] = 'Live'\n{text}")
    install = "FROM {0}\nRUN pip install django-configurations uvicorn\n"
    write(project / "Dockerfile", DOCKERFILE.replace(f"FROM {IMAGE}\n", install.format(IMAGE)))
    container = containers.start(*command, image=containers.build(project))
    container.wait_until_ready()
    assert container.get("/nowhere/").status_code == 404


def test_settings_of_wsgi_py_that_differ_from_those_of_manage_py_are_a_warning(
    containers: Containers, project: Path
):
    write(project / "mysite/live.py", "from .settings import *\nDEBUG = False\n")
    wsgi = project / "mysite/wsgi.py"
    write(wsgi, wsgi.read_text().replace("mysite.settings", "mysite.live"))
    image = containers.build(project)
    for command in (("gunicorn", "mysite.wsgi"), ()):
        container = containers.start(*command, image=image)
        container.wait_until_ready()
        warning = "/app/mysite/wsgi.py, line 14 names the settings mysite.live, but "
        container.may_log(warning)
        assert warning in container.logs()
        assert "Say which: ENV DJANGO_SETTINGS_MODULE=mysite.live" in container.logs()
    env = {"DJANGO_SETTINGS_MODULE": "mysite.live"}
    container = containers.start("gunicorn", "mysite.wsgi", image=image, env=env)
    container.may_log("security.W009")
    container.wait_until_ready()
    assert "names the settings" not in container.logs()


PROCFILE = "web: {0}gunicorn mysite.wsgi --bind 0.0.0.0:8000\n"
UVICORN = "#!/bin/sh\n{0}uvicorn mysite.asgi:application --host 0.0.0.0\n"
ENTRY_POINT = "/opt/backend/bin/docker-entrypoint.sh "


@pytest.mark.parametrize(
    ("command", "file", "text", "place"),
    [
        (("honcho", "start"), "Procfile", PROCFILE, "honcho"),
        (("./start.sh",), "start.sh", UVICORN, "./start.sh, line 2"),
    ],
    ids=["honcho", "script"],
)
def test_program_that_starts_a_server_is_a_warning_with_a_fix_that_works(
    containers: Containers,
    project: Path,
    command: tuple[str, ...],
    file: str,
    text: str,
    place: str,
):
    containers.may_log("starts servers without", "starts uvicorn without", "lifespan", "shell")
    install = f"FROM {IMAGE}\nRUN pip install honcho uvicorn\n"
    write(project / "Dockerfile", DOCKERFILE.replace(f"FROM {IMAGE}\n", install))
    write(project / file, text.format(""))
    container = containers.start(*command, image=containers.build(project))
    container.wait_for_log(f"WARNING: {place} starts .* without the image's entry point")
    assert f"Write {ENTRY_POINT}before the command" in container.logs()
    write(project / file, text.format(ENTRY_POINT))
    container = containers.start(*command, image=containers.build(project))
    container.wait_until_ready()
    assert container.get("/static/admin/css/base.css").status_code == 200


@pytest.mark.parametrize("program", ["/opt/venv/bin/gunicorn", "python -m gunicorn"])
def test_gunicorn_that_cannot_get_the_images_configuration_is_a_warning(
    containers: Containers, tmp_path: Path, program: str
):
    start_project(tmp_path)
    write(tmp_path / "web.py", "workers = 1\n")
    write(tmp_path / "Dockerfile", DOCKERFILE)
    image = containers.build(tmp_path)
    warning = "a shell starts gunicorn with a configuration of yours, and not by the name gunicorn"
    for words in (program, "gunicorn"):
        command = f"true && exec {words} -c web.py mysite.wsgi --bind 0.0.0.0:8000"
        container = containers.start("sh", "-c", command, image=image).may_log(warning)
        container.wait_for_log("Booting worker")
        assert (f"boot: WARNING: {warning}" in container.logs()) is (words == program)
    # What the warning says to write.
    assert container.get("/health/live").json() == {"status": "live"}


UPLOADS = """
MEDIA_ROOT = "/data/media"
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": os.environ["SQL_DATABASE"], "USER": os.environ["SQL_USER"],
    "PASSWORD": os.environ["SQL_PASSWORD"], "HOST": os.environ["SQL_HOST"],
}}
"""
UPLOAD_VIEW = """
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

@csrf_exempt
def upload(request):
    name = default_storage.save("large", request.FILES["file"])
    return HttpResponse(default_storage.size(name))

urlpatterns = [path("upload/", upload)]
"""


def test_replicas_of_an_own_project_migrate_once_and_take_large_uploads(
    containers: Containers, postgis: PostGIS, tmp_path: Path
):
    start_project(tmp_path, UPLOADS)
    write(tmp_path / "mysite/urls.py", UPLOAD_VIEW)
    write(tmp_path / "Dockerfile", DOCKERFILE)
    image = containers.build(tmp_path)
    env = {
        "SQL_DATABASE": postgis.database(),
        "SQL_USER": postgis.user,
        "SQL_PASSWORD": postgis.password,
        "SQL_HOST": postgis.host,
        "WEB_CONCURRENCY": "2",
    }
    options = ["--network", postgis.network]
    replicas = [containers.start(image=image, env=env, options=options) for _ in range(2)]
    large = 30_000_000
    for replica in replicas:
        replica.wait_until_ready()
        answer = requests.post(replica.url("/upload/"), files={"file": bytes(large)}, timeout=60)
        assert (answer.status_code, answer.text) == (200, str(large))
    applied = [replica.logs().count("Applying ") > 0 for replica in replicas]
    assert sorted(applied) == [False, True]
