"""What the image needs of the settings, whatever a team replaced in them."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from backend.conf import kept_key, named_databases, overrides, secret_keys
from backend.conf.environment import Environment
from backend.conf.errors import StartupError
from backend.conf.named_databases import Address, address_in_url

POSTGRESQL_ENGINES = (
    "django.db.backends.postgresql",
    "django.contrib.gis.db.backends.postgis",
)
SQLITE_ENGINES = (
    "django.db.backends.sqlite3",
    "django.contrib.gis.db.backends.spatialite",
)
# Django's dummy engine, which responds to every query with the advice to set ENGINE.
INCOMPLETE = "django.db.backends.dummy"
CONNECTION = ("NAME", "USER", "PASSWORD", "HOST", "PORT")
ROUTER = "backend.router.ModelDatabaseRouter"
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
CORS = "corsheaders.middleware.CorsMiddleware"
UNAVAILABLE = "backend.http.unavailable.UnavailableMiddleware"
HOSTS = "backend.pages.hosts.HostMiddleware"
SESSION = "rest_framework.authentication.SessionAuthentication"
LONG_RANDOM_TEXT = (
    "a long random text, the same for every container of this API: "
    "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
)
MAKE_A_KEY = f"Set DJANGO_SECRET_KEY to {LONG_RANDOM_TEXT}"


def default_hosts(debug: bool) -> list[str]:
    """Django's ALLOWED_HOSTS if no variable sets them.

    In production: only names that this machine or a neighbor uses. A foreign name is dangerous in
    two ways: a page can resolve its own name to this server and make a browser send requests to it
    (DNS rebinding), and the host of a request appears in the links of a response, which a cache can
    keep. These names never resolve to another machine, and nobody can register them.
    """
    if debug:
        return ["*"]
    return ["localhost", ".localhost", "127.0.0.1", "[::1]", socket.gethostname()]


def cors_is_open(
    variable: list[str],
    listed: list[str],
    regexes: list[Any] | None,
    credentials: bool | None,
    old_regexes: list[Any] | None,
    old_name: bool | None,
) -> bool:
    """Whether pages of every origin can read the API: CORS_ALLOW_ALL_ORIGINS.

    True if nothing limits them. ``variable`` is the list of the environment itself; the others are
    settings. The old ones are CORS_ORIGIN_REGEX_WHITELIST and CORS_ORIGIN_ALLOW_ALL.
    """
    if old_name is not None:
        return bool(old_name)
    # A team that sets empty lists of origins and patterns allows no origin.
    by_team = listed is not variable or regexes is not None or old_regexes is not None
    return not (listed or by_team or credentials)


def databases(env: Environment, *, sqlite: Path, spatialite: bool) -> dict[str, dict[str, Any]]:
    """Django's DATABASES from the environment: PostGIS if a variable names one, or else SQLite.

    ``sqlite`` is SQLite's file. If the variables are invalid, the engine is INCOMPLETE, and
    ``complete`` stops the start unless a team's settings have replaced it.
    """
    configured = {}
    for alias, make in _makers(env, sqlite, spatialite).items():
        try:
            configured[alias] = make()
        except StartupError:
            configured[alias] = {"ENGINE": INCOMPLETE} | dict.fromkeys(CONNECTION, "")
    return configured


def read_databases(env: Environment) -> dict[str, dict[str, Any]]:
    """The same. Raises StartupError for invalid variables."""
    return {alias: make() for alias, make in _makers(env, Path(), False).items()}


def _makers(
    env: Environment, sqlite: Path, spatialite: bool
) -> dict[str, Callable[[], dict[str, Any]]]:
    """A function for the settings of each alias, the default first, as in every list for users."""
    makers: dict[str, Callable[[], dict[str, Any]]] = {
        alias: partial(env.database, name) for alias, name in env.database_urls().items()
    }
    default = makers.pop("default", lambda: _postgres(env) or _sqlite(sqlite, spatialite))
    if env.text("DATABASE_URL"):
        default = partial(env.database, "DATABASE_URL")
    return {"default": default, **makers}


def named(env: Environment) -> dict[str, tuple[str, Address]]:
    """The databases that variables name: for each alias, the variable and the address."""
    urls = env.database_urls()
    if env.text("DATABASE_URL"):
        urls = {**urls, "default": "DATABASE_URL"}
    by_alias = {alias: (env.given_as(url), address_in_url(env, url)) for alias, url in urls.items()}
    parts = None if "default" in urls else _named_by_parts(env)
    if parts:
        by_alias = {"default": parts, **by_alias}
    return {
        alias: each for alias, each in by_alias.items() if each[1].host != named_databases.STAND_IN
    }


def _named_by_parts(env: Environment) -> tuple[str, Address] | None:
    """The same for POSTGRES_NAME and the others; None unless they are complete."""
    try:
        database = _postgres(env)
    except StartupError:
        return None
    if database is None:
        return None
    if env.text("POSTGRES_PORT") is None:
        database["PORT"] = ""
    variable = "POSTGRES_NAME" if env["POSTGRES_NAME"] else "POSTGRES_DB"
    return env.given_as(variable), named_databases.address_of(database)


def _tests_start() -> bool:
    """Whether this process runs tests, which can have a database of their own."""
    return sys.argv[1:2] == ["test"] or "pytest" in sys.modules


def _postgres(env: Environment) -> dict[str, Any] | None:
    both = {"POSTGRES_NAME": env["POSTGRES_NAME"], "POSTGRES_DB": env["POSTGRES_DB"]}
    names = {variable: name for variable, name in both.items() if name}
    if len(set(names.values())) > 1:
        raise StartupError(
            "POSTGRES_NAME and POSTGRES_DB are both set, to different names.", "Keep one of them."
        )
    given = [name for name in ("POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_HOST") if env[name]]
    if not names:
        if given:
            # A missing name once turned a production API into one with an empty SQLite database.
            raise StartupError(
                f"{given[0]} is set, but neither POSTGRES_NAME nor POSTGRES_DB is.",
                "Set POSTGRES_NAME to the name of the database, or unset all POSTGRES_ variables "
                "to use SQLite.",
            )
        return None
    missing = [name for name in ("POSTGRES_USER", "POSTGRES_HOST") if not env[name]]
    if missing:
        raise StartupError(
            f"{next(iter(names))} is set, but {' and '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} not.",
            f"Set {' and '.join(missing)} too. With Compose, the host is the name of the "
            "service, such as 'db'.",
        )
    return {
        "ENGINE": POSTGRESQL_ENGINES[1],
        "NAME": next(iter(names.values())),
        "USER": env["POSTGRES_USER"],
        "PASSWORD": env["POSTGRES_PASSWORD"] or "",
        "HOST": env["POSTGRES_HOST"],
        "PORT": env["POSTGRES_PORT"],
    }


def _sqlite(file: Path, spatialite: bool) -> dict[str, Any]:
    engine = (
        "django.contrib.gis.db.backends.spatialite"
        if spatialite
        else ("django.db.backends.sqlite3")
    )
    # WAL and an immediate lock: several workers read while one writes, instead of
    # "database is locked". https://docs.djangoproject.com/en/5.2/ref/databases/#sqlite-notes
    options = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    return {"ENGINE": engine, "NAME": file, "OPTIONS": options}


def complete(settings: dict[str, Any], env: Environment) -> None:
    """Add what the image needs to the final settings, below or after the team's values.

    Raises StartupError for PostgreSQL without a secret key or with a public one, and for a setting
    that is not the list or dictionary that Django expects.
    """
    _check_shapes(settings)
    _append(settings, "INSTALLED_APPS", "backend")
    _append(settings, "INSTALLED_APPS", "django.contrib.staticfiles")
    _append(settings, "DATABASE_ROUTERS", ROUTER)
    _insert_below(settings, SECURITY, WHITENOISE)
    _insert_below(settings, CORS, UNAVAILABLE)
    # An empty one stands for Django's own.
    if isinstance(settings.get("LOGGING"), dict) and settings["LOGGING"]:
        # Python's default would silence gunicorn's loggers, which exist already.
        settings["LOGGING"].setdefault("disable_existing_loggers", False)
    if isinstance(settings.get("REST_FRAMEWORK"), dict):
        # Throttles distinguish clients by address. Anyone can send this header, so only its last
        # address counts, which the proxy itself added.
        settings["REST_FRAMEWORK"].setdefault("NUM_PROXIES", int(bool(settings["BEHIND_PROXY"])))
        if not settings["BASIC_AUTH"]:
            settings["REST_FRAMEWORK"].setdefault("DEFAULT_AUTHENTICATION_CLASSES", [SESSION])
    if HOSTS not in settings["MIDDLEWARE"]:
        settings["MIDDLEWARE"] = [HOSTS, *settings["MIDDLEWARE"]]
    for name in ("STATIC_URL", "MEDIA_URL"):
        settings[name] = _below(env["PATH_PREFIX"], settings[name])
    for database in settings["DATABASES"].values():
        if database.get("ENGINE") == INCOMPLETE:
            read_databases(env)  # raises an error about what is missing
        _complete_database(database, env)
    location = overrides.find("settings")
    if location and not _tests_start():
        named_databases.check(settings["DATABASES"], named(env), sys.modules[location[0]])
    real = _real_database(settings, env)
    if not settings.get("SECRET_KEY"):
        settings["SECRET_KEY"] = _secret_key(settings, real, env)
    elif real and secret_keys.is_public(str(settings["SECRET_KEY"])):
        raise StartupError(
            f"{_place_of_key(settings, env)} is a key from public samples and guides, so anyone "
            f"can forge a login. {_needs_a_key(real)}",
            MAKE_A_KEY,
        )


def _check_shapes(settings: dict[str, Any]) -> None:
    lists = ("INSTALLED_APPS", "MIDDLEWARE", "DATABASE_ROUTERS")
    for name in lists:
        _check_shape(name, settings[name], (list, tuple), name, '["...", ...]')
    example = '{"default": {"ENGINE": "...", "NAME": "..."}}'
    _check_shape("DATABASES", settings["DATABASES"], dict, "DATABASES", example)
    for alias, database in settings["DATABASES"].items():
        _check_shape(f"DATABASES['{alias}']", database, dict, "DATABASES", example)


def _check_shape(
    subject: str, value: object, shape: type | tuple[type, ...], name: str, example: str
) -> None:
    if isinstance(value, shape):
        return
    kind = "a dictionary" if shape is dict else "a list"
    raise StartupError(
        f"{overrides.place_of(name, 'settings')}: {subject} is a {type(value).__name__}, "
        f"not {kind}.",
        f"Write it as {name} = {example}",
    )


def _below(prefix: str, url: str | None) -> str | None:
    """A path that begins with a slash, with the prefix added. Django adds it to other paths."""
    if not prefix or not url or not url.startswith("/") or url.startswith(("//", f"{prefix}/")):
        return url
    return prefix + url


def _append(settings: dict[str, Any], name: str, value: str) -> None:
    if value not in settings[name]:
        settings[name] = [*settings[name], value]


def _insert_below(settings: dict[str, Any], above: str, middleware: str) -> None:
    """Add a missing middleware right below another, or first if that is missing too."""
    names = list(settings["MIDDLEWARE"])
    if middleware not in names:
        names.insert(names.index(above) + 1 if above in names else 0, middleware)
        settings["MIDDLEWARE"] = names


def _complete_database(database: dict[str, Any], env: Environment) -> None:
    if database.get("ENGINE") in SQLITE_ENGINES:
        # The last connection deletes the index of the write-ahead log when it closes. On a full
        # disk, SQLite cannot create the index again, and cannot read without it.
        database.setdefault("CONN_MAX_AGE", None if env["CONN_MAX_AGE"] else 0)
    if database.get("ENGINE") not in POSTGRESQL_ENGINES:
        return
    database.setdefault("CONN_MAX_AGE", env["CONN_MAX_AGE"])
    # Without it, each persistent connection causes one 500 after the database restarts.
    database.setdefault("CONN_HEALTH_CHECKS", True)
    options = database.setdefault("OPTIONS", {})
    options.setdefault("connect_timeout", 5)
    # These detect a server that vanished after 10 s, not after the kernel's two hours:
    # tcp_user_timeout (in ms) if sent data is not acknowledged, and the keepalives on an idle
    # connection. (On Linux, tcp_user_timeout replaces keepalives_count; other systems use the
    # latter.) The time is not shorter because a server can leave the data of a large INSERT unread
    # for as long.
    options.setdefault("keepalives_idle", 5)
    options.setdefault("keepalives_interval", 2)
    options.setdefault("keepalives_count", 3)
    options.setdefault("tcp_user_timeout", 10_000)


def _real_database(settings: dict[str, Any], env: Environment) -> str | None:
    """The alias of a database whose users a guessed key would expose; None on laptops and in CI."""
    if settings["DEBUG"] or env["CI"]:
        return None
    databases = settings["DATABASES"].items()
    real = (alias for alias, database in databases if database.get("ENGINE") in POSTGRESQL_ENGINES)
    return next(real, None)


def _place_of_key(settings: dict[str, Any], env: Environment) -> str:
    if settings["SECRET_KEY"] == env["DJANGO_SECRET_KEY"]:
        return "DJANGO_SECRET_KEY"
    return f"{overrides.place_of('SECRET_KEY', 'settings')}: SECRET_KEY"


def _needs_a_key(alias: str) -> str:
    return f"The API needs a key of its own, because the database '{alias}' is PostgreSQL."


def _secret_key(settings: dict[str, Any], real: str | None, env: Environment) -> str:
    # Published tables are only read, so that the key protects no more than sessions of the admin.
    if real and not env["PUBLISH_SCHEMAS"]:
        raise StartupError(f"DJANGO_SECRET_KEY is not set. {_needs_a_key(real)}", MAKE_A_KEY)
    settings["SECRET_KEY_FILE"] = Path(settings["DATA_DIR"]) / "secret_key"
    return kept_key.generated(settings["SECRET_KEY_FILE"])
