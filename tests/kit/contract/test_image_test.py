"""``bin/image-test`` on this image, and on correct and faulty children of it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest

from backend.kit.contract.outside.engine import LABEL
from tests.kit.contract.conftest import Report, image_test
from tests.support.broken import write
from tests.support.containers import IMAGE, POSTGIS_IMAGE, Containers, docker, until

pytestmark = pytest.mark.engine

DOWNSTREAM = Path(__file__).parents[2] / "downstream"
POSTGIS = ("--postgis", "--postgis-image", POSTGIS_IMAGE)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The engine's events for new containers and mounted volumes from now on, one per line."""
    file = tmp_path_factory.mktemp("events") / "events"
    kinds = ("type=container", "type=volume", "event=create", "event=mount")
    command = ["docker", "events", "--format", "{{json .}}", "--since", f"{time.time() - 1:.0f}"]
    with file.open("w") as output:
        listener = subprocess.Popen(
            [*command, *(f"--filter={kind}" for kind in kinds)], stdout=output
        )
        yield file
        listener.terminate()
        listener.wait()


@pytest.fixture(scope="module")
def build(
    images: Containers, pool: ThreadPoolExecutor, events: Path
) -> Callable[..., Future[Report]]:
    """Builds a folder on the image and tests the result, while other tests run."""

    def started(folder: Path, *arguments: str) -> Future[Report]:
        def report() -> Report:
            name = images.build(folder, "--build-arg", f"BASE={IMAGE}")
            return image_test(*arguments, name)

        return pool.submit(report)

    return started


@pytest.fixture(scope="module", autouse=True)
def legacy(build: Callable[..., Future[Report]]) -> Future[Report]:
    """The child of 2019. It is first because it takes longest."""
    return build(DOWNSTREAM / "legacy", *POSTGIS)


@pytest.fixture(scope="module", autouse=True)
def transit(build: Callable[..., Future[Report]]) -> Future[Report]:
    return build(DOWNSTREAM / "project", *POSTGIS, "--database", "land")


@pytest.fixture(scope="module", autouse=True)
def rooted(
    build: Callable[..., Future[Report]], tmp_path_factory: pytest.TempPathFactory
) -> Future[Report]:
    """A server that the child's own entry point starts as root, under a shell."""
    dockerfile = (
        f"FROM {IMAGE}\nUSER root\nENV PORT=8001\n"
        "ENTRYPOINT python manage.py migrate; gunicorn backend.wsgi -c gunicorn_conf.py; true\n"
    )
    return build(write(tmp_path_factory.mktemp("rooted"), {"Dockerfile": dockerfile}))


def test_image_itself_keeps_the_contract(tmp_path: Path):
    report = image_test(IMAGE, "--junit", tmp_path / "report.xml", "--base", IMAGE)
    assert report.code == 0, report.text + report.errors
    assert (report.checks("failed"), report.checks("warning")) == (set(), set()), report.text
    passed, skipped = (
        sum(status == wanted for status, *_ in report.results) for wanted in ("ok", "skipped")
    )
    assert report.text.endswith(
        f"\n{IMAGE} keeps the contract; failed: 0, warning: 0, skipped: {skipped}, ok: {passed}\n"
    )
    assert passed > 25
    suite = ElementTree.parse(tmp_path / "report.xml").getroot()
    assert {case.get("name") for case in suite} == {name for _, name, _ in report.results}


def test_what_is_baked_in_is_named_without_a_start(images: Containers, tmp_path: Path):
    dockerfile = f"""\
FROM {IMAGE}
ARG PACKAGES_TOKEN=hunter-21
ENV DJANGO_SECRET_KEY=hunter-22
ENV DJANGO_SUPERUSER_PASSWORD= SECRET_STORE=/run/secrets POSTGRES_PASSWORD_FILE=/run/x
RUN MAIL_PASSWORD=hunter-23 head -c 200000 /dev/zero > /big && echo https://me:hunter-24@example.org
RUN : pip install && mkdir -p /root/.cache/pip && head -c 3000000 /dev/zero > /root/.cache/pip/x
RUN ln -s /usr/bin/python3 /usr/local/bin/python
ENV PATH=/usr/local/bin:$PATH
HEALTHCHECK NONE
WORKDIR /tmp
"""
    name = images.build(write(tmp_path, {"Dockerfile": dockerfile}))
    report = image_test("--no-start", "--max-added", "2", name)
    failed = {"secrets in history", "python", "health check", "size"}
    assert (report.code, report.checks("failed")) == (1, failed), report.text + report.errors
    assert report.checks("warning") == {"secrets in history", "folder", "caches"}
    lines = report.lines_of("secrets in history")
    for place in ("ARG PACKAGES_TOKEN", "ENV DJANGO_SECRET_KEY", "RUN MAIL_PASSWORD", "RUN with a"):
        assert lines.count(place) == 1, lines
    assert lines.count("has a value") == 4
    assert "hunter" not in report.text
    assert "3.2 MB on top of" in report.lines_of("size")
    assert "RUN MAIL_PASSWORD=*** head" in report.lines_of("size")
    assert "RUN : pip install" in report.lines_of("size")
    assert "<- 3.0 MB of it is a cache" in report.lines_of("size")


def test_image_that_does_not_start_is_reported_with_the_reason_and_the_rest_is_skipped(
    images, tmp_path: Path
):
    dockerfile = f"FROM {IMAGE}\nENV POSTGRES_USER=api\n"
    report = image_test(images.build(write(tmp_path, {"Dockerfile": dockerfile})))
    assert report.checks("failed") == {"start"}
    assert "POSTGRES_USER is set, but neither POSTGRES_NAME nor" in report.lines_of("start")
    assert "image-test --postgis" in report.lines_of("start")
    assert {"SIGTERM", "/health/ready", "read-only"} <= report.checks("skipped")


