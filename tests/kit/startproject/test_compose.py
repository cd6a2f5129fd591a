"""A new project, run with docker compose as a team runs it: on a laptop, then as on a server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import statistics
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.support import slow
from tests.support.containers import (
    IMAGE,
    docker,
    free_port,
    remove_project,
    until,
)

pytestmark = pytest.mark.engine

PGADMIN = "dpage/pgadmin4:9"
STAND_IN = Path(__file__).parent / "pgadmin"
DEVELOPER = 1234  # neither root nor the image's own user
BASE = ("--file", "docker-compose.yml", "--profile", "proxy")
REPLICAS = 3
# More views for these tests, such as the container's name, a stream, and a crash.
VIEWS = '''
import os
import socket
import time
from pathlib import Path

from django.http import HttpResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt


def hello(request):
    return HttpResponse("first answer")


def whoami(request):
    """The container that responds, and the URL and client address that it sees."""
    client = request.META["HTTP_X_FORWARDED_FOR"]
    return HttpResponse(f"{socket.gethostname()}\\n{request.build_absolute_uri()}\\n{client}")


def stream(request):
    """Send a second line when a file exists."""
    def lines():
        yield f"{socket.gethostname()}\\n"
        while not Path("/tmp/go-on").exists():
            time.sleep(0.05)
        yield "done\\n"
    return StreamingHttpResponse(lines(), headers={"X-Accel-Buffering": "no"})


def page(request):
    """A response of 8 MB."""
    return HttpResponse(b"x" * 8_000_000)


def rows(request):
    """Stream more than all buffers on the way can store."""
    lines = (b"x" * 100_000 for _ in range(1000))
    return StreamingHttpResponse(lines, headers={"X-Accel-Buffering": "no"})


@csrf_exempt
def crash(request):
    """Write a line to a file, and exit without a response."""
    with open("/data/crashes", "a") as file:
        file.write(f"{request.method}\\n")
    os._exit(1)
'''
URLS = """
from local_settings import views

urlpatterns += [
    path("hello/", views.hello), path("whoami/", views.whoami), path("stream/", views.stream),
    path("crash/", views.crash), path("page/", views.page), path("rows/", views.rows),
]
"""


@dataclass
class Team:
    """A project, and the terminal of its developer."""

    folder: Path
    env: dict[str, str]

    def run(
        self, *command: str, check: bool = True, asked: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command with ``asked`` as its input."""
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.env,
            input=asked,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def compose(self, *arguments: str, check: bool = True) -> str:
        """The output of ``docker compose``, with its errors unless ``check`` is set."""
        done = self.run("docker", "compose", "--progress", "quiet", *arguments, check=check)
        return done.stdout if check else done.stdout + done.stderr

    def up(self, *arguments: str) -> None:
        """Start the services and wait until they are healthy. A failure contains the logs."""
        options, services = arguments, ("up", "--build", "--detach", "--wait")
        try:
            self.compose(*options, *services)
        except AssertionError as error:
            logs = self.compose(*options, "logs", "--no-color", "--tail", "50", check=False)
            raise AssertionError(f"{error}\n{logs}") from None

    def api(self, *command: str, check: bool = True) -> str:
        """The output and errors of ``docker compose run --rm api``."""
        done = self.run(
            "docker", "compose", "--progress", "quiet", "run", "--rm", "-T", "api", *command,
            check=check,
        )  # fmt: skip
        return done.stdout + done.stderr

    def address(self, variable: str = "API_PORT") -> str:
        return f"http://localhost:{self.env.get(variable) or self.secret(variable)}"

    def choose_ports(self, variables: tuple[str, ...]) -> None:
        """Put free ports into .env, as its comments suggest."""
        text = (self.folder / ".env").read_text()
        for name in variables:
            text, replaced = re.subn(rf"(?m)^#?{name}=.+$", f"{name}={free_port()}", text)
            assert replaced == 1, name
        self.write(".env", text)

    def get(self, path: str, variable: str = "API_PORT", **options) -> requests.Response:
        options.setdefault("timeout", 30)
        with requests.Session() as session:
            session.trust_env = False
            return session.get(self.address(variable) + path, **options)

    def answers(self, path: str, text: str, variable: str = "API_PORT") -> Callable[[], bool]:
        """A condition for ``until``, which tolerates a server that restarts."""

        def condition() -> bool:
            try:
                return text in self.get(path, variable, timeout=5).text
            except requests.RequestException:
                return False

        return condition

    def secret(self, name: str) -> str:
        """A value of .env."""
        return re.search(rf"^{name}=(.*)$", (self.folder / ".env").read_text(), re.MULTILINE)[1]

    def write(self, path: str, text: str) -> None:
        """Save a file, as the developer."""
        file = self.folder / path
        file.write_text(text, encoding="utf-8")
        os.chown(file, *self.owner)

    @property
    def owner(self) -> tuple[int, int]:
        status = self.folder.stat()
        return status.st_uid, status.st_gid

    def containers(self, service: str) -> list[str]:
        return self.compose(*BASE, "ps", "--quiet", service).split()

    def sql(self, statement: str, database: str = "") -> str:
        name = database or self.secret("POSTGRES_DB")
        user = self.secret("POSTGRES_USER")
        return self.compose(
            "exec", "-T", "db", "psql", "-qAt", "-U", user, name, "-c", statement
        ).strip()


