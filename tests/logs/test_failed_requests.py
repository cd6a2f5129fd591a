"""Every request that fails leaves one traceback in the log, whatever LOGGING a team wrote.

Each LOGGING runs in gunicorn, without a container.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from tests.support.broken import write
from tests.support.containers import free_port, until
from tests.support.projects import KEPT

URLS = """
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
from rest_framework.decorators import api_view
from rest_framework.exceptions import APIException


def ok(request):
    return HttpResponse("ok")


def view(request):
    raise ValueError("of view")


def before_body():
    raise ValueError("of before_body")
    yield b""


def in_body():
    yield b"first"
    raise ValueError("of in_body")


def broken_page(request):
    raise ValueError("of broken_page")


def handler500(request):
    if request.path == "/broken_page/":
        raise KeyError("of handler500")
    return HttpResponse("Sorry", status=500)


def middleware_has_answer(request):
    raise ValueError("of middleware_has_answer")


@api_view()
def rest_raises(request):
    raise ValueError("of rest_raises")


@api_view()
def rest_has_answer(request):
    raise ValueError("of rest_has_answer")


@api_view()
def rest_is_logged(request):
    raise ValueError("of rest_is_logged")


@api_view()
def rest_error_500(request):
    raise APIException("of rest_error_500")


urlpatterns = [
    path("ok/", ok),
    path("view/", view),
    path("broken_page/", broken_page),
    path("middleware_has_answer/", middleware_has_answer),
    path("rest_raises/", rest_raises),
    path("rest_has_answer/", rest_has_answer),
    path("rest_is_logged/", rest_is_logged),
    path("rest_error_500/", rest_error_500),
    path("before_body/", lambda request: StreamingHttpResponse(before_body())),
    path("in_body/", lambda request: StreamingHttpResponse(in_body())),
    path("middleware/", ok),
    path("middleware_after/", ok),
]
"""
TEAM = """
import logging
import sys
import traceback

from django.http import HttpResponse
from rest_framework.response import Response
from rest_framework.views import exception_handler as stock


class Middleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path == "/middleware/":
            middleware()
        response = self.get_response(request)
        if request.path == "/middleware_after/":
            middleware_after()
        return response

    def process_exception(self, request, exception):
        if request.path == "/middleware_has_answer/":
            return HttpResponse("Sorry", status=500)


def middleware():
    raise ValueError("of middleware")


def middleware_after():
    raise ValueError("of middleware_after")


def exception_handler(error, context):
    if context["request"].path == "/rest_has_answer/":
        return Response({"error": "Sorry"}, status=500)
    if context["request"].path == "/rest_is_logged/":
        logging.getLogger("team").exception("Sorry")
        return Response({"error": "Sorry"}, status=500)
    return stock(error, context)


class OneLine(logging.Formatter):
    def format(self, record):
        return f"TEAM {record.getMessage()}"


class Printer(logging.Handler):
    '''As a handler of another library, which is no StreamHandler.'''

    def emit(self, record):
        print("TEAM", record.getMessage())
        if record.exc_info:
            traceback.print_exception(*record.exc_info, file=sys.stdout)


class Failing(logging.Handler):
    def emit(self, record):
        try:
            raise RuntimeError("of Failing")
        except RuntimeError:
            self.handleError(record)
"""
SETTINGS = """
from backend.hacko_settings import *

MIDDLEWARE = ["local_settings.team.Middleware"]
REST_FRAMEWORK["EXCEPTION_HANDLER"] = "local_settings.team.exception_handler"
"""


def django_logger(handler: str, **logger: object) -> str:
    """A team's LOGGING with one handler, of Django's logger only."""
    return f"""
