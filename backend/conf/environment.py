"""The one table of environment variables, and the reader made from it.

The check for misspelt names comes from ``VARIABLES``, and so do the pages that
``backend.conf.environment_pages`` writes.
"""

from __future__ import annotations

import copy
import difflib
import functools
import os
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import environ

from backend.conf import addresses, dotenv, secret_store, value_files
from backend.conf.errors import StartupError

ROOT = Path(__file__).resolve().parent.parent.parent
TRUE = environ.Env.BOOLEAN_TRUE_STRINGS
FALSE = ("false", "off", "n", "no", "0")


@dataclass(frozen=True)
class Variable:
    """One environment variable. ``kind`` is one of the keys of ``FORMS``."""

    name: str
    kind: str
    default: Any
    help: str
    group: str
    secret: bool = False
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 2**31


FORMS = {
    "boolean": "true or false (also yes/no, on/off, 1/0)",
    "integer": "a whole number",
    "port": "a whole number from 1 to 65535",
    "size": "a number of bytes, or of kB, MB or GB: 500kB, 100MB (or of KiB, MiB or GiB: 64MiB)",
    "text": "any text",
    "name": "any text; spaces around it are ignored",
    "list": "values separated by commas",
    "hosts": "names separated by commas, without scheme, port, path, quotes, or spaces, such as "
    "api.example.org; .example.org also includes all names below it",
    "choice": "one of the listed words",
    "origins": "origins separated by commas. An origin is a scheme and a host, and a port if it is "
    "not the default: https://example.org, http://localhost:3000, capacitor://localhost",
    "trusted origins": "origins separated by commas, such as https://example.org; "
    "https://*.example.org includes all hosts below example.org",
    "server": "the name or address of a server, without scheme or port, or the folder of its "
    "socket",
    "database URL": "postgis://USER:PASSWORD@HOST:PORT/NAME "
    "(percent-encode special characters in USER and PASSWORD: @ is %40, / is %2F)",
    "path": "an absolute path",
    "tile URL": "a URL with {z}, {x} and {y}: https://tile.example.org/{z}/{x}/{y}.png",
    "prefix": "a path that starts with a slash and does not end with one: /api",
    "store": "an absolute path of a folder, or ssm:/path/of/parameters",
}

# Of bytes. By the standards: k, M and G count in thousands, Ki, Mi and Gi in 1024.
UNITS = {"": 1, **{unit: 1000**n for n, unit in enumerate("KMG", 1)}}
UNITS |= {f"{unit}I": 1024**n for n, unit in enumerate("KMG", 1)}

