"""Checks of the names that a user chooses. An error gives the reason and a valid name."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from backend.conf.errors import StartupError

LONGEST = 40  # `test_`, the name, and a suffix must fit into PostgreSQL's 63 bytes
# A line of the project's code contains it twice, and the project's CI allows 100 columns.
LONGEST_ALIAS = 24
# Folders of a project, folders of the image's /code, and labels of Django's own applications.
TAKEN = frozenset(
    """backend bin data local_settings manage media project proxy requirements scaffold src_files
    static test tests venv
    admin auth contenttypes gis messages sessions sites staticfiles""".split()
)
# Example modules of CPython. Linters treat them as standard library, but Python does not.
EXAMPLES = frozenset({"xx", "xxlimited", "xxlimited_35", "xxsubtype"})
DATABASES = ("postgres", "template0", "template1", "template_postgis")
SCHEMAS = ("public", "information_schema", "tiger", "tiger_data", "topology")
ROLES = ("none", "public")  # besides those that begin with pg_
# PostgreSQL 17, Appendix C: these names of schemas and databases need quotes.
RESERVED = frozenset(
    """all analyse analyze and any array as asc asymmetric authorization binary both case cast
    check collate collation column concurrently constraint create cross current_catalog
    current_date current_role current_schema current_time current_timestamp current_user
    deferrable desc distinct do else end except false fetch for foreign freeze from full grant
    group having ilike in initially inner intersect into is isnull join lateral leading left
    like limit localtime localtimestamp natural not notnull null offset on only or order outer
    overlaps placing primary references returning right select session_user similar some
    symmetric system_user table tablesample then to trailing true union unique user using
    variadic verbose when where window with""".split()
)


@dataclass(frozen=True)
class Database:
    """One ``--database``: an alias whose tables Django does not create.

    With a schema, it is a second connection to the project's own database. Without one, it is a
    separate database with the name of the alias.
    """

    alias: str
    schema: str = ""

    @property
    def model(self) -> str:
        return "".join(part.capitalize() for part in self.alias.split("_")) + "Record"

    @property
    def table(self) -> str:
        return f"{self.alias}_record"

    @property
    def route(self) -> str:
        return self.alias.replace("_", "-") + "-records"

    @property
    def url_variable(self) -> str:
        """The variable with its address, if it is not on the project's own server."""
        return f"{self.alias.upper()}_DATABASE_URL"

    @property
    def database(self) -> str:
        """The name of the database on the server, or empty for a schema of the project's own."""
        return "" if self.schema else self.alias


def project(name: str) -> str:
    """The name of the project's folder. Raises StartupError if it is not valid."""
    good = _words(name, "-") or "my-api"
    if re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name) and len(name) <= LONGEST:
        return name
    raise StartupError(
        f"'{name}' is not a valid project name. Use lowercase letters, digits, and single hyphens, "
        f"beginning with a letter, and at most {LONGEST} characters.",
        f"Try: startproject {good}",
    )


def app(name: str, *, derived: bool) -> str:
    """The application's package. ``derived`` means that it comes from the project's name.

    Raises StartupError if Python or Django would reject it, or would find another package.
    """
    problem = _bad_app(name)
    if problem is None:
        return name
    origin = ", from the project's name," if derived else ""
    good = _unprefixed(_words(name, "_")) or "my_app"
    if _bad_app(good):
        good = f"{good}_app"
    raise StartupError(
        f"'{name}'{origin} is not a valid name for an app: {problem}.", f"Try: --app {good}"
    )


def image(name: str) -> str:
    """The image that the project is built FROM. Raises StartupError if it is not a valid name."""
    if re.fullmatch(r"[a-z0-9]+(?:[.:/@_-]+[A-Za-z0-9]+)*", name):
        return name
    raise StartupError(
        f"--image: '{name}' is not a valid image name.",
        "Write it as for docker pull, such as hackoregoncivic/backend-docker-django:latest.",
    )


def databases(texts: list[str], app_name: str) -> list[Database]:
    """Parse ``ALIAS`` or ``ALIAS:SCHEMA``. Raises StartupError for invalid names or duplicates."""
    parsed: list[Database] = []
    for text in texts:
        database = _check_database(text, app_name)
        for other in parsed:
            _check_different(database, other)
        parsed.append(database)
    return parsed


