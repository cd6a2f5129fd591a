"""The table of environment variables: what it accepts, refuses, suggests, and generates."""

from ast import literal_eval
from pathlib import Path
from traceback import format_exception
from urllib.parse import quote

import pytest
from django.http.request import split_domain_port, validate_host
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.conf import environment_pages
from backend.conf.environment import Environment
from backend.conf.errors import StartupError
from backend.conf.variables import FORMS, TABLE
from tests.support.broken import SETTINGS, write
from tests.support.projects import run, shell

ROOT = Path(environment_pages.__file__).resolve().parents[2]


def refusal(name: str, value: str) -> StartupError:
    with pytest.raises(StartupError) as caught:
        Environment({name: value})[name]
    return caught.value


# ---------------------------------------------------------------------------
# Values

ACCEPTED = [
    ("DB_CONNECTION_BUDGET", "enforce", "ENFORCE"),
    ("DEBUG", "true", True),
    ("DEBUG", " YES ", True),
    ("DEBUG", "on", True),
    ("DEBUG", "1", True),
    ("DEBUG", "False", False),
    ("DEBUG", "no", False),
    ("DEBUG", "OFF", False),
    ("DEBUG", "0", False),
    ("PORT", " 65535 ", 65535),
    ("PORT", "80", 80),
    ("WEB_THREADS", " 8 ", 8),
    ("PROJECT_NAME", " Two words ", " Two words "),
    ("PROJECT_NAME", "$DEBUG", "$DEBUG"),
    ("LOG_LEVEL", "warning", "WARNING"),
    ("LOG_FORMAT", "JSON", "json"),
    ("IGNORED_QUERY_PARAMETERS", "$HOME", ["$HOME"]),
    ("ALLOWED_HOSTS", "a.org, B.org,.c.org", ["a.org", "b.org", ".c.org"]),
    ("ALLOWED_HOSTS", "*,10.0.0.1,[::1],my-api", ["*", "10.0.0.1", "[::1]", "my-api"]),
    ("CORS_ALLOWED_ORIGINS", "https://a.org/, http://b:3000,", ["https://a.org", "http://b:3000"]),
    (
        "CORS_ALLOWED_ORIGINS",
        "https://A.org:443,http://[::1]:80",
        ["https://a.org", "http://[::1]"],
    ),
    ("CORS_ALLOWED_ORIGINS", "capacitor://localhost,null", ["capacitor://localhost", "null"]),
    ("CORS_ALLOWED_ORIGINS", "chrome-extension://ab,file://", ["chrome-extension://ab", "file://"]),
    ("CSRF_TRUSTED_ORIGINS", "https://*.a.org,ionic://b", ["https://*.a.org", "ionic://b"]),
    ("POSTGRES_HOST", " db ", "db"),
    ("POSTGRES_HOST", "/run/postgresql", "/run/postgresql"),
    ("POSTGRES_HOST", "db_1.a.org,10.0.0.2,::1", "db_1.a.org,10.0.0.2,::1"),
    ("POSTGRES_USER", "ada\n", "ada"),
    ("POSTGRES_PORT", "tcp://10.0.0.1:5433", 5433),
    ("POSTGRES_PORT", "tcp://[fd00::1]:5433", 5433),
    ("MAX_UPLOAD_SIZE", "2500000", 2_500_000),
    ("MAX_UPLOAD_SIZE", " 500kB ", 500_000),
    ("MAX_UPLOAD_SIZE", "100 MB", 100_000_000),
    ("MAX_UPLOAD_SIZE", "64MiB", 64 * 2**20),
    ("MAX_UPLOAD_SIZE", "2g", 2_000_000_000),
    ("DATA_DIR", "/srv/data", Path("/srv/data")),
    ("PATH_PREFIX", "/api/v2/", "/api/v2"),
    ("MAP_TILE_URL", " https://a.org/{z}/{x}/{y}.png ", "https://a.org/{z}/{x}/{y}.png"),
    ("MAP_TILE_URL", "https://{a-c}.b.org/{z}/{y}/{x}", "https://{a-c}.b.org/{z}/{y}/{x}"),
    ("MAP_TILE_URL", "None", "none"),
    ("SECRET_STORE", "/run/secrets", "/run/secrets"),
    ("SECRET_STORE", "ssm:/my-api", "ssm:/my-api"),
]


