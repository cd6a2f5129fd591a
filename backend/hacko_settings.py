"""The image's layer over Django's settings: environment, defaults, then the team's own.

Read it from top to bottom. A team's ``local_settings/settings.py`` is loaded last. It replaces
names, or extends them after ``from backend.hacko_settings import *``. Settings that are computed
from others (``_derived``) are then computed again, unless the team set them.
"""

import typing as _typing
from pathlib import Path as _Path

from corsheaders.defaults import default_headers as _default_headers

from backend.conf import derived as _derivations
from backend.conf import geolibs as _geolibs
from backend.conf import overrides as _overrides
from backend.conf import places as _places
from backend.conf import required as _required
from backend.conf.environment import current as _current_environment
from backend.logs.request_id import tag_records as _tag_records
from backend.tables import published as _published

# --- The environment ---------------------------------------------------------

BASE_DIR = _Path(__file__).resolve().parent.parent

_env = _current_environment()
_derived = _derivations.Derivations(globals())
DEBUG = _env["DEBUG"]
PROJECT_NAME = _env["PROJECT_NAME"]
PROJECT_VERSION = _env["PROJECT_VERSION"]
# Beside manage.py, whatever a team calls its BASE_DIR.
DATA_DIR = _env["DATA_DIR"] or _places.ROOT / "data"

# --- Applications ------------------------------------------------------------

INSTALLED_APPS = [
    "backend",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.gis",
    "rest_framework",
    "rest_framework_gis",
    "django_filters",
    "corsheaders",
    "drf_yasg",
]

