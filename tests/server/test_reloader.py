"""How runserver notices saved files, and restarts."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.utils import autoreload
from django.utils.autoreload import StatReloader

from backend.server import reloader
from tests.support.broken import write
from tests.support.containers import free_port, until

# A thread that is setting up logging, like the second django.setup() of a WSGI application, and a
# team's own code that runs at the exit.
BUSY = """
import atexit, logging, pathlib, sys, threading, time
from django.utils import autoreload
from backend.server import reloader

reloader.install()
atexit.register(print, "theirs")
busy = threading.Event()

def set_up_logging():
    with logging._lock:
        busy.set()
        time.sleep(3600)

"""
RELOADS = """
autoreload.logger.info("so that this logger needs no lock later")
threading.Thread(target=set_up_logging, daemon=True).start()
busy.wait()
autoreload.trigger_reload(pathlib.Path("views.py"))
"""


@pytest.mark.parametrize(
    ("age", "noticed"), [(3600, False), (0, True), (-3600, False)], ids=["old", "new", "future"]
)
def test_file_saved_while_the_server_starts_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, age: int, *, noticed: bool
) -> None:
    file, changed = tmp_path / "views.py", []
    # monkeypatch restores all of these after the test.
    monkeypatch.setattr(autoreload, "trigger_reload", autoreload.trigger_reload)
    monkeypatch.setattr(StatReloader, "SLEEP_TIME", 0)
    monkeypatch.setattr(StatReloader, "snapshot_files", StatReloader.snapshot_files)
    monkeypatch.setattr(StatReloader, "watched_files", lambda self: [file])
    monkeypatch.setattr(
        StatReloader, "notify_file_changed", lambda self, path: changed.append(path)
    )
    reloader.install()
    file.touch()
    saved = time.time() - age
    os.utime(file, (saved, saved))
    ticks = StatReloader().tick()
    next(ticks)
    assert changed == [file] * noticed
    next(ticks)
    assert changed == [file] * noticed, "only once"


@pytest.mark.parametrize(
    ("ends", "code"), [(RELOADS, 3), ("sys.exit(5)", 5)], ids=["saved", "otherwise"]
)
def test_server_ends_whatever_it_is_doing(ends: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUSY + ends],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, "theirs\n"), done.stderr


# A registration that Django refuses, with an error in one of Django's files.
REFUSED = """
from django.contrib import admin
from django.contrib.auth.models import Group

admin.site.register(Group)
"""


def test_broken_admin_is_served_again_when_it_is_corrected(project: Path, tmp_path: Path) -> None:
    write(
        project,
        {
            "stops/__init__.py": "",
            "stops/admin.py": REFUSED,
            "local_settings/settings.py": "from backend.hacko_settings import *\n\n"
            'INSTALLED_APPS += ["stops"]\n',
        },
    )
    port = free_port()
    log = tmp_path / "log"
    env = {**os.environ, "DEBUG": "true", "DATA_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "manage.py", "runserver", f"127.0.0.1:{port}"],
            cwd=project,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: "AlreadyRegistered" in log.read_text(), "it is refused")
        write(project, {"stops/admin.py": ""})
        until(lambda: _answers(port), f"it is served:\n{log.read_text()}", patience=20)
    finally:
        server.terminate()
        server.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
