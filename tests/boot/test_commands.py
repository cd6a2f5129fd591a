"""Which server a command starts, and which address Docker's health check then uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from gunicorn.config import Config

from backend.boot import scripts
from backend.boot.commands import is_one_off, server_of, without_shell, worker_of
from backend.conf import overrides
from backend.conf.errors import StartupError
from backend.health import target
from backend.server.configuration import FILE, find_named
from tests.support.broken import write
from tests.support.projects import run


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["gunicorn", "backend.wsgi"], "gunicorn"),
        (["/opt/venv/bin/gunicorn", "backend.wsgi"], "gunicorn"),
        (["python", "-m", "gunicorn", "backend.wsgi"], "gunicorn"),
        (["env", "TZ=UTC", "ddtrace-run", "gunicorn", "backend.wsgi"], "gunicorn"),
        (["dumb-init", "--", "gunicorn", "backend.wsgi"], "gunicorn"),
        (["/bin/sh", "-c", "gunicorn backend.wsgi --bind 0.0.0.0:$PORT"], "gunicorn"),
        (["sh", "-c", "exec gunicorn backend.wsgi"], "gunicorn"),
        (["bash", "-euc", "cd /code && TZ=UTC gunicorn backend.wsgi"], "gunicorn"),
        (["sh", "-c", "python manage.py migrate\nexec gunicorn backend.wsgi"], "gunicorn"),
        (["python", "manage.py", "runserver"], "runserver"),
        (["python3.13", "-Wall", "-X", "dev", "./manage.py", "runserver", "8001"], "runserver"),
        (["python", "-m", "django", "runserver"], "runserver"),
        (["./manage.py", "runserver"], "runserver"),
        (["sh", "-c", "python -W ignore manage.py runserver 0.0.0.0:$PORT"], "runserver"),
        (["uvicorn", "team.asgi:application"], "uvicorn"),
        # These only mention a server.
        (["bash"], None),
        (["bash", "-c", "pip list | grep gunicorn"], None),
        (["sh", "-c", "echo 'unclosed; gunicorn"], None),
        (["grep", "gunicorn", "requirements.txt"], None),
        (["python", "manage.py", "shell", "-c", "runserver"], None),
        (["python", "-c", "import gunicorn"], None),
        (["celery", "--app", "team", "worker"], None),
        (["python", "manage.py", "migrate_databases"], None),
    ],
)
def test_server_is_recognized_in_every_form_of_its_command(command: list[str], name: str | None):
    server = server_of(command)
    assert (server and server.name) == name


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["celery", "--app", "team", "worker"], "celery worker"),
        (["celery", "-A", "worker", "--workdir=/app", "-q", "beat", "-S", "x"], "celery beat"),
        (["/opt/venv/bin/celery", "worker", "-B"], "celery worker"),
        (["python", "-m", "celery", "-A", "team", "worker"], "celery worker"),
        (["sh", "-c", "exec celery -A $APP worker"], "celery worker"),
        (["sh", "-c", "cd /app && celery -A team beat"], "celery beat"),
        (["ddtrace-run", "celery", "-A", "team", "worker"], "celery worker"),
        (["rq", "worker", "high"], "rq worker"),
        (["dramatiq", "team.tasks"], "dramatiq"),
        (["python", "-u", "manage.py", "rqworker", "default"], "rqworker"),
        # These end, or only ROLE=worker can say that they do not.
        (["celery", "-A", "worker", "inspect", "ping"], None),
        (["celery", "--app", "worker"], None),
        (["rq", "info"], None),
        (["python", "manage.py", "consume"], None),
        (["./start.sh"], None),
        (["gunicorn", "backend.wsgi"], None),
    ],
)
def test_worker_is_recognized_in_every_form_of_its_command(command: list[str], name: str | None):
    worker = worker_of(command)
    assert (worker and worker.name) == name


@pytest.mark.parametrize(
    ("command", "ends"),
    [
        (["bash"], True),
        (["bash", "--login"], True),
        (["python", "manage.py", "migrate"], True),
        (["python", "manage.py", "migrate_databases"], True),
        (["python", "manage.py", "createsuperuser"], True),
        (["python", "manage.py", "consume"], False),
        (["bash", "-c", "work"], False),
        (["bash", "work.sh"], False),
        (["work"], False),
    ],
)
def test_command_that_a_person_types_is_recognized(command: list[str], *, ends: bool):
    assert is_one_off(command) is ends


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("gunicorn a.wsgi -b :$PORT", ["gunicorn", "a.wsgi", "-b", ":5000"]),
        ("exec gunicorn a.wsgi -b :${PORT:-8000}", ["gunicorn", "a.wsgi", "-b", ":5000"]),
        (
            "gunicorn a.wsgi -n 'two words' -b :${NO:-8000}",
            [*"gunicorn a.wsgi -n".split(), "two words", "-b", ":8000"],
        ),
        ("exec celery -A a worker -c ${PORT}", ["celery", "-A", "a", "worker", "-c", "5000"]),
        # The shell does more than replace variables here.
        ("cd /code && exec gunicorn a.wsgi", None),
        ("gunicorn a.wsgi -w $(nproc)", None),
        ("gunicorn a.wsgi >/dev/null", None),
        ("TZ=UTC gunicorn a.wsgi", None),
        ("python manage.py migrate", None),
    ],
)
def test_shell_that_only_replaces_variables_is_left_out(
    script: str, words: list[str] | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PORT", "5000")
    command = ["/bin/sh", "-c", script]
    assert without_shell(command) == (words or command)


@pytest.mark.parametrize(
    ("script", "below"),
    [
        ("gunicorn backend.wsgi --bind 0.0.0.0:$PORT", False),
        ("cd /code && exec gunicorn backend.wsgi", False),
        ("cd /code && gunicorn backend.wsgi", True),
        ("gunicorn backend.wsgi; echo ended", True),
    ],
)
def test_shell_that_stays_above_the_server_is_detected(script: str, *, below: bool):
    server = server_of(["sh", "-c", script])
    assert server is not None
    assert server.below_shell == below


SCRIPT = """#!/bin/sh
set -e
# Then gunicorn starts.
until pg_isready; do sleep 1; done
if [ -n "$MIGRATE" ]; then python manage.py migrate; fi
"""


@pytest.mark.parametrize(
    ("last", "command", "has_server"),
    [
        ("gunicorn backend.wsgi\n", ["{}"], True),
        ("  exec gunicorn backend.wsgi \\\n  --bind :8000\n", ["{}"], True),
        ("if true; then gunicorn backend.wsgi; fi\n", ["{}"], True),
        ("/code/bin/docker-entrypoint.sh gunicorn backend.wsgi\n", ["{}"], True),
        ("$WRAPPER gunicorn backend.wsgi\n", ["{}"], True),
        ("python manage.py runserver\n", ["sh", "-e", "{}"], True),
        ('exec "$@"\n', ["/bin/sh", "{}", "gunicorn", "backend.wsgi"], True),
        ('exec "$@"\n', ["/bin/sh", "{}", "celery", "worker"], False),
        ("supervisord\n", ["{}"], False),
    ],
)
def test_line_of_a_script_that_starts_a_server_is_named(
    tmp_path: Path, last: str, command: list[str], *, has_server: bool
):
    script = tmp_path / "start.sh"
    script.write_text(SCRIPT + last)
    command = [word.format(script) for word in command]
    assert scripts.place(command) == (f"{script}, line 6" if has_server else command[0])


@pytest.mark.parametrize("text", ["#!/usr/bin/env python\ngunicorn = 1\ngunicorn\n", "\x7fELF"])
def test_other_file_is_named_without_a_line(tmp_path: Path, text: str):
    program = tmp_path / "start"
    program.write_text(text)
    assert scripts.place([str(program)]) == str(program)
    assert scripts.place(["celery", "--app", "team"]) == "celery"
    assert scripts.place(["bash"]) == "bash"


OURS = str(FILE)


@pytest.mark.parametrize(
    ("flags", "variable", "file", "is_named"),
    [
        ("", "", "gunicorn.conf.py", False),
        ("--check-config", "", "gunicorn.conf.py", False),
        ("-c x.py", "-c y.py", "x.py", True),
        ("-cx.py", "", "x.py", True),
        ("--config=file:x.py", "", "x.py", True),
        ("--config python:x", "", "x.py", True),
        ("-c $NAME", "", "x.py", True),
        (f"-c x.py --config {OURS}", "", "x.py", True),
        (f"-c {OURS}", "", None, True),
        ("", "--config y.py", "y.py", False),
        ("", f"-c {OURS}", None, False),
    ],
)
def test_configuration_that_gunicorn_would_load_is_found(
    flags, variable, file, is_named, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, dict.fromkeys(("x.py", "y.py", "gunicorn.conf.py"), ""))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("NAME", "x.py")
    monkeypatch.setenv("GUNICORN_CMD_ARGS", variable)
    monkeypatch.setenv(overrides.NAMED, "")
    assert find_named(["gunicorn", "a.wsgi", *flags.split()]) == is_named
    assert os.environ[overrides.NAMED] == (str(tmp_path / file) if file else "")


def test_configuration_that_does_not_exist_is_an_error():
    with pytest.raises(StartupError, match=r"gunicorn's configuration /nowhere.py does not exist"):
        find_named(["gunicorn", "-c", "/nowhere.py"])


@pytest.mark.parametrize(
    ("addresses", "settings", "line"),
    [
        ([("0.0.0.0", 9000)], {}, "http 127.0.0.1 9000"),  # noqa: S104
        ([("::", 8000, 0, 0)], {}, "http ::1 8000"),
        ([("10.0.0.7", 80)], {}, "http 10.0.0.7 80"),
        (["/tmp/api.sock", ("127.0.0.1", 80)], {}, "http 127.0.0.1 80"),
        (["/tmp/api.sock"], {}, "unix /tmp/api.sock"),
        ([("0.0.0.0", 8443)], {"certfile": "x"}, "tls 127.0.0.1 8443"),  # noqa: S104
        ([("0.0.0.0", 8000)], {"protocol": "uwsgi"}, "listening"),  # noqa: S104
    ],
)
def test_health_check_uses_the_address_that_the_server_listens_on(
    addresses: list, settings: dict, line: str
):
    config = Config()
    for name, value in settings.items():
        config.set(name, value)
    assert target.line_of(addresses, config) == line


def test_command_that_is_not_a_server_does_not_wait_for_django(project: Path):
    done = run(project, "-X", "importtime", "-m", "backend.boot", "echo", "here")
    assert done.stdout == "here\n", done.stderr
    assert "backend.boot.commands" in done.stderr
    assert "django.db" not in done.stderr
