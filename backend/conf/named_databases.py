"""Stops a start whose settings do not use a database that a variable names.

A team can replace DATABASES. Nobody would notice that a variable then does nothing: a production
API would run on an empty SQLite. Settings that read the variable themselves have the same database.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any
from urllib.parse import unquote, urlsplit

from backend.conf import source
from backend.conf.environment import Environment
from backend.conf.errors import StartupError

# The host in variables that only let settings load. No such host can exist:
# https://www.rfc-editor.org/rfc/rfc6761#section-6.4
STAND_IN = "database.invalid"


@dataclass(frozen=True)
class Address:
    """Where a database is. The port is empty for the default one, the host for a local socket."""

    host: str
    port: str
    name: str
    is_sqlite: bool

    def __str__(self) -> str:
        if self.is_sqlite:
            return "SQLite"
        port = f":{self.port}" if self.port else ""
        return f"'{self.name}' on {self.host}{port}" if self.host else f"'{self.name}'"

    def is_same_as(self, other: Address) -> bool:
        if self.is_sqlite or other.is_sqlite:
            return self.is_sqlite and other.is_sqlite
        # Only if both are given, because each server has its own default.
        has_same_port = self.port == other.port or not (self.port and other.port)
        return (
            has_same_port
            and self.name == other.name
            and self.host.casefold() == other.host.casefold()
        )


def check(
    databases: dict[str, dict[str, Any]],
    named: dict[str, tuple[str, Address]],
    module: ModuleType,
) -> None:
    """Raises StartupError if ``databases``, which ``module`` sets, do not use a named one."""
    for alias, (variable, address) in named.items():
        database = databases.get(alias)
        if database is None:
            used, texts = f"DATABASES has no '{alias}'", set[str]()
        elif (in_force := address_of(database)).is_same_as(address):
            continue
        else:
            used = f"DATABASES['{alias}'] is {in_force}"
            texts = {in_force.host, in_force.name, str(database.get("ENGINE"))} - {""}
        raise StartupError(
            f"{source.place_in(module, 'DATABASES', texts)}: {used}, but {variable} names "
            f"{address}.",
            f"Use {variable} there. If the settings are right, set {variable} to an empty value.",
        )


def address_of(database: dict[str, Any]) -> Address:
    """The address in Django's settings for a database."""
    host, port, name = (str(database.get(part) or "") for part in ("HOST", "PORT", "NAME"))
    engine = str(database.get("ENGINE"))
    return Address(host, port, name, "sqlite" in engine or "spatialite" in engine)


def address_in_url(env: Environment, variable: str) -> Address:
    """The address in a database URL, also of a database that the image has no settings for."""
    try:
        return address_of(env.database(variable))
    except StartupError as error:
        try:
            url = urlsplit(env.text(variable) or "")
            host, port = url.hostname or "", str(url.port or "")
        except ValueError:
            raise error from None
        is_sqlite = url.scheme in ("sqlite", "spatialite")
        if not url.netloc and not is_sqlite:
            raise
        return Address(host, port, unquote(url.path[1:]), is_sqlite)
