"""A database's password that is changed while the API runs.

Secrets that are files (``POSTGRES_PASSWORD_FILE``, ``DATABASE_URL_FILE``, a folder as SECRET_STORE)
are replaced under a running container. When the server refuses a connection, they are read again: a
new password is tried at once, and kept where it is right.
"""

from __future__ import annotations

import logging
from typing import Any, cast

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql.base import DatabaseWrapper

from backend.conf import required, secret_store
from backend.conf.environment import Environment, current
from backend.conf.errors import StartupError

logger = logging.getLogger("backend.databases.rotation")

# What makes a database another one, and not the same with another login.
PLACE = ("ENGINE", "NAME", "HOST", "PORT")
LOGIN = {"USER": "user", "PASSWORD": "password"}

_stock = DatabaseWrapper.get_new_connection


def install() -> None:
    """Take the place of Django's own, before the first connection is made."""
    DatabaseWrapper.get_new_connection = _connect  # type: ignore[method-assign]  # in its place


def _connect(self: BaseDatabaseWrapper, conn_params: dict[str, Any]) -> Any:
    try:
        return _stock(self, conn_params)
    except cast(DatabaseWrapper, self).Database.OperationalError:
        # libpq gives no code for a login that is refused. Whatever it was: unless the files say
        # something new, nothing else is tried.
        login = _new_login(self, conn_params)
        if login is None:
            raise
    connection = _stock(self, conn_params | {LOGIN[name]: value for name, value in login.items()})
    for settings in (self.settings_dict, connections.settings[self.alias]):
        settings.update(login)
    logger.warning("database '%s': the credentials have changed, and were read again", self.alias)
    return connection


def _new_login(wrapper: BaseDatabaseWrapper, params: dict[str, Any]) -> dict[str, str] | None:
    """The login that the files have now, None where it is the one of ``params`` or not theirs.

    Not that of the settings, which another thread may just have renewed.
    """
    try:
        database = required.read_databases(_environment()).get(wrapper.alias)
    except StartupError as error:  # a file that is just being replaced
        logger.warning("database '%s': %s", wrapper.alias, error.problem)
        return None
    known = wrapper.settings_dict
    if database is None or any(
        str(database.get(name) or "") != str(known.get(name) or "") for name in PLACE
    ):
        return None  # the team's own
    login = {name: database.get(name, "") for name in LOGIN}
    tried = {name: params.get(LOGIN[name], "") for name in LOGIN}
    return login if login != tried else None


def _environment() -> Environment:
    """As ``current()``, with files as they are now. AWS is not asked at every failure."""
    env = current()
    store = env["SECRET_STORE"]
    is_folder = bool(env.store) and store and not store.startswith(secret_store.SSM)
    return Environment(env.raw, secret_store.read(store) if is_folder else env.store)
