"""What an API in production answers, to whom, and how much it accepts."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.broken import write
from tests.support.containers import Container, Containers, docker, until
from tests.support.projects import assert_two_lines

pytestmark = pytest.mark.engine

STRONG = "key-Zq8vX2mP7rT4wY9kL3nB6cD1fG5hJ0sA-key-Zq8vX2mP7rT4w"
URLS = """
from django.http import JsonResponse
from django.urls import path
from rest_framework.parsers import BaseParser, FileUploadParser, FormParser, JSONParser
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet


class Echo(APIView):
    permission_classes = []

    def post(self, request):
        files = sum(file.size for file in request.FILES.values())
        data = None if files else request.data
        return Response({"files": files, "data": data if len(str(data)) < 100 else "long"})


class XMLParser(BaseParser):
    media_type = "application/xml"

    def parse(self, stream, media_type=None, parser_context=None):
        return {"text": stream.read().decode()}


class Upload(APIView):
    permission_classes = []
    parser_classes = [FileUploadParser]

    def put(self, request):
        return Response({"bytes": request.data["file"].size})


class Parse(APIView):
    permission_classes = []
    parser_classes = [XMLParser]

    def put(self, request):
        return Response({"bytes": len(request.data["text"])})


def broken(request):
    raise RuntimeError


def raw(request):
    return JsonResponse({"bytes": sum(map(len, request))})


class ByAction(ViewSet):
    permission_classes = []

    def get_parsers(self):
        action = self.action_map.get(self.request.method.lower())
        return [FileUploadParser() if action == "upload" else JSONParser()]

    def upload(self, request):
        return Response({"bytes": request.data["file"].size})

    def take(self, request):
        return Response({"bytes": len(str(request.data))})


class ByUser(Echo):
    def get_parsers(self):
        kinds = [JSONParser] if self.request.user.is_anonymous else [FileUploadParser]
        return [kind() for kind in kinds]


class ByForm(Echo):
    def get_parsers(self):
        return [FormParser() if self.request.POST else JSONParser()]


class Broken(Echo):
    def get_content_negotiator(self):
        raise RuntimeError


urlpatterns = [
    path("by-action/", ByAction.as_view({"put": "upload", "post": "take"})),
    path("by-user/", ByUser.as_view()),
    path("by-form/", ByForm.as_view()),
    path("negotiated/", Broken.as_view()),
    path("echo/", Echo.as_view()),
    path("upload/", Upload.as_view()),
    path("parse/", Parse.as_view()),
    path("broken/", broken),
    path("raw/", raw),
]
"""
SETTINGS = """
from backend.hacko_settings import *

MIDDLEWARE.remove("django.middleware.csrf.CsrfViewMiddleware")
DATA_UPLOAD_MAX_MEMORY_SIZE = 100_000
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """As `docker run` starts it, with a few views."""
    folder = tmp_path_factory.mktemp("local_settings")
    write(folder, {"urls.py": URLS, "settings.py": SETTINGS})
    folder.chmod(0o755)
    started = Containers()
    started.may_log("Internal Server Error: /", "ERROR django.security.")
    mounts = {folder: "/code/local_settings:ro"}
    yield started.start(env={"MAX_UPLOAD_SIZE": "3MB"}, mounts=mounts).wait_until_ready()
    started.clean()


# ---------------------------------------------------------------------------
# Headers

PAGES = ("/", "/health/", "/swagger/", "/redoc/")
ANSWERS = {
    **dict.fromkeys((*PAGES, "/admin/login/", "/health/live", "/swagger.json"), 200),
    "/absent/": 404,
    "/broken/": 500,
}


@pytest.mark.parametrize("path", ANSWERS)
def test_every_answer_carries_the_security_headers(api: Container, path: str):
    answer = api.get(path, headers={"Accept": "text/html"} if path in PAGES else {})
    assert answer.status_code == ANSWERS[path]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"


@pytest.mark.parametrize("path", PAGES)
def test_pages_of_the_image_allow_only_scripts_from_files(api: Container, path: str):
    """tests/downstream/test_pages.py tests in a browser that the pages work with this policy."""
    policy = api.get(path, headers={"Accept": "text/html"}).headers["Content-Security-Policy"]
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules.get("script-src", "'none'") in ("'none'", "'self'")
    assert (rules["base-uri"], rules["frame-ancestors"]) == ("'none'", "'none'")


