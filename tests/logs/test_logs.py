"""The log of a container: its format, its request IDs, and the secrets that it leaves out."""

from __future__ import annotations

import json
import re
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.support.broken import write
from tests.support.containers import Container, Containers, docker, until
from tests.support.projects import assert_two_lines

pytestmark = pytest.mark.engine

URLS = """
import logging
import os
import signal
import threading
import warnings

from django.contrib.auth.models import User
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

logger = logging.getLogger("transit")
meeting = threading.Barrier(2, timeout=20)


def boom(request):
    raise ValueError("first line\\nsecond line")


def log(request):
    print("printed", "in two parts")
    warnings.warn("old ways")
    logger.warning("asked: %s", request.GET.get("q"), extra={"trip": 7})
    return HttpResponse(request.headers["X-Request-ID"])


def meet(request):
    logger.warning("before %s", request.GET["who"])
    meeting.wait()
    logger.warning("after %s", request.GET["who"])

    def body():
        meeting.wait()
        logger.warning("body %s", request.GET["who"])
        yield b"met"

    return StreamingHttpResponse(body())


def count(request):
    return HttpResponse(User.objects.filter(username=request.GET.get("q", "")).count())


def crash(request):
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    return HttpResponse()


def die(request):
    os.kill(os.getpid(), signal.SIGKILL)


views = (boom, log, meet, count, crash, die)
urlpatterns = [path(f"{view.__name__}/", view) for view in views]
"""
# A team's own configuration, which replaces everything from the image.
LOGGING = """
LOGGING = {
    "version": 1,
    "formatters": {"short": {"format": "team %(request_id)s %(name)s %(message)s"}},
    "handlers": {"err": {"class": "logging.StreamHandler", "formatter": "short"}},
    "root": {"handlers": ["err"], "level": "WARNING"},
}
"""
# From these views, and from invalid requests.
LOGGED = ("/boom/", "old ways", "transit", "in thread", "SIGKILL", "Invalid request from")
SUPERUSER = {"DJANGO_SUPERUSER_USERNAME": "ada", "DJANGO_SUPERUSER_PASSWORD": "never-in-a-log-7"}


def start(containers: Containers, folder: Path, settings: str = "", **env: str) -> Container:
    """A container with the views above, in one process of four threads."""
    write(folder, {"local_settings/urls.py": URLS, "local_settings/settings.py": settings})
    containers.may_log(*LOGGED)
    return containers.start(
        env={"WEB_CONCURRENCY": "1", **env},
        mounts={folder / "local_settings": "/code/local_settings:ro"},
    ).wait_until_ready()


def events(text: str) -> list[dict]:
    """The JSON object from each line. Fails if a line is not an object."""
    objects = []
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            raise AssertionError(f"not JSON: {line}") from None
        assert isinstance(event, dict), line
        objects.append(event)
    return objects


def lines_of(container: Container, request_id: str) -> list[str]:
    """The lines with this ID. The last one, of the access log, is written after the response."""
    mine = lambda: [line for line in container.logs().splitlines() if request_id in line]  # noqa: E731
    until(lambda: any("HTTP/1.1" in line for line in mine()), f"the access line of {request_id}")
    return mine()


def send(container: Container, request: bytes) -> bytes:
    """Send bytes that no HTTP library would send, and return the whole response."""
    address = urlsplit(container.url())
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(request)
        return b"".join(iter(lambda: connection.recv(65536), b""))


# ---------------------------------------------------------------------------
# JSON


@pytest.mark.parametrize("env", [{}, SUPERUSER], ids=["one process", "gunicorn executed anew"])
def test_every_line_of_a_json_container_is_an_object_from_boot_to_stop(
    containers: Containers, tmp_path: Path, env: dict[str, str]
) -> None:
    api = start(containers, tmp_path, LOG_FORMAT="json", **env)
    assert api.get("/boom/", headers={"X-Request-ID": "of-boom"}).status_code == 500
    assert api.get("/nowhere/%0a{%22forged%22:1}?token=hush").status_code == 404
    assert api.get("/log/", headers={"X-Request-ID": "of-log"}).text == "of-log"
    assert api.get("/crash/").status_code == 200
    assert b" 400 " in send(api, b"\x1b[31m GARBAGE\n{}\r\n\r\n")
    send(api, b'GET /"\xff\x1b[31m HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    with pytest.raises(requests.ConnectionError):
        api.get("/die/")
    until(lambda: api.logs().count("Booting worker") == 2, "another worker is booted")
    api.wait_until_ready()
    docker("stop", "--time", "20", api.name)
    assert api.exit_code() == 0
    logged = events(api.logs())
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"]) for event in logged
    )
    assert {"level", "logger", "message", "request_id"} <= set.intersection(*map(set, logged))

    messages = {(event["logger"], event["message"].strip()) for event in logged}
    for logger, message in [
        ("boot", "migrating database 'default'"),
        ("stdout", "Applying auth.0001_initial... OK"),
        ("stdout", "printed in two parts"),
        ("transit", "asked: None"),
        ("gunicorn.error", "Shutting down: Master"),
        ("gunicorn.access", "GET /boom/ 500"),
    ]:
        assert (logger, message) in messages
    for logger, begin in [
        ("gunicorn.error", "Listening at: "),
        ("gunicorn.error", "Invalid request from "),
        ("gunicorn.error", "Worker (pid:"),
        ("py.warnings", "/code/local_settings/urls.py:"),
        ("django.request", "Not Found: "),
    ]:
        assert any(event[0] == logger and event[1].startswith(begin) for event in messages), begin

    of_boom = [event for event in logged if event["request_id"] == "of-boom"]
    (error,) = [event["exception"] for event in of_boom if "exception" in event]
    assert (error["type"], error["message"]) == ("ValueError", "first line\nsecond line")
    assert "/code/local_settings/urls.py" in error["traceback"]
    (crash,) = [event["exception"] for event in logged if event["logger"] == "python"]
    assert crash["type"] == "ZeroDivisionError"
    access = of_boom[-1]
    assert (access["method"], access["path"], access["status"]) == ("GET", "/boom/", 500)
    assert access["bytes"] > 0 < access["duration"] < 60
    loggers_of_view = {event["logger"] for event in logged if event["request_id"] == "of-log"}
    assert loggers_of_view == {"stdout", "py.warnings", "transit", "gunicorn.access"}
    (event_of_view,) = [event for event in logged if event["logger"] == "transit"]
    assert event_of_view["trip"] == 7
    assert "hush" not in api.logs()