@pytest.mark.parametrize(("name", "text", "value"), ACCEPTED)
def test_value_of_each_kind_is_parsed(name, text, value):
    assert Environment({name: text})[name] == value


REFUSED = [
    ("DEBUG", "yse", "true or false (also yes/no, on/off, 1/0)"),
    ("DEBUG", "2", "true or false"),
    ("PORT", "http", "a whole number from 1 to 65535"),
    ("PORT", "70000", "a whole number from 1 to 65535"),
    ("PORT", "8000.5", "a whole number"),
    ("PORT", "-1", "a whole number"),
    ("PORT", "٨٠", "a whole number"),
    ("WEB_CONCURRENCY", "0", "a whole number from 1 to 1024"),
    ("LOG_LEVEL", "LOUD", "DEBUG or INFO or WARNING or ERROR or CRITICAL"),
    ("POSTGRES_PORT", "tcp://10.0.0.1", "a whole number from 1 to 65535"),
    ("POSTGRES_HOST", "db:5432", "without scheme or port"),
    ("POSTGRES_HOST", "http://db", "without scheme or port"),
    ("POSTGRES_HOST", "my db", "the name or address of a server"),
    ("MAX_UPLOAD_SIZE", "0", "a number of bytes"),
    ("MAX_UPLOAD_SIZE", "1.5GB", "or of kB, MB or GB: 500kB, 100MB"),
    ("MAX_UPLOAD_SIZE", "10TB", "a number of bytes"),
    ("DATA_DIR", "data", "an absolute path"),
    ("PATH_PREFIX", "api", "a path that starts with a slash"),
    ("PATH_PREFIX", "/", "a path that starts with a slash"),
    ("MAP_TILE_URL", "https://a.org/tiles/", "a URL with {z}, {x} and {y}"),
    ("MAP_TILE_URL", "/{z}/{x}/{y}.png", "a URL with {z}, {x} and {y}"),
    (
        "MAP_TILE_URL",
        "https://a.org; script-src *;/{z}/{x}/{y}",
        "a URL with {z}, {x} and {y}",
    ),
    ("SECRET_STORE", "vault", "an absolute path of a folder, or ssm:/path/of/parameters"),
]


@pytest.mark.parametrize(("name", "text", "forms"), REFUSED)
def test_bad_value_names_variable_value_kind_and_accepted_forms(name, text, forms):
    error = refusal(name, text)
    kind = TABLE[name].kind
    assert error.problem == (
        f"The environment variable {name} is '{text}', which is not a valid {kind}."
    )
    assert error.fix.startswith(f"Set {name} to ")
    assert forms in error.fix


# The variable, its value, the item that never matches, and the suggestion.
NEVER = [
    ("ALLOWED_HOSTS", "a.org b.org", "a.org b.org", "a.org,b.org"),
    ("ALLOWED_HOSTS", "c.org,https://a.org/x", "https://a.org/x", "a.org"),
    ("ALLOWED_HOSTS", "a.org:8000", "a.org:8000", "a.org"),
    ("ALLOWED_HOSTS", '"a.org"', '"a.org"', "a.org"),
    ("ALLOWED_HOSTS", '["a.org", "b.org"]', '["a.org"', "a.org"),
    ("ALLOWED_HOSTS", "*.a.org", "*.a.org", ".a.org"),
    ("ALLOWED_HOSTS", "a.org.", "a.org.", "a.org"),
    ("ALLOWED_HOSTS", "::1", "::1", "[::1]"),
    ("ALLOWED_HOSTS", "[::1]:8000", "[::1]:8000", "[::1]"),
    ("ALLOWED_HOSTS", "münchen.de", "münchen.de", "xn--mnchen-3ya.de"),
    ("ALLOWED_HOSTS", "my_api", "my_api", ""),
    ("ALLOWED_HOSTS", "$HOST", "$HOST", ""),
    ("CORS_ALLOWED_ORIGINS", "a.org", "a.org", "https://a.org"),
    ("CORS_ALLOWED_ORIGINS", "https://a.org/map?x", "https://a.org/map?x", "https://a.org"),
    ("CORS_ALLOWED_ORIGINS", "https://a.org:8443x", "https://a.org:8443x", ""),
    ("CORS_ALLOWED_ORIGINS", "https://*.a.org", "https://*.a.org", ""),
    ("CORS_ALLOWED_ORIGINS", "*", "*", ""),
    ("CORS_ALLOWED_ORIGINS", "'https://a.org'", "'https://a.org'", "https://a.org"),
    ("CORS_ALLOWED_ORIGINS", "https://a.org http://b", "https://a.org http://b", None),
    ("CSRF_TRUSTED_ORIGINS", "https://a.org/path", "https://a.org/path", "https://a.org"),
    ("CSRF_TRUSTED_ORIGINS", "null", "null", "https://null"),
    ("CSRF_TRUSTED_ORIGINS", "https://*", "https://*", ""),
    ("CSRF_TRUSTED_ORIGINS", "*.a.org", "*.a.org", "https://*.a.org"),
]


