"""The database connections of the health pages."""

from __future__ import annotations

from pathlib import Path

from tests.support.projects import shell

PROBE = """
from django.core.mail import send_mail
from django.test.utils import setup_test_environment
from backend.health import probes

def asked():
    probes.database_states()
    return probes._probe("default").connection.connection

send_mail("Subject", "Text", "from@example.org", ["to@example.org"])
kept = asked()
print(kept is not None and asked() is kept)
setup_test_environment()
print(asked() is None)
"""
SERVERS = """
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from backend.health import probes

def state():
    return probes.database_states()[0].state

def again():
    probes._probe("default").connection.close()
    return state()

call_command("migrate", verbosity=0)
with CaptureQueriesContext(probes._probe("default").connection) as asked:
    print(state(), len(asked) > 1)
with CaptureQueriesContext(probes._probe("default").connection) as asked:
    print(state(), len(asked))
print(again())
connection.cursor().execute("ALTER TABLE auth_user RENAME TO away")
print(state(), again())
connection.cursor().execute("ALTER TABLE away RENAME TO auth_user")
print(again())
connection.cursor().execute("DELETE FROM django_migrations WHERE app = 'auth'")
print(state(), again())
"""
BETWEEN = """
import threading, time
from django.core.management import call_command
from backend.health import probes

call_command("migrate", verbosity=0)
print(probes.database_states()[0].state)
probe, start = probes._probe("default"), threading.Thread.start

def start_while_another_page_asks(thread):
    threading.Thread.start = start
    print(probe.answer(time.monotonic()))
    start(thread)

threading.Thread.start = start_while_another_page_asks
print(probes.database_states()[0].state)
"""
SETTINGS = """
from backend.hacko_settings import *

EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
"""


def test_a_probes_connection_is_kept_unless_tests_run(project: Path) -> None:
    (project / "local_settings").mkdir()
    (project / "local_settings/settings.py").write_text(SETTINGS)
    (project / "data").mkdir()
    assert shell(project, PROBE).splitlines()[-2:] == ["True", "True"]


def test_probe_forgets_a_server_when_its_connection_ends(project: Path) -> None:
    (project / "data").mkdir()
    assert shell(project, SERVERS).splitlines() == [
        "ok True",
        "ok 1",
        "ok",
        "ok tables missing",
        "ok",
        "ok migrations pending",
    ]


def test_a_request_while_a_check_begins_gets_the_previous_state(project: Path) -> None:
    """Once, it waited for a thread that had not started, which is an error."""
    (project / "data").mkdir()
    assert shell(project, BETWEEN).split()[-3:] == ["ok", "ok", "ok"]
