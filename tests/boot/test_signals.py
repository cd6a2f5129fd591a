"""SIGTERM, SIGINT, SIGHUP and SIGQUIT at every moment, for every kind of command.

Each container runs only once, several at a time, and each test checks how one of them ended.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import PostGIS
from tests.support import migrating
from tests.support.broken import write
from tests.support.containers import Container, Containers, docker, until

pytestmark = pytest.mark.engine

AT_ONCE = 4  # containers
# No server listens there, so the boot waits for it.
NOBODY = {
    "POSTGRES_HOST": "127.0.0.1",
    "POSTGRES_NAME": "api",
    "POSTGRES_USER": "api",
    "POSTGRES_PASSWORD": "of-no-server",
    "DJANGO_SECRET_KEY": "of-the-tests-and-as-long-as-django-wants-it" * 2,
    "DB_WAIT_TIMEOUT": "300",
}
STUCK = {
    "local_settings/settings.py": "import time\n\nprint('importing', flush=True)\ntime.sleep(600)\n"
}
# Blocks when gunicorn loads the application again in a new Python process.
AGAIN = {
    "local_settings/urls.py": "import os\nimport time\n\n"
    'if "DJANGO_SUPERUSER_PASSWORD" not in os.environ:\n'
    "    print('loading again', flush=True)\n    time.sleep(600)\nurlpatterns = []\n"
}
SUPERUSER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "of-one-test"}
SLEEP = "import time; print('sleeping', flush=True); time.sleep(600)"
STOPPED = "boot: stopped before it was ready ({})"
CODES = {"TERM": 143, "INT": 130, "HUP": 129, "QUIT": 131}


@dataclass(frozen=True)
class Case:
    """A container, the log text to wait for, the signals to send then, and the expected end."""

    name: str
    signals: tuple[str, ...]
    code: int
    line: str | None = None
    moment: str | None = None  # None: when it keeps signals; "ready": when it is ready
    command: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    migrates: bool = False

    def __str__(self) -> str:
        return f"{self.name} {' '.join(self.signals)}"


def of_the_boot(name: str, *signals: str, **more: object) -> list[Case]:
    return [
        Case(
            name,
            (each,),
            0 if each == "TERM" else CODES[each],
            STOPPED.format("SIG" + each),
            **more,
        )
        for each in signals
    ]


def of_a_command(name: str, *signals: str, **more: object) -> list[Case]:
    return [Case(name, (each,), CODES[each], **more) for each in signals]


MIGRATE = ("python", "manage.py", "migrate_databases")
RUNSERVER = ("python", "manage.py", "runserver")
CASES = [
    *of_the_boot("first moment", "TERM", "INT", files=STUCK),
    *of_the_boot("importing settings", *CODES, moment="importing", files=STUCK),
    *of_the_boot(
        "becoming gunicorn", "TERM", "QUIT", moment="loading again", env=SUPERUSER, files=AGAIN
    ),
    *of_the_boot("waiting", "INT", "HUP", moment="waiting for database", env=NOBODY),
    *of_the_boot("migrating", "TERM", moment=migrating.MIGRATING, migrates=True),
    *of_the_boot(
        "runserver that prepares",
        "TERM",
        moment="waiting for database",
        env=NOBODY,
        command=RUNSERVER,
    ),
    Case("serving", ("TERM",), 0, "Handling signal: term", "ready"),
    Case("serving", ("HUP", "QUIT"), 0, "Hang up: Master", "ready"),
    Case(
        "draining",
        ("TERM", "HUP", "INT"),
        0,
        "SIGHUP is ignored",
        "ready",
        env={"DRAIN_SECONDS": "300"},
    ),
    Case("runserver", ("TERM",), 0, None, "ready", (*RUNSERVER, "0.0.0.0:8000")),
    Case(
        "runserver --noreload",
        ("TERM",),
        0,
        "boot: stopped (SIGTERM)",
        "ready",
        (*RUNSERVER, "0.0.0.0:8000", "--noreload"),
    ),
    *of_a_command(
        "command",
        "TERM",
        "INT",
        moment="sleeping",
        command=("sh", "-c", "echo sleeping; exec sleep 600"),
    ),
    *of_a_command(
        "shell", "TERM", moment="sleeping", command=("bash", "-c", "echo sleeping; sleep 600; :")
    ),
    *of_a_command("python", "TERM", moment="sleeping", command=("python", "-c", SLEEP)),
    Case(
        "manage.py",
        ("INT",),
        130,
        "Stopped (SIGINT)",
        "sleeping",
        ("python", "manage.py", "shell", "--verbosity", "0", "-c", SLEEP),
    ),
    Case(
        "migrate job",
        ("TERM",),
        143,
        "boot: migrate_databases was stopped (SIGTERM)",
        migrating.MIGRATING,
        MIGRATE,
        migrates=True,
    ),
]


@dataclass(frozen=True)
class End:
    """How a container ended, and its log."""

    code: int
    log: str


@pytest.fixture(scope="module")
def ends(
    postgis: PostGIS, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Case], End]]:
    started = Containers()
    started.may_log("This is a development server", "SIGHUP is ignored")
    folder = tmp_path_factory.mktemp("signals")
    slow = migrating.project(folder / "slow", 'migrations.RunSQL("SELECT pg_sleep(600)")')

    def mounted(case: Case) -> dict[Path, str]:
        if case.migrates:
            return slow
        files = {name: write(folder / str(case), case.files) / name for name in case.files}
        return {file: f"/code/{name}" for name, file in files.items()}

    def run(case: Case) -> End:
        database = postgis.database() if case.migrates else ""
        container = started.start(
            *case.command,
            env=postgis.env(database) if case.migrates else case.env,
            mounts=mounted(case),
            options=["--network", postgis.network] if case.migrates else (),
        )
        if case.moment == "ready":
            container.wait_until_ready()
        elif case.moment is None:
            until(lambda: keeps_signals(container), f"{case}: the entry point runs")
        elif case.moment:
            until(lambda: case.moment in container.logs(), f"{case}: {case.moment}")
        asleep = (
            "SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND state = 'active' "
            f"AND datname = '{database}'"
        )
        if database:
            until(lambda: postgis.sql(asleep) == "1", f"{case}: the migration is at work")
        for number, each in enumerate(case.signals, 1):
            docker("kill", "--signal", each, container.name)
            if number < len(case.signals):
                handled(container, each)
        code = container.exit_code()
        if database:
            until(lambda: postgis.sql(asleep) == "0", f"{case}: the statement is cancelled", 30)
        return End(code, container.logs())

    with ThreadPoolExecutor(AT_ONCE) as threads:
        futures = {str(case): threads.submit(run, case) for case in CASES}
        yield lambda case: futures[str(case)].result()
    started.clean()


def keeps_signals(container: Container) -> bool:
    """Whether its first process blocks or handles signals. Before, the kernel discards them."""
    status = docker("exec", container.name, "cat", "/proc/1/status", check=False).stdout
    masks = dict(line.split(":\t") for line in status.splitlines() if line.startswith("Sig"))
    kept = int(masks.get("SigBlk", "0"), 16) | int(masks.get("SigCgt", "0"), 16)
    return all(kept >> (signal.Signals[f"SIG{name}"] - 1) & 1 for name in CODES)


def handled(container: Container, each: str) -> None:
    """Wait until the log shows that gunicorn received the signal and acted on it."""
    until(lambda: f"Handling signal: {each.lower()}" in container.logs(), f"{each} is handled")
    if each == "HUP":
        reload_lines = ("SIGHUP is ignored", "Hang up: Master")
        until(lambda: any(text in container.logs() for text in reload_lines), "the reload")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_signal_ends_the_container_in_time_with_the_expected_code_and_one_line(
    ends: Callable[[Case], End], case: Case
) -> None:
    end = ends(case)
    assert end.code == case.code, end.log
    assert "Traceback" not in end.log
    assert "ERROR" not in end.log
    if case.line:
        assert end.log.count(case.line) == 1, end.log