@pytest.mark.parametrize(("name", "text", "item", "instead"), NEVER)
def test_item_that_can_never_match_is_named_with_a_suggestion(name, text, item, instead):
    error = refusal(name, text)
    assert error.problem.startswith(f"{name}: '{item}' is not a valid ")
    instead = item.replace(" ", ",") if instead is None else instead
    meant = f"Did you mean {instead}? " if instead else ""
    assert error.fix.startswith(f"{meant}Set {name} to ")


@pytest.mark.parametrize("hosts", [value for name, _, value in ACCEPTED if name == "ALLOWED_HOSTS"])
def test_accepted_host_is_what_django_compares_with(hosts):
    for host in (host.removeprefix(".") for host in hosts if host != "*"):
        # With a port, as most clients send it.
        assert validate_host(split_domain_port(f"{host}:8000")[0], [host])


@pytest.mark.parametrize("kind", FORMS)
def test_every_kind_is_used_and_has_a_test(kind):
    used = {variable.name for variable in TABLE.values() if variable.kind == kind}
    tried = {case[0] for case in ACCEPTED} | {"DATABASE_URL"}
    assert used & tried


def outcome(name: str, text: str) -> tuple[object, StartupError | None]:
    """The parsed value of a variable's text, or the refusal. Any other error fails the test."""
    try:
        return Environment({name: text})[name], None
    except StartupError as error:
        return None, error


# What an environment variable can hold.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@pytest.mark.parametrize("variable", TABLE.values(), ids=lambda variable: variable.name)
@settings(deadline=None)  # the first example loads Python's table of international names
@given(text=TEXT)
def test_any_text_in_any_variable_is_parsed_or_refused_by_name(variable, text):
    _, error = outcome(variable.name, text)
    if error:
        assert variable.name in error.problem
        assert len(str(error).splitlines()) == 2


@given(TEXT)
def test_anything_after_a_database_urls_scheme_is_parsed_or_refused(text):
    database, error = outcome("DATABASE_URL", f"postgis://{text}")
    if error:
        assert error.problem == (
            "The environment variable DATABASE_URL has a value that is not a valid database URL."
        )
    else:
        assert database["ENGINE"] == "django.contrib.gis.db.backends.postgis"
        assert database["NAME"]


@given(TEXT.filter(len))
def test_any_password_survives_percent_encoding(password):
    url = f"postgis://api:{quote(password, safe='')}@db/census"
    assert Environment({"DATABASE_URL": url})["DATABASE_URL"]["PASSWORD"] == password


@pytest.mark.parametrize(
    "url",
    [
        "postgis://api:hush@db:port/census",
        "postgis://api:hush@db:99999999/census",
        "postgis://api:hush@db",
        "postgis://api:hush@db/",
        "postgis://api:hush@db/census/more",
        "postgis://api:hush@d b/census",
        "mysql://api:hush@db/census",
        "hush",
    ],
)
def test_malformed_database_url_is_refused_without_its_password(url):
    error = refusal("DATABASE_URL", url)
    assert "hush" not in str(error)
    assert "postgis://USER:PASSWORD@HOST:PORT/NAME" in error.fix
    # A traceback would show the password in these.
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


# ---------------------------------------------------------------------------
# Where values come from


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_empty_variable_counts_as_unset(empty):
    env = Environment({variable.name: empty for variable in TABLE.values()} | {"PORT_FILE": empty})
    for variable in TABLE.values():
        assert env[variable.name] == variable.default
    assert env.database_urls() == {}


def test_empty_entry_of_the_store_counts_as_unset():
    env = Environment({}, store={"PATH_PREFIX": "", "PORT": " "})
    assert (env["PATH_PREFIX"], env["PORT"]) == ("", 8000)