@contextmanager
def named(name: str, make: Callable[[], object]) -> Iterator[None]:
    """Make the image ``name`` if this machine does not have it, and remove it afterwards."""
    there = docker("image", "inspect", name, check=False).returncode == 0
    if not there:
        make()
    yield
    if not there:
        docker("image", "rm", name, check=False)


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory, published_postgis: None) -> Iterator[Team]:
    """A new project, after the first ``docker compose up``."""
    home = tmp_path_factory.mktemp("home")
    if os.geteuid() == 0:
        os.chown(home, DEVELOPER, DEVELOPER)
    name = f"team-{uuid.uuid4().hex[:8]}"
    options = ["--image", IMAGE, "--database", "census", "--database", "land:parcels"]
    docker("run", "--rm", "--volume", f"{home}:/project", IMAGE, "startproject", name, *options)
    ports = ("API_PORT", "POSTGRES_PORT", "PGADMIN_PORT", "PROXY_PORT")
    env = {key: value for key, value in os.environ.items() if key not in ("DEBUG", *ports)}
    team = Team(home / name, env)
    team.choose_ports(ports)
    team.write("local_settings/views.py", VIEWS)
    urls = (team.folder / "local_settings" / "urls.py").read_text()
    team.write("local_settings/urls.py", urls + URLS)
    with named(PGADMIN, lambda: docker("build", "--quiet", "--tag", PGADMIN, STAND_IN)):
        try:
            team.up()
            fill(team)
            yield team
        finally:
            team.compose("--profile", "*", "down", "--volumes", "--timeout", "1", check=False)
            remove_project(name)
            images = (f"{name}-api:development", f"{name}-proxy", f"{name}-migrate")
            docker("image", "rm", "--force", *images, check=False)


# ---------------------------------------------------------------------------
# On a laptop


def fill(team: Team) -> None:
    """Post a route as the superuser from .env, and create a media file."""
    line = {"type": "LineString", "coordinates": [[-122.68, 45.52], [-122.60, 45.51]]}
    route = {"type": "Feature", "geometry": line, "properties": {"name": "Red Line"}}
    login = (team.secret("DJANGO_SUPERUSER_USERNAME"), team.secret("DJANGO_SUPERUSER_PASSWORD"))
    made = requests.post(f"{team.address()}/api/routes/", json=route, auth=login, timeout=30)
    assert made.status_code == 201, made.text
    # The entry point runs this as the developer.
    team.api(
        "sh",
        "-c",
        "mkdir -p /data/media && echo hi >/data/media/a.txt && echo 1 >/data/from-the-laptop",
    )


