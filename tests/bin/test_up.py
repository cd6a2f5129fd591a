"""bin/up, in a fresh clone, as a user calls it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests.conftest import PostGIS
from tests.support.containers import free_port, remove_project

NO_ENGINE = {"DOCKER_HOST": "unix:///nonexistent/docker.sock"}
SUPERUSER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "of-one-test"}


class Up:
    """Calls bin/up in one clone, with its own port and compose project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.project = f"up-{uuid.uuid4().hex[:12]}"

    def __call__(self, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
        own = {
            "PORT": str(self.port),
            "COMPOSE_PROJECT_NAME": self.project,
            "IMAGE": f"{self.project}-base",
        }
        return subprocess.run(
            ["bin/up", *flags],
            cwd=self.folder,
            env={**os.environ, **own, **env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    def get(self, path: str, host: str = "localhost") -> requests.Response:
        return requests.get(f"http://{host}:{self.port}{path}", timeout=10)


def printed_account(done: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    match = re.search(r"admin: log in as (\w+), password (\w+)$", done.stdout, re.MULTILINE)
    assert match, done.stdout
    return match[1], match[2]


def assert_logs_in(up: Up, username: str, password: str) -> None:
    """Log in with the admin's form."""
    with requests.Session() as browser:
        page = f"http://localhost:{up.port}/admin/"
        form = browser.get(page, timeout=10).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)
        assert token, form
        fields = {"username": username, "password": password, "next": "/admin/"}
        fields["csrfmiddlewaretoken"] = token[1]
        answer = browser.post(f"{page}login/", data=fields, headers={"Referer": page}, timeout=10)
        assert "Site administration" in answer.text


@pytest.fixture(scope="module")
def up(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("user") / "backend-docker-django"
    subprocess.run(["git", "clone", "--quiet", clone, folder], check=True)
    up = Up(folder)
    yield up
    up("--stop", **NO_ENGINE)


def test_without_an_engine_it_serves_the_same_and_data_survives_a_stop(up: Up) -> None:
    first = up(**NO_ENGINE, **SUPERUSER)
    assert first.returncode == 0, first.stderr
    assert "No Docker engine answers" in first.stdout
    assert f"The API serves on http://localhost:{up.port}" in first.stdout
    assert up.get("/health/ready").json()["phase"] == "ready"
    assert up.get("/swagger/").status_code == 200
    # It listens on loopback unless LISTEN names another address.
    assert f"http://127.0.0.1:{up.port} (" in (up.folder / ".local" / "api.log").read_text()
    assert up("--stop", **NO_ENGINE).returncode == 0
    with pytest.raises(requests.ConnectionError):
        up.get("/health/live")
    # --native does not depend on an engine, and bin/up checks the address that LISTEN names.
    second = up("--native", **SUPERUSER, LISTEN="127.0.0.2")
    assert second.returncode == 0, second.stderr
    assert f"The API serves on http://127.0.0.2:{up.port}" in second.stdout
    assert up.get("/health/ready", "127.0.0.2").status_code == 200
    log = (up.folder / ".local" / "api.log").read_text()
    assert "superuser 'ada' exists and is left as it is" in log
    assert "static files are unchanged" in log
    assert up("--stop", **NO_ENGINE).returncode == 0


def test_without_an_engine_the_example_has_data_filters_documentation_and_an_account(
    up: Up,
) -> None:
    done = up("--native")
    assert done.returncode == 0, done.stderr
    assert "Maps need PostGIS: start Docker" in done.stdout
    assert "/map/" not in done.stdout
    assert up.get("/api/stops/").json()["count"] == 52
    (stop,) = up.get("/api/stops/?name=lloyd").json()["results"]
    assert stop["name"] == "Lloyd Center"
    assert 'href="/api/stops/"' in up.get("/").text
    assert "/stops/" in up.get("/swagger.json").json()["paths"]
    username, password = printed_account(done)
    assert_logs_in(up, username, password)
    state = up.folder / ".local"
    assert (state / "account.env").stat().st_mode & 0o777 == 0o600
    assert password in (state / "account.env").read_text()
    assert password not in (state / "api.log").read_text()
    # Changes persist, and a password that is no longer valid is not printed.
    url, login = f"http://localhost:{up.port}/api/stops/1/", (username, password)
    assert requests.delete(url, auth=login, timeout=10).status_code == 204
    code = "from django.contrib.auth.models import User as U; u = U.objects.get(username='admin'); "
    code += "u.set_password('another'); u.save()"
    changed = subprocess.run(
        [up.folder / ".venv/bin/python", "manage.py", "shell", "--command", code],
        cwd=state / "code",
        env={**os.environ, "DATA_DIR": str(up.folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert changed.returncode == 0, changed.stderr
    again = up("--native")
    assert "admin: log in as admin with your new password" in again.stdout
    assert password not in again.stdout
    assert up.get("/api/stops/").json()["count"] == 51
    assert up("--stop", **NO_ENGINE).returncode == 0


def test_settings_of_the_clone_itself_take_the_place_of_the_example(up: Up) -> None:
    own = up.folder / "local_settings"
    own.mkdir()
    try:
        (own / "settings.py").write_text("PROJECT_NAME = 'Of this clone'\n")
        done = up("--native")
        assert done.returncode == 0, done.stderr
        assert "api/stops" not in done.stdout
        assert "Of this clone" in up.get("/").text
    finally:
        up("--stop", **NO_ENGINE)
        (own / "settings.py").unlink()
        own.rmdir()


def test_stop_does_not_end_another_process_whose_pid_is_in_a_stale_file(up: Up) -> None:
    stranger = subprocess.Popen(["sleep", "600"])
    try:
        (up.folder / ".local").mkdir(exist_ok=True)
        (up.folder / ".local" / "gunicorn.pid").write_text(f"{stranger.pid}\n")
        assert up("--stop", **NO_ENGINE).returncode == 0
        assert stranger.poll() is None
        assert not (up.folder / ".local" / "gunicorn.pid").exists()
    finally:
        stranger.kill()
        stranger.wait()


def test_port_in_use_unknown_flag_and_missing_engine_each_have_their_own_error(up: Up) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = up(**NO_ENGINE, PORT=str(port))
    unknown = up("--postgres")
    no_engine = up("--postgis", **NO_ENGINE)
    for done, reason in (
        (busy, f"ERROR: Port {port} is in use by another program."),
        (unknown, "ERROR: bin/up does not know '--postgres'."),
        (no_engine, "ERROR: bin/up --postgis needs a Docker engine, but none answers."),
    ):
        assert done.returncode == 1, done
        assert done.stderr.splitlines()[0] == reason
        assert done.stderr.splitlines()[1].startswith("FIX:   ")


@pytest.mark.engine
def test_with_postgis_data_survives_a_stop(up: Up) -> None:
    try:
        first = up()
        assert first.returncode == 0, first.stderr
        assert f"http://localhost:{up.port}/api/stops/map/" in first.stdout
        assert "bin/up --native" not in first.stdout
        username, password = printed_account(first)
        assert_logs_in(up, username, password)
        assert password not in _compose(up, "logs", "api")
        box = up.get("/api/stops/?in_bbox=-122.66,45.52,-122.65,45.54").json()
        assert [row["id"] for row in box["results"]["features"]] == [13]
        assert up.get("/api/stops/map/").status_code == 200
        assert up.get("/api/stops/tiles/0/0/0/").content
        assert len(up.get("/api/stops.csv").text.splitlines()) == 53
        listens = ["docker", "compose", "--project-name", up.project, "port", "api", "8000"]
        published = subprocess.check_output(listens, cwd=up.folder, text=True)
        assert published.strip() == f"127.0.0.1:{up.port}"
        made = _manage(
            up, "from django.contrib.auth.models import User as U; U(username='a').save()"
        )
        assert made.returncode == 0, made.stderr
        assert up("--stop").returncode == 0
        again = up("--postgis", DATABASE_URL="postgis://me@db.example.org/mine")
        assert again.returncode == 0, again.stderr
        assert "To serve the database that your environment names: bin/up --native" in again.stdout
        asked = _manage(
            up,
            "from django.contrib.auth.models import User as U; from django.db import connection; "
            "print(U.objects.count(), connection.ops.postgis_lib_version()[0])",
        )
        assert asked.stdout.strip() == "2 3", asked.stderr
        assert up.get("/health/ready").json()["phase"] == "ready"
        (up.folder / ".local" / "postgis.env").rename(up.folder / "elsewhere.env")
        unknown = up("--postgis")
        assert unknown.returncode == 1, unknown.stdout
        problem, fix = unknown.stderr.splitlines()
        assert problem.startswith("ERROR: A database from an earlier bin/up exists")
        assert fix.endswith("docker compose down --volumes")
    finally:
        remove_project(up.project)


@pytest.mark.engine
def test_own_database_gets_neither_the_example_nor_an_account(
    up: Up, postgis: PostGIS, tmp_path: Path
) -> None:
    database = postgis.database()
    postgis.sql("CREATE TABLE trees (id int); INSERT INTO trees VALUES (1)", database)
    server = ":".join(map(str, postgis.container.address(5432)))
    url = f"postgis://{postgis.user}:{quote(postgis.password, safe='')}@{server}/{database}"
    key = {"DJANGO_SECRET_KEY": "of-the-tests-and-as-long-as-django-wants-it-" * 2}
    file = tmp_path / "url"
    file.write_text(f"{url}\n")
    try:
        done = up("--native", **key, DATABASE_URL_FILE=str(file))
        assert done.returncode == 0, done.stderr
        assert "admin: log in with your own account" in done.stdout
        assert "stops" not in done.stdout
        assert up.get("/health/ready").json()["checks"] == {"database:default": "ok"}
        assert up("--stop", **NO_ENGINE).returncode == 0
        (tmp_path / "DATABASE_URL").write_text(url)
        again = up(**NO_ENGINE, **key, SECRET_STORE=str(tmp_path))
        assert again.returncode == 0, again.stderr
        assert "stops" not in again.stdout
        tables = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'transit%'"
        counts = f"SELECT ({tables}), (SELECT count(*) FROM auth_user), count(*) FROM trees"
        assert postgis.sql(counts, database) == "0|0|1"
    finally:
        up("--stop", **NO_ENGINE)
    wrong = up("--native", **key, DATABASE_URL=url.replace("%40", ""))
    missing = up("--native", **key, DATABASE_URL=f"{url}_2", DB_WAIT_TIMEOUT="1")
    for done, problem in ((wrong, "refuses the login"), (missing, f'"{database}_2" does not')):
        assert done.returncode == 1, done.stdout
        error, fix, *last = done.stderr.splitlines()[-4:]
        assert problem in error
        assert fix.startswith("FIX: ")
        assert last[0].startswith("ERROR: The API did not start")
        assert postgis.password not in done.stdout + done.stderr


def _compose(up: Up, *arguments: str) -> str:
    command = ["docker", "compose", "--project-name", up.project, *arguments]
    return subprocess.check_output(command, cwd=up.folder, text=True)


def _manage(up: Up, code: str) -> subprocess.CompletedProcess[str]:
    command = ["python", "manage.py", "shell", "--verbosity", "0", "--command", code]
    return subprocess.run(
        ["docker", "compose", "--project-name", up.project, "exec", "-T", "api", *command],
        cwd=up.folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_startproject_writes_a_project_without_an_engine_too(up: Up, tmp_path: Path) -> None:
    done = subprocess.run(
        [up.folder / "bin/startproject", "my-api", "--no-geometry"],
        cwd=tmp_path,
        env={**os.environ, **NO_ENGINE},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "my-api/my_api/models.py").is_file()