def test_every_variable_can_be_given_as_a_file(tmp_path):
    samples = {name: text for name, text, _ in ACCEPTED} | {"DATABASE_URL": "postgis://u@db/n"}
    for variable in TABLE.values():
        of_its_kind = (samples[name] for name in samples if TABLE[name].kind == variable.kind)
        text = samples.get(variable.name, variable.choices[-1] if variable.choices else None)
        text = text or next(of_its_kind)
        file = tmp_path / variable.name
        file.write_text(f"{text}\n")
        given_as_file = Environment({f"{variable.name}_FILE": str(file)})[variable.name]
        assert given_as_file == Environment({variable.name: text})[variable.name]


def test_variable_and_its_file_together_are_an_error(tmp_path):
    env = Environment({"PORT": "1", "PORT_FILE": str(tmp_path / "port")})
    with pytest.raises(StartupError) as caught:
        env["PORT"]
    assert caught.value.problem == "PORT and PORT_FILE are both set."


def test_file_that_cannot_be_read_names_the_variable_and_the_file(tmp_path):
    env = Environment({"POSTGRES_PASSWORD_FILE": str(tmp_path / "absent")})
    with pytest.raises(StartupError) as caught:
        env["POSTGRES_PASSWORD"]
    assert caught.value.problem == (
        f"The environment variable POSTGRES_PASSWORD_FILE names {tmp_path}/absent, "
        "which cannot be read: No such file or directory."
    )


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD", "CENSUS_DATABASE_URL"])
@pytest.mark.parametrize("secret", ["hush-7Zx!", "hu/sh", "postgis://ada@db/hush"])
def test_secret_in_place_of_the_path_of_its_file_is_not_repeated(name, secret):
    with pytest.raises(StartupError) as caught:
        Environment({f"{name}_FILE": secret}).text(name)
    shown = "".join(format_exception(caught.value))
    assert f"The environment variable {name}_FILE is not the path of a readable file" in shown
    assert f"rename it {name}." in shown
    assert secret not in shown


def test_file_that_is_not_text_is_refused_without_showing_its_content(tmp_path):
    (tmp_path / "password").write_bytes(b"hush\xff")
    env = Environment({"POSTGRES_PASSWORD_FILE": str(tmp_path / "password")})
    with pytest.raises(StartupError, match="is not UTF-8 text") as caught:
        env["POSTGRES_PASSWORD"]
    assert "hush" not in str(caught.value)


def test_dotenv_is_read_in_debug_mode_only_and_never_wins(project):
    (project / ".env").write_text("PROJECT_NAME=Of the file\nPROJECT_VERSION=v9\n")
    code = "from django.conf import settings as s; print(s.PROJECT_NAME, s.PROJECT_VERSION)"
    assert shell(project, code, DEBUG="true", PROJECT_VERSION="") == "Of the file v9"
    assert shell(project, code, DEBUG="true", PROJECT_NAME="Mine") == "Mine v9"
    assert shell(project, code) == "Django REST API v1"


def test_dotenv_gives_a_team_its_own_variables_too(project):
    (project / ".env").write_text("MAP_KEY='of the file'\nPORT=bad\n")
    code = "import os; print(os.environ['MAP_KEY'])"
    assert shell(project, code, DEBUG="true") == "of the file"


def test_dotenv_that_cannot_be_read_is_an_error(project):
    (project / ".env").mkdir()
    done = run(project, "manage.py", "check", DEBUG="true")
    assert done.returncode == 1
    assert f"ERROR: {project}/.env cannot be read: " in done.stderr.splitlines()[-2]


# ---------------------------------------------------------------------------
# Databases


def databases(project: Path, **env: str) -> dict:
    code = "from django.conf import settings; print(settings.DATABASES)"
    printed = shell(project, code, DJANGO_SECRET_KEY="k" * 50, **env)
    return literal_eval(printed.replace(f"PosixPath('{project}/data/db.sqlite3')", "'sqlite'"))


def test_database_url_carries_options_search_path_and_percent_encoded_password():
    url = (
        "postgis://ap%40i:p%40ss%2Fw%25rd@db.example.org:6432/census"
        "?options=-c%20search_path%3Ddjango,passenger_census&sslmode=require"
    )
    assert Environment({"DATABASE_URL": url})["DATABASE_URL"] == {
        "ENGINE": "django.contrib.gis.db.backends.postgis",
        "NAME": "census",
        "USER": "ap@i",
        "PASSWORD": "p@ss/w%rd",
        "HOST": "db.example.org",
        "PORT": 6432,
        "OPTIONS": {
            "options": "-c search_path=django,passenger_census",
            "sslmode": "require",
        },
    }