def test_another_base_is_named(sound: str, images: Containers, tmp_path: Path):
    report = image_test("--no-start", "--base", sound, IMAGE)
    assert (report.code, report.checks("failed")) == (1, {"base"})
    assert "docker build --pull" in report.lines_of("base")


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("debian:trixie-slim", "ERROR: debian:trixie-slim is not built on backend-docker-django."),
        (
            "no-such-image:at-all",
            "ERROR: This machine does not have the image no-such-image:at-all.",
        ),
    ],
)
def test_image_that_cannot_be_tested_gives_two_lines_and_exit_code_2(image: str, words: str):
    report = image_test(image)
    assert (report.code, report.text) == (2, "")
    assert report.errors.startswith(f"{words}\nFIX:   ")
    assert report.errors.count("\n") == 2


def test_check_does_not_wait_for_a_database_server_that_ended_and_shows_its_log():
    """The image replaces the database server, and ends because it has no database itself."""
    report = image_test("--postgis", "--postgis-image", IMAGE, IMAGE)
    assert (report.code, report.text) == (2, "")
    assert report.errors.startswith(f"ERROR: {IMAGE} has ended. Its log ends with: ")
    assert "POSTGRES_DB is set, but POSTGRES_HOST is not." in report.errors
    assert report.errors.count("\n") == 2


def test_program_comes_out_of_the_image_as_one_file_for_python_3_9(sound: str, tmp_path: Path):
    program = tmp_path / "image-test"
    with program.open("wb") as file:
        command = ["docker", "run", "--rm", IMAGE, "check", "--print-image-test"]
        subprocess.run(command, stdout=file, check=True)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    command = [sys.executable, "-I", program, "--no-start", sound]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{sound} keeps the contract" in done.stdout
    unpacked = tmp_path / "unpacked"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", program, unpacked], check=True)
    sources = list(unpacked.rglob("*.py"))
    assert len(sources) >= 9
    for source in sources:
        ast.parse(source.read_text(), feature_version=(3, 9))
        allowed = {*sys.stdlib_module_names, "backend"}
        for node in ast.walk(ast.parse(source.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in getattr(node, "names", [])] * isinstance(
                node, ast.Import
            )
            assert {name.partition(".")[0] for name in names} <= allowed, source


def test_transit_keeps_the_contract_with_its_databases(transit: Future[Report]):
    report = transit.result()
    assert report.code == 0, report.text + report.errors
    assert (report.checks("failed"), report.checks("warning")) == (set(), set()), report.text
    assert "default, land, census" in report.lines_of("in_db")
    assert "8 paths" in report.lines_of("/swagger.json")
    assert re.search(r"/static/transit/map\.\w{12}\.css: text/css", report.text)
    assert re.search(r"size: \d+\.\d MB on top of the base's \d{3}\.\d MB, in 5", report.text)
    assert re.search(r"^ +\d+\.\d MB  RUN pip install --no-cache-dir", report.text, re.MULTILINE)


def test_root_a_shell_as_first_process_and_an_unexposed_port_are_named(
    rooted: Future[Report],
):
    report = rooted.result()
    assert report.checks("failed") == {"processes", "broken settings", "SIGTERM"}, report.text
    assert report.checks("warning") == {"entry point", "ports"}
    assert "Some processes run as root; the UIDs are 0." in report.lines_of("processes")
    assert "does not stop the start" in report.lines_of("broken settings")
    assert "10 s after SIGTERM. Docker would kill it" in report.lines_of("SIGTERM")
    assert "listens on 8001, but the image exposes 8000" in report.lines_of("ports")


def test_check_names_what_a_2019_child_does_itself(legacy: Future[Report]):
    report = legacy.result()
    assert report.code == 1
    assert report.checks("failed") == {
        *("migrations", "processes", "another user", "read-only", "SIGTERM")
    }, report.text + report.errors
    assert report.checks("warning") == {"entry point", "static files"}
    assert "passenger_census/migrations/0001_initial.py" in report.lines_of("read-only")
    assert "stop the start" in report.lines_of("broken settings")


def test_nothing_is_left_behind(
    legacy: Future[Report],
    transit: Future[Report],
    rooted: Future[Report],
    containers: Containers,
    events: Path,
):
    for future in (legacy, transit, rooted):
        future.result()
    # This includes those of other tests that run at the same time.
    for kind in (("container", "ls", "--all"), ("network", "ls")):
        command = (*kind, "--quiet", "--filter", f"label={LABEL}")
        until(lambda: docker(*command).stdout == "", f"no {kind[0]} is left", 180)  # noqa: B023
    # Volumes from an image's VOLUME have no label. Only the events connect them to a container.
    last = containers.volume()
    until(lambda: last in events.read_text(), "all events up to now")
    engine_events = [json.loads(line) for line in events.read_text().splitlines()]
    mine = {
        each["Actor"]["ID"]
        for each in engine_events
        if each["Type"] == "container" and LABEL in each["Actor"]["Attributes"]
    }
    volumes = {
        each["Actor"]["ID"]
        for each in engine_events
        if each["Action"] == "mount" and each["Actor"]["Attributes"]["container"] in mine
    }
    assert len(volumes) >= 3, "each container of an image has one at /data"
    there = ("volume", "ls", "--quiet")
    until(lambda: not volumes & set(docker(*there).stdout.split()), "no volume is left")
