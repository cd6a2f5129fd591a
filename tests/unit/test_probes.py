"""The connections that the health pages ask through."""

from __future__ import annotations

from pathlib import Path

from tests.support.projects import shell

PROBE = """
from django.core.mail import send_mail
from django.test.utils import setup_test_environment
from backend.health import checks

def asked():
    checks.database_states()
    return checks._probe("default").connection.connection

send_mail("Subject", "Text", "from@example.org", ["to@example.org"])
kept = asked()
print(kept is not None and asked() is kept)
setup_test_environment()
print(asked() is None)
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