@pytest.mark.parametrize("scheme", ["postgis", "postgres", "postgresql", "pgsql"])
def test_every_postgresql_scheme_uses_postgis(scheme):
    database = Environment({"DATABASE_URL": f"{scheme}://u:p@db/n"})["DATABASE_URL"]
    assert database["ENGINE"] == "django.contrib.gis.db.backends.postgis"


@pytest.mark.parametrize(
    ("url", "host", "port", "name"),
    [
        ("POSTGIS://u:p@db/census", "db", "", "census"),
        ("postgis://u:p@db:6432/census/", "db", 6432, "census"),
        ("postgis://u:p@db/census/?sslmode=require", "db", "", "census"),
        ("postgis://u:p@%2FRun%2Fpostgresql/census", "/Run/postgresql", "", "census"),
        ("postgis://u:p@%2frun:6432/census", "/run", 6432, "census"),
        ("postgis:////run/postgresql/census", "/run/postgresql", "", "census"),
        ("postgis://u:p@[::1]:6432/census", "::1", 6432, "census"),
        ("postgis://u:p@db/a%2Fb", "db", "", "a/b"),
    ],
)
def test_each_form_of_a_database_url_is_read_as_libpq_reads_it(url, host, port, name):
    database = Environment({"DATABASE_URL": url})["DATABASE_URL"]
    assert (database["HOST"], database["PORT"], database["NAME"]) == (host, port, name)


def test_each_alias_url_makes_a_database_with_a_lowercase_alias(tmp_path):
    (tmp_path / "url").write_text("postgis://u@db/odot\n")
    env = Environment(
        {
            "CENSUS_DATABASE_URL": "postgis://u@db/census",
            "PASSENGER_CENSUS_DATABASE_URL": "postgis://u@db/passengers",
            "ODOT_DATABASE_URL_FILE": str(tmp_path / "url"),
            "EMPTY_DATABASE_URL": "",
        },
        store={"STORED_DATABASE_URL": "postgis://u@db/stored"},
    )
    names = env.database_urls()
    assert set(names) == {"census", "passenger_census", "odot", "stored"}
    databases_by_alias = {alias: env.database(name)["NAME"] for alias, name in names.items()}
    assert databases_by_alias == {
        "census": "census",
        "passenger_census": "passengers",
        "odot": "odot",
        "stored": "stored",
    }


def test_bad_alias_url_names_its_variable_and_not_its_password(project):
    done = run(project, "manage.py", "check", CENSUS_DATABASE_URL="postgis://u:hush@db:x/n")
    assert done.returncode == 1
    assert done.stderr.startswith("ERROR: The environment variable CENSUS_DATABASE_URL has a value")
    assert "hush" not in done.stderr


def test_without_a_named_database_the_default_is_sqlite_in_the_data_folder(project):
    configured = databases(project)
    assert list(configured) == ["default"]
    assert configured["default"]["NAME"] == "sqlite"


def test_postgres_variables_make_postgis_with_kept_and_checked_connections(project):
    names = {"POSTGRES_USER": "u", "POSTGRES_PASSWORD": "p", "POSTGRES_HOST": "db"}
    default = databases(project, POSTGRES_DB="census", POSTGRES_NAME="", **names)["default"]
    assert default["ENGINE"] == "django.contrib.gis.db.backends.postgis"
    assert (default["NAME"], default["PORT"]) == ("census", 5432)
    assert (default["CONN_MAX_AGE"], default["CONN_HEALTH_CHECKS"]) == (60, True)


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        (
            {"POSTGRES_HOST": "db"},
            "POSTGRES_HOST is set, but neither POSTGRES_NAME nor POSTGRES_DB is.",
        ),
        (
            {"POSTGRES_NAME": "n"},
            "POSTGRES_NAME is set, but POSTGRES_USER and POSTGRES_HOST are not.",
        ),
        (
            {"POSTGRES_DB": "n", "POSTGRES_USER": "u"},
            "POSTGRES_DB is set, but POSTGRES_HOST is not.",
        ),
        (
            {"POSTGRES_NAME": "a", "POSTGRES_DB": "b"},
            "POSTGRES_NAME and POSTGRES_DB are both set, to different names.",
        ),
        (
            {"DATABASE_URL": "postgis://u@db/n"},
            "DJANGO_SECRET_KEY is not set. The API needs a key of its own, "
            "because the database 'default' is PostgreSQL.",
        ),
    ],
)
def test_incomplete_database_is_refused_instead_of_falling_back_to_an_empty_sqlite(
    project, env, problem
):
    done = run(project, "manage.py", "check", **env)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == f"ERROR: {problem}"
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize("env", [{"POSTGRES_DB": "n"}, {"POSTGRES_PORT": "x"}])
def test_incomplete_variables_are_not_checked_if_the_team_replaced_databases(project, env):
    write(
        project, {SETTINGS: "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3'}}\n"}
    )
    assert run(project, "manage.py", "check", **env).returncode == 0
    write(project, {SETTINGS: "from backend.hacko_settings import *\nDATABASES['a'] = {}\n"})
    done = run(project, "manage.py", "check", POSTGRES_DB="n")
    assert done.stderr.startswith("ERROR: POSTGRES_DB is set, but ")