def test_no_response_reveals_a_version(api: Container):
    packages = json.loads(api.exec("pip", "list", "--format", "json"))
    versions = {package["version"] for package in packages if len(package["version"]) > 3}
    versions.add(re.search(r"[\d.]+", api.exec("python", "--version"))[0])
    assert len(versions) > 10
    texts = {}
    for path in ANSWERS:
        answer = api.get(path)
        assert "X-Powered-By" not in answer.headers
        assert not re.search(r"\d", answer.headers.get("Server", ""))
        texts[path] = answer.text
    texts["line too long"] = _exchange(api, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n")
    for name, text in texts.items():
        # Match only whole versions: not 5.2.1 in 15.2.1.
        shown = [v for v in versions if re.search(rf"(?<![\w.]){re.escape(v)}(?![\w.])", text)]
        assert shown == [], name


# ---------------------------------------------------------------------------
# Behind TLS

PROXY = {"BEHIND_PROXY": "true", "ALLOWED_HOSTS": "api.example.org", "DJANGO_SECRET_KEY": STRONG}
FORWARDED = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "api.example.org"}


def test_behind_tls_cookies_are_secure_and_hsts_is_sent(containers: Containers):
    container = containers.start(env=PROXY).wait_until_ready()
    answer = container.get("/admin/login/", headers=FORWARDED)
    assert answer.headers["Strict-Transport-Security"] == "max-age=3600"
    assert "Secure" in answer.headers["Set-Cookie"]
    plain = container.get("/admin/login/", headers={**FORWARDED, "X-Forwarded-Proto": "http"})
    assert "Strict-Transport-Security" not in plain.headers
    output = docker("exec", container.name, "python", "manage.py", "check", "--deploy").stderr
    # Only the warning about SQLite remains. With the proxy's HTTPS, Django has no other.
    assert re.findall(r"\((\w+\.[EWI]\d+)\)", output) == ["backend.W003"]
    changed = {"HSTS_SECONDS": "31536000"}
    code = "from django.conf import settings; print(settings.SECURE_HSTS_SECONDS)"
    shell = ("python", "manage.py", "shell", "--verbosity", "0", "-c", code)
    assert containers.run(*shell, env={**PROXY, **changed}).stdout == "31536000\n"


def test_without_tls_cookies_work_and_hsts_is_not_sent(api: Container):
    answer = api.get("/admin/login/", headers=FORWARDED)
    assert "Strict-Transport-Security" not in answer.headers
    assert "Secure" not in answer.headers["Set-Cookie"]


# ---------------------------------------------------------------------------
# Keys

REAL = {
    "POSTGRES_HOST": "127.0.0.1",
    "POSTGRES_PORT": "1",
    "POSTGRES_NAME": "api",
    "POSTGRES_USER": "api",
    "DB_WAIT": "false",
    "MIGRATE": "false",
}


def test_public_key_with_a_real_database_refuses_to_start(containers: Containers):
    done = containers.run(env={**REAL, "DJANGO_SECRET_KEY": "change-me-in-production"})
    assert done.returncode == 1
    place = "DJANGO_SECRET_KEY is a key from public samples and guides"
    assert_two_lines(done.stderr, place, "'default'", "Set DJANGO_SECRET_KEY to a long random text")


def test_weak_key_is_a_warning_at_the_start_and_a_strong_one_is_not(containers: Containers):
    check = ("gunicorn", "--check-config", "backend.wsgi")
    weak = containers.run(*check, env={**REAL, "DJANGO_SECRET_KEY": "thought-of-by-somebody"})
    (warning,) = [line for line in weak.stdout.splitlines() if "WARNING" in line]
    assert "has less than 50 characters" in warning
    assert "(security.W009)" in warning
    assert "Set DJANGO_SECRET_KEY to a long random text" in warning
    assert "thought-of-by-somebody" not in weak.stdout + weak.stderr
    assert "WARNING" not in containers.run(*check, env={**REAL, "DJANGO_SECRET_KEY": STRONG}).stdout


# ---------------------------------------------------------------------------
# Hosts


def as_host(container: Container, host: str, path: str = "/", **headers: str) -> requests.Response:
    return requests.get(container.url(path), headers={"Host": host, **headers}, timeout=30)


def test_without_configuration_only_names_of_this_machine_are_answered(api: Container):
    hostname = api.exec("hostname").strip()
    for host in ("localhost", "127.0.0.1:8000", "[::1]", "trees.localhost", hostname):
        assert as_host(api, host).status_code == 200, host
    for host in ("evil.example.net", "10.0.0.5", "localhost.example.net"):
        assert as_host(api, host).status_code == 400, host