def test_first_up_migrates_makes_the_superuser_and_serves(team: Team) -> None:
    assert "Red Line" in team.get("/api/routes/").text
    # Debug mode, and the databases from the options of startproject.
    assert "Page not found" in team.get("/nonsense/", headers={"Accept": "text/html"}).text
    for alias in ("census", "land"):
        assert team.get(f"/api/{alias}-records/").json()["count"] == 2


def test_compose_reports_nothing_about_the_files_and_all_ports_are_local(team: Team) -> None:
    for files in ((), BASE):
        done = team.run("docker", "compose", *files, "--profile", "*", "config")
        assert done.stderr == ""
        hosts = re.findall(r"host_ip: (\S+)", done.stdout)
        assert hosts
        assert set(hosts) == {"127.0.0.1"}
        assert done.stdout.count("published:") == len(hosts)


def test_saved_file_is_served(team: Team) -> None:
    until(team.answers("/hello/", "first answer"), "it serves")
    taken = []
    for answer in ("second answer", "third answer", "fourth answer"):
        started = time.monotonic()
        team.write("local_settings/views.py", VIEWS.replace("first answer", answer))
        until(team.answers("/hello/", answer), "the saved file is served")
        taken.append(time.monotonic() - started)
    print(f"\nA saved file is served after {statistics.median(taken):.1f} s (median of 3)")


def test_file_saved_again_and_again_is_served(team: Team) -> None:
    """Like an editor that saves automatically at any moment, even while the server restarts."""
    for count in range(20):
        time.sleep(0.1 * (count % 10 + 1))  # until the next save
        team.write("local_settings/views.py", VIEWS.replace("first answer", f"answer {count}"))
    until(team.answers("/hello/", "answer 19"), "what was saved last is served")


@pytest.mark.parametrize("path", ["local_settings/views.py", "local_settings/settings.py"])
def test_saved_mistake_is_named_and_corrected_by_saving_again(team: Team, path: str) -> None:
    good = (team.folder / path).read_text()
    team.write(path, f"{good}\ndef broken(:\n")
    place = f"ERROR: /code/src_files/{path}, line {good.count(chr(10)) + 2}: SyntaxError"
    until(lambda: place in team.compose("logs", "--no-color", "api"), "the log names the line")

    def corrected() -> bool:
        """Save again, in case the server had not seen the mistake yet."""
        team.write(path, good)
        with contextlib.suppress(AssertionError):
            return until(team.answers("/hello/", "answer"), "it serves again", 5)
        return False

    until(corrected, "it serves the corrected file")


def test_files_created_in_the_container_belong_to_the_developer(team: Team) -> None:
    team.api("python", "manage.py", "startapp", "parks")
    team.api("bash", "-c", "echo made >made-in-a-shell")
    # docker compose exec bypasses the entry point and runs as root.
    team.compose("exec", "-T", "api", "python", "manage.py", "startapp", "meadows")
    for name in ("parks/models.py", "parks/migrations", "made-in-a-shell", "meadows/models.py"):
        status = (team.folder / name).stat()
        assert (status.st_uid, status.st_gid) == team.owner, name
    settings = (team.folder / "local_settings" / "settings.py").read_text()
    park = "class Park(models.Model):\n    name = models.TextField()\n"
    team.write("parks/models.py", f"from django.db import models\n\n\n{park}")
    team.write("local_settings/settings.py", f'{settings}\nINSTALLED_APPS += ["parks"]\n')
    assert "Create model Park" in team.api("python", "manage.py", "makemigrations", "parks")
    assert (team.folder / "parks/migrations/0001_initial.py").stat().st_uid == team.owner[0]
    # Restore the settings, because the Dockerfile does not copy the new app.
    team.write("local_settings/settings.py", settings)


