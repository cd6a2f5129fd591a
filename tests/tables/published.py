"""A database that the image publishes without any Python, beside what SQL says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
import requests
from psycopg2.extras import register_default_json

from tests.conftest import PostGIS
from tests.support.containers import Container, Containers
from tests.tables import values
from tests.tables.relations import Relation, quoted, read, relations, select

HERE = Path(__file__).parent
READER = "reader"  # a role that can only read, and its password
GRANT = """
GRANT USAGE ON SCHEMA {schema} TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader;
"""
SHAPE = "geometry of the row"  # the key of the box around it, beside the names of columns
# The database, the error code, and the message.
LOG_PREFIX = "log_line_prefix=%d %e "


@dataclass(frozen=True)
class Source:
    """A file of SQL, the schemas of it that are published, and the role that reads them."""

    file: Path
    schemas: tuple[str, ...]
    role: str = READER
    # The systems of columns that declare none, by the names of tables and columns.
    srids: Mapping[str, int] = field(default_factory=dict)
    has_grants: bool = False
    broken: tuple[str, ...] = ()  # the routes of views whose rows are an error

    def __str__(self) -> str:
        return f"{self.file.stem}-{self.role}"

    @property
    def variable(self) -> str:
        """PUBLISH_SCHEMAS."""
        plain = re.compile(r"[\w ]+")
        return ",".join(each if plain.fullmatch(each) else quoted(each) for each in self.schemas)


SRIDS = {
    "feet_without_srid.geom": 2913,
    "utm_in_comment.geom": 26910,
    # These have no system, or several, so that their coordinates count as degrees.
    "drawing.geom": 4326,
    "mixed shapes.geom": 4326,
}
SOURCES = [
    Source(HERE / "handover.sql", ("city_open_data",)),
    Source(HERE / "handover.sql", ("city_open_data",), PostGIS.user),
    Source(
        HERE / "shapes.sql",
        ('City "Data" 100%', "census", "dbo"),
        srids=SRIDS,
        has_grants=True,
        broken=("divided",),
    ),
]


@dataclass
class Published:
    container: Container
    server: PostGIS
    database: str
    source: Source
    relations: list[Relation]
    cursor: Any
    logged: int  # lines of the server's log before its first request
    _rows: dict[tuple[str, str], list[list[Any]]] = field(default_factory=dict)
    _ids: dict[str, str | None] = field(default_factory=dict)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.container.get(path, **options)

    def sql(self, statement: str) -> str:
        """The first column that a statement returns, as the role of the API."""
        self.cursor.execute(f"SET ROLE {quoted(self.source.role)}; {statement}")
        return "\n".join(str(value) for (value,) in self.cursor)

    def named(self, name: str) -> Relation:
        return next(each for each in self.relations if each.name == name)

    @property
    def has_few_relations(self) -> bool:
        return len(self.source.schemas) == 1

    @cached_property
    def document(self) -> dict[str, Any]:
        document = self.get("/swagger.json").json()
        base = document["basePath"].rstrip("/")
        document["paths"] = {base + path: item for path, item in document["paths"].items()}
        return document

    def operation(self, path: str) -> dict[str, Any]:
        return self.document["paths"][path]["get"]

    def properties(self, relation: Relation) -> dict[str, Any]:
        """The documented properties of a row."""
        schema = self.operation(f"{base(relation)}/")["responses"]["200"]["schema"]
        schema = self._resolved(self._resolved(schema)["properties"]["results"])
        if "features" in schema.get("properties", {}):
            schema = schema["properties"]["features"]
        schema = self._resolved(schema["items"])["properties"]
        inside = self._resolved(schema["properties"])["properties"] if relation.geometry else {}
        return {**schema, **inside}

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = self.document["definitions"][schema["$ref"].rpartition("/")[2]]
        return schema

    def _raw(self, relation: Relation, tail: str) -> list[list[Any]]:
        """Rows in SQL: the columns, and the place."""
        if (relation.sql, tail) not in self._rows:
            asked = [values.expression(each) for each in relation.shown]
            asked += [relation.geometry.place if relation.geometry else "NULL::json"]
            rows = read(self.sql(select(relation, asked, tail)))
            self._rows[relation.sql, tail] = [list(row.values()) for row in rows]
        return self._rows[relation.sql, tail]

    def rows(self, relation: Relation, tail: str = "") -> list[dict[str, Any]]:
        """Rows in SQL, as the API should show them, in the order of the key."""
        return [sql_row(relation, row) for row in self._raw(relation, tail)]

    def placed(self, relation: Relation) -> list[tuple[dict[str, Any], list[float]]]:
        """The first and the last rows that have a geometry, with a vertex of it."""
        raw = [row for tail in self._tails(relation) for row in self._raw(relation, tail)]
        return [
            (sql_row(relation, row), [float(each) for each in row[-1][1]]) for row in raw if row[-1]
        ]

    def counts(self, relation: Relation, conditions: list[str]) -> list[int]:
        """The number of rows for which each condition is true."""
        counted: list[int] = []
        for at in range(0, len(conditions), 90):
            filters = [f"count(*) FILTER (WHERE {each})" for each in conditions[at : at + 90]]
            asked = f"SELECT json_build_array({', '.join(filters)}) FROM {relation.sql}"
            counted += json.loads(self.sql(asked))
        return counted

    def id_name(self, relation: Relation) -> str | None:
        """The column that is the ID of a feature. A row without a geometry has none."""
        if relation.sql not in self._ids:
            page = self.get(f"{base(relation)}/?limit=1").json()["results"]
            features = page["features"] if relation.geometry else []
            names = {each.name for each in relation.shown}
            left = names - set(features[0]["properties"]) if features else set()
            self._ids[relation.sql] = min(left, default=None)
        return self._ids[relation.sql]

    def _tails(self, relation: Relation) -> tuple[str, str]:
        return "LIMIT 3", f"OFFSET {max(0, relation.count - 3)}"

    def ends(self, relation: Relation) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The first and the last rows."""
        first, last = self._tails(relation)
        return self.rows(relation, first), self.rows(relation, last)


