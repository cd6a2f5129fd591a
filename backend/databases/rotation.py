"""Lets a database's password change while the API runs.

Secrets in files (``POSTGRES_PASSWORD_FILE``, ``DATABASE_URL_FILE``, a folder as SECRET_STORE) can
be replaced under a running container. When the server refuses a connection, the files are read
again. A new login is tried immediately, and kept if it works.
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

# The keys that identify a database. A change of one is not just another login.
PLACE = ("ENGINE", "NAME", "HOST", "PORT")
LOGIN = {"USER": "user", "PASSWORD": "password"}

_stock = DatabaseWrapper.get_new_connection


def install() -> None:
    """Replace Django's own method, before the first connection is opened."""
    DatabaseWrapper.get_new_connection = _connect  # type: ignore[method-assign]  # in its place


def _connect(self: BaseDatabaseWrapper, conn_params: dict[str, Any]) -> Any:
    try:
        return _stock(self, conn_params)
    except cast(DatabaseWrapper, self).Database.OperationalError:
        # libpq has no code for a refused login. Whatever the error was, nothing else is tried
        # unless the files have a new login.
        login = _new_login(self, conn_params)
        if login is None:
            raise
    connection = _stock(self, conn_params | {LOGIN[name]: value for name, value in login.items()})
    for settings in (self.settings_dict, connections.settings[self.alias]):
        settings.update(login)
    logger.warning("database '%s': the credentials have changed, and were read again", self.alias)
    return connection


def _new_login(wrapper: BaseDatabaseWrapper, params: dict[str, Any]) -> dict[str, str] | None:
    """The login in the files now. None if ``params`` has it, or the files lack the database.

    It is compared with ``params``, because another thread may have just updated the settings.
    """
    try:
        database = required.read_databases(_environment()).get(wrapper.alias)
    except StartupError as error:  # a file that is being replaced at this moment
        logger.warning("database '%s': %s", wrapper.alias, error.problem)
        return None
    known = wrapper.settings_dict
    if database is None or any(
        str(database.get(name) or "") != str(known.get(name) or "") for name in PLACE
    ):
        return None  # a database from the team's own settings
    login = {name: database.get(name, "") for name in LOGIN}
    tried = {name: params.get(LOGIN[name], "") for name in LOGIN}
    return login if login != tried else None


def _environment() -> Environment:
    """Like ``current()``, with the files as they are now. AWS is not asked after every failure."""
    env = current()
    store = env["SECRET_STORE"]
    is_folder = bool(env.store) and store and not store.startswith(secret_store.SSM)
    return Environment(env.raw, secret_store.read(store) if is_folder else env.store)
