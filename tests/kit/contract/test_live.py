"""``check --live``: its reports on a sound project, a broken one, and a running one."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kit.contract.conftest import SOUND, Report, check
from tests.support.broken import write
from tests.support.containers import Container, Containers, docker

pytestmark = pytest.mark.engine

USERS = {"anonymous", "basic", "session", "superuser"}
LOGIN = {"DJANGO_SUPERUSER_USERNAME": "chief", "DJANGO_SUPERUSER_PASSWORD": "of-the-live-check"}
# A fault of each kind. Anonymous requests and those with Basic authentication do not see the first.
BROKEN = {
    "trees/views.py": SOUND["trees/views.py"]
    + """

    def list(self, request, *args, **kwargs):
        if "sessionid" in request.COOKIES:
            raise AttributeError("only with a session")
        return super().list(request, *args, **kwargs)


class Odd(viewsets.ReadOnlyModelViewSet):
    queryset = Tree.objects.order_by("id")

    class serializer_class(TreeSerializer):
        class Meta(TreeSerializer.Meta):
            ref_name = "Odd"

        def to_representation(self, instance):
            return {"id": "one", "name": "http://localhost/nowhere/"}
""",
    "trees/admin.py": """
from django.contrib import admin

from trees.models import Tree


@admin.register(Tree)
class TreeAdmin(admin.ModelAdmin):
    list_display = ["name", "height"]

    def height(self, tree):
        raise KeyError("no height")
""",
    "local_settings/urls.py": SOUND["local_settings/urls.py"]
    .replace("import TreeViewSet", "import Odd, TreeViewSet")
    .replace("urlpatterns", 'router.register("odd", Odd, basename="odd")\nurlpatterns'),
}
FAULTS = {
    "GET /api/trees/": ("500: /code/trees/views.py, line 20: AttributeError: only with a session",),
    "GET /api/odd/": ("results/0/id: 'one' is not of type 'integer'",),
    "GET /nowhere/": ("a link that leads to 404", "a link of /api/odd/"),
    "GET /admin/trees/tree/": ("KeyError: 'no height'",),
}


def live(image: str, *flags: str, arguments: tuple[str, ...] = ()) -> Report:
    return check(image, *flags, arguments=("--live", *arguments))


def test_a_sound_project_passes_on_a_database_of_its_own(
    sound: str, figures: Callable[[str], None]
) -> None:
    report = live(sound)
    assert report.code == 0, report.text + report.errors
    assert report.checks("failed") == report.checks("warning") == set()
    assert report.checks("ok") >= USERS
    assert "1 empty tables got a row" in report.lines_of("rows")
    counted = {
        check: int(re.match(r"(\d+) requests: .* 0 failed$", message)[1])
        for _, check, message in report.results
        if check in USERS
    }
    figures(f"check --live: {sum(counted.values())} requests, 0 failed")
    assert set(counted) == USERS
    assert all(count > 5 for count in counted.values())


@pytest.fixture(scope="module")
def broken(
    images: Containers, sound: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Report]:
    folder = write(tmp_path_factory.mktemp("broken"), BROKEN)
    (folder / "Dockerfile").write_text(f"FROM {sound}\nCOPY . ./\n")
    return live(images.build(folder))


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_once_with_the_request_to_repeat(broken: Report, name: str) -> None:
    assert broken.code == 1
    lines = broken.lines_of(name)
    assert all(words in lines for words in FAULTS[name]), broken.text + broken.errors
    assert f"http://localhost:8000{name.removeprefix('GET ')}" in lines


def test_nothing_else_is_found(broken: Report) -> None:
    assert broken.checks("failed") - set(FAULTS) <= {"GET /api/odd/1/"}, broken.text


def test_failure_of_a_session_names_the_session(broken: Report) -> None:
    lines = broken.lines_of("GET /api/trees/")
    assert "as session, superuser" in lines
    assert '--cookie "sessionid=$SESSION"' in lines


# A stream that opens and then stays silent.
EVENTS = {
    "local_settings/urls.py": SOUND["local_settings/urls.py"]
    + """
import threading

from django.http import StreamingHttpResponse


def events(request):
    def stream():
        yield ": open\\n\\n"
        threading.Event().wait()

    return StreamingHttpResponse(stream(), content_type="text/event-stream")


urlpatterns += [path("events/", events)]
"""
}


def test_a_stream_of_events_may_be_silent(
    images: Containers, sound: str, tmp_path: Path, figures: Callable[[str], None]
) -> None:
    folder = write(tmp_path, EVENTS)
    (folder / "Dockerfile").write_text(f"FROM {sound}\nCOPY . ./\n")
    image, began = images.build(folder), time.monotonic()
    report = live(image)
    took = time.monotonic() - began
    figures(f"check --live of a project with a silent stream: {took:.0f} s")
    assert report.code == 0, report.text + report.errors


@pytest.fixture
def running(containers: Containers, sound: str) -> Container:
    return containers.start(image=sound, env=LOGIN).wait_until_ready()


def test_a_running_project_is_only_read(running: Container, sound: str) -> None:
    flags = ("--network", f"container:{running.name}")
    password = f"CHECK_PASSWORD={LOGIN['DJANGO_SUPERUSER_PASSWORD']}"
    arguments = ("check", "--live", "http://localhost:8000", "--user", "chief")
    done = docker("run", "--rm", *flags, "--env", password, sound, *arguments, check=False)
    report = Report(done.returncode, done.stdout, done.stderr)
    assert report.code == 0, report.text + report.errors
    assert {"anonymous", "basic", "session"} <= report.checks("ok")
    count = "from trees.models import Tree; print('trees', Tree.objects.count())"
    assert "trees 0" in running.exec("python", "manage.py", "shell", "-c", count)
    sent = re.findall(r'"([A-Z]+) (\S+) HTTP', running.logs())
    assert {method for method, _ in sent} <= {"GET", "HEAD", "OPTIONS", "POST"}
    assert [path for method, path in sent if method == "POST"] in ([], ["/admin/login/"])


def test_a_server_that_does_not_respond_gives_two_lines_and_exit_code_2(sound: str) -> None:
    report = live(sound, arguments=("http://localhost:1",))
    assert report.code == 2
    assert re.fullmatch(
        r"ERROR: http://localhost:1 does not answer: .+\nFIX:   .+\n", report.errors
    )