VARIABLES = (
    Variable(
        "DEBUG",
        "boolean",
        False,
        "Debug mode: shows tracebacks in the browser, logs SQL, and reads `.env`. Never use "
        "it in production.",
        "Application",
    ),
    Variable(
        "DJANGO_SECRET_KEY",
        "text",
        None,
        "Signs sessions and tokens. Required with PostgreSQL, unless `DEBUG` or `CI` is true. "
        "Generate one with `python -c 'import secrets; print(secrets.token_urlsafe(50))'`.",
        "Application",
        secret=True,
    ),
    Variable(
        "PROJECT_NAME",
        "text",
        "Django REST API",
        "Title of the landing page, the admin, and the API documentation.",
        "Application",
    ),
    Variable(
        "PROJECT_VERSION",
        "text",
        "v1",
        "Version of the API that the API documentation shows.",
        "Application",
    ),
    Variable(
        "MAP_TILE_URL",
        "tile URL",
        None,
        "Tile server for the background of the maps in the admin, in the browsable API, and "
        "on the map pages. If unset, the maps show land outlines and a grid, and contact no "
        "other host.",
        "Application",
    ),
    Variable(
        "MAP_TILE_ATTRIBUTION",
        "text",
        "",
        "Attribution that the maps show for that server's data, such as `© OpenStreetMap "
        "contributors`.",
        "Application",
    ),
    Variable(
        "DATA_DIR",
        "path",
        None,
        "Folder for the files that the application writes: the SQLite database, collected "
        "static files, uploads, and the generated secret key. In the image, the default is "
        "`/data`. Elsewhere, it is `data/` next to `manage.py`.",
        "Application",
    ),
    Variable(
        "LOG_LEVEL",
        "choice",
        "INFO",
        "Lowest level of the messages that Django and your own loggers log.",
        "Application",
        choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    ),
    Variable(
        "LOG_FORMAT",
        "choice",
        "text",
        "Format of the log: plain text, or one JSON object per line.",
        "Application",
        choices=("text", "json"),
    ),
    Variable(
        "LOG_CLIENT_ADDRESS",
        "choice",
        "truncated",
        "How the log shows client addresses: without the last 8 bits (IPv6: 64 bits), in "
        "full, or not at all.",
        "Application",
        choices=("truncated", "full", "none"),
    ),
    Variable(
        "SECRET_STORE",
        "store",
        None,
        "Where the image looks up variables that are not set, if `DEBUG` is false. Either a "
        "folder with one file per variable (`/run/secrets`), or `ssm:/my-api/production` for AWS "
        "Systems Manager Parameter Store (needs `boto3` in your requirements).",
        "Application",
    ),
    Variable(
        "CI",
        "boolean",
        False,
        "Continuous integration services set this variable. It lets a build use PostgreSQL "
        "without `DJANGO_SECRET_KEY`.",
        "Application",
    ),
    Variable(
        "DATABASE_URL",
        "database URL",
        None,
        "URL of the default database. It takes precedence over the `POSTGRES_*` variables. "
        "Options follow a question mark: `?options=-c%20search_path%3Ddjango,census` or "
        "`?sslmode=require`.",
        "Database",
        secret=True,
    ),
    Variable(
        "POSTGRES_NAME",
        "name",
        None,
        "Name of the PostGIS database. If this variable, `POSTGRES_DB`, and `DATABASE_URL` "
        "are all unset, the API uses SQLite.",
        "Database",
    ),
    Variable("POSTGRES_DB", "name", None, "Another name for `POSTGRES_NAME`.", "Database"),
    Variable("POSTGRES_USER", "name", None, "Role that the API logs in as.", "Database"),
    Variable("POSTGRES_PASSWORD", "text", None, "Password of that role.", "Database", secret=True),
    Variable("POSTGRES_HOST", "server", None, "Host name of the database server.", "Database"),
    Variable(
        "POSTGRES_PORT",
        "port",
        5432,
        "Port of the database server. The value can also be `tcp://10.0.0.1:5432`, which "
        "Kubernetes sets for a Service called `postgres`.",
        "Database",
    ),
    Variable(
        "CONN_MAX_AGE",
        "integer",
        60,
        "Seconds that a database connection stays open for further requests. With 0, each "
        "request opens its own connection.",
        "Database",
    ),
    Variable(
        "STATEMENT_TIMEOUT",
        "integer",
        300,
        "Seconds that one query of a request can take on PostgreSQL. 0 means no limit. It has "
        "no effect through a [pooler](production.md#connections).",
        "Database",
    ),
    Variable(
        "REQUIRED_DATABASES",
        "list",
        [],
        "Aliases of the databases without which this API is not ready. `default` and every "
        "alias that a model names in `in_db` are also required, unless another list names "
        "them.",
        "Database",
    ),
    Variable(
        "OPTIONAL_DATABASES",
        "list",
        [],
        "Aliases of the databases without which this API is degraded but ready. All other "
        "aliases that no list names are also optional.",
        "Database",
    ),
    Variable(
        "IGNORED_DATABASES",
        "list",
        [],
        "Aliases of the databases that the image neither migrates nor checks, at startup or "
        "on the health pages.",
        "Database",
    ),
    Variable(
        "DB_CONNECTION_BUDGET",
        "choice",
        "WARN",
        "What to do at startup if this API can open more connections than PostgreSQL has "
        "slots: `warn`, `enforce` (start fewer threads, so that the connections suffice), or "
        "`off`.",
        "Database",
        choices=("WARN", "ENFORCE", "OFF"),
    ),
    Variable(
        "REPLICAS",
        "integer",
        1,
        "Number of containers of this API that run at the same time. `DB_CONNECTION_BUDGET` "
        "uses it.",
        "Database",
        minimum=1,
        maximum=10_000,
    ),
    Variable(
        "ALLOWED_HOSTS",
        "hosts",
        [],
        "Host names that this API responds to: `api.example.org`, `.example.org` (and all "
        "names below it), or `*` (any name). If unset, they are `localhost` and all names "
        "below it, `127.0.0.1`, `[::1]`, and the container's own hostname; with `DEBUG=true`, "
        "any name.",
        "HTTP",
    ),
    Variable(
        "CORS_ALLOWED_ORIGINS",
        "origins",
        [],
        "Origins whose pages can read this API. If empty, pages of every origin can, without "
        "credentials.",
        "HTTP",
    ),
    Variable(
        "CSRF_TRUSTED_ORIGINS",
        "trusted origins",
        [],
        "Origins whose pages can send `POST` requests with a session, such as the public "
        "address of the admin.",
        "HTTP",
    ),
    Variable(
        "BEHIND_PROXY",
        "boolean",
        False,
        "Set this to true if your own proxy terminates HTTPS and sets `X-Forwarded-Proto`, "
        "`X-Forwarded-Host`, and `X-Forwarded-For`, and clients cannot bypass it. Browsers "
        "then send cookies over HTTPS only.",
        "HTTP",
    ),
    Variable(
        "HSTS_SECONDS",
        "integer",
        3600,
        "With `BEHIND_PROXY`, seconds for which browsers use only HTTPS for this host. With "
        "0, the API does not send the header. The default is an hour, so that a mistake does "
        "not last. Once HTTPS works for good, set a year (31536000).",
        "HTTP",
    ),
    Variable(
        "MAX_UPLOAD_SIZE",
        "size",
        100_000_000,
        "Maximum size of a request body, including files. A larger body gets a 413. JSON and "
        "forms have their own limit of 10 MB, `DATA_UPLOAD_MAX_MEMORY_SIZE` in your settings.",
        "HTTP",
        minimum=1,
        maximum=10**15,
    ),
    Variable(
        "MAX_PAGE_SIZE",
        "integer",
        10_000,
        "Maximum number of rows on a page. A larger `limit` gets a 400. For whole tables, use "
        "[streams](spatial.md).",
        "HTTP",
        minimum=1,
    ),
    Variable(
        "EXACT_COUNT_LIMIT",
        "integer",
        10_000,
        "Up to this number of rows, the `count` of a page is exact. Above it, the count is "
        "PostgreSQL's estimate, and the body contains `count_estimated: true`. `?count=exact` "
        "counts all rows.",
        "HTTP",
    ),
    Variable(
        "COMPRESS_RESPONSES",
        "boolean",
        True,
        "Compress responses with zstd, brotli, or gzip, whichever the client accepts.",
        "HTTP",
    ),
    Variable(
        "FAST_GEOJSON",
        "boolean",
        True,
        "Write the GeoJSON of djangorestframework-gis on the fast path. The output is the "
        "same, byte for byte.",
        "HTTP",
    ),
    Variable(
        "IGNORED_QUERY_PARAMETERS",
        "list",
        [],
        "Query parameters that spatial views accept although nothing reads them, such as "
        "`app_*`. `*` accepts all of them. Any other unknown parameter gets a 400, except the "
        "parameters of trackers (`utm_source`).",
        "HTTP",
    ),
    Variable(
        "LOGIN_ATTEMPTS",
        "integer",
        10,
        "Number of wrong passwords that one address can send for one username in 5 minutes. "
        "After that, the image refuses logins for that username from that address until the "
        "5 minutes are over. For all usernames together, an address can send ten times as many. "
        "0 means no limit.",
        "HTTP",
    ),
    Variable("SERVE_ADMIN", "boolean", True, "Include Django's admin in the image's URLs.", "HTTP"),
    Variable(
        "SERVE_DOCS",
        "boolean",
        True,
        "Include the API documentation in the image's URLs: Swagger UI, ReDoc, and the OpenAPI "
        "document.",
        "HTTP",
    ),
    Variable(
        "BASIC_AUTH",
        "boolean",
        True,
        "Accept a username and a password with each request (HTTP Basic). If your settings "
        "have `DEFAULT_AUTHENTICATION_CLASSES`, that list decides instead.",
        "HTTP",
    ),
    Variable("PATH_PREFIX", "prefix", "", "Path under which a proxy publishes this API.", "HTTP"),
    Variable("PORT", "port", 8000, "Port that the server listens on.", "Server"),
    Variable(
        "WEB_CONCURRENCY",
        "integer",
        None,
        "Number of worker processes. If unset, the server starts one per core of the "
        "container's CPU limit, or fewer if its memory limit is too low for that many.",
        "Server",
        minimum=1,
        maximum=1024,
    ),
    Variable(
        "WEB_THREADS",
        "integer",
        4,
        "Number of threads per worker.",
        "Server",
        minimum=1,
        maximum=1024,
    ),
    Variable(
        "DRAIN_SECONDS",
        "integer",
        0,
        "Seconds that a container continues to accept requests after SIGTERM, while "
        "`/health/ready` returns 503. Set it longer than your proxy takes to notice.",
        "Server",
        maximum=3600,
    ),
    Variable(
        "DB_WAIT",
        "boolean",
        True,
        "At startup, wait until every required database responds.",
        "Start",
    ),
    Variable(
        "DB_WAIT_TIMEOUT", "integer", 60, "Seconds to wait for each database.", "Start", minimum=1
    ),
    Variable(
        "MIGRATE",
        "boolean",
        True,
        "At startup, apply migrations. If false, run `python manage.py migrate_databases` "
        "once per release.",
        "Start",
    ),
    Variable(
        "MIGRATE_LOCK_TIMEOUT",
        "integer",
        600,
        "Seconds to wait, per database, while another container migrates it. Also the seconds "
        "to wait while someone uses a table that a migration changes.",
        "Start",
        minimum=1,
    ),
    Variable(
        "COLLECTSTATIC",
        "boolean",
        True,
        "At startup, collect static files if they have changed.",
        "Start",
    ),
    Variable(
        "DJANGO_SUPERUSER_USERNAME",
        "name",
        None,
        "At startup, create a superuser with this username, unless it exists.",
        "Start",
    ),
    Variable("DJANGO_SUPERUSER_EMAIL", "name", "", "Email address of that superuser.", "Start"),
    Variable(
        "DJANGO_SUPERUSER_PASSWORD",
        "text",
        None,
        "Password of that superuser.",
        "Start",
        secret=True,
    ),
)
TABLE = {variable.name: variable for variable in VARIABLES}
ALIAS_URL = re.compile(r"([A-Z][A-Z0-9_]*)_DATABASE_URL")
# Read by Docker's, PostgreSQL's or Python's own tools: near one of ours, and right.
NEIGHBOURS = {"HOST", "POSTGRES_HOST_AUTH_METHOD", "POSTGRES_INITDB_ARGS", "POSTGRES_PASS", "PATH"}