MIDDLEWARE = [
    "backend.pages.hosts.HostMiddleware",
    # Before anything that can redirect or refuse a preflight request.
    "corsheaders.middleware.CorsMiddleware",
    # Around all the others, because their own queries can fail too.
    "backend.http.unavailable.UnavailableMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # Below WhiteNoise, because its files are already compressed.
    "backend.http.compression.CompressionMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "backend.urls"
WSGI_APPLICATION = "backend.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Databases ---------------------------------------------------------------

GDAL_LIBRARY_PATH, GEOS_LIBRARY_PATH = _geolibs.locate()
SPATIALITE_LIBRARY_PATH = _geolibs.spatialite()

DATABASES = _required.databases(
    _env,
    sqlite=_derived(lambda folder: _Path(folder) / "db.sqlite3", "DATA_DIR"),
    spatialite=bool(SPATIALITE_LIBRARY_PATH),
)
DATABASE_ROUTERS = ["backend.router.ModelDatabaseRouter"]
REQUIRED_DATABASES = _env["REQUIRED_DATABASES"]
OPTIONAL_DATABASES = _env["OPTIONAL_DATABASES"]
IGNORED_DATABASES = _env["IGNORED_DATABASES"]

# --- HTTP --------------------------------------------------------------------

ALLOWED_HOSTS = _env["ALLOWED_HOSTS"] or _derived(_required.default_hosts, "DEBUG")
_origins = _env["CORS_ALLOWED_ORIGINS"]
# Names from 2019, which django-cors-headers still reads, but only if the current ones are not set.
CORS_ALLOWED_ORIGINS = _derived(
    lambda old: _origins if old is None else old, "CORS_ORIGIN_WHITELIST"
)
# The API is open by default: without credentials, a page of another origin sees only what anyone
# can see. It is not open if a team sets in any way which origins can read it.
CORS_ALLOW_ALL_ORIGINS = _derived(
    lambda *values: _required.cors_is_open(_origins, *values),
    *("CORS_ALLOWED_ORIGINS", "CORS_ALLOWED_ORIGIN_REGEXES", "CORS_ALLOW_CREDENTIALS"),
    *("CORS_ORIGIN_REGEX_WHITELIST", "CORS_ORIGIN_ALLOW_ALL"),
)
# Scripts of other origins can also send these, to say which version of a response they know.
CORS_ALLOW_HEADERS = [*_default_headers, "if-match", "if-none-match"]
# Scripts of other origins can also read these, which the image's pages and tiles set.
CORS_EXPOSE_HEADERS = ["ETag", "X-Count", "X-Request-ID", "X-Tile-Sample"]
CSRF_TRUSTED_ORIGINS = _env["CSRF_TRUSTED_ORIGINS"]
CSRF_FAILURE_VIEW = "backend.pages.error_pages.csrf_failure"
FORCE_SCRIPT_NAME = _env["PATH_PREFIX"] or None
BEHIND_PROXY = _env["BEHIND_PROXY"]
SECURE_PROXY_SSL_HEADER = _derived(
    lambda proxy: ("HTTP_X_FORWARDED_PROTO", "https") if proxy else None, "BEHIND_PROXY"
)
USE_X_FORWARDED_HOST = _derived(bool, "BEHIND_PROXY")
SESSION_COOKIE_SECURE = _derived(bool, "BEHIND_PROXY")
CSRF_COOKIE_SECURE = _derived(bool, "BEHIND_PROXY")
SECURE_HSTS_SECONDS = _derived(lambda proxy: _env["HSTS_SECONDS"] if proxy else 0, "BEHIND_PROXY")
# Warnings of `check --deploy` about decisions that are not for an API in a container. The proxy
# redirects to HTTPS, and a neighboring container can send requests without it (W008). Subdomains
# and the browsers' preload list affect other services of the domain (W005, W021).
SILENCED_SYSTEM_CHECKS = _derived(
    lambda proxy: ["security.W005", "security.W008", "security.W021"] if proxy else [],
    "BEHIND_PROXY",
)
LOGIN_ATTEMPTS = _env["LOGIN_ATTEMPTS"]
SERVE_ADMIN = _env["SERVE_ADMIN"]
SERVE_DOCS = _env["SERVE_DOCS"]
BASIC_AUTH = _env["BASIC_AUTH"]
# In bytes. backend.http.bodies applies the first to every body. Django applies the second to forms,
# and backend.http.bodies to JSON, which takes about ten times its size in memory while parsed.
MAX_UPLOAD_SIZE = _env["MAX_UPLOAD_SIZE"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 10_000_000
# Parameters of a query or form, and files of a form. These are Django's defaults.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000
DATA_UPLOAD_MAX_NUMBER_FILES = 100

# --- Static files ------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = _derived(lambda folder: _Path(folder) / "static", "DATA_DIR")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "backend.http.storage.HashedStaticFilesStorage"},
}
# Pages link only to hashed names. The plain ones would double the size of the folder.
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
# The extensions that WhiteNoise skips by default, and source maps: 17 MB that only a browser's
# developer tools load, and that take longer to compress than everything else.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (
    *("jpg", "jpeg", "png", "gif", "webp", "zip", "gz", "tgz", "bz2", "tbz", "xz", "br"),
    *("woff", "woff2", "map"),
)

# --- Files that users upload -------------------------------------------------

# backend.http.media serves them in debug mode. In production, a proxy does.
MEDIA_URL = "media/"
MEDIA_ROOT = _derived(lambda folder: _Path(folder) / "media", "DATA_DIR")
# The proxy, which has another user, can read them. Group 0 can write them, for a container on the
# same volume whose UID the platform chooses.
FILE_UPLOAD_PERMISSIONS = 0o664
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o2775

# --- The API -----------------------------------------------------------------

REST_FRAMEWORK: dict[str, _typing.Any] = {
    "DEFAULT_PAGINATION_CLASS": "backend.lists.pagination.LimitOffsetPagination",
    "PAGE_SIZE": 10,
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticatedOrReadOnly"],
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.AcceptHeaderVersioning",
    "EXCEPTION_HANDLER": "backend.http.unavailable.exception_handler",
}

MAX_PAGE_SIZE = _env["MAX_PAGE_SIZE"]
EXACT_COUNT_LIMIT = _env["EXACT_COUNT_LIMIT"]
STATEMENT_TIMEOUT = _env["STATEMENT_TIMEOUT"]
COMPRESS_RESPONSES = _env["COMPRESS_RESPONSES"]
FAST_GEOJSON = _env["FAST_GEOJSON"]
IGNORED_QUERY_PARAMETERS = _env["IGNORED_QUERY_PARAMETERS"]

