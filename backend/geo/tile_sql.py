"""One statement that makes a vector tile from what a viewset shows."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from django.contrib.gis.db.models.fields import BaseSpatialField
from django.core.exceptions import FieldDoesNotExist
from django.db import OperationalError, connections, models
from django.db.models import F, Func
from rest_framework import serializers, status
from rest_framework.exceptions import APIException

from backend.databases import driver, identifiers, sessions
from backend.databases.keyless import StoredAt, is_keyless
from backend.databases.server_errors import QUERY_CANCELED, sqlstate
from backend.databases.unique_keys import places
from backend.geo import srid
from backend.geo.expressions import identifier, literal, value
from backend.geo.sql import Column, FeatureQuery, NotInDatabase, expression, feature_query
from backend.geo.tile_geometry import drawn_name, kind, showable, simplified
from backend.lists.keyset import is_chosen, order_multiplies

EXTENT = 4096  # units along a tile's side, https://github.com/mapbox/vector-tile-spec
BUFFER = 64  # units drawn beyond each side
# The parts of a tile's side that are too small to see: half a pixel of 512, a quarter of 256. For
# 20,000 polygons with 50 vertices, this saves half of the bytes and the time.
PIXELS = 1024
# PostGIS's functions have a high cost, so PostgreSQL may find a tile of a thousand points worth
# compiling, which then takes ten times as long as the query, each time. Nor may it use parallel
# workers: the sample of the last ANALYZE would decide which of the two plans it uses, and starting
# a process takes longer than drawing a thousand points.
ONE_PLAN = "SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0; "
CORNERS = "SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)"
# From the root of a spatial index, which covers every row, and possibly deleted rows. Without an
# index, PostGIS uses the statistics, which are of a sample. An index can be on some of the rows
# only, and views and partitioned tables have neither of their own. Not for tables that show users
# other rows than those in the index.
INDEXED_EXTENT = f"""
{CORNERS} FROM (
    SELECT ST_EstimatedExtent(n.nspname, c.relname, a.attname) AS e
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = %s
    WHERE c.oid = to_regclass(%s) AND c.relkind IN ('r', 'm')
        AND NOT c.relrowsecurity
        -- ST_EstimatedExtent() puts quotation marks around names, but does not double theirs.
        AND strpos(n.nspname || c.relname, '"') = 0 AND (
        SELECT bool_and(i.indpred IS NULL AND i.indisvalid)
        FROM pg_index i JOIN pg_class named ON named.oid = i.indexrelid
            JOIN pg_am method ON method.oid = named.relam AND method.amname = 'gist'
        WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey)
    )
) extent
"""  # noqa: S608
# Of the row that is nearest to a side of that box, by the same index.
NEAREST = """
(SELECT {corner}({column}) FROM {table} WHERE {column} && ST_MakeEnvelope(%s, %s, %s, %s, %s)
 ORDER BY {column} <#> ST_MakeEnvelope(%s, %s, %s, %s, %s) LIMIT 1)
"""
SINGLE = 2.0**-23  # the relative precision to which the index knows which row is nearest


class TileTimeout(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "timeout"

    def __init__(self, seconds: int) -> None:
        super().__init__(
            f"The database needed more than {seconds} s (STATEMENT_TIMEOUT). Filter, or zoom in."
        )


class NoPostGIS(APIException):
    status_code = status.HTTP_501_NOT_IMPLEMENTED
    default_code = "no_postgis"

    def __init__(self, using: str) -> None:
        super().__init__(f"Vector tiles need PostGIS; the database '{using}' is not PostGIS.")


class Overlaps(Func):
    """Bounding boxes that overlap, in the coordinates and with the SRID of the stored values."""

    output_field = models.BooleanField()
    arity = 1

    def __init__(self, path: str, stored: srid.Storage, box: tuple[float, ...]) -> None:
        super().__init__(F(path))
        self.stored, self.box = stored, box

    def as_sql(  # type: ignore[override]  # without Func's function and template
        self, compiler: Any, connection: Any, **context: Any
    ) -> tuple[str, tuple[Any, ...]]:
        return self.of(*compiler.compile(self.source_expressions[0]))

    def of(self, sql: str, params: Sequence[Any] = ()) -> tuple[str, tuple[Any, ...]]:
        """The condition on the geometry that ``sql`` with ``params`` returns."""
        box, label = "ST_MakeEnvelope(%s, %s, %s, %s, %s)", self.stored.label
        if self.stored.geography:
            # Edges of a geography are great circles. Short ones stay close to the parallels.
            box = f"ST_Segmentize({box}, %s)::geography"
            step = (self.box[2] - self.box[0]) / 64
            return f"{sql} && {box}", (*params, *self.box, label, step)
        return f"{sql} && {box}", (*params, *self.box, label)


class OneOf(Func):
    """True for about one of ``k`` rows (a power of two), and always for the same rows."""

    output_field = models.BooleanField()
    arity = 1

    def __init__(self, identity: Any, k: int) -> None:
        super().__init__(identity)
        self.k = k

    def as_sql(  # type: ignore[override]  # without Func's function and template
        self, compiler: Any, connection: Any, **context: Any
    ) -> tuple[str, tuple[Any, ...]]:
        return self.of(*compiler.compile(self.source_expressions[0]))

    def of(self, sql: str, params: Sequence[Any] = ()) -> tuple[str, tuple[Any, ...]]:
        """The condition on the value that ``sql`` with ``params`` returns."""
        return f"hashtext(({sql})::text) & %s = 0", (*params, self.k - 1)


@dataclass(frozen=True)
class Layer:
    """What a viewset provides for its tiles. See the attributes of TilesMixin."""

    name: str
    serializer: serializers.Serializer[Any]
    queryset: models.QuerySet[Any]  # filtered
    geometry: str | None
    fields: tuple[str, ...] | None
    simplify_below: int  # zoom
    max_features: int | None
    timeout: int  # seconds; 0 for none

    def __post_init__(self) -> None:
        if not hasattr(connections[self.using].ops, "postgis_version"):
            raise NoPostGIS(self.using)

    @property
    def using(self) -> str:
        return self.queryset.db

    def columns(self) -> FeatureQuery:
        """All features. Raises NotInDatabase."""
        return self._query()

    def tile(self, z: int, x: int, y: int) -> tuple[bytes, int]:
        """The tile, which is empty without features, and k: it has about one of every k features.

        Raises TileTimeout.
        """
        stored, place, box = self._where(z, x, y)
        query = self._query(box)
        body, count = self._run(*self._statement(query, stored, place, (z, x, y)))
        k = 1
        if self.max_features is not None and count > self.max_features:
            # The first rows would all be in one corner of the tile.
            k = self._first_sample(query, self.max_features)
        while self.max_features is not None and count > self.max_features:
            query = self._query(box, OneOf(self._identity(), k))
            body, count = self._run(*self._statement(query, stored, place, (z, x, y)))
            k *= 2 if count > self.max_features else 1
        return bytes(body), k

    def extent(self) -> tuple[float, ...] | None:
        """xmin, ymin, xmax, ymax in degrees. None if there are no rows.

        Uses the spatial index for a whole table, and otherwise reads each row.
        """
        field = self._geometry_field()
        stored = srid.storage(field, self.using)
        # An annotation has no model.
        own = getattr(field, "model", None) is self.queryset.model
        whole = own and not self.queryset.query.where and not is_chosen(self.queryset)
        # Django's index of three dimensions cannot order by a distance in two.
        plane = not stored.geography and getattr(field, "dim", 2) == 2
        box: Any = self._indexed_extent(field, stored.label) if whole and plane else None
        if box is None:
            query = self._query()
            shape = f"{_geometry(query).label}::geometry"
            sql = f"SELECT ST_Extent({shape}) AS e FROM ({query.sql}) rows"  # noqa: S608
            box = self._run(f"{CORNERS} FROM ({sql}) extent", query.params)
        return None if box[0] is None else srid.lonlat(self.using, stored.srid, box)

    def _where(self, z: int, x: int, y: int) -> tuple[srid.Storage, srid.Place, Overlaps | None]:
        stored = srid.storage(self._geometry_field(), self.using)
        place = srid.place(self.using, stored.srid, z, x, y)
        # The parallels of a large tile are far from the great circles of a geography.
        if not place.box or (stored.geography and z <= srid.COARSE_ZOOM):
            return stored, place, None
        return stored, place, Overlaps(self._geometry_path(), stored, place.box)

    def _geometry_path(self) -> str:
        name = drawn_name(self.serializer, self.geometry)
        source: Any = self.serializer.fields[name].source  # of a bound field
        path: str = source.replace(".", "__")
        return path

    def _geometry_field(self) -> BaseSpatialField[Any, Any]:
        path, rows = self._geometry_path(), self.queryset.query
        if path not in rows.annotations:
            with contextlib.suppress(FieldDoesNotExist):
                return cast("BaseSpatialField[Any, Any]", rows.get_meta().get_field(path))
        # The path can add joins.
        output_field = F(path).resolve_expression(rows.clone()).output_field
        return cast("BaseSpatialField[Any, Any]", output_field)

    def _identity(self) -> Any:
        """What distinguishes rows. The same geometry of several rows is better than nothing."""
        if not is_keyless(self.queryset.model):
            return expression(self.queryset, "pk")
        stored = places(self.queryset.model, self.using)
        return StoredAt(stored[-1]) if stored else F(self._geometry_path())

    def _query(self, box: Overlaps | None = None, sample: OneOf | None = None) -> FeatureQuery:
        """The features of the list, or those in the box and of the sample."""
        rows, conditions = self.queryset, [one for one in (box, sample) if one]
        if is_chosen(rows):
            query = feature_query(self.serializer, rows, self.geometry, self.fields)
            return _of_those(query, box, sample) if conditions else query
        rows = rows.filter(*conditions)
        if not order_multiplies(rows):
            rows = rows.order_by()
        return feature_query(self.serializer, rows, self.geometry, self.fields)

    def _statement(
        self, query: FeatureQuery, stored: srid.Storage, place: srid.Place, tile: tuple[int, ...]
    ) -> tuple[str, tuple[Any, ...]]:
        names = {column.name for column in query.properties} | {query.id.name if query.id else None}
        shape, key = _unused("geometry", names), _unused("id", names)
        # It also keeps PostgreSQL from computing the geometry twice.
        limit = "OFFSET 0" if self.max_features is None else f"LIMIT {self.max_features + 1}"
        drawn, params, source = self._drawn(query, stored, place, tile[0], limit)
        envelope = "ST_TileEnvelope(%s, %s, %s)"
        selected = [f"ST_AsMVTGeom({drawn}, {envelope}, {EXTENT}, {BUFFER}, true) AS {shape}"]
        with_id = query.id is not None and isinstance(query.id.model_field, models.IntegerField)
        if query.id and with_id:
            selected.append(f"{query.id.label} AS {key}")
        others = query.properties if with_id or not query.id else (query.id, *query.properties)
        for column in others:
            selected.append(f"{value(column).in_tile} AS {identifier(column.name)}")
        arguments = [literal(self.name), str(EXTENT), f"'{shape}'"] + [f"'{key}'"] * with_id
        return (
            f"SELECT ST_AsMVT(tile, {', '.join(arguments)}) FILTER (WHERE {shape} IS NOT NULL), "  # noqa: S608
            f"count(*) FROM (SELECT {', '.join(selected)} FROM ({source}) rows {limit}) tile",
            (*params, *tile, *query.params),
        )

    def _drawn(
        self, query: FeatureQuery, stored: srid.Storage, place: srid.Place, z: int, limit: str
    ) -> tuple[str, list[Any], str]:
        """The geometry in EPSG:3857, simplified; its parameters; and the rows that it reads."""
        column = _geometry(query)
        shape = showable(column, stored, place)
        simplify = z < self.simplify_below and "POINT" not in kind(column)
        params: list[Any] = []
        if simplify and place.side:
            shape, params = simplified(kind(column), shape, place.side / PIXELS)
        if stored.srid != 3857:
            shape = f"ST_Transform({shape}, 3857)"
        if not simplify or place.side:
            return shape, params, query.sql
        # Behind a limit, so that it is transformed only once.
        source = f"SELECT rows.*, {shape} AS moved FROM ({query.sql}) rows {limit}"  # noqa: S608
        pixel = 2 * srid.WORLD / 2**z / PIXELS
        return (*simplified(kind(column), "moved", pixel), source)

    def _first_sample(self, query: FeatureQuery, most: int) -> int:
        """The power of two that leaves few enough features, according to PostgreSQL's estimate."""
        if sessions.is_restricted(self.using, query.sql):
            return 2  # an estimate includes the rows of all users
        (plan,) = self._run(f"EXPLAIN (FORMAT JSON) {query.sql}", query.params)
        rows = (json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]["Plan Rows"]
        k: int = 2 ** max(1, math.ceil(math.log2(max(1, rows) / max(1, most))))
        return k

    def _indexed_extent(
        self, field: BaseSpatialField[Any, Any], label: int
    ) -> tuple[float, ...] | None:
        """To the precision of the index, and never without a row. None if there is no index."""
        quoted = connections[self.using].ops.quote_name
        column: Any = field.column  # of a model, so it has a name
        named = (identifiers.column_name(column), identifiers.table(field.model))
        table, column = quoted(field.model._meta.db_table), quoted(column)
        box = self._run(INDEXED_EXTENT, named)
        if not box or box[0] is None:
            return None
        west, south, east, north = box
        sides = {
            "ST_XMin": (west, south, west, north),
            "ST_YMin": (west, south, east, south),
            "ST_XMax": (east, south, east, north),
            "ST_YMax": (west, north, east, north),
        }
        selects = [NEAREST.format(corner=name, column=column, table=table) for name in sides]
        params = [each for side in sides.values() for each in (*box, label, *side, label)]
        nearest = self._run(f"SELECT {', '.join(selects)}", tuple(params))
        if nearest[0] is None:
            return None
        least = [
            max(old, new - abs(new) * SINGLE) for old, new in zip(box, nearest[:2], strict=False)
        ]
        most = [
            min(old, new + abs(new) * SINGLE) for old, new in zip(box[2:], nearest[2:], strict=True)
        ]
        return (*least, *most)

    def _run(self, sql: str, params: tuple[Any, ...]) -> Any:
        """The first row. None if there is none.

        Statements that are sent in one message are one transaction, so SET LOCAL applies to all.
        """
        limit = f"SET LOCAL statement_timeout = {self.timeout * 1000}; " if self.timeout else ""
        limit += ONE_PLAN
        try:
            with connections[self.using].cursor() as cursor:
                cursor.execute(limit + sql, params)
                driver.show_last_result(cursor)
                return cursor.fetchone()
        except OperationalError as error:
            if sqlstate(error) != QUERY_CANCELED:
                raise
            raise TileTimeout(self.timeout) from error


def _of_those(query: FeatureQuery, box: Overlaps | None, sample: OneOf | None) -> FeatureQuery:
    """Fewer of the rows of ``query``, after they are chosen. A WHERE inside would choose others."""
    conditions = [box.of(_geometry(query).label)] if box else []
    if sample:
        conditions.append(sample.of(query.id.label if query.id else "those.*"))
    where = " AND ".join(sql for sql, _ in conditions)
    params = [value for _, values in conditions for value in values]
    sql = f"SELECT * FROM ({query.sql}) those WHERE {where}"  # noqa: S608
    return replace(query, sql=sql, params=(*query.params, *params))


def _geometry(query: FeatureQuery) -> Column:
    """The column to draw. Raises NotInDatabase."""
    if query.geometry is None:  # there is a field, but it is write-only
        raise NotInDatabase(
            "The serializer does not show a geometry.",
            "Name one that it shows in tile_geometry of the view.",
        )
    return query.geometry


def _unused(name: str, names: set[str | None]) -> str:
    name = f"_{name}"
    while name in names:
        name = f"_{name}"
    return name
