"""What an image that nothing is given to needs to be loaded: stand-ins, and no database."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from backend.conf.variables import ALIAS_URL, TABLE

HOME = "/home/app"
UID, GID = 1001, 0  # of the application's user
# No such host can exist: https://www.rfc-editor.org/rfc/rfc6761#section-6.4
HOST = "database.invalid"
URL = "DATABASE_URL"


def become_the_application() -> None:
    """As root, give it up as the entry point does: a team's code never runs as root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(GID)
        os.setuid(UID)
        os.environ["HOME"] = HOME
    elif not os.access(os.environ.get("HOME", "/"), os.W_OK):
        os.environ["HOME"] = HOME


def stand_in() -> str:
    """Fill in what only a running container is given; the key that stands in, "" for none.

    PostGIS stands in for the database, because SQLite stores no geometry. The parts of its
    address, and not one URL, because settings of 2019 read them one by one. The secret store
    is a running container's too.
    """
    os.environ.pop("SECRET_STORE", None)
    _mounted_files()
    if not _given(URL):
        parts = {
            "POSTGRES_NAME": "check",
            "POSTGRES_USER": "check",
            "POSTGRES_PASSWORD": secrets.token_urlsafe(20),
            "POSTGRES_HOST": HOST,
            "POSTGRES_PORT": "5432",
        }
        for name, value in parts.items():
            named = _given(name) or (name == "POSTGRES_NAME" and _given("POSTGRES_DB"))
            if not named:
                os.environ[name] = value
    return key()


def key() -> str:
    """Fill in a secret key; "" where one is given."""
    if _given("DJANGO_SECRET_KEY"):
        return ""
    os.environ["DJANGO_SECRET_KEY"] = secrets.token_urlsafe(50)
    return os.environ["DJANGO_SECRET_KEY"]


def _mounted_files() -> None:
    """NAME_FILE=/run/secrets/NAME in an image names what is mounted when it runs."""
    for name in [name for name in os.environ if name.endswith("_FILE")]:
        plain = name.removesuffix("_FILE")
        alias = ALIAS_URL.fullmatch(plain)
        if (alias or plain in TABLE) and not Path(os.environ[name]).exists():
            del os.environ[name]
            if alias:
                os.environ[plain] = f"postgis://check:check@{HOST}/{alias[1].lower()}"


def _given(name: str) -> bool:
    # An empty variable is an unset one, as everywhere in the image.
    return any(os.environ.get(form, "").strip() for form in (name, f"{name}_FILE"))


def forbid_databases() -> None:
    """Let whatever asks a database fail, as it does at a start before the database answers."""
    from django.db import OperationalError
    from django.db.backends.base.base import BaseDatabaseWrapper

    def connect(self: BaseDatabaseWrapper) -> None:
        raise OperationalError(f"the database '{self.alias}' is queried while the code loads")

    BaseDatabaseWrapper.connect = connect  # type: ignore[method-assign]  # of every database
