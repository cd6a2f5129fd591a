"""A log fails a test only for unexpected warnings, errors, and tracebacks."""

from __future__ import annotations

import pytest

from tests.support import logs
from tests.support.containers import Containers, docker

RAW = """Traceback (most recent call last):
  File "/code/manage.py", line 3, in <module>
    main()
ValueError: raw"""
LOGGED = """2026-11-30T00:00:00.000Z ERROR django.request [id]: Internal Server Error: /boom/
    Traceback (most recent call last):
      File "/code/x.py", line 1, in boom
    KeyError: 'logged'"""
TROUBLES = [
    RAW,
    LOGGED,
    "2026-11-30T00:00:00.000Z WARNING py.warnings: /code/x.py:1: DeprecationWarning: old",
    "2026-11-30T00:00:00.000Z CRITICAL transit: gone",
    "boot: WARNING: Your SECRET_KEY is short.",
    "/code/x.py:1: RuntimeWarning: naive",
    '{"time": "2026-11-30T00:00:00.000Z", "level": "WARNING", "logger": "transit"}',
    "    Traceback (most recent call last):\n    KeyError: 'told'",
]
QUIET = [
    "boot: ready to serve after 1.5 s",
    "2026-11-30T00:00:00.000Z INFO gunicorn.error: Booting worker with pid: 26",
    '127.0.0.0 - - [30/Nov/2026:00:00:00 +0000] "GET /errors/ HTTP/1.1" 500 19 "-" "-" 0.001 -',
    "2026-11-30T00:00:00.000Z WARNING django.request [id]: Not Found: /nowhere/",
    '{"time": "T", "level": "WARNING", "logger": "django.request", "message": "Bad Request: /"}',
]


def test_each_warning_error_and_traceback_is_found_whole_and_nothing_else() -> None:
    log = "\n".join(line for pair in zip(TROUBLES, QUIET * 2, strict=False) for line in pair)
    assert logs.unexpected(log, []) == TROUBLES


@pytest.mark.parametrize(
    ("expected", "left"),
    [
        (["KeyError: 'logged'"], [RAW]),
        (["ValueError: raw"], [LOGGED]),
        (["Traceback"], []),
        (["DeprecationWarning"], [RAW, LOGGED]),
    ],
)
def test_only_what_has_an_expected_text_passes(expected: list[str], left: list[str]) -> None:
    assert logs.unexpected(f"{RAW}\n{LOGGED}\n", expected) == left


@pytest.mark.engine
def test_container_that_warns_fails_its_test_and_all_are_removed() -> None:
    started = Containers()
    started.may_log("known to all")
    warn = "echo 'boot: WARNING: %s' >&2"
    containers = [
        started.start("sh", "-c", warn % text) for text in ("alas", "known to all", "known")
    ]
    containers[2].may_log("known")
    assert [container.exit_code() for container in containers] == [0, 0, 0]
    with pytest.raises(AssertionError, match="logged what no test expects") as raised:
        started.clean()
    assert "\nboot: WARNING: alas" in str(raised.value)
    assert "known" not in str(raised.value)
    for container in containers:
        assert docker("inspect", container.name, check=False).returncode == 1