class Environment:
    """Reads the table's variables out of a mapping, ``os.environ`` by default.

    An empty variable is an unset one, because compose passes empty strings.
    ``NAME_FILE`` names a file that holds the value of ``NAME``. A variable that
    is not set is looked up in ``store``. ``dotenv`` is the names that `.env` gave, for who asks
    where a value came from; ``warnings`` are sentences about it.

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
        """The parsed value of a variable of the table, its default when it is unset."""
        variable = TABLE[name]
        text = self.text(name)
        # A copy: settings are lists that a team extends in place.
        return copy.copy(variable.default) if text is None else parse(variable, text)

    def text(self, name: str) -> str | None:
        """The unparsed value of any variable, from the environment, its file or the store.

        Of a name that the table does not know, NAME_FILE is another variable.
        """
        file = self.raw.get(f"{name}_FILE") if _is_of_the_table(name) else None
        if file is not None and name in self.raw:
            raise StartupError(
                f"{name} and {name}_FILE are both set.",
                f"Keep one of them: {name}_FILE names a file that holds the value of {name}.",
            )
        if file is not None:
            value = _read_value(f"{name}_FILE", Path(file))
            return value if value.strip() else None
        return self.raw.get(name) or self.store.get(name)

    def source(self, name: str) -> tuple[str, str] | None:
        """What ``text`` reads the variable from and which one, None when it is unset.

        ``("environment", NAME)``, ``(".env", NAME)``, ``("file", path)`` for ``NAME_FILE``, or
        ``("secret store", SECRET_STORE)``.
        """
        if self.text(name) is None:
            return None
        if _is_of_the_table(name) and (file := self.raw.get(f"{name}_FILE")):
            return "file", file
        if name in self.raw:
            return (".env" if name in self.dotenv else "environment"), name
        return "secret store", self["SECRET_STORE"]

    def database_urls(self) -> dict[str, str]:
        """Alias to variable name, for every ``<ALIAS>_DATABASE_URL`` that is set."""
        names = {*(name.removesuffix("_FILE") for name in self.raw), *self.store}
        matches = filter(None, map(ALIAS_URL.fullmatch, sorted(names)))
        return {match[1].lower(): match[0] for match in matches}

    def database(self, name: str) -> dict[str, Any]:
        """Django's settings for the database that the URL in variable ``name`` describes."""
        text = self.text(name) or ""
        variable = Variable(name, "database URL", None, "", "", secret=True)
        database: dict[str, Any] = parse(variable, text)
        return database

    def misspelt(self) -> dict[str, str]:
        """Names that are set, unknown and close to one of the table, with that one."""
        known = {*TABLE, *(f"{name}_FILE" for name in TABLE)}
        found = {}
        for name in sorted(self.raw.keys() - known - NEIGHBOURS):
            if addresses.SERVICE_LINK.fullmatch(self.raw[name]):
                continue  # of a Kubernetes Service called postgresql
            if name.startswith("_") or ALIAS_URL.fullmatch(name.removesuffix("_FILE")):
                continue
            close = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.87)
            if close and len(name) > 4:
                found[name] = close[0]
        return found


