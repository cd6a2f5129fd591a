"""Reads the variables of the table in ``backend.conf.variables``."""

from __future__ import annotations

import copy
import difflib
import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ

from backend.conf import addresses, dotenv, secret_store, value_files
from backend.conf.errors import StartupError
from backend.conf.places import ROOT
from backend.conf.variables import (
    ALIAS_URL,
    FORMS,
    TABLE,
    UNITS,
    Variable,
    database_url,
    is_of_the_table,
)

TRUE = environ.Env.BOOLEAN_TRUE_STRINGS
FALSE = ("false", "off", "n", "no", "0")


# The tools of Docker, PostgreSQL, or Python read these. They resemble ours, but are correct.
NEIGHBOURS = {"HOST", "POSTGRES_HOST_AUTH_METHOD", "POSTGRES_INITDB_ARGS", "POSTGRES_PASS", "PATH"}


class Environment:
    """Reads the table's variables from a mapping, ``os.environ`` by default.

    An empty variable counts as unset, because Compose passes empty strings. ``NAME_FILE`` names a
    file that contains the value of ``NAME``. Variables that are not set are looked up in ``store``.
    ``dotenv`` contains the names that `.env` set, to tell where a value came from; ``warnings`` are
    sentences about `.env`.

    Raises StartupError, with the variable and the accepted forms but never a
    secret's value, when a value cannot be read.
    """

    def __init__(
        self,
        environ: Mapping[str, str] | None = None,
        store: Mapping[str, str] | None = None,
        dotenv: Set[str] = frozenset(),
        warnings: Sequence[str] = (),
    ) -> None:
        source = os.environ if environ is None else environ
        self.raw = {name: value for name, value in source.items() if value.strip()}
        self.store = {name: value for name, value in (store or {}).items() if value.strip()}
        self.dotenv = dotenv
        self.warnings = warnings

    def __getitem__(self, name: str) -> Any:
        """The parsed value of a variable of the table, or its default if it is unset."""
        variable = TABLE[name]
        text = self.text(name)
        # A copy: settings are lists that a team extends in place.
        return copy.copy(variable.default) if text is None else parse(variable, text)

    def text(self, name: str) -> str | None:
        """The unparsed value of any variable, from the environment, its file or the store.

        For a name that the table does not contain, NAME_FILE is a different variable.
        """
        file = self.raw.get(f"{name}_FILE") if is_of_the_table(name) else None
        if file is not None and name in self.raw:
            raise StartupError(
                f"{name} and {name}_FILE are both set.",
                f"Keep one of them: {name}_FILE names a file that contains the value of {name}.",
            )
        if file is not None:
            value = _read_value(f"{name}_FILE", Path(file))
            return value if value.strip() else None
        return self.raw.get(name) or self.store.get(name)

    def source(self, name: str) -> tuple[str, str] | None:
        """Where ``text`` reads the variable from: the kind and the place; None if it is unset.

        ``("environment", NAME)``, ``(".env", NAME)``, ``("file", path)`` for ``NAME_FILE``, or
        ``("secret store", SECRET_STORE)``.
        """
        if self.text(name) is None:
            return None
        if is_of_the_table(name) and (file := self.raw.get(f"{name}_FILE")):
            return "file", file
        if name in self.raw:
            return (".env" if name in self.dotenv else "environment"), name
        return "secret store", self["SECRET_STORE"]

    def given_as(self, name: str) -> str:
        """The name under which the variable ``name`` is set: itself, or NAME_FILE."""
        return f"{name}_FILE" if f"{name}_FILE" in self.raw else name

    def database_urls(self) -> dict[str, str]:
        """Alias to variable name, for every ``<ALIAS>_DATABASE_URL`` that is set."""
        names = {*(name.removesuffix("_FILE") for name in self.raw), *self.store}
        matches = filter(None, map(ALIAS_URL.fullmatch, sorted(names)))
        return {match[1].lower(): match[0] for match in matches}

    def database(self, name: str) -> dict[str, Any]:
        """Django's settings for the database that the URL in variable ``name`` describes."""
        database: dict[str, Any] = parse(database_url(name), self.text(name) or "")
        return database

    def misspelled(self) -> dict[str, str]:
        """Names that are set and unknown but close to a name in the table, with that name."""
        known = {*TABLE, *(f"{name}_FILE" for name in TABLE)}
        meant = {}
        for name in sorted(self.raw.keys() - known - NEIGHBOURS):
            if addresses.SERVICE_LINK.fullmatch(self.raw[name]):
                continue  # of a Kubernetes Service called postgresql
            if name.startswith("_") or ALIAS_URL.fullmatch(name.removesuffix("_FILE")):
                continue
            close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.87)
            if close and len(name) > 4:
                meant[name] = close[0]
        return meant