# Tests a file that is newer than the image and the volume.
NEW_FILE = """
from django.templatetags.static import static
from django.test import SimpleTestCase


class NewFileTests(SimpleTestCase):
    def test_a_page_can_link_to_it(self):
        self.assertEqual(static("new.css"), "/static/new.css")
"""


def test_its_tests_run_in_the_container_with_django_and_with_pytest(team: Team) -> None:
    app = team.folder.name.replace("-", "_")
    team.write(f"{app}/tests/test_new_file.py", NEW_FILE)
    (team.folder / app / "static").mkdir()
    team.write(f"{app}/static/new.css", "a { color: red }")
    output = team.api("python", "manage.py", "test")
    count = int(re.search(r"^Ran (\d+) tests? in", output, re.MULTILINE)[1])
    assert count > 5
    assert re.search(r"^OK", output, re.MULTILINE)
    assert f"{count} passed" in team.api("pytest", "-q")


def test_changed_requirement_takes_one_command(team: Team) -> None:
    imports = ("exec", "-T", "api", "python", "-c", "import sniffio")
    assert "No module" in team.compose(*imports, check=False)
    requirements = (team.folder / "requirements.txt").read_text()
    team.write("requirements.txt", f"{requirements}sniffio==1.3.1\n")
    team.up()
    assert team.compose(*imports) == ""


