"""Stand-ins with which an image loads without any configuration and without a database."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from backend.conf import named_databases
from backend.conf.variables import ALIAS_URL, TABLE

HOME = "/home/app"
UID, GID = 1001, 0  # of the application's user
HOST = named_databases.STAND_IN
URL = "DATABASE_URL"


def become_the_application() -> None:
    """Give up root, as the entry point does: a team's code never runs as root."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(GID)
        os.setuid(UID)
        os.environ["HOME"] = HOME
    elif not os.access(os.environ.get("HOME", "/"), os.W_OK):
        os.environ["HOME"] = HOME


def stand_in() -> str:
    """Set the variables that only a running container has, and return the stand-in key or "".

    The stand-in database is PostGIS, because SQLite cannot store geometries. Its address is in
    parts, not in one URL, because settings of 2019 read the parts. The secret store is left out,
    because only a running container has it.
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
    """Set a secret key, and return it, or "" if there is one already."""
    if _given("DJANGO_SECRET_KEY"):
        return ""
    os.environ["DJANGO_SECRET_KEY"] = secrets.token_urlsafe(50)
    return os.environ["DJANGO_SECRET_KEY"]


def _mounted_files() -> None:
    """Replace variables such as NAME_FILE whose files exist only in a running container."""
    for name in [name for name in os.environ if name.endswith("_FILE")]:
        plain = name.removesuffix("_FILE")
        alias = ALIAS_URL.fullmatch(plain)
        if (alias or plain in TABLE) and not Path(os.environ[name]).exists():
            del os.environ[name]
            if alias:
                os.environ[plain] = f"postgis://check:check@{HOST}/{alias[1].lower()}"


def _given(name: str) -> bool:
    # An empty variable counts as not set, as everywhere in the image.
    return any(os.environ.get(form, "").strip() for form in (name, f"{name}_FILE"))


def forbid_databases() -> None:
    """Make every query fail, as it does at a start before the database answers."""
    from django.db import OperationalError
    from django.db.backends.base.base import BaseDatabaseWrapper

    def connect(self: BaseDatabaseWrapper) -> None:
        raise OperationalError(f"the code queries the database '{self.alias}' while it loads")

    BaseDatabaseWrapper.connect = connect  # type: ignore[method-assign]  # of every database
