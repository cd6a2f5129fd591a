"""A wall clock that jumps under a running API."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import PostGIS
from tests.faults.conftest import HUNG, Report, mounts
from tests.support import logs
from tests.support.containers import IMAGE, Container, Containers, docker, until
from tests.support.load import Load

pytestmark = pytest.mark.engine

FOLDER = Path(__file__).parent / "clock"
IMAGE_WITH_CLOCK = f"{IMAGE.partition(':')[0]}-clock:test"
THREADS = 4
LOGIN = {"username": "admin", "password": "of-the-clock-test-1"}


@pytest.fixture(scope="session")
def image_with_clock() -> Iterator[str]:
    docker("build", "--tag", IMAGE_WITH_CLOCK, "--build-arg", f"IMAGE={IMAGE}", FOLDER)
    yield IMAGE_WITH_CLOCK
    docker("rmi", "--force", IMAGE_WITH_CLOCK, check=False)


def set_clock(api: Container, offset: str) -> None:
    # Atomically, because libfaketime ends a process that reads an empty file.
    api.exec("bash", "-c", f"echo {offset} > /clock/new && mv /clock/new /clock/offset")


def shown_time(api: Container) -> float:
    """The date of the API's responses, in seconds since 1970."""
    date = requests.get(api.url("/health/live"), timeout=HUNG).headers["Date"]
    return time.mktime(time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")) - time.timezone


def log_in(api: Container) -> requests.Session:
    session = requests.Session()
    page = session.get(api.url("/admin/login/"), timeout=HUNG)
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    form = {**LOGIN, "csrfmiddlewaretoken": token and token[1]}
    session.post(page.url, data=form, timeout=HUNG)
    return session


def logged_in(api: Container, session: requests.Session) -> bool:
    answer = session.get(api.url("/admin/"), allow_redirects=False, timeout=HUNG)
    assert answer.status_code in (200, 302)
    return answer.status_code == 200


def test_clock_jumps_lose_no_request_worker_or_session(
    containers: Containers,
    postgis: PostGIS,
    project_folder: Path,
    image_with_clock: str,
    report: Report,
) -> None:
    """The clock jumps by hours and days, but all waits of the image use the monotonic clock."""
    containers.may_log(*logs.OUTAGE)
    superuser = {f"DJANGO_SUPERUSER_{name.upper()}": value for name, value in LOGIN.items()}
    api = containers.start(
        image=image_with_clock,
        env=postgis.env(
            postgis.database(), WEB_CONCURRENCY="1", WEB_THREADS=str(THREADS), **superuser
        ),
        mounts=mounts(project_folder),
        # As root, libfaketime would create its semaphore before the entry point drops root.
        options=["--network", postgis.network, "--user", "1001:0"],
    ).wait_until_ready()
    notes, pid = api.url("/api/notes/"), api.url("/pid")
    before, session = requests.get(pid, timeout=HUNG).text, log_in(api)
    assert logged_in(api, session)
    load = Load(lambda: notes)
    with load.running():
        until(lambda: load.good_answers > 50, "the load is served")
        for offset, seconds in (("+3600", 3600), ("-86400", -86400), ("+86400", 86400), ("+0", 0)):
            set_clock(api, offset)
            assert abs(shown_time(api) - time.time() - seconds) < HUNG
            seen = load.good_answers
            until(lambda seen=seen: load.good_answers > seen + 50, "the load is served")
            assert logged_in(api, session), offset
            assert logged_in(api, log_in(api)), offset
    set_clock(api, "+30d")  # beyond the two weeks of a session
    assert not logged_in(api, session)
    assert logged_in(api, log_in(api))
    assert (load.failed, load.lost) == (0, 0), load.bad
    # libpq measures connect_timeout with the wall clock, so a jump forward ends attempts to connect
    # with a 503. Each thread connects once.
    assert load.refused <= THREADS
    assert requests.get(pid, timeout=HUNG).text == before
    report.add("clock jumps by hours and days", "nobody notices; sessions hold", load)
