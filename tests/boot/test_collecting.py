"""Collectors of static files in a shared folder: killed at each step, and started together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.broken import write
from tests.support.projects import shell

# Only a few files, because compressing those of the admin takes most of a minute.
SETTINGS = """
from pathlib import Path

INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth"]
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
STATICFILES_DIRS = [Path(__file__).parent.parent / "assets"]
"""
# Child processes act as containers. Their parent has loaded Django for all of them.
CONTAINERS = '''
import gzip, hashlib, json, os, shutil, signal, sys
from pathlib import Path
from django.core.files.storage import storages
from backend.boot import static
from backend.management.commands import collectstatic  # imported once, not in every process

ROOT, ASSETS, OLD = Path("data/static"), Path("assets"), Path("old")
STEPS = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "fcntl.flock")


def changes(event, arguments):
    """Whether an event changes or locks something in the folder."""
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        return "data/" in str(arguments[0])
    return event in STEPS


def start(kill_at=None):
    """Collect in a separate process, which is killed at a step. Returns its process ID."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    steps = 0

    def count(event, arguments):
        nonlocal steps
        if changes(event, arguments):
            steps += 1
            if steps == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    try:
        static.collect()
        assert storages["staticfiles"].url("a/map.css")
        os._exit(0)
    except BaseException as error:
        print(f"FAILED: {error!r}", flush=True)
        os._exit(1)


def ended(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def whole():
    """The errors in the files that the manifest names, and in their compressed copies."""
    wrong = []
    for name in json.loads((ROOT / "staticfiles.json").read_text())["paths"].values():
        file = ROOT / name
        if not file.is_file():
            wrong.append(f"{name} is missing")
        elif hashlib.md5(file.read_bytes()).hexdigest()[:12] not in name:
            wrong.append(f"{name} is truncated")
        elif gzip.open(f"{file}.gz").read() != file.read_bytes():
            wrong.append(f"{name}.gz is truncated")
    return wrong


def change(color):
    (ASSETS / "a/map.css").write_text(f"p {{ color: {color} }}" + " " * 2000)
'''
KILLED = (
    CONTAINERS
    + """
change("red")
assert ended(start()) == 0
shutil.copytree("data", OLD)
change("blue")
results = []
for step in range(1, 1000):
    shutil.rmtree("data")
    shutil.copytree(OLD, "data")
    killed = ended(start(step)) == -signal.SIGKILL
    before = whole()
    again = ended(start())
    left = [str(file) for file in Path("data").rglob("*new*")]
    results.append([step, before, again, whole(), left])
    if not killed:
        break
print(json.dumps(results))
"""
)
TOGETHER = (
    CONTAINERS
    + """
for color in ("red", "blue", "green"):
    change(color)
    codes = [ended(pid) for pid in [start() for _ in range(6)]]
    print(json.dumps([codes, whole()]))
"""
)
DAMAGED = (
    CONTAINERS
    + """
change("red")
style = lambda: next(ROOT.glob("a/map.????????????.css"))
for damage in (
    lambda: None,
    lambda: style().unlink(),
    lambda: style().write_text("cut"),
    lambda: (ROOT / "staticfiles.json").unlink(),
    lambda: (ROOT / "staticfiles.json").write_text("{"),
    lambda: (ROOT / "staticfiles.json").write_text('{"version": "1.1", "paths": {}, "hash": ""}'),
):
    ended(start())
    damage()
    print(json.dumps([ended(start()), whole()]))
"""
)


@pytest.fixture
def assets(project: Path) -> Path:
    write(project, {"assets/a/map.css": "", "local_settings/settings.py": SETTINGS})
    return project


def test_next_start_recovers_from_a_collector_that_was_killed_at_any_step(assets: Path) -> None:
    results = json.loads(shell(assets, KILLED).splitlines()[-1])
    assert len(results) > 30
    for step, before, again, after, left in results:
        # A server that starts meanwhile without collecting finds every file in the manifest.
        assert (before, again, after, left) == ([], 0, [], []), f"killed at step {step}"


def test_containers_that_start_together_collect_one_after_the_other(assets: Path) -> None:
    lines = shell(assets, TOGETHER).splitlines()
    rounds = [json.loads(line) for line in lines if line.startswith("[")]
    assert rounds == [[[0] * 6, []]] * 3, lines
    assert sum("collecting static files into" in line for line in lines) == 3, lines


def test_static_files_that_changed_since_they_were_collected_are_collected_again(
    assets: Path,
) -> None:
    lines = shell(assets, DAMAGED).splitlines()
    assert [json.loads(line) for line in lines if line.startswith("[")] == [[0, []]] * 6, lines
    assert lines.count("boot: static files are unchanged") == 6, lines
