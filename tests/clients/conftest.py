"""An API, and the map libraries that read it."""

from __future__ import annotations

import functools
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from playwright.sync_api import Page

from tests.conftest import PostGIS
from tests.support.asked import Asked, start_asked
from tests.support.browser import chromium
from tests.support.containers import Containers, docker

HERE = Path(__file__).parent
IMAGE = "backend-docker-django-clients:local"
# More rows than fit on a page, all of them in the tile 5/5/11.
ROWS = """
INSERT INTO asked_stop (name, lines, geom)
SELECT 'Stop ' || n, n % 7, ST_SetSRID(ST_MakePoint(-122.7 + n / 1000.0, 45.5 + n / 2000.0), 4326)
FROM generate_series(31, 2000) n;
ANALYZE;
"""


@pytest.fixture(scope="session")
def read_api(postgis: PostGIS) -> Iterator[Asked]:
    started = Containers()
    api = start_asked(started, postgis, ALLOWED_HOSTS="*")
    api.sql(ROWS)
    yield api
    started.clean()


@pytest.fixture(scope="session")
def program(network: str) -> Iterator[Callable[..., str]]:
    """A function that runs a program in a container next to the APIs, and returns its output."""
    # This downloads 360 MB of Debian packages the first time, and uses the engine's cache later.
    docker("build", "--tag", IMAGE, HERE, timeout=1800)
    started = Containers()
    beside = started.start(
        *("sleep", "infinity"),
        image=IMAGE,
        mounts={HERE / "programs": "/programs:ro"},
        options=["--network", network],
    )

    def run(*command: str) -> str:
        return docker("exec", beside.name, *command).stdout

    yield run
    started.clean()


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a page with the map libraries from npm."""
    folder = tmp_path_factory.mktemp("web")
    shutil.copytree(HERE / "web", folder, dirs_exist_ok=True)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    handler = functools.partial(_Quiet, directory=folder)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


# A process can run only one Playwright, so this one ends before another module starts a browser.
@pytest.fixture(scope="module")
def page(libraries: str) -> Iterator[Page]:
    """A page with a different origin than the API, like the pages of most users."""
    # Without a graphics card MapLibre draws in software.
    flags = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    with chromium("127.0.0.1", *flags) as browser:
        page = browser.new_page()
        page.goto(libraries)
        page.wait_for_function("window.read !== undefined")
        yield page


class _Quiet(SimpleHTTPRequestHandler):
    """Serves a folder without logging. It adds the type of .mjs, which Python may not know."""

    extensions_map: ClassVar = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".mjs": "text/javascript",
    }

    def log_message(self, *_: object) -> None:
        pass