@pytest.mark.parametrize(
    ("command", "options", "begin"),
    [
        ([], ["--env", "PORT=none"], "The environment variable PORT is 'none'"),
        ([], ["--cap-drop", "ALL"], "The container runs as root and cannot switch to another user"),
        (["pyhton"], [], "The command 'pyhton' cannot be run"),
        (["python", "manage.py", "check"], ["--env", "DEBUG=x"], "The environment variable DEBUG"),
    ],
    ids=["variable", "entrypoint", "command", "manage.py"],
)
def test_a_start_that_fails_ends_with_one_event_that_has_the_fix(
    containers: Containers, command: list[str], options: list[str], begin: str
) -> None:
    done = containers.run(*command, env={"LOG_FORMAT": "json"}, options=options)
    assert done.returncode != 0
    last = events(done.stdout + done.stderr)[-1]
    assert last["message"].startswith(begin)
    assert last["level"] == "CRITICAL"
    assert last["fix"]


def test_a_format_that_does_not_exist_stops_the_start(containers: Containers) -> None:
    done = containers.run(env={"LOG_FORMAT": "xml"})
    assert done.returncode == 1
    place = "The environment variable LOG_FORMAT is 'xml'"
    assert_two_lines(done.stderr, place, "", "Set LOG_FORMAT to text or json.")


def test_the_log_does_not_change_the_output_of_a_command(containers: Containers) -> None:
    code = "import logging; logging.getLogger('backend').warning('w'); print('result')"
    done = containers.run(
        "python", "manage.py", "shell", "--verbosity", "0", "-c", code, env={"LOG_FORMAT": "json"}
    )
    assert done.stdout == "result\n"
    assert [event["message"] for event in events(done.stderr)] == ["w"]


# ---------------------------------------------------------------------------
# Request IDs


def test_a_request_id_is_accepted_or_generated_returned_and_in_every_line(
    containers: Containers, tmp_path: Path
) -> None:
    api = start(containers, tmp_path, DEBUG="true")
    # A page, a probe, a file that the kernel sends, a 404 and an error.
    for path in ("/count/", "/health/live", "/static/admin/css/base.css", "/nowhere/", "/boom/"):
        mine = f"of{path.replace('/', '.')}"
        assert api.get(path, headers={"X-Request-ID": mine}).headers["X-Request-ID"] == mine
        assert lines_of(api, mine)
    text = "\n".join(lines_of(api, "of.count."))
    assert re.search(r"django\.db\.backends \[of\.count\.\]: \(\d\.\d+\) SELECT COUNT", text)
    assert re.search(r"django\.request \[of\.nowhere\.\]: Not Found: /nowhere/", api.logs())
    assert re.search(r"ERROR django\.request \[of\.boom\.\]: Internal Server Error", api.logs())

    made = [api.get("/count/").headers["X-Request-ID"] for _ in range(2)]
    assert made[0] != made[1]
    for unsafe in ("a b", "a" * 129, '{"a": 1}', "a, b"):
        replaced = api.get("/count/", headers={"X-Request-ID": unsafe}).headers["X-Request-ID"]
        assert re.fullmatch(r"[0-9a-f]{32}", replaced)
        assert unsafe not in api.logs()


def test_requests_at_the_same_time_keep_their_own_ids_to_the_end_of_a_stream(
    containers: Containers, tmp_path: Path
) -> None:
    api = start(containers, tmp_path, LOG_FORMAT="json")
    names = ("ada", "grace")
    visits = [
        threading.Thread(
            target=api.get, args=(f"/meet/?who={name}",), kwargs={"headers": {"X-Request-ID": name}}
        )
        for name in names
    ]
    for visit in visits:
        visit.start()
    for visit in visits:
        visit.join()
    for name in names:
        until(lambda name=name: f'"query": "who={name}"' in api.logs(), "its access line")
    logged = events(api.logs())
    for name in names:
        messages = [event["message"] for event in logged if event["request_id"] == name]
        assert messages == [
            *(f"{at} {name}" for at in ("before", "after", "body")),
            "GET /meet/ 200",
        ]


