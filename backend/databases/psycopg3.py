"""What Django's connections lack with psycopg 3. ``backend.databases.driver`` installs it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib.gis.db.backends.postgis import base as postgis
from django.contrib.gis.db.backends.postgis.operations import PostGISOperations
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.postgresql import base, psycopg_any
from psycopg.errors import DataError  # noqa: TID251
from psycopg.types.datetime import DateLoader, TimeLoader, TimestampLoader  # noqa: TID251


def install() -> None:
    postgresql: Any = base  # with names that the stubs lack
    stock = postgresql.get_adapters_template

    def adapters(use_tz: bool, timezone: datetime.tzinfo | None) -> Any:
        made = stock(use_tz, timezone)
        made.register_loader("date", Date)
        made.register_loader("time", Time)
        made.register_loader("timestamp", Timestamp)
        return made

    postgresql.get_adapters_template = adapters
    psycopg_any.BaseTzLoader.load = _load_with_zone
    wrappers: Any = postgis.DatabaseWrapper
    wrappers.register_geometry_adapters = _register
    # GeoDjango reads geometries as hexadecimal texts. As bytes, they need not become GEOS's objects
    # (backend.geo.lazy_geos), and curves can be read (backend.geo.curves).
    PostGISOperations.select = "%s::bytea"


# psycopg 3 refuses what Python does not have. backend.databases.psycopg2 returns PostgreSQL's text,
# and of infinity, psycopg 2 returns the last or the first value of Python.
# https://www.psycopg.org/psycopg3/docs/advanced/adapt.html#example-handling-infinity-date


class Date(DateLoader):  # type: ignore[misc]  # psycopg may be missing
    def load(self, data: Any) -> Any:
        return _infinity(data, datetime.date) or _or_text(super().load, data)


class Time(TimeLoader):  # type: ignore[misc]
    def load(self, data: Any) -> Any:
        return _or_text(super().load, data)


class Timestamp(TimestampLoader):  # type: ignore[misc]
    def load(self, data: Any) -> Any:
        return _infinity(data, datetime.datetime) or _or_text(super().load, data)


_stock_load = psycopg_any.BaseTzLoader.load


def _load_with_zone(self: Any, data: Any) -> Any:
    infinity = _infinity(data, datetime.datetime)
    if infinity:
        return infinity.replace(tzinfo=self.timezone)
    return _or_text(partial(_stock_load, self), data)


def _or_text(stock: Callable[[Any], Any], data: Any) -> Any:
    try:
        return stock(data)
    except DataError:
        return bytes(data).decode()


def _infinity(data: Any, kind: type[Any]) -> Any:
    if data == b"infinity":
        return kind.max
    return kind.min if data == b"-infinity" else None


_stock_register: Any = postgis.DatabaseWrapper.register_geometry_adapters


def _register(self: BaseDatabaseWrapper, connection: Any, clear_caches: bool = False) -> None:
    """GeoDjango queries the types of PostGIS while it connects. Let Django know the connection by
    then, so that others can close it if the server does not answer."""
    before, self.connection = self.connection, connection
    try:
        _stock_register(self, connection, clear_caches)
    finally:
        self.connection = before
