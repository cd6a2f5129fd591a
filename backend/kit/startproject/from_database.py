"""A project for the tables of a database that exists: its URL, and the code for its tables."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import DatabaseError
from django.db.utils import ConnectionHandler

from backend.conf.environment import Environment
from backend.conf.errors import StartupError, one_line
from backend.http.unavailable import Refusal, refusal
from backend.tables.project import inspect

VARIABLE = "DATABASE_URL"
PATIENCE = 10  # seconds to connect
HERE = ("localhost", "127.0.0.1", "::1")
FROM_A_CONTAINER = (
    "In a container, that is the container itself. If the server is on this machine, use "
    "host.docker.internal instead (on Linux: docker run --add-host "
    "host.docker.internal:host-gateway ...)."
)


def url(text: str) -> str:
    """The URL that an option gives: itself, ``env:NAME`` for a variable, or ``-`` for the input.

    Other users of this machine can read the arguments of a program. Raises StartupError.
    """
    if text == "-":
        given = sys.stdin.readline().strip()
    elif text.startswith("env:"):
        given = os.environ.get(text.removeprefix("env:"), "").strip()
    else:
        given = text
    if not given:
        source = "the input is" if text == "-" else f"the variable {text.removeprefix('env:')} is"
        raise StartupError(
            f"--from-database: {source} empty.",
            f"Pass the variable: docker run --env {VARIABLE} ... startproject NAME --from-database"
            if text != "-"
            else f'Use docker run --interactive, and pass the URL: echo "${VARIABLE}" | ...',
        )
    return given


def in_dotenv(text: str) -> str:
    """The URL for .env, where quotes, dollar signs, and spaces would mean something.

    Raises StartupError if it is not valid.
    """
    _database(text)
    rest = text.partition("://")[2]
    return "postgis://" + re.sub(r"[^\w:/?@=&%+,.~\[\]()*!;-]", lambda each: quote(each[0]), rest)


def inspected(text: str, options: inspect.Options, app: str) -> inspect.Inspected:
    """The code for the tables of the database with this URL. Raises StartupError."""
    with _cursor(_database(text)) as cursor:
        return inspect.inspect(cursor, options, app)


def _database(text: str) -> dict[str, Any]:
    try:
        return Environment({VARIABLE: text}).database(VARIABLE)
    except StartupError:
        raise StartupError(
            "--from-database: this is not the URL of a PostgreSQL database.",
            "Write it as postgis://USER:PASSWORD@HOST:5432/NAME. In USER and PASSWORD, other "
            "characters than letters and digits are percent-encoded: @ is %40.",
        ) from None


@contextlib.contextmanager
def _cursor(database: dict[str, Any]) -> Iterator[Any]:
    if not settings.configured:
        settings.configure(USE_I18N=False)
    engine = "django.db.backends.postgresql"
    options = {"connect_timeout": PATIENCE, **database.get("OPTIONS", {})}
    connection = ConnectionHandler({"default": {**database, "ENGINE": engine, "OPTIONS": options}})[
        "default"
    ]
    try:
        with contextlib.closing(connection), connection.cursor() as cursor:
            yield cursor.cursor
    except DatabaseError as error:
        raise StartupError(
            f"The database {_place(database)} cannot be read: {one_line(error)}",
            _fix(database, error),
        ) from None


def _place(database: dict[str, Any]) -> str:
    """Its URL without user and password."""
    return f"postgis://{database['HOST']}:{database.get('PORT') or 5432}/{database['NAME']}"


def _fix(database: dict[str, Any], error: DatabaseError) -> str:
    if refusal(error) == Refusal.LOGIN:
        return "Correct the user and the password."
    if refusal(error) == Refusal.OPTIONS:
        return "Correct its options, such as sslmode, which follow the question mark in the URL."
    if re.search(r'database ".*" does not exist', str(error)):
        return "Correct the name of the database, which is the last part of the URL."
    if database["HOST"] in HERE:
        return FROM_A_CONTAINER
    return (
        "Check the host and the port, and that the server is running. If it is in a network of "
        "Docker, add --network NAME to docker run."
    )