# ---------------------------------------------------------------------------
# No forged lines, and no secrets


def test_no_request_can_forge_a_line_of_the_log(containers: Containers, tmp_path: Path) -> None:
    api = start(containers, tmp_path)
    forged = "%0aboot:%20forged%0d%1b[2K"
    api.get(f"/log/?q={forged}")
    api.get(f"/nowhere/{forged}")
    send(api, b'GET /"\x1b[31m HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    send(api, b"\x1b[31m\nboot: forged\r\n\r\n")
    until(lambda: "Invalid request from " in api.logs(), "the last one is logged")
    log = api.logs()
    assert "forged" in log, "the requests are not in the log"
    assert not [line for line in log.splitlines() if line.startswith("boot: forged")]
    assert not set(log) & set("\x1b\r\x85")


def test_no_secret_and_nothing_personal_is_in_the_log_by_default(
    containers: Containers, tmp_path: Path
) -> None:
    api = start(containers, tmp_path, BEHIND_PROXY="true")
    personal = {
        "Authorization": "Basic YWRhOmh1c2gtYXV0aA==",
        "Cookie": "sessionid=hush-cookie",
        "Referer": "https://example.org/hush-referer",
        "User-Agent": "hush-agent",
        "X-Forwarded-For": "198.51.100.66, 203.0.113.77",
        "X-Request-ID": "mine-1",
    }
    assert api.get("/boom/?token=hush-token&q=tree", headers=personal).status_code == 500
    (access,) = [line for line in lines_of(api, "mine-1") if "HTTP/1.1" in line]
    assert access.startswith("203.0.113.0 - - [")
    assert '"GET /boom/?token=***&q=tree HTTP/1.1" 500 ' in access
    log = api.logs()
    assert not re.search(r"hush|YWRh|\bada\b|198\.51\.100\.66|203\.0\.113\.77", log), log


def test_no_url_of_a_client_prevents_the_log_from_being_written(
    containers: Containers, tmp_path: Path
) -> None:
    api = start(containers, tmp_path, LOG_FORMAT="json")
    # A search for a login in this URL restarted at each dot and letter, and took 30 s.
    text = f"b=@{'a.' * 1300}://{'b' * 5200}"
    for begin in ("/?", "/nowhere/"):
        mine = f"of-{len(begin)}"
        head = f"Host: localhost\r\nX-Request-ID: {mine}\r\nConnection: close"
        send(api, f"GET {begin}{text} HTTP/1.1\r\n{head}\r\n\r\n".encode())
        assert api.get("/health/live").status_code == 200
        assert "gunicorn.access" in lines_of(api, mine)[-1]
    assert "WORKER TIMEOUT" not in api.logs()


@pytest.mark.parametrize(("keep", "shown"), [("full", "203.0.113.77"), ("none", "-")])
def test_the_client_address_is_complete_or_absent_if_a_team_configures_it(
    containers: Containers, tmp_path: Path, keep: str, shown: str
) -> None:
    api = start(containers, tmp_path, BEHIND_PROXY="true", LOG_CLIENT_ADDRESS=keep)
    api.get("/log/", headers={"X-Forwarded-For": "203.0.113.77", "X-Request-ID": "of-ada"})
    assert any(line.startswith(f"{shown} - - [") for line in lines_of(api, "of-ada"))
    send(api, b"GARBAGE\r\n\r\n")
    until(lambda: "Invalid request from " in api.logs(), "it is logged")
    address = re.search(r"Invalid request from (\S+):", api.logs())[1]
    assert (address == "-") == (keep == "none")


# ---------------------------------------------------------------------------
# The configuration of a team


def test_logging_of_a_team_wins_and_has_the_request_id(
    containers: Containers, tmp_path: Path
) -> None:
    write(tmp_path, {"local_settings/gunicorn_conf.py": 'access_log_format = "seen %(U)s"\n'})
    api = start(containers, tmp_path, LOGGING)
    api.get("/log/?q=x", headers={"X-Request-ID": "of-log"})
    until(lambda: "seen /log/" in api.logs(), "the team's access line")
    lines = api.logs().splitlines()
    assert "team of-log transit asked: x" in lines
    assert any("Booting worker" in line for line in lines)


def test_in_json_a_teams_plain_lines_become_objects(containers: Containers, tmp_path: Path) -> None:
    api = start(containers, tmp_path, LOGGING, LOG_FORMAT="json")
    api.get("/log/?q=x", headers={"X-Request-ID": "of-log"})
    until(lambda: '"GET /log/ 200"' in api.logs(), "the access line")
    messages = [(event["logger"], event["message"]) for event in events(api.logs())]
    assert ("stderr", "team of-log transit asked: x") in messages
