"""Fixtures of the fault tests: APIs to disturb, and the table that the run prints at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

import pytest

from tests.conftest import PostGIS, start_postgis
from tests.support import logs
from tests.support.containers import Container, Containers
from tests.support.load import Load

# Seconds until something that should recover counts as hung.
HUNG = 60

# A viewset with streams, and views that last until the client or a file ends them.
PROJECT = {
    "local_settings/settings.py": (
        "from backend.hacko_settings import *\n\n"
        'INSTALLED_APPS += ["notes"]\n'
        'REST_FRAMEWORK["DEFAULT_PERMISSION_CLASSES"] = []\n'
    ),
    "local_settings/urls.py": (
        "from django.urls import include, path\n"
        "from rest_framework.routers import DefaultRouter\n"
        "from notes import views\n\n"
        "router = DefaultRouter()\n"
        'router.register("notes", views.Notes)\n'
        'urlpatterns = [path("api/", include(router.urls)), path("pid", views.pid),\n'
        '    path("lines", views.lines), path("wait", views.wait)]\n'
    ),
    "notes/__init__.py": "",
    "notes/models.py": (
        "from django.db import models\n\n\n"
        "class Note(models.Model):\n"
        '    text = models.TextField()\n\n    class Meta:\n        ordering = ["id"]\n'
    ),
    "notes/migrations/__init__.py": "",
    "notes/migrations/0001_initial.py": (
        "from django.db import migrations, models\n\n\n"
        "class Migration(migrations.Migration):\n"
        "    initial = True\n"
        '    operations = [migrations.CreateModel("Note", [\n'
        '        ("id", models.BigAutoField(primary_key=True)), ("text", models.TextField()),\n'
        '    ], options={"ordering": ["id"]})]\n'
    ),
    "notes/views.py": (
        "import os\nimport time\nfrom pathlib import Path\n\n"
        "from django.http import HttpResponse, StreamingHttpResponse\n"
        "from rest_framework import serializers, viewsets\n"
        "from backend.geo.streaming import StreamingMixin\n"
        "from notes.models import Note\n\n\n"
        "class NoteSerializer(serializers.ModelSerializer):\n"
        "    class Meta:\n        model = Note\n"
        '        fields = ["id", "text"]\n\n\n'
        "class Notes(StreamingMixin, viewsets.ModelViewSet):\n"
        "    queryset = Note.objects.all()\n"
        "    serializer_class = NoteSerializer\n\n\n"
        "def pid(request):\n    return HttpResponse(str(os.getpid()))\n\n\n"
        "def lines(request):\n"
        '    """A team\'s own stream, of 100 MB."""\n'
        '    return StreamingHttpResponse(b"x" * 100_000 for _ in range(1000))\n\n\n'
        "def wait(request):\n"
        '    while not Path("/tmp/go-on").exists():\n        time.sleep(0.05)\n'
        '    return HttpResponse("done")\n'
    ),
}


@dataclass(frozen=True)
class Row:
    """One line of the table. Counts are requests; ``recovered`` is in seconds."""

    fault: str
    promised: str
    sent: int | str = ""
    failed: int | str = ""
    lost: int | str = ""
    recovered: float | str = ""


class Report:
    """Collects the measurements of a fault test, in any process."""

    def __init__(self, record_property: Callable[[str, object], None]) -> None:
        self.record_property = record_property

    def add(
        self,
        fault: str,
        promised: str,
        load: Load | None = None,
        recovered: float | None = None,
        **counts: int,
    ) -> None:
        """Add a line with the counts of a load, or with ``sent``, ``failed``, and ``lost``."""
        if load is not None:
            counts = {"sent": load.sent, "failed": load.failed, "lost": load.lost}
        seconds = "" if recovered is None else round(recovered, 2)
        row = Row(fault, promised, **counts, recovered=seconds)
        self.record_property("fault", [str(cell) for cell in astuple(row)])


@pytest.fixture
def report(record_property: Callable[[str, object], None]) -> Report:
    return Report(record_property)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of faults below the results."""
    rows = [
        value
        for each in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for name, value in getattr(each, "user_properties", ())
        if name == "fault" and each.when == "call"
    ]
    if not rows:
        return
    lines = [("fault", "promised", "sent", "failed", "lost", "recovered (s)"), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    terminalreporter.section("faults")
    for line in lines:
        cells = [
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        terminalreporter.write_line("  ".join(cells).rstrip())


@pytest.fixture(scope="session")
def project_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A team's project with one model, readable for the container's user."""
    folder = tmp_path_factory.mktemp("faults")
    for name, text in PROJECT.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def mounts(folder: Path) -> dict[str | Path, str]:
    return {
        folder / "local_settings": "/code/src_files/local_settings:ro",
        folder / "notes": "/code/notes:ro",
    }


@pytest.fixture(scope="session")
def own_postgis(network: str) -> Iterator[PostGIS]:
    """A server that a test can break, and must repair."""
    started = Containers()
    yield start_postgis(started, network)
    started.clean()


@pytest.fixture(scope="session")
def api(own_postgis: PostGIS, project_folder: Path) -> Iterator[Container]:
    """The project on a database of ``own_postgis``, with two workers, for all faults."""
    started = Containers()
    started.may_log(*logs.OUTAGE, "ERROR django.security.", "was sent SIGKILL")
    yield started.start(
        env=own_postgis.env(own_postgis.database(), WEB_CONCURRENCY="2"),
        mounts=mounts(project_folder),
        options=["--network", own_postgis.network],
    ).wait_until_ready()
    started.clean()


@pytest.fixture(scope="session")
def sqlite_api(project_folder: Path) -> Iterator[Container]:
    """The project on SQLite, with one worker, for faults that clients cause."""
    started = Containers()
    # A large form, a proxy's health check without a free thread, a second gunicorn.
    started.may_log("ERROR django.security.", "Service Unavailable: /lines", "SIGUSR2 is refused")
    yield started.start(
        env={"WEB_CONCURRENCY": "1"}, mounts=mounts(project_folder)
    ).wait_until_ready()
    started.clean()