LOGGING = {{
    "version": 1,
    "formatters": {{
        "line": {{"format": "TEAM %(request_id)s %(message)s"}},
        "one line": {{"()": "local_settings.team.OneLine"}},
    }},
    "filters": {{"debug": {{"()": "django.utils.log.RequireDebugTrue"}}}},
    "handlers": {{"its": {handler}}},
    "loggers": {{"django": {{"handlers": ["its"], "propagate": False, **{logger}}}}},
}}
"""


STREAM = '"class": "logging.StreamHandler"'
LOGGING = {
    "the image's": "",
    "Django's": "LOGGING = {}",
    "none": "LOGGING_CONFIG = None",
    "existing loggers disabled": 'LOGGING = {"version": 1, "disable_existing_loggers": True}',
    "logging.disable": "import logging\nlogging.disable(logging.CRITICAL)",
    "mail only": django_logger('{"class": "django.utils.log.AdminEmailHandler"}'),
    "no output": django_logger('{"class": "logging.NullHandler"}'),
    "level of logger": django_logger(f"{{{STREAM}}}", level="CRITICAL"),
    "level of handler": django_logger(f'{{{STREAM}, "level": "CRITICAL"}}'),
    "file": django_logger('{"class": "logging.FileHandler", "filename": DATA_DIR / "django.log"}'),
    "debug mode only": django_logger(f'{{{STREAM}, "filters": ["debug"]}}'),
    "without traceback": django_logger(f'{{{STREAM}, "formatter": "one line"}}'),
    "standard error": django_logger(f'{{{STREAM}, "formatter": "line"}}'),
    "standard output": django_logger(f'{{{STREAM}, "stream": "ext://sys.stdout"}}'),
    "print": django_logger('{"class": "local_settings.team.Printer"}'),
    "failing handler": django_logger('{"class": "local_settings.team.Failing"}'),
}
# Where an error can come from: the name of a function, which is in the path too.
PLACES = (
    *("view", "middleware", "middleware_after", "before_body", "in_body", "broken_page"),
    *("middleware_has_answer", "rest_raises", "rest_has_answer", "rest_is_logged"),
    "rest_error_500",
)


def log_of(project: Path, logging: str, **env: str) -> str:
    """The whole log of a server with this LOGGING that fails once in each place."""
    write(
        project,
        {
            "local_settings/settings.py": f"{SETTINGS}\n{logging}\n",
            "local_settings/team.py": TEAM,
            "local_settings/urls.py": URLS,
        },
    )
    (project / "data").mkdir()
    port = free_port()
    inherited = {name: os.environ[name] for name in KEPT if name in os.environ}
    inherited["DJANGO_SETTINGS_MODULE"] = "backend.settings"
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "backend.wsgi", "-c", "gunicorn_conf.py"],
        cwd=project,
        env={**inherited, "PORT": str(port), "WEB_CONCURRENCY": "1", "WEB_THREADS": "1", **env},
        stdout=(project / "log").open("w"),
        stderr=subprocess.STDOUT,
    )
    try:
        until(lambda: server.poll() is not None or _answers(port), "the server answers")
        for place in PLACES:
            _fail(port, place)
        # The only thread has now ended the requests before this one.
        assert _answers(port)
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(timeout=30)
    return (project / "log").read_text()


def _answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/ok/", timeout=5).ok
    except requests.ConnectionError:
        return False


def _fail(port: int, place: str) -> None:
    headers = {"X-Request-ID": f"id-of-{place}"}
    url = f"http://127.0.0.1:{port}/{place}/?token=hush"
    if place == "in_body":
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            requests.get(url, headers=headers, timeout=30)
    else:
        assert requests.get(url, headers=headers, timeout=30).status_code == 500, place


def frames(place: str, text: str) -> list[str]:
    """The lines of tracebacks that name the function of this place."""
    return re.findall(rf'File "\S+/local_settings/\w+\.py", line \d+, in {place}\n', text)


@pytest.fixture(scope="module", params=LOGGING)
def log(
    request: pytest.FixtureRequest, compiled: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    project = shutil.copytree(compiled, tmp_path_factory.mktemp("logging") / "code")
    return log_of(project, LOGGING[request.param])


@pytest.mark.parametrize("place", PLACES)
def test_a_request_that_fails_leaves_one_traceback(log: str, place: str) -> None:
    assert len(frames(place, log)) == 1, log
    assert len(re.findall(rf"(?:ValueError|APIException): of {place}$", log, re.MULTILINE)) == 1
    assert "hush" not in log


def test_json_has_the_traceback_and_the_id_in_one_event(project: Path) -> None:
    log = log_of(project, LOGGING["no output"], LOG_FORMAT="json")
    events = [json.loads(line) for line in log.splitlines()]
    for place in PLACES:
        (error,) = [
            event
            for event in events
            if frames(place, event.get("exception", {}).get("traceback", ""))
        ]
        assert (error["level"], error["request_id"]) == ("ERROR", f"id-of-{place}")
    assert "hush" not in log
