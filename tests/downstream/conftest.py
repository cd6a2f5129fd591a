"""The downstream project, run with compose as a team runs it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser

from tests.support.browser import chromium
from tests.support.containers import IMAGE, POSTGIS_IMAGE, docker
from tests.support.visits import Visit

PROJECT = Path(__file__).parent / "project"
FILES = ("docker-compose.yml", "docker-compose.proxy.yml")
# As in docker-compose.yml.
ADMIN = {"username": "admin", "password": "admin-of-a-laptop"}
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
ALLOWED_ORIGIN = "https://map.example.org"


class Site:
    """An address of the API, and a client with its own cookies."""

    def __init__(self, address: str, prefix: str = "", certificate: Path | None = None) -> None:
        self.origin = address
        self.base = address + prefix
        self.session = requests.Session()
        # Ignore the machine's proxy and certificates.
        self.session.trust_env = False
        if certificate:
            self.session.verify = str(certificate)

    def __call__(self, method: str, path: str, **options) -> requests.Response:
        options.setdefault("timeout", 30)
        options.setdefault("allow_redirects", False)
        return self.session.request(method, self.base + path, **options)

    def get(self, path: str, **options) -> requests.Response:
        return self("GET", path, **options)

    def follow(self, link: str) -> requests.Response:
        """Get an absolute URL that the API wrote, exactly as it wrote it."""
        return self.session.get(link, timeout=30, allow_redirects=False)

    def anonymous(self) -> Site:
        """The same address, logged out."""
        site = Site(self.origin, self.base.removeprefix(self.origin))
        site.session.verify = self.session.verify
        return site

    def log_in(self) -> Site:
        """Log in with the admin's form, and return a site with that session."""
        site = self.anonymous()
        form = site.get("/admin/login/").text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)[1]
        answer = site(
            "POST",
            "/admin/login/?next=/admin/",
            data={**ADMIN, "csrfmiddlewaretoken": token},
            headers={"Referer": f"{site.base}/admin/login/"},
        )
        assert answer.status_code == 302, answer.text
        return site

    def post(self, path: str, document: dict) -> requests.Response:
        """Post JSON with the session and its token, as a page of this site does."""
        headers = {"X-CSRFToken": self.session.cookies["csrftoken"], "Referer": f"{self.base}/"}
        return self("POST", path, json=document, headers=headers)


@dataclass
class Project:
    """The running project."""

    name: str
    environment: dict[str, str]
    certificate: Path

    def compose(self, *arguments: str, check: bool = True) -> str:
        files = [flag for file in FILES for flag in ("--file", str(PROJECT / file))]
        done = docker(
            "compose", *files, "--progress", "plain", *arguments, check=check, env=self.environment
        )
        return done.stdout + (done.stderr if not check else "")

    def port(self, service: str, port: int) -> str:
        return self.compose("port", service, str(port)).strip().rpartition(":")[2]

    def site(self) -> Site:
        """The API itself."""
        return Site(f"http://localhost:{self.port('api', 8000)}")

    def site_behind_proxy(self, port: int = 443) -> Site:
        """The API behind HTTPS and a path. At port 8443, the proxy removes the path."""
        address = f"https://localhost:{self.port('proxy', port)}"
        return Site(address, "/transit", self.certificate)

    def sql(self, service: str, statement: str) -> str:
        """Query the database directly."""
        command = f'psql --no-align --tuples-only -U $POSTGRES_USER $POSTGRES_DB -c "{statement}"'
        return self.compose("exec", "-T", service, "bash", "-c", command).strip()

    def static_url(self, path: str) -> str:
        """The hashed URL of a static file."""
        manifest = self.compose("exec", "-T", "api", "cat", "/data/static/staticfiles.json")
        return "/static/" + json.loads(manifest)["paths"][path]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """The project, built and started once for all tests, and removed afterward."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    certificate = tmp_path_factory.mktemp("proxy") / "certificate.pem"
    # Port 0 stands for any free port.
    ports = dict.fromkeys(("API_PORT", "PROXY_PORT", "STRIPPING_PROXY_PORT"), "0")
    images = {"BASE": IMAGE, "POSTGIS_IMAGE": POSTGIS_IMAGE}
    running = Project(
        name, {**os.environ, "COMPOSE_PROJECT_NAME": name, **ports, **images}, certificate
    )
    try:
        try:
            running.compose("up", "--build", "--wait")
        except AssertionError as error:
            logs = running.compose("logs", "--no-color", check=False)
            raise AssertionError(f"{error}\n{logs}") from None
        inside = ("exec", "-T", "proxy", "cat", "/etc/nginx/certificate.pem")
        certificate.write_text(running.compose(*inside))
        yield running
    finally:
        running.compose("down", "--volumes", "--timeout", "1", check=False)
        docker("rmi", "--force", f"{name}-api", f"{name}-proxy", check=False)


@pytest.fixture(scope="session")
def site(project: Project) -> Site:
    return project.site()


@pytest.fixture(scope="session")
def admin(site: Site) -> Site:
    return site.log_in()


@pytest.fixture(scope="session", params=[443, 8443], ids=["path kept", "path taken off"])
def proxied(project: Project, request: pytest.FixtureRequest) -> Site:
    return project.site_behind_proxy(request.param)


def session_of(site: Site) -> dict:
    """The site's session, as a storage state of Playwright."""
    cookies = [
        {"name": cookie.name, "value": cookie.value, "domain": "localhost", "path": cookie.path}
        for cookie in site.session.cookies
    ]
    return {"cookies": cookies}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium("localhost") as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens windows, which must not have any problems at the end of the test."""
    with contextlib.ExitStack() as windows:
        visits = []

        def open_window(site: Site, size: dict = DESKTOP, **options) -> Visit:
            # The proxy's certificate is self-signed.
            context = browser.new_context(viewport=size, ignore_https_errors=True, **options)
            windows.callback(context.close)
            visits.append(Visit(context.new_page(), site.origin, site.base))
            return visits[-1]

        yield open_window
        for visit in visits:
            assert visit.requests
            assert not visit.problems, "\n".join(visit.problems)