def test_continuous_integration_may_use_a_real_database_without_a_secret_key(project):
    assert (
        run(project, "manage.py", "check", DATABASE_URL="postgis://u@db/n", CI="1").returncode == 0
    )


# ---------------------------------------------------------------------------
# Misspelled names


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("POSTGRES_PASWORD", "POSTGRES_PASSWORD"),
        ("postgres_host", "POSTGRES_HOST"),
        ("POSTGRES_HOTS", "POSTGRES_HOST"),
        ("DJANGO_SECRETKEY", "DJANGO_SECRET_KEY"),
        ("ALLOWED_HOST", "ALLOWED_HOSTS"),
        ("POSTGRES_PASSWORD_FILES", "POSTGRES_PASSWORD_FILE"),
        ("DATABASE_ULR", "DATABASE_URL"),
    ],
)
def test_misspelled_name_gets_a_suggestion(name, meant):
    assert Environment({name: "x"}).misspelled() == {name: meant}


@pytest.mark.parametrize(
    "name",
    [
        *("PATH", "HOME", "HOSTNAME", "LANG", "TERM", "PWD", "USER", "SHLVL", "TZ", "MAIL"),
        *("PYTHONUNBUFFERED", "DJANGO_SETTINGS_MODULE", "GUNICORN_CMD_ARGS", "MAP_KEY"),
        *("POSTGRES_HOST_AUTH_METHOD", "POSTGRES_INITDB_ARGS", "PGHOST", "PGPASSWORD"),
        *("CENSUS_DATABASE_URL", "CENSUS_DATABASE_URL_FILE", "PORT_FILE", "DB_HOST", "REPORT"),
    ],
)
def test_correct_names_and_names_of_other_programs_are_not_reported(name):
    assert Environment({name: "x"}).misspelled() == {}


def test_address_of_a_kubernetes_service_is_not_reported_as_misspelled():
    assert Environment({"POSTGRESQL_PORT": "tcp://10.0.0.1:5432"}).misspelled() == {}


def test_misspelled_name_is_reported_at_the_boot(project):
    done = run(
        *(project, "-m", "backend.boot", "gunicorn", "--check-config", "backend.wsgi"),
        **{"POSTGRES_PASWORD": "hush", "COLLECTSTATIC": "false"},
    )
    assert done.returncode == 0, done.stderr
    assert (
        "boot: WARNING: POSTGRES_PASWORD is set, but the image does not use it; "
        "did you mean POSTGRES_PASSWORD?" in done.stdout.splitlines()
    )
    assert "hush" not in done.stdout + done.stderr


# ---------------------------------------------------------------------------
# Files that the table generates


@pytest.mark.parametrize(
    ("file", "written"),
    [
        ("docs/environment.md", environment_pages.documentation),
        (".env.example", environment_pages.example),
    ],
)
def test_committed_file_is_what_the_table_generates(file, written):
    assert (ROOT / file).read_text() == written(), (
        f"python -m backend.conf.environment_pages > {file}"
    )


def test_example_sets_nothing_and_with_every_line_switched_on_gives_the_defaults(tmp_path):
    lines = environment_pages.example().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []
    pairs = [line[1:].partition("=") for line in lines if line[:2].strip("# ") and "=" in line]
    given_values = {name: value for name, _, value in pairs if name in TABLE}
    assert set(given_values) == set(TABLE)
    env = Environment(given_values)
    for variable in TABLE.values():
        assert env[variable.name] == variable.default