def test_same_app_runs_outside_of_containers_with_the_same_env(team: Team) -> None:
    """It uses the databases of the containers, at the port from .env."""
    assert team.secret("POSTGRES_HOST") == "localhost"
    outside = Team(team.folder, {**team.env, "NATIVE_PORT": str(free_port())})
    outside.run("bin/native", "migrate", "--check")
    asked = "from django.db import connections; print(len(connections.all()), 'databases')"
    shell = outside.run("bin/native", "shell", "--verbosity", "0", "--command", asked)
    assert shell.stdout.splitlines()[-1] == "3 databases"
    server = subprocess.Popen(
        ["bin/native", "runserver", outside.env["NATIVE_PORT"]],
        cwd=team.folder,
        env=outside.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    try:
        until(outside.answers("/api/routes/", "Red Line", "NATIVE_PORT"), "it serves the same data")
        assert outside.get("/api/census-records/", "NATIVE_PORT").json()["count"] == 2
        # The container's server does not use the copy of the image's code in .native.
        until(team.answers("/api/routes/", "Red Line"), "the other one serves too")
    finally:
        os.killpg(server.pid, 15)
        server.communicate()


def test_sql_queries_work_as_the_pages_say(team: Team) -> None:
    asked = "SELECT name FROM %s_route;\n" % (app := team.secret("POSTGRES_DB"))
    psql = f"docker compose exec db psql --username {app} {app}"
    assert f"| SQL | `{psql}` |" in (team.folder / "README.md").read_text()
    for command in (psql, "docker compose exec api python manage.py dbshell"):
        # Without -T, docker compose exec needs a terminal.
        done = team.run(*command.replace(" exec ", " exec -T ").split(), asked=asked)
        assert "Red Line" in done.stdout, command


def test_several_apis_behind_the_proxy_of_a_laptop_serve_what_is_saved(team: Team) -> None:
    """The profile ``replicas`` adds the proxy and two more APIs."""
    profile = ("--profile", "replicas")
    team.up(*profile)
    hosts = set()

    def all_answer() -> bool:
        hosts.add(seen_by_the_api(team)[0])
        return len(hosts) == 1 + 2

    until(all_answer, "three of them answer")
    assert "Red Line" in team.get("/api/routes/", "PROXY_PORT").text
    # Django's server finds static files in the apps, without collectstatic.
    style = team.get("/static/admin/css/base.css", "PROXY_PORT")
    assert (style.status_code, style.headers["Content-Type"]) == (200, "text/css")
    team.compose(*profile, "rm", "--stop", "--force", "replicas", "proxy")


def test_pgadmin_lists_the_databases_and_opens_them_without_a_password(team: Team) -> None:
    team.compose("--profile", "tools", "up", "--detach", "pgadmin")
    try:
        until(team.answers("/login", "csrfToken", "PGADMIN_PORT"), "pgAdmin serves", 120)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{team.compose('logs', 'pgadmin')}") from None
    address = team.address("PGADMIN_PORT")
    with requests.Session() as session:
        session.trust_env = False
        token = re.search('"csrfToken": "([^"]+)"', session.get(f"{address}/login").text)
        form = {
            "email": "admin@example.com",
            "password": team.secret("PGADMIN_PASSWORD"),
            "csrf_token": token[1],
            "internal_button": "Login",
        }
        answer = session.post(f"{address}/authenticate/login", data=form)
        assert answer.url.endswith("/browser/"), answer.url
        script = session.get(f"{address}/browser/js/utils.js").text
        token = re.search(r"pgAdmin\['csrf_token'\] = '([^']+)'", script)
        session.headers["X-pgA-CSRFToken"] = token[1]
        servers = session.get(f"{address}/browser/server/nodes/1/").json()["result"]
        assert [server["label"] for server in servers] == [team.folder.name]
        server = servers[0]["_id"]
        opened = session.post(f"{address}/browser/server/connect/1/{server}", json={})
        assert opened.json()["data"]["connected"], opened.text
        databases = session.get(f"{address}/browser/database/nodes/1/{server}/").text
    for name in ("census", team.secret("POSTGRES_DB")):
        assert f'"label":"{name}"' in databases


# ---------------------------------------------------------------------------
# On a server: only the base file, with several APIs behind the proxy


@pytest.fixture(scope="module")
def served(team: Team) -> Team:
    """The same project and volumes, without the override."""
    team.env |= {"REPLICAS": str(REPLICAS), "MAX_UPLOAD_SIZE": "64KiB"}
    team.compose("--profile", "*", "down", "--timeout", "1")
    team.write("local_settings/views.py", VIEWS)
    team.up(*BASE)
    return team


def test_base_file_is_for_a_server(served: Team) -> None:
    assert "Page not found" not in served.get("/nonsense/", "PROXY_PORT").text
    assert "Red Line" in served.get("/api/routes/", "PROXY_PORT").text
    assert len(served.containers("api")) == REPLICAS
    for container in served.containers("api"):
        made = json.loads(docker("inspect", container).stdout)[0]
        assert [mount["Destination"] for mount in made["Mounts"]] == ["/data"]
        assert made["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
        assert not made["HostConfig"]["PortBindings"]
    # Neither the development server nor its packages.
    assert "gunicorn" in docker("top", served.containers("api")[0]).stdout
    assert "No module" in served.compose(
        *BASE, "exec", "-T", "api", "python", "-c", "import pytest", check=False
    )
    # The server can change files that the developer's user created on the volume.
    change = "touch /data/media/b.txt && echo more >>/data/from-the-laptop"
    served.compose(*BASE, "exec", "-T", "--user", "backend", "api", "sh", "-c", change)


def test_proxy_is_unprivileged(served: Team) -> None:
    (proxy,) = served.containers("proxy")
    uids = docker("top", proxy, "-eo", "pid,uid").stdout.split()[3::2]
    assert uids
    assert set(uids) == {"33"}


def test_proxy_serves_static_and_media_files_itself_and_safely(served: Team) -> None:
    manifest = served.compose(*BASE, "exec", "-T", "api", "cat", "/data/static/staticfiles.json")
    hashed = re.search(r'"(admin/css/base\.[0-9a-f]{12}\.css)"', manifest)[1]
    script = (
        "cd /data/media && echo '<script>' >page.html && echo '<svg/>' >a.svg && echo png >a.png"
    )
    served.compose(*BASE, "exec", "-T", "api", "sh", "-c", f"{script} && echo no >.hidden")

    def get(path: str) -> requests.Response:
        return served.get(path, "PROXY_PORT", headers={"Accept-Encoding": "gzip"})

    style = get(f"/static/{hashed}")
    assert (style.status_code, style.headers["Content-Encoding"]) == (200, "gzip")
    assert "immutable" in style.headers["Cache-Control"]
    shown = {"a.txt": "inline", "a.png": "inline", "page.html": "attachment", "a.svg": "attachment"}
    for name, disposition in shown.items():
        answer = get(f"/media/{name}")
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"] == disposition
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "X-Request-ID" not in answer.headers  # the API did not see it
    assert "X-Request-ID" not in style.headers
    for path in ("/media/.hidden", "/static/.collected-from", "/media/", "/media/none.png"):
        assert get(path).status_code in (403, 404), path
    # A path that leads out of the folder. Python's HTTP clients would normalize it.
    ask = "GET /media/../from-the-laptop HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n"
    out = f"exec 3<>/dev/tcp/127.0.0.1/8080; printf '{ask}' >&3; cat <&3"
    answer = served.compose(*BASE, "exec", "-T", "proxy", "bash", "-c", out)
    assert " 404 " in answer.splitlines()[0]


def test_proxy_keeps_the_limits(served: Team) -> None:
    address = served.address("PROXY_PORT")
    small = requests.post(f"{address}/api/routes/", data=b"x" * 65_536, timeout=30)
    assert small.status_code != 413
    large = requests.post(f"{address}/api/routes/", data=b"x" * 65_537, timeout=30)
    assert (large.status_code, "X-Request-ID" in large.headers) == (413, False)
    # The same response as from the API, and pages of any origin can read it.
    detail = "The body of a request can have at most 65536 bytes (MAX_UPLOAD_SIZE)."
    assert large.json() == {"detail": detail}
    assert large.headers["Content-Type"] == "application/json"
    assert large.headers["Access-Control-Allow-Origin"] == "*"


def test_proxy_limits_the_rate_of_password_guesses(served: Team) -> None:
    url = f"{served.address('PROXY_PORT')}/admin/login/"
    answers = [requests.post(url, data={"username": "x"}, timeout=30) for _ in range(40)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) > 20
    assert "X-Request-ID" not in refused[0].headers
    assert "Too many requests" in refused[0].json()["detail"]
    assert refused[0].headers["Retry-After"] == "10"
    assert served.get("/hello/", "PROXY_PORT").status_code == 200


@pytest.mark.parametrize(
    "request_of",
    [
        slow.reading("/rows/"),
        slow.reading("/page/"),
        slow.uploading("/hello/", 60_000),
        slow.uploading_chunks("/hello/"),
    ],
    ids=["streams", "pages", "uploads", "chunked bodies"],
)
def test_slow_clients_do_not_keep_others_from_being_served(served: Team, request_of: bytes) -> None:
    """16 for each API, as in the test of an API without a proxy."""
    where = ("127.0.0.1", int(served.address("PROXY_PORT").rpartition(":")[2]))
    with slow.SlowClients(where, request_of, 16 * REPLICAS).running() as slow_ones:
        until(lambda: slow_ones.writes or all(slow_ones.heads), "they have begun")
        for _ in range(20):
            assert served.get("/hello/", "PROXY_PORT").text == "first answer"


def test_proxy_compresses_nothing_that_the_api_left_as_it_is(served: Team) -> None:
    """Compressed pages, and compressed responses to users with a login, can leak secrets."""

    def coding(path: str, **options) -> str:
        asks = {"Accept-Encoding": "gzip"}
        answer = served.get(path, "PROXY_PORT", headers=asks, **options)
        assert answer.status_code == 200
        assert len(answer.content) > 2000
        return answer.headers.get("Content-Encoding", "identity")

    user = (served.secret("DJANGO_SUPERUSER_USERNAME"), served.secret("DJANGO_SUPERUSER_PASSWORD"))
    assert coding("/swagger.json") == "gzip"
    assert coding("/swagger.json", auth=user) == "identity"
    assert coding("/admin/login/") == "identity"


def seen_by_the_api(team: Team, **headers: str) -> tuple[str, str, str]:
    """The container that responds, and the URL and client address that it sees."""
    host, url, client = team.get("/whoami/", "PROXY_PORT", headers=headers).text.split("\n")
    return host, url, client


def test_client_address_is_accepted_only_from_trusted_proxies(served: Team) -> None:
    forged = {
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
    }
    _, url, client = seen_by_the_api(served, **forged)
    assert url.startswith(served.address("PROXY_PORT"))
    assert client != "203.0.113.9"
    gateway = client  # Docker's own proxy
    served.env["TRUSTED_PROXIES"] = f"192.0.2.0/24, {gateway}"
    served.compose(*BASE, "up", "--detach", "--wait", "--no-deps", "proxy")
    _, url, client = seen_by_the_api(served, **forged)
    assert url.startswith("https://localhost:")
    assert client == "203.0.113.9"
    # The last untrusted address, not the first one, which any client can forge.
    _, _, client = seen_by_the_api(served, **{"X-Forwarded-For": "198.51.100.1, 203.0.113.9"})
    assert client == "203.0.113.9"


@pytest.mark.parametrize(
    ("variable", "problem"),
    [
        ("DRAIN_SECONDS=soon", "DRAIN_SECONDS is 'soon', which is not a whole number."),
        ("MAX_UPLOAD_SIZE=huge", "MAX_UPLOAD_SIZE is 'huge', which is not a size."),
        ("TRUSTED_PROXIES=::1 10.0.0.0/33", "TRUSTED_PROXIES has '10.0.0.0/33', which is not"),
        ("TRUSTED_PROXIES=localhost", "TRUSTED_PROXIES has 'localhost', which is not a network."),
        ("TRUSTED_PROXIES=cafe", "TRUSTED_PROXIES has 'cafe', which is not a network."),
    ],
)
def test_proxy_refuses_nonsensical_requests(served: Team, variable: str, problem: str) -> None:
    command = ("docker", "run", "--rm", "--env", variable, f"{served.folder.name}-proxy")
    done = served.run(*command, check=False)
    assert done.returncode == 1
    assert re.fullmatch(rf"ERROR: {re.escape(problem)}.*\nFIX:   .+\n", done.stderr), done.stderr


def test_proxy_accepts_an_ipv6_resolver(served: Team, tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("search example.org\nnameserver fd00::53\n")
    # A replacement for nginx that checks and prints the configuration, and exits.
    (tmp_path / "nginx").write_text("#!/bin/sh\nexec /usr/sbin/nginx -T -c /tmp/nginx.conf\n")
    (tmp_path / "nginx").chmod(0o755)
    mounts = {"resolv.conf": "/etc/resolv.conf", "nginx": "/usr/local/bin/nginx"}
    volumes = [f"--volume={tmp_path / name}:{place}:ro" for name, place in mounts.items()]
    done = served.run("docker", "run", "--rm", *volumes, f"{served.folder.name}-proxy")
    assert "resolver [fd00::53] " in done.stdout


def test_stream_is_passed_on_as_it_comes(served: Team) -> None:
    with requests.get(f"{served.address('PROXY_PORT')}/stream/", stream=True, timeout=30) as answer:
        lines = answer.iter_lines()
        host = next(lines).decode()
        docker("exec", host, "touch", "/tmp/go-on")
        assert next(lines) == b"done"


def test_proxy_finishes_what_is_in_flight_as_long_as_the_api_does(served: Team) -> None:
    longer = Team(served.folder, {**served.env, "DRAIN_SECONDS": "7"})
    services = json.loads(longer.compose(*BASE, "config", "--format", "json"))["services"]
    assert {services[name]["stop_grace_period"] for name in ("api", "proxy")} == {"42s"}
    (proxy,) = served.containers("proxy")
    for api in served.containers("api"):
        docker("exec", api, "rm", "--force", "/tmp/go-on")
    with requests.get(f"{served.address('PROXY_PORT')}/stream/", stream=True, timeout=30) as answer:
        lines = answer.iter_lines()
        host = next(lines).decode()
        stop = subprocess.Popen(["docker", "stop", proxy], stdout=subprocess.DEVNULL)
        until(lambda: stopped_listening(served), "it accepts no connections")
        docker("exec", host, "touch", "/tmp/go-on")
        assert next(lines) == b"done"
        assert stop.wait(30) == 0
    assert json.loads(docker("inspect", proxy).stdout)[0]["State"]["ExitCode"] == 0
    served.compose(*BASE, "up", "--detach", "--wait", "--no-deps", "proxy")


def stopped_listening(team: Team) -> bool:
    try:
        team.get("/hello/", "PROXY_PORT", timeout=5)
    except requests.ConnectionError:
        return True
    return False


def test_request_that_crashed_is_tried_elsewhere_unless_it_is_a_post(served: Team) -> None:
    address = f"{served.address('PROXY_PORT')}/crash/"
    answer = requests.post(address, timeout=30)
    assert (answer.status_code, list(answer.json())) == (502, ["detail"])
    assert answer.headers["Retry-After"] == "5"
    assert requests.get(address, timeout=30).status_code == 502
    seen = served.compose(*BASE, "exec", "-T", "api", "cat", "/data/crashes").split()
    assert (seen.count("POST"), seen.count("GET")) == (1, 3)


def test_clients_do_not_notice_apis_that_start_and_stop(served: Team) -> None:
    def hosts(asked: int = 20) -> set[str]:
        answers = [served.get("/whoami/", "PROXY_PORT") for _ in range(asked)]
        assert {answer.status_code for answer in answers} == {200}
        return {answer.text.split("\n")[0] for answer in answers}

    until(lambda: len(hosts()) == REPLICAS, "all of them answer")
    gone = served.containers("api")[0][:12]
    docker("kill", gone)
    assert gone not in hosts(30)
    # The proxy finds a restarted container without a restart of its own.
    docker("start", gone)
    until(lambda: gone in hosts(), "it is found again")


def test_migrations_are_a_step_of_their_own(served: Team) -> None:
    served.sql("CREATE DATABASE fresh")
    command = ("run", "--rm", "-T", "--build", "--env", "POSTGRES_DB=fresh", "migrate")
    assert "migrating database 'default'" in served.compose(*BASE, *command, check=False)
    app = served.secret("POSTGRES_DB")
    assert served.sql(f"SELECT count(*) FROM django_migrations WHERE app = '{app}'", "fresh") == "1"


def test_watch_copies_what_is_saved_and_builds_a_changed_requirement(served: Team) -> None:
    """The code is not mounted, as with an engine on another machine."""
    served.env |= {"REPLICAS": "1"}
    served.compose(*BASE, "up", "--detach", "--wait", "--timeout", "1", "api")
    command = ["docker", "compose", *BASE, "watch", "--no-up", "api"]
    log = served.folder / "watch.log"
    with log.open("w") as file:
        watch = subprocess.Popen(
            command, cwd=served.folder, env=served.env, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        until(lambda: "Watch enabled" in log.read_text(), "watch has begun")
        served.write("local_settings/views.py", VIEWS.replace("first answer", "third answer"))
        until(served.answers("/hello/", "third answer", "PROXY_PORT"), "the saved file is served")
        requirements = (served.folder / "requirements.txt").read_text()
        served.write("requirements.txt", f"{requirements}idna\n")
        imports = ("exec", "-T", "api", "python", "-c", "import idna")
        until(lambda: served.compose(*BASE, *imports, check=False) == "", "idna is installed", 180)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{log.read_text()}") from None
    finally:
        watch.terminate()
        watch.communicate()