@functools.cache
def current(root: Path = ROOT) -> Environment:
    """This process's environment: with ``.env`` in debug mode, else with the secret store.

    Also adds their values to ``os.environ``, where a team's own settings look.
    """
    env = Environment()
    if env["DEBUG"]:
        return _with_dotenv(root / ".env")
    if store := env["SECRET_STORE"]:
        env = Environment(store=secret_store.read(store))
        # Not the variables of the table: they are read here, and again after a rotation. A child
        # process would inherit the whole environment.
        own = {name: value for name, value in env.store.items() if not is_of_the_table(name)}
        os.environ.update(_not_given(own))
    return env


def _with_dotenv(file: Path) -> Environment:
    """Adds the variables of a ``.env`` file to ``os.environ``. What is already set wins."""
    try:
        read = dotenv.parse(value_files.text(file), os.environ)
    except value_files.MissingError:
        return Environment()
    except value_files.UnreadableError as error:
        raise StartupError(
            f"{file} cannot be read: {error}.", "Make it a readable file of NAME=value lines."
        ) from error
    except dotenv.SyntaxProblem as error:
        raise StartupError(f"{file}, line {error.line}: {error}.", error.fix) from None
    given = _not_given(read.values)
    os.environ.update(given)
    warnings = [
        f"{file}, line {line}: a $ in the value of {name} refers to a variable that is not set, so "
        "the image uses an empty text, as Docker Compose does. To keep the $, put the value in "
        "single quotes."
        for line, name in read.unset
        if name in given
    ]
    return Environment(dotenv=given.keys(), warnings=warnings)


def _not_given(values: Mapping[str, str]) -> dict[str, str]:
    """Those that the environment does not set, neither directly nor, if ours, as NAME_FILE.

    An empty variable counts as unset.
    """
    given = {name for name, value in os.environ.items() if value.strip()}
    for name in list(given):
        if is_of_the_table(plain := name.removesuffix("_FILE")):
            given |= {plain, f"{plain}_FILE"}
    return {name: value for name, value in values.items() if name not in given}


def parse(variable: Variable, text: str) -> Any:
    """The value of ``variable`` that ``text`` means. Raises StartupError if it is invalid."""
    text = text.strip() if variable.kind != "text" else text
    # Only its parsers: through Env, a value that starts with $ refers to another variable.
    read = environ.Env.parse_value
    match variable.kind:
        case "boolean":
            if text.lower() in TRUE or text.lower() in FALSE:
                return read(text, bool)
        case "integer":
            if re.fullmatch(r"\d{1,10}", text, re.ASCII):
                number = read(text, int)
                if variable.minimum <= number <= variable.maximum:
                    return number
        case "size":
            if match := re.fullmatch(r"(\d{1,15}) ?(|[KMG]I?)B?", text.upper(), re.ASCII):
                number = int(match[1]) * UNITS[match[2]]
                if variable.minimum <= number <= variable.maximum:
                    return number
        case "choice":
            for choice in variable.choices:
                if text.upper() == choice.upper():
                    return choice
        case "port":
            if number := addresses.port(text):
                return number
        case "list":
            return _items(text)
        case "hosts" | "origins" | "trusted origins":
            return [_address(variable, item) for item in _items(text)]
        case "server":
            if addresses.is_server(text):
                return text
        case "path":
            if text.startswith("/"):
                return Path(text)
        case "tile URL":
            if text.lower() == "none":
                return "none"
            if re.fullmatch(r"https?://[^\s/;,]+/\S+", text) and re.search(
                r"\{z\}.*\{x\}.*\{-?y\}|\{z\}.*\{-?y\}.*\{x\}", text
            ):
                return text
        case "prefix":
            if re.fullmatch(r"(/[\w.~-]+)+/?", text):
                return text.rstrip("/")
        case "store":
            if text.startswith(("/", "ssm:/")):
                return text
        case "database URL":
            return _database(variable, text)
        case _:
            return text
    raise _unreadable(variable, text)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


