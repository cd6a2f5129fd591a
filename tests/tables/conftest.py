"""Databases that people hand over: handover.sql, and the more difficult shapes.sql."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.conftest import PostGIS

HERE = Path(__file__).parent
READER = "reader"  # the role of shapes.sql, and its password


@pytest.fixture(scope="session")
def handover(postgis: PostGIS) -> str:
    """The name of a database with ten relations, as shp2pgsql, ogr2ogr, and pandas create them."""
    return loaded(postgis, "handover.sql")


@pytest.fixture(scope="session")
def shapes(postgis: PostGIS) -> str:
    """The name of a database with a hundred difficult relations."""
    return loaded(postgis, "shapes.sql")


def loaded(postgis: PostGIS, script: str) -> str:
    """A new database with the relations of a script."""
    database = postgis.database()
    postgis.sql((HERE / script).read_text(encoding="utf-8"), database)
    return database


@contextlib.contextmanager
def cursor_of(
    postgis: PostGIS, database: str, user: str = PostGIS.user, password: str = PostGIS.password
) -> Iterator[Any]:
    """A plain cursor of psycopg 2, outside of Django."""
    host, port = postgis.container.address(5432)
    connection = psycopg2.connect(
        host=host, port=port, dbname=database, user=user, password=password
    )
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()