def test_foreign_host_is_refused_with_the_reason_and_one_line_of_the_log_names_it(api: Container):
    answer = as_host(api, "one.example.net", Accept="application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["detail"])
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    page = as_host(api, "one.example.net", Accept="text/html")
    assert (page.status_code, page.headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "This API does not respond to this host name" in page.text

    def lines() -> list[str]:
        return [line for line in api.logs().splitlines() if "one.example.net" in line]

    # Docker passes lines on a moment after they were written.
    until(lambda: len(lines()) >= 2, "the log has both requests")
    assert len(lines()) == 2, "one line for each request"
    assert all("You may need to add 'one.example.net' to ALLOWED_HOSTS" in line for line in lines())
    assert "DisallowedHost(" not in api.logs()


def test_probes_do_not_depend_on_the_host(api: Container):
    for path in ("/health/live", "/health/ready", "/health/"):
        assert as_host(api, "evil.example.net", path).status_code == 200


def test_configured_hosts_are_the_only_ones_and_debug_takes_any(containers: Containers):
    named = containers.start(env={"ALLOWED_HOSTS": "api,.example.org"}).wait_until_ready()
    statuses = {
        host: as_host(named, host).status_code
        for host in ("api:8000", "a.example.org", "example.org", "localhost")
    }
    assert statuses == {"api:8000": 200, "a.example.org": 200, "example.org": 200, "localhost": 400}
    code = "from django.conf import settings; print(settings.ALLOWED_HOSTS)"
    shell = ("python", "manage.py", "shell", "--verbosity", "0", "-c", code)
    assert containers.run(*shell, env={"DEBUG": "true"}).stdout == "['*']\n"


# ---------------------------------------------------------------------------
# Limits of a request's size


def post(api: Container, path: str = "/echo/", **options) -> requests.Response:
    return requests.post(api.url(path), timeout=60, **options)


def test_json_is_bounded_before_it_is_parsed(api: Container):
    small = post(api, json={"name": "x"})
    assert (small.status_code, small.json()["data"]) == (200, {"name": "x"})
    assert post(api, json=["x" * 99_000]).json()["data"] == "long"
    large = post(api, json=["x" * 101_000])
    assert large.status_code == 413
    assert "100000 bytes" in large.json()["detail"]
    assert "DATA_UPLOAD_MAX_MEMORY_SIZE" in large.json()["detail"]
    assert large.headers["X-Content-Type-Options"] == "nosniff"


def test_json_of_many_values_is_bounded_by_what_it_takes(api: Container):
    """The body is small enough, but parsed, it takes 50 times as much memory."""
    headers = {"Content-Type": "application/json"}
    for path in ("/echo/", "/raw/"):
        places = post(api, path, data=b"[" + b"[-122.67,45.52]," * 6000 + b"0]", headers=headers)
        assert places.status_code == 200, path
        nothings = post(api, path, data=b"[" + b"{}," * 30_000 + b"0]", headers=headers)
        assert nothings.status_code == 413, path
        assert "20 times DATA_UPLOAD_MAX_MEMORY_SIZE" in nothings.json()["detail"]


def test_uploaded_files_are_bounded_as_a_whole(api: Container):
    assert post(api, files={"map": b"x" * 2_900_000}).json()["files"] == 2_900_000
    large = post(api, files={"map": b"x" * 6_000_000})
    assert large.status_code == 413
    assert "3000000 bytes (MAX_UPLOAD_SIZE)" in large.json()["detail"]
    data = b"x" * 3_000_001
    tiff = {"Content-Type": "image/tiff"}
    assert post(api, "/raw/", data=data[1:], headers=tiff).json() == {"bytes": 3_000_000}
    assert post(api, "/raw/", data=data, headers=tiff).status_code == 413


@pytest.mark.parametrize(
    "kind",
    [
        *("application/vnd.google-earth.kml+xml", "application/gpx+xml", "application/geo+json"),
        *("image/svg+xml", "application/json", "application/xml", "text/csv", None),
    ],
)
def test_file_of_any_type_may_be_as_large_as_files_may(api: Container, kind: str | None):
    headers = {"Content-Disposition": "attachment; filename=data"}
    headers |= {"Content-Type": kind} if kind else {}

    def put(body: object) -> requests.Response:
        return requests.put(api.url("/upload/"), data=body, headers=headers, timeout=60)

    assert put(b"x" * 2_900_000).json() == {"bytes": 2_900_000}
    assert put(iter([b"x" * 100_000] * 29)).json() == {"bytes": 2_900_000}
    large = put(b"x" * 3_000_001)
    assert (large.status_code, "MAX_UPLOAD_SIZE" in large.json()["detail"]) == (413, True)


def test_team_parser_has_the_limit_of_parsers_that_read_into_memory(api: Container):
    xml = {"Content-Type": "application/xml"}
    url = api.url("/parse/")
    small = requests.put(url, data=b"x" * 99_000, headers=xml, timeout=60)
    assert small.json() == {"bytes": 99_000}
    large = requests.put(url, data=b"x" * 101_000, headers=xml, timeout=60)
    assert large.status_code == 413
    assert "DATA_UPLOAD_MAX_MEMORY_SIZE" in large.json()["detail"]


def test_parsers_that_a_view_chooses_for_the_request_take_large_bodies(api: Container):
    """Some of these parsers are unknown until Django has the request."""
    large = json.dumps(["x" * 70_000])
    headers = {"Content-Type": "application/json", "Content-Disposition": "attachment; filename=a"}
    for path in ("/by-action/", "/by-user/"):
        assert post(api, path, data=large, headers=headers).status_code == 200, path
        chunks = iter([large.encode()])
        assert post(api, path, data=chunks, headers=headers).status_code == 200, path
        whole = post(api, path, data=large * 2, headers=headers)
        assert (whole.status_code, "DATA_UPLOAD" in whole.json()["detail"]) == (413, True), path
    url = api.url("/by-action/")
    file = requests.put(url, data=b"x" * 200_000, headers=headers, timeout=60)
    assert file.json() == {"bytes": 200_000}
    assert post(api, "/by-form/", data={"name": "x" * 70_000}).json()["data"] == "long"


def test_view_that_cannot_render_the_error_for_a_large_body_returns_a_500(api: Container):
    broken = post(api, "/negotiated/", json=["x" * 70_000])
    assert broken.status_code == 500
    assert broken.headers["X-Content-Type-Options"] == "nosniff"


def test_json_to_a_plain_view_is_bounded_and_a_file_is_not(api: Container):
    large = b" " * 200_000
    for kind, status in (("application/json", 413), ("application/gpx+xml", 200), (None, 200)):
        headers = {"Content-Type": kind} if kind else {}
        assert post(api, "/raw/", data=large, headers=headers).status_code == status, kind


def test_body_without_a_length_arrives_and_is_bounded(api: Container):
    headers = {"Content-Type": "application/json"}
    arrived = post(api, data=iter([b'{"name": ', b'"y"}']), headers=headers)
    assert arrived.json()["data"] == {"name": "y"}
    assert post(api, data=iter([b"x" * 50_000] * 3), headers=headers).status_code == 413
    tiff = {"Content-Type": "image/tiff"}
    pieces = [b"x" * 100_000]
    assert post(api, "/raw/", data=iter(pieces * 29), headers=tiff).json() == {"bytes": 2_900_000}
    assert post(api, "/raw/", data=iter(pieces * 31), headers=tiff).status_code == 413


def test_announced_size_is_refused_without_waiting_for_it(api: Container):
    address = urlsplit(api.url())
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    connection.putrequest("POST", "/echo/")
    connection.putheader("Content-Type", "image/tiff")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def _exchange(api: Container, request: bytes) -> str:
    """The server's response to these bytes."""
    address = urlsplit(api.url())
    with socket.create_connection((address.hostname, address.port), timeout=30) as client:
        client.sendall(request)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return answer.decode()


@pytest.mark.parametrize(
    "text",
    [
        f"GET /{'a' * 8200} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: {'a' * 8200}\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n" + "X-Many: a\r\n" * 101 + "\r\n",
        f"GET /echo/?{'&'.join(['a=1'] * 1001)} HTTP/1.1\r\nHost: localhost\r\n"
        "Connection: close\r\n\r\n",
    ],
    ids=["line", "header", "headers", "parameters"],
)
def test_line_headers_and_parameters_are_bounded(api: Container, text: str):
    status = _exchange(api, text.encode()).split(" ", 2)[1]
    assert status in ("400", "414", "431")
    assert api.get("/").status_code == 200


def test_long_query_of_a_spatial_filter_is_accepted(api: Container):
    assert api.get("/", params={"intersects": "a" * 7900}).status_code == 200
