"""The one table of environment variables, in the groups in which they are documented.

``backend.conf.environment`` reads them; the check for misspelled names and the pages that
``backend.conf.environment_pages`` writes come from here too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Variable:
    """One environment variable. ``kind`` is one of the keys of ``FORMS``."""

    name: str
    kind: str
    default: Any
    help: str
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
    "tile URL": "a URL with {z}, {x} and {y}: https://tile.example.org/{z}/{x}/{y}.png; or none",
    "prefix": "a path that starts with a slash and does not end with one: /api",
    "store": "an absolute path of a folder, or ssm:/path/of/parameters",
}

# In bytes. By the standards, k, M, and G are powers of 1000; Ki, Mi, and Gi of 1024.
UNITS = {"": 1, **{unit: 1000**n for n, unit in enumerate("KMG", 1)}}
UNITS |= {f"{unit}I": 1024**n for n, unit in enumerate("KMG", 1)}

VARIABLES = {
    "Application": (
        Variable(
            "DEBUG",
            "boolean",
            False,
            "Debug mode: shows tracebacks in the browser, logs SQL, and reads `.env`. Never use "
            "it in production.",
        ),
        Variable(
            "DJANGO_SECRET_KEY",
            "text",
            None,
            "Signs sessions and tokens. Required with PostgreSQL, unless `DEBUG` or `CI` is true. "
            "Generate one with `python -c 'import secrets; print(secrets.token_urlsafe(50))'`.",
            secret=True,
        ),
        Variable(
            "PROJECT_NAME",
            "text",
            "Django REST API",
            "Title of the landing page, the admin, and the API documentation.",
        ),
        Variable(
            "PROJECT_VERSION",
            "text",
            "v1",
            "Version of the API that the API documentation shows.",
        ),
        Variable(
            "MAP_TILE_URL",
            "tile URL",
            None,
            "Tile server for the background of the maps in the admin, in the browsable API, and "
            "on the map pages. If unset, the maps show land, rivers, lakes, borders, places, and a "
            "grid, and contact no other host until the user clicks the Streets button, which loads "
            "OpenStreetMap's tiles. `none` leaves out this button.",
        ),
        Variable(
            "MAP_TILE_ATTRIBUTION",
            "text",
            "",
            "Attribution that the maps show for that server's data, such as `© OpenStreetMap "
            "contributors`.",
        ),
        Variable(
            "DATA_DIR",
            "path",
            None,
            "Folder for the files that the application writes: the SQLite database, collected "
            "static files, uploads, and the generated secret key. In the image, the default is "
            "`/data`. Elsewhere, it is `data/` next to `manage.py`.",
        ),
        Variable(
            "LOG_LEVEL",
            "choice",
            "INFO",
            "Lowest level of the messages that Django and your own loggers log.",
            choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        ),
        Variable(
            "LOG_FORMAT",
            "choice",
            "text",
            "Format of the log: plain text, or one JSON object per line.",
            choices=("text", "json"),
        ),
        Variable(
            "LOG_CLIENT_ADDRESS",
            "choice",
            "truncated",
            "How the log shows client addresses: without the last 8 bits (IPv6: 64 bits), in "
            "full, or not at all.",
            choices=("truncated", "full", "none"),
        ),
        Variable(
            "SECRET_STORE",
            "store",
            None,
            "Where the image looks up variables that are not set, if `DEBUG` is false. Either a "
            "folder with one file per variable (`/run/secrets`), or `ssm:/my-api/production` for "
            "AWS Systems Manager Parameter Store (needs `boto3` in your requirements).",
        ),
        Variable(
            "CI",
            "boolean",
            False,
            "Continuous integration services set this variable. It lets a build use PostgreSQL "
            "without `DJANGO_SECRET_KEY`.",
        ),
    ),
    "Database": (
        Variable(
            "DATABASE_URL",
            "database URL",
            None,
            "URL of the default database. It takes precedence over the `POSTGRES_*` variables. "
            "Options follow a question mark: `?options=-c%20search_path%3Ddjango,census` or "
            "`?sslmode=require`.",
            secret=True,
        ),
        Variable(
            "POSTGRES_NAME",
            "name",
            None,
            "Name of the PostGIS database. If this variable, `POSTGRES_DB`, and `DATABASE_URL` "
            "are all unset, the API uses SQLite.",
        ),
        Variable("POSTGRES_DB", "name", None, "Another name for `POSTGRES_NAME`."),
        Variable("POSTGRES_USER", "name", None, "Role that the API logs in as."),
        Variable("POSTGRES_PASSWORD", "text", None, "Password of that role.", secret=True),
        Variable("POSTGRES_HOST", "server", None, "Host name of the database server."),
        Variable(
            "POSTGRES_PORT",
            "port",
            5432,
            "Port of the database server. The value can also be `tcp://10.0.0.1:5432`, which "
            "Kubernetes sets for a Service called `postgres`.",
        ),
        Variable(
            "CONN_MAX_AGE",
            "integer",
            60,
            "Seconds that a database connection stays open for further requests. With 0, each "
            "request opens its own connection.",
        ),
        Variable(
            "STATEMENT_TIMEOUT",
            "integer",
            300,
            "Seconds that one query of a request can take on PostgreSQL. 0 means no limit. It has "
            "no effect through a [pooler](production.md#connections).",
        ),
        Variable(
            "REQUIRED_DATABASES",
            "list",
            [],
            "Aliases of the databases without which this API is not ready. `default` and every "
            "alias that a model names in `in_db` are also required, unless another list names "
            "them.",
        ),
        Variable(
            "OPTIONAL_DATABASES",
            "list",
            [],
            "Aliases of the databases without which this API is degraded but ready. All other "
            "aliases that no list names are also optional.",
        ),
        Variable(
            "IGNORED_DATABASES",
            "list",
            [],
            "Aliases of the databases that the image neither migrates nor checks, at startup or "
            "on the health pages.",
        ),
        Variable(
            "DB_CONNECTION_BUDGET",
            "choice",
            "WARN",
            "What to do at startup if this API can open more connections than PostgreSQL has "
            "slots: `warn`, `enforce` (start fewer threads, so that the connections suffice), or "
            "`off`.",
            choices=("WARN", "ENFORCE", "OFF"),
        ),
        Variable(
            "REPLICAS",
            "integer",
            1,
            "Number of containers of this API that run at the same time. `DB_CONNECTION_BUDGET` "
            "uses it.",
            minimum=1,
            maximum=10_000,
        ),
    ),
    "HTTP": (
        Variable(
            "ALLOWED_HOSTS",
            "hosts",
            [],
            "Host names that this API responds to: `api.example.org`, `.example.org` (and all "
            "names below it), or `*` (any name). If unset, they are `localhost` and all names "
            "below it, `127.0.0.1`, `[::1]`, and the container's own hostname; with `DEBUG=true`, "
            "any name.",
        ),
        Variable(
            "CORS_ALLOWED_ORIGINS",
            "origins",
            [],
            "Origins whose pages can read this API. If empty, pages of every origin can, without "
            "credentials.",
        ),
        Variable(
            "CSRF_TRUSTED_ORIGINS",
            "trusted origins",
            [],
            "Origins whose pages can send `POST` requests with a session, such as the public "
            "address of the admin.",
        ),
        Variable(
            "BEHIND_PROXY",
            "boolean",
            False,
            "Set this to true if your own proxy terminates HTTPS and sets `X-Forwarded-Proto`, "
            "`X-Forwarded-Host`, and `X-Forwarded-For`, and clients cannot bypass it. Browsers "
            "then send cookies over HTTPS only.",
        ),
        Variable(
            "HSTS_SECONDS",
            "integer",
            3600,
            "With `BEHIND_PROXY`, seconds for which browsers use only HTTPS for this host. With "
            "0, the API does not send the header. The default is an hour, so that a mistake does "
            "not last. Once HTTPS works for good, set a year (31536000).",
        ),
        Variable(
            "MAX_UPLOAD_SIZE",
            "size",
            100_000_000,
            "Maximum size of a request body, including files. A larger body gets a 413. JSON and "
            "forms have their own limit of 10 MB, `DATA_UPLOAD_MAX_MEMORY_SIZE` in your settings.",
            minimum=1,
            maximum=10**15,
        ),
        Variable(
            "MAX_PAGE_SIZE",
            "integer",
            10_000,
            "Maximum number of rows on a page. A larger `limit` gets a 400. For whole tables, use "
            "[streams](spatial.md).",
            minimum=1,
        ),
        Variable(
            "EXACT_COUNT_LIMIT",
            "integer",
            10_000,
            "Up to this number of rows, the `count` of a page is exact. Above it, the count is "
            "PostgreSQL's estimate, and the body contains `count_estimated: true`. `?count=exact` "
            "counts all rows.",
        ),
        Variable(
            "COMPRESS_RESPONSES",
            "boolean",
            True,
            "Compress responses with zstd, brotli, or gzip, whichever the client accepts.",
        ),
        Variable(
            "FAST_GEOJSON",
            "boolean",
            True,
            "Write the GeoJSON of djangorestframework-gis on the fast path. The output is the "
            "same, byte for byte.",
        ),
        Variable(
            "IGNORED_QUERY_PARAMETERS",
            "list",
            [],
            "Query parameters that spatial views accept although nothing reads them, such as "
            "`app_*`. `*` accepts all of them. Any other unknown parameter gets a 400, except the "
            "parameters of trackers (`utm_source`).",
        ),
        Variable(
            "LOGIN_ATTEMPTS",
            "integer",
            10,
            "Number of wrong passwords that one address can send for one username in 5 minutes. "
            "After that, the image refuses logins for that username from that address until the "
            "5 minutes are over. For all usernames together, an address can send ten times as "
            "many. 0 means no limit.",
        ),
        Variable("SERVE_ADMIN", "boolean", True, "Include Django's admin in the image's URLs."),
        Variable(
            "SERVE_DOCS",
            "boolean",
            True,
            "Include the API documentation in the image's URLs: Swagger UI, ReDoc, and the OpenAPI "
            "document.",
        ),
        Variable(
            "BASIC_AUTH",
            "boolean",
            True,
            "Accept a username and a password with each request (HTTP Basic). If your settings "
            "have `DEFAULT_AUTHENTICATION_CLASSES`, that list decides instead.",
        ),
        Variable("PATH_PREFIX", "prefix", "", "Path under which a proxy publishes this API."),
        Variable(
            "PUBLISH_SCHEMAS",
            "text",
            None,
            "Schemas whose tables the image serves without any code, separated by commas: "
            "`public,census:blocks` adds the schema `blocks` of the database `census`. See "
            "[tables.md](tables.md).",
        ),
        Variable(
            "PUBLISH_FUNCTIONS",
            "text",
            None,
            "Functions of these schemas whose rows the image serves too, separated by commas.",
        ),
        Variable(
            "PUBLISH_METADATA",
            "path",
            None,
            "A file `metadata.yml` with titles, licenses, and hidden columns of these tables.",
        ),
        Variable(
            "PUBLISH_WRITE",
            "boolean",
            False,
            "Let people who log in add, change, and delete rows of these tables, as far as the "
            "role of the database may. See [tables.md](tables.md#let-people-write).",
        ),
        Variable(
            "PUBLISH_INTERVAL",
            "integer",
            60,
            "Seconds between two looks at whether these tables have changed. 0 means only at "
            "startup.",
        ),
    ),
    "Server": (
        Variable("PORT", "port", 8000, "Port that the server listens on."),
        Variable(
            "WEB_CONCURRENCY",
            "integer",
            None,
            "Number of worker processes. If unset, the server starts one per core of the "
            "container's CPU limit, or fewer if its memory limit is too low for that many.",
            minimum=1,
            maximum=1024,
        ),
        Variable(
            "WEB_THREADS",
            "integer",
            4,
            "Number of threads per worker.",
            minimum=1,
            maximum=1024,
        ),
        Variable(
            "DRAIN_SECONDS",
            "integer",
            0,
            "Seconds that a container continues to accept requests after SIGTERM, while "
            "`/health/ready` returns 503. Set it to more than your proxy needs to notice.",
            maximum=3600,
        ),
    ),
    "Start": (
        Variable(
            "ROLE",
            "choice",
            None,
            "`worker` for a container whose command works beside the server: a script or a "
            "management command that does not end. It waits until the databases respond and are "
            "migrated, and changes nothing there. The image recognizes Celery without this "
            "variable: [roles](roles.md).",
            choices=("worker",),
        ),
        Variable(
            "DB_WAIT",
            "boolean",
            True,
            "At startup, wait until every required database responds.",
        ),
        Variable(
            "DB_WAIT_TIMEOUT",
            "integer",
            60,
            "Seconds to wait for each database.",
            minimum=1,
        ),
        Variable(
            "MIGRATE",
            "boolean",
            True,
            "At startup, apply migrations. If false, run `python manage.py migrate_databases` "
            "once per release.",
        ),
        Variable(
            "MIGRATE_LOCK_TIMEOUT",
            "integer",
            600,
            "Seconds to wait, per database, while another container migrates it. Also the seconds "
            "to wait while someone uses a table that a migration changes.",
            minimum=1,
        ),
        Variable(
            "COLLECTSTATIC",
            "boolean",
            True,
            "At startup, collect static files if they have changed.",
        ),
        Variable(
            "DJANGO_SUPERUSER_USERNAME",
            "name",
            None,
            "At startup, create a superuser with this username, unless it exists.",
        ),
        Variable("DJANGO_SUPERUSER_EMAIL", "name", "", "Email address of that superuser."),
        Variable(
            "DJANGO_SUPERUSER_PASSWORD",
            "text",
            None,
            "Password of that superuser.",
            secret=True,
        ),
    ),
}
TABLE = {variable.name: variable for group in VARIABLES.values() for variable in group}
ALIAS_URL = re.compile(r"([A-Z][A-Z0-9_]*)_DATABASE_URL")


def is_of_the_table(name: str) -> bool:
    """Whether the image reads a variable of this name."""
    return name in TABLE or ALIAS_URL.fullmatch(name) is not None


def database_url(name: str) -> Variable:
    """The variable for the URL of one more database, ``<ALIAS>_DATABASE_URL``."""
    return Variable(name, "database URL", None, "", secret=True)


def setting(name: str) -> Any:
    """The setting that is named as a variable, or the variable's default.

    A project whose settings do not come from the image does not have it.
    """
    from django.conf import settings  # not needed to read the environment

    return getattr(settings, name, TABLE[name].default)
