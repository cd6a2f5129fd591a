"""Which database errors are outages, and what a client learns about them."""

import psycopg2
import pytest
from django.db import (
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    ProgrammingError,
)

from backend.http import unavailable
from tests.support.broken import write
from tests.support.projects import shell


class Coded(psycopg2.OperationalError):
    """An error from the server. Code in Python cannot set ``pgcode`` on psycopg2's own class."""

    pgcode = None


def error(text: str, code: str | None = None, kind: type[Exception] = OperationalError):
    """An error as Django raises it, with the driver's error as its cause."""
    made = kind(text)
    made.__cause__ = Coded(text)
    made.__cause__.pgcode = code
    return made


def after(first: Exception) -> InterfaceError:
    """The error of the next statement on a broken connection."""
    try:
        try:
            raise first
        except OperationalError:
            raise InterfaceError("connection already closed")  # noqa: B904  as Django's middlewares
    except InterfaceError as second:
        return second


@pytest.fixture(autouse=True)
def _settings(monkeypatch):
    monkeypatch.setattr("django.conf.settings", type("Settings", (), {"STATEMENT_TIMEOUT": 7}))


@pytest.mark.parametrize(
    ("raised", "text"),
    [
        (error('connection to server at "db" failed: Connection refused'), "NO_ANSWER"),
        (error("server closed the connection unexpectedly"), "NO_ANSWER"),
        (after(error("server closed the connection unexpectedly")), "NO_ANSWER"),
        (error("FATAL: Passwort-Authentifizierung fehlgeschlagen"), "NO_ANSWER"),
        (error("terminating connection due to administrator command", "57P01"), "NO_ANSWER"),
        (error("the database system is starting up", "57P03"), "NO_ANSWER"),
        (error("connection failure", "08006"), "NO_ANSWER"),
        (error("sorry, too many clients already", "53300"), "NO_SLOT"),
        (error("FATAL: remaining connection slots are reserved for roles"), "NO_SLOT"),
        (error("FATAL: sorry, too many clients already"), "NO_SLOT"),
        (error("canceling statement due to statement timeout", "57014"), "TOO_SLOW"),
        (error("canceling statement due to user request", "57014"), "CANCELED"),
        (error("deadlock detected", "40P01"), "BUSY"),
        (error("could not serialize access", "40001"), "BUSY"),
        (error("canceling statement due to lock timeout", "55P03"), "BUSY"),
        (error("cannot execute INSERT", "25006", InternalError), "READ_ONLY"),
        (error("could not extend file: No space left on device", "53100"), "NO_ROOM"),
    ],
    ids=str,
)
def test_an_outage_is_explained(raised, text):
    assert unavailable.explanation(raised) == getattr(unavailable, text).format(seconds=7)


@pytest.mark.parametrize(
    "raised",
    [
        error("out of memory", "53200"),
        error("duplicate key", "23505", IntegrityError),
        error("only protocol 3 supported", kind=InterfaceError),
        error("connection already closed", kind=InterfaceError),
        error("cursor already closed", kind=InterfaceError),
        error("can't adapt type 'dict'", kind=ProgrammingError),
        OperationalError("no such table: stops"),
        ValueError("connection already closed"),
        None,
    ],
    ids=str,
)
def test_any_other_error_is_not_an_outage(raised):
    assert unavailable.explanation(raised) is None


@pytest.mark.parametrize(
    "text",
    [
        'connection to server at "db" (10.0.0.1), port 5432 failed: server does not support SSL, '
        "but SSL was required",
        'connection to server at "db", port 5432 failed: SSL error: certificate verify failed',
        'server certificate for "db" does not match host name "postgres"',
        'root certificate file "/home/app/.postgresql/root.crt" does not exist',
        'invalid sslmode value: "nonsense"',
        'invalid port number: "99999"',
    ],
)
def test_wrong_connection_options_are_not_an_outage(text):
    assert unavailable.refusal(error(text)) == unavailable.Refusal.OPTIONS


BROKEN = """
import psycopg2
from django.db import OperationalError

def broken(get_response):
    def middleware(request):
        get_response(request)
        text = "server closed the connection unexpectedly"
        raise OperationalError(text) from psycopg2.OperationalError(text)
    return middleware
"""


def test_an_outage_in_another_middleware_is_a_503_too(project):
    """For example, a session that cannot be saved. By then, Django has turned it into a 500."""
    settings = (
        "from backend.hacko_settings import *\n"
        'MIDDLEWARE = [*MIDDLEWARE, "local_settings.broken.broken"]\n'
    )
    write(project, {"local_settings/settings.py": settings, "local_settings/broken.py": BROKEN})
    code = """
from django.test import Client
answer = Client(raise_request_exception=False, SERVER_NAME="localhost").get("/no/such/page/")
print(answer.status_code, answer.headers["Retry-After"], answer.json())
"""
    output = shell(project, code).splitlines()[-1]
    assert output == f"503 5 {{'detail': '{unavailable.NO_ANSWER}'}}"