@functools.cache
def current(root: Path = ROOT) -> Environment:
    """This process's environment: with ``.env`` in debug mode, else with the secret store.

    Puts what they give into ``os.environ`` too, where a team's own settings look.
    """
    env = Environment()
    if env["DEBUG"]:
        return _with_dotenv(root / ".env")
    if store := env["SECRET_STORE"]:
        env = Environment(store=secret_store.read(store))
        # Not those of the table: they are read here, again when they are rotated, and who starts
        # another program passes its whole environment on.
        own = {name: value for name, value in env.store.items() if not _is_of_the_table(name)}
        os.environ.update(_not_given(own))
    return env


def _with_dotenv(file: Path) -> Environment:
    """With the variables of a ``.env`` file in ``os.environ``. What is set already wins."""
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
        f"{file}, line {line}: a $ in the value of {name} names a variable that is not set, and "
        "counts as empty, as in Docker Compose. Single quotes keep it."
        for line, name in read.unset
        if name in given
    ]
    return Environment(dotenv=given.keys(), warnings=warnings)


def _not_given(values: Mapping[str, str]) -> dict[str, str]:
    """Those that the environment does not set, neither as they are nor, of ours, as NAME_FILE.

    What is set to nothing is not set.
    """
    given = {name for name, value in os.environ.items() if value.strip()}
    for name in list(given):
        if _is_of_the_table(plain := name.removesuffix("_FILE")):
            given |= {plain, f"{plain}_FILE"}
    return {name: value for name, value in values.items() if name not in given}