# The background of maps. See backend.geo.background.
MAP_TILE_URL = _env["MAP_TILE_URL"]
MAP_TILE_ATTRIBUTION = _env["MAP_TILE_ATTRIBUTION"]

SWAGGER_SETTINGS: dict[str, _typing.Any] = {
    # Every response, which ones need a login, GeoJSON, sparse fields, and the formats of a stream.
    "DEFAULT_AUTO_SCHEMA_CLASS": "backend.openapi.inspectors.GeoAutoSchema",
    # Otherwise, Swagger UI would use a validator on the internet.
    "VALIDATOR_URL": None,
    "SECURITY_DEFINITIONS": {
        "Basic": {"type": "basic"},
        # OpenAPI 2.0 cannot describe cookies.
        "Session": {
            "type": "apiKey",
            "in": "header",
            "name": "Cookie",
            "description": "The session cookie. Writing also needs the X-CSRFToken header.",
        },
    },
    "USE_SESSION_AUTH": True,
    "LOGIN_URL": _derived(lambda admin: "admin:login" if admin else None, "SERVE_ADMIN"),
    "LOGOUT_URL": _derived(lambda admin: "admin:logout" if admin else None, "SERVE_ADMIN"),
}

# With the samples of every error, each operation in ReDoc is several screens longer.
REDOC_SETTINGS: dict[str, _typing.Any] = {"EXPAND_RESPONSES": "200,201"}

# --- Logging: to the console, where the container's engine collects it --------

_tag_records()
LOGGING: dict[str, _typing.Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        # In the format of LOG_FORMAT.
        "line": {"()": "backend.logs.formatters.formatter"},
    },
    "filters": {"require_debug_false": {"()": "django.utils.log.RequireDebugFalse"}},
    "handlers": {
        "console": {"class": "backend.logs.console.ConsoleHandler", "formatter": "line"},
        # As in Django's own LOGGING. It does nothing while ADMINS is empty.
        "mail_admins": {
            "class": "django.utils.log.AdminEmailHandler",
            "level": "ERROR",
            "filters": ["require_debug_false"],
        },
    },
    # The team's own loggers inherit from it.
    "root": {"handlers": ["console"], "level": _env["LOG_LEVEL"]},
    "loggers": {
        "backend": {"level": _env["LOG_LEVEL"]},
        # Its own console handler is for debug mode only.
        "django": {
            "handlers": ["console", "mail_admins"],
            "level": _env["LOG_LEVEL"],
            "propagate": False,
        },
        "django.db.backends": {
            "level": _derived(lambda debug: "DEBUG" if debug else "INFO", "DEBUG")
        },
        # Logs the queries of migrations a second time, and at the start of every test run.
        "django.db.backends.schema": {"level": "INFO"},
    },
}
if _env["LOG_FORMAT"] == "json":
    # The lines of runserver. As text, they keep Django's colors.
    LOGGING["loggers"]["django.server"] = {
        "handlers": ["console"],
        "level": "INFO",
        "propagate": False,
    }

# The error page of debug mode, and the mail to ADMINS, without secrets.
DEFAULT_EXCEPTION_REPORTER = "backend.pages.tracebacks.Reporter"
DEFAULT_EXCEPTION_REPORTER_FILTER = "backend.pages.tracebacks.ReporterFilter"

# --- The team's settings, last -----------------------------------------------

SECRET_KEY = _env["DJANGO_SECRET_KEY"]

# What `from backend.hacko_settings import *` imports into the team's file.
if not _typing.TYPE_CHECKING:  # a type checker treats a computed list as empty
    __all__ = [_name for _name in dir() if _name.isupper()]

_team = _overrides.load("settings")
if _team is not None:
    globals().update({_name: _value for _name, _value in vars(_team).items() if _name.isupper()})

_derived.settle()
_required.complete(globals(), _env)
if _env["PUBLISH_SCHEMAS"] and (_tables := _published.find(_Path(DATA_DIR))):
    globals().update(_published.changes(_tables, globals()))

if not _typing.TYPE_CHECKING:
    __all__ = [_name for _name in dir() if _name.isupper()]