def sql_row(relation: Relation, row: list[Any]) -> dict[str, Any]:
    edges = row[-1][0] if row[-1] else None
    made = row_of(relation, row[:-1], None)
    return (
        {**made, SHAPE: box(edges[::2], edges[1::2]) if edges else None} if SHAPE in made else made
    )


def row_of(relation: Relation, cells: list[Any], shape: dict[str, Any] | None) -> dict[str, Any]:
    """A row that can be compared: its columns, and the box around its geometry."""
    pairs = zip(relation.shown, cells, strict=True)
    row = {each.name: values.canonical(each, value) for each, value in pairs}
    return {**row, SHAPE: corners(shape)} if relation.geometry else row


def corners(shape: dict[str, Any] | None) -> tuple[float, ...] | None:
    """The box around a GeoJSON geometry, to a millimeter or so."""
    numbers = list(_numbers(shape or {}))
    if not numbers:
        return None
    return box([pair[0] for pair in numbers], [pair[1] for pair in numbers])


def box(lons: list[float], lats: list[float]) -> tuple[float, ...]:
    return tuple(round(float(edge), 6) for edge in (min(lons), min(lats), max(lons), max(lats)))


def _numbers(shape: Any) -> Iterator[list[Any]]:
    if isinstance(shape, dict):
        yield from _numbers(shape.get("coordinates") or shape.get("geometries") or [])
    elif isinstance(shape, list) and shape and not isinstance(shape[0], (list, dict)):
        yield shape
    elif isinstance(shape, list):
        for part in shape:
            yield from _numbers(part)


def corners_of_wkt(text: str) -> tuple[float, ...] | None:
    pairs = re.findall(r"(-?[\d.]+(?:e[-+]?\d+)?) (-?[\d.]+(?:e[-+]?\d+)?)[^(),]*(?=[(),])", text)
    return (
        box(*([float(each) for each in axis] for axis in zip(*pairs, strict=True)))
        if pairs
        else None
    )


def term(name: str) -> str:
    """A name in a list such as ?fields=, in quotation marks if it needs them."""
    return name if re.fullmatch(r"\w+", name) else quoted(name)


def base(relation: Relation) -> str:
    return f"/api/{relation.route}"


def detail(relation: Relation, row: dict[str, Any]) -> str:
    """The address of a row: the parts of its key, joined by commas."""
    parts = [key_text(row[name]) for name in relation.key]
    if len(parts) > 1:
        parts = [term(part) for part in parts]
    elif parts[0] in ("", "map", "geojson"):
        parts = [quoted(parts[0])]
    return f"{base(relation)}/{','.join(quote(part, safe='') for part in parts)}/"


def key_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, tuple) else str(value)


def start(started: Containers, server: PostGIS, source: Source, **env: str) -> Published:
    """Load the file into a new database, and publish its schema with two variables."""
    database = server.database()
    server.sql(
        "DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 'reader'; "
        "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    server.sql(source.file.read_text(encoding="utf-8"), database)
    for schema in () if source.has_grants else source.schemas:
        server.sql(GRANT.format(schema=quoted(schema)), database)
    # Autovacuum would do so at some time, and change estimated counts between two requests.
    server.sql("ANALYZE", database)
    password = server.password if source.role == server.user else READER
    login = f"{source.role}:{quote(password, safe='')}@{server.host}:5432"
    container = started.start(
        env={
            "DATABASE_URL": f"postgis://{login}/{database}",
            "PUBLISH_SCHEMAS": source.variable,
            # A look at the tables would be in the server's log.
            "PUBLISH_INTERVAL": "0",
            **env,
        },
        options=["--network", server.network],
    ).wait_until_ready()
    cursor = _cursor(server, database)
    found = relations(cursor, source.schemas, source.role, source.srids)
    # Each number as it is written.
    register_default_json(cursor.connection, loads=str)
    logged = len(server.container.logs().splitlines())
    return Published(container, server, database, source, found, cursor, logged)


def _cursor(server: PostGIS, database: str) -> Any:
    """A cursor of a superuser, whose statements do not wait for a program to start."""
    host, port = server.container.address(5432)
    connection = psycopg2.connect(
        host=host, port=port, dbname=database, user=server.user, password=server.password
    )
    connection.autocommit = True
    return connection.cursor()