def _check_database(text: str, app_name: str) -> Database:
    alias, colon, schema = text.partition(":")

    def bad_alias(name: str) -> str | None:
        return _bad_alias(name, bool(colon), app_name)

    if problem := bad_alias(alias):
        good = _better(alias, bad_alias, LONGEST_ALIAS)
        raise StartupError(
            f"--database {text}: '{alias}' is not a valid alias: {problem}.",
            f"Try: --database {good}{colon}{schema}",
        )
    if colon and (problem := _bad_schema(schema)):
        raise StartupError(
            f"--database {text}: '{schema}' is not a valid schema name: {problem}.",
            f"Try: --database {alias}:{_better(schema, _bad_schema)}",
        )
    return Database(alias, schema)


def _better(name: str, problem: Callable[[str], str | None], longest: int = LONGEST) -> str:
    good = _words(name, "_", longest).removeprefix("test_")
    if not good or problem(good):
        good = f"{_unprefixed(good) or 'open'}_data"
    return good


def _unprefixed(name: str) -> str:
    """Remove the prefixes that Django's tests and PostgreSQL reserve."""
    return re.sub(r"^((test|pg)(_|$)|[0-9_])+", "", name)


def _bad_app(name: str) -> str | None:
    """The reason why a name is not valid. The app's database and its owner have the same name."""
    if name.startswith("test_"):
        return "its database would have that name, and Django's test runner drops such databases"
    if name.startswith("pg_") or name in ROLES:
        return "the database's user would have that name, which PostgreSQL reserves"
    return _not_an_identifier(name) or _clash(name)


def _bad_alias(alias: str, has_schema: bool, app_name: str) -> str | None:
    if alias == "default":
        return "every project already has the database 'default'"
    if not has_schema and alias in DATABASES:
        return "the server has a database with that name"
    if not has_schema and alias == app_name:
        return "the project's own database has that name"
    if alias.startswith("test_"):
        return "Django's test runner drops databases whose names begin with that"
    return _not_an_identifier(alias, LONGEST_ALIAS) or _reserved(alias)


def _bad_schema(schema: str) -> str | None:
    if schema in SCHEMAS or schema.startswith("pg_"):
        return "PostgreSQL or PostGIS reserves it"
    return _not_an_identifier(schema) or _reserved(schema)


def _check_different(database: Database, other: Database) -> None:
    if database.model.lower() == other.model.lower():
        raise StartupError(
            f"--database names '{other.alias}' and '{database.alias}', which are the same, or "
            "result in the same model.",
            "Use each alias once.",
        )
    if database.schema and database.schema == other.schema:
        raise StartupError(
            f"--database gives '{other.alias}' and '{database.alias}' the same schema "
            f"'{database.schema}'.",
            "Give each alias a schema of its own; one alias can have many models.",
        )


def _not_an_identifier(name: str, longest: int = LONGEST) -> str | None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        return "use lowercase letters, digits, and single underscores, beginning with a letter"
    if len(name) > longest:
        return f"it has more than {longest} characters"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "it is a Python keyword"
    return None


def _reserved(name: str) -> str | None:
    return "it is an SQL keyword" if name in RESERVED else None


def _clash(name: str) -> str | None:
    if name in sys.stdlib_module_names | EXAMPLES:
        return "Python has a module with that name"
    if name in TAKEN:
        return "the image, Django, or the project already uses that name"
    if name in DATABASES:
        return "the project's database would have that name, which the server already has"
    spec = importlib.util.find_spec(name)
    # A folder of this repository without a package, such as docs/, is not in the image.
    if spec is not None and spec.origin is not None:
        return "the image has a package with that name"
    return None


def _words(name: str, between: str, longest: int = LONGEST) -> str:
    """A name in the form of valid names, or empty if nothing is left of it.

    A suffix such as ``_data`` still fits.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", plain).lower()
    words = re.findall(r"[a-z0-9]+", spaced)
    room = longest - len("_data")
    return between.join(words).lstrip("0123456789" + between)[:room].rstrip(between)