def _is_of_the_table(name: str) -> bool:
    return name in TABLE or ALIAS_URL.fullmatch(name) is not None


def parse(variable: Variable, text: str) -> Any:
    """The value of ``variable`` that ``text`` spells; StartupError when it spells none."""
    text = text.strip() if variable.kind != "text" else text
    # Its parsers alone: read through Env, a value that starts with $ names another variable.
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
            if found := re.fullmatch(r"(\d{1,15}) ?(|[KMG]I?)B?", text.upper(), re.ASCII):
                number = int(found[1]) * UNITS[found[2]]
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


# What an item is parsed by, and what it is called.
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
        # A slash at the end is no part of the name.
        url = before.rstrip("/") + mark + query
        database: dict[str, Any] = environ.Env.db_url_config(url)
        parts = urlsplit(url)
    except (ValueError, environ.ImproperlyConfigured) as error:
        # Not chained: the library's message would repeat the URL and its password.
        raise _unreadable(variable, text) from (None if variable.secret else error)
    host = parts.netloc.rpartition("@")[2]
    if host.upper().startswith("%2F"):
        # A socket, as libpq has it. The library reads the folder in small letters, and encoded.
        database["HOST"] = unquote(host.partition(":")[0])
    server = database["HOST"]
    # With a host, a further slash in the name is a path, which no database has.
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
        if not file.is_absolute():  # most likely the secret itself
            raise StartupError(
                f"The environment variable {name} is not the path of a readable file: {error}.",
                f"Set {name} to a path that begins with /. If you have set it to the value itself, "
                f"rename it {name.removesuffix('_FILE')}.",
            ) from None
        raise StartupError(
            f"The environment variable {name} names {file}, which cannot be read: {error}.",
            f"Mount a file of text there, readable for UID {os.geteuid()}, or correct {name}.",
        ) from error