# The parser of an item, and what an item is called.
ADDRESSES: dict[str, tuple[Callable[[str], str], str]] = {
    "hosts": (addresses.allowed_host, "host name"),
    "origins": (addresses.cors_origin, "origin"),
    "trusted origins": (addresses.trusted_origin, "origin"),
}


def _address(variable: Variable, item: str) -> str:
    parse_item, called = ADDRESSES[variable.kind]
    try:
        return parse_item(item)
    except addresses.UnfitError as error:
        meant = f"Did you mean {error.instead}? " if error.instead else ""
        raise StartupError(
            f"{variable.name}: '{item}' is not a valid {called}.",
            f"{meant}Set {variable.name} to {FORMS[variable.kind]}.",
        ) from None


def _database(variable: Variable, text: str) -> dict[str, Any]:
    if not re.match(r"(postgis|postgres|postgresql|pgsql)://", text, re.IGNORECASE):
        raise _unreadable(variable, text)
    before, mark, query = text.partition("?")
    try:
        # A slash at the end is not part of the name.
        url = before.rstrip("/") + mark + query
        database: dict[str, Any] = environ.Env.db_url_config(url)
        parts = urlsplit(url)
    except (ValueError, environ.ImproperlyConfigured) as error:
        # Not chained: the library's message would repeat the URL and its password.
        raise _unreadable(variable, text) from (None if variable.secret else error)
    host = parts.netloc.rpartition("@")[2]
    if host.upper().startswith("%2F"):
        # A socket, as libpq names it. The library converts the folder to lowercase and encodes it.
        database["HOST"] = unquote(host.partition(":")[0])
    server = database["HOST"]
    # With a host, another slash in the name makes it a path, which a database cannot have.
    if not database.get("NAME") or (host and "/" in parts.path[1:]):
        raise _unreadable(variable, text)
    if server and not addresses.is_server(server):
        raise _unreadable(variable, text)
    database["ENGINE"] = "django.contrib.gis.db.backends.postgis"
    return database


def _unreadable(variable: Variable, text: str) -> StartupError:
    forms = FORMS[variable.kind]
    if variable.kind == "integer":
        forms += f" from {variable.minimum} to {variable.maximum}"
    if variable.choices:
        forms = " or ".join(variable.choices)
    given = "has a value that" if variable.secret else f"is '{text}', which"
    return StartupError(
        f"The environment variable {variable.name} {given} is not a valid {variable.kind}.",
        f"Set {variable.name} to {forms}.",
    )


def _read_value(name: str, file: Path) -> str:
    try:
        return value_files.read(file)
    except value_files.UnreadableError as error:
        if not file.is_absolute():  # probably the secret itself
            raise StartupError(
                f"The environment variable {name} is not the path of a readable file: {error}.",
                f"Set {name} to a path that begins with /. If you have set it to the value itself, "
                f"rename it {name.removesuffix('_FILE')}.",
            ) from None
        raise StartupError(
            f"The environment variable {name} names {file}, which cannot be read: {error}.",
            f"Mount a text file there that UID {os.geteuid()} can read, or correct {name}.",
        ) from error
