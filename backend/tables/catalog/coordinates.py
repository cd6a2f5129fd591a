"""The spatial reference system of geometry columns that declare none.

Files without a .prj, and pandas, give columns of type geometry without an SRID. The values, their
extent, a comment, and the other tables can tell what the coordinates are.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from backend.conf.errors import StartupError, one_line
from backend.databases.identifiers import db_table, quoted
from backend.tables.catalog.relations import Catalog, Column, Relation

WGS84 = 4326
ROWS = 1000  # looked at in a column, from its start and from random pages
LARGE = 10 * ROWS  # rows from which random pages are looked at, too
SECONDS = 2  # that a column may take, such as one of a view that computes it
HAS_PAGES = ("table", "partitioned table", "materialized view")
# Degrees between data of one region. In the next zone of a system, they would be farther away.
NEAR = 0.5
MOST_OTHERS = 50  # columns that tell where the data are
NAMED = re.compile(r"\b(?:EPSG|SRID|WKID)\W{0,3}(\d{4,6})\b", re.IGNORECASE)

SEVERAL = "its values have several"

Place = tuple[str, str, str]  # schema, relation, column
Answer = tuple[int | None, str]  # the SRID, and how it is known, or why it is not
Box = tuple[float, float, float, float]  # xmin, ymin, xmax, ymax

# PostGIS can be in any schema.
POSTGIS = """
SELECT n.nspname::text FROM pg_type t JOIN pg_proc p ON p.oid = t.typmodin
JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typname = 'geometry' AND p.proname = 'geometry_typmod_in'
"""
# Its schema, if the search_path leaves it out. Functions are then not found.
NOT_SEARCHED = """
SELECT n.nspname::text, current_user::text
FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'postgis' AND NOT n.nspname = ANY (current_schemas(true))
"""
SYSTEMS = """
SELECT srid, upper(coalesce(srtext, '')) LIKE 'GEOG%%'
FROM {postgis}.spatial_ref_sys WHERE srid = ANY (%(srids)s::int[])
"""
SAMPLE = """
SELECT array_agg(DISTINCT {postgis}.ST_SRID(g)), min({postgis}.ST_XMin(g)),
    min({postgis}.ST_YMin(g)), max({postgis}.ST_XMax(g)), max({postgis}.ST_YMax(g))
FROM ({rows}) sample (g)
"""
PART = """
(SELECT {column}::{postgis}.geometry FROM {table} {pages} WHERE {column} IS NOT NULL LIMIT {count})
"""
DEGREES = """
SELECT {postgis}.ST_XMin(b), {postgis}.ST_YMin(b), {postgis}.ST_XMax(b), {postgis}.ST_YMax(b)
FROM (SELECT {postgis}.ST_Transform({postgis}.ST_MakeEnvelope(%s, %s, %s, %s, %s), 4326)) t (b)
"""


def check_search_path(cursor: Any, catalog: Catalog) -> None:
    """Raises StartupError if there are geometries, and the functions of PostGIS are not found."""
    if not any(each.geometry for table in catalog.relations for each in table.columns):
        return
    cursor.execute(NOT_SEARCHED)
    for schema, role in cursor.fetchall():
        raise StartupError(
            f"PostGIS is in the schema {schema}, which is not in the search_path of the role "
            f"{role}.",
            f"Add it: ALTER ROLE {quoted(role)} SET search_path = SCHEMA, {quoted(schema)};",
        )


def infer(cursor: Any, catalog: Catalog) -> dict[Place, Answer]:
    """The system of each geometry column that declares none, with a reason for the report.

    ``cursor`` is one of psycopg 2 or 3. The reason follows "EPSG:2913 is used: ", or "The system is
    unknown: ".
    """
    columns = [
        Spatial(relation, column, column.geometry.srid)
        for relation in catalog.relations
        for column in relation.columns
        if column.geometry is not None
    ]
    if all(column.declared for column in columns):
        return {}
    return _Inference(cursor, _postgis(cursor)).answers(columns)


def known_systems(cursor: Any, srids: Iterable[int], postgis: str = "") -> dict[int, bool]:
    """Those that the database knows, and whether they are in degrees."""
    statement = SYSTEMS.format(postgis=postgis or _postgis(cursor))
    cursor.execute(statement, {"srids": sorted(srids)})
    return dict(cursor.fetchall())


def _postgis(cursor: Any) -> str:
    """The schema of PostGIS, as SQL."""
    cursor.execute(POSTGIS)
    (schema,) = cursor.fetchone()
    return quoted(schema)


@dataclass(frozen=True)
class Spatial:
    """A column with geometries."""

    relation: Relation
    column: Column
    declared: int  # its SRID, or 0

    @property
    def place(self) -> Place:
        return self.relation.schema, self.relation.name, self.column.name


@dataclass(frozen=True)
class Sample:
    """Some values of a column."""

    srids: tuple[int, ...] = ()
    box: Box | None = None  # None if there is no value, or only empty ones
    error: str = ""

    @property
    def is_in_degrees(self) -> bool:
        """Whether the coordinates can be longitude and latitude."""
        if self.box is None:
            return False
        west, south, east, north = self.box
        return west >= -180 and east <= 180 and south >= -90 and north <= 90


# Boxes in degrees, by coordinates and system, since the process started.
_degrees_of: dict[tuple[Box, int], Box | None] = {}


class _Inference:
    def __init__(self, cursor: Any, postgis: str) -> None:
        self._cursor = cursor
        self._postgis = postgis

    def answers(self, columns: Sequence[Spatial]) -> dict[Place, Answer]:
        samples = {each.place: self._sample(each) for each in columns if not each.declared}
        named = {each.place: self._named(each) for each in columns if not each.declared}
        answers = {place: self._alone(sample, named[place]) for place, sample in samples.items()}
        if None not in answers.values():
            return {place: answer for place, answer in answers.items() if answer}
        srids = [each.declared or (answers[each.place] or (None,))[0] for each in columns]
        known = [(each, srid) for each, srid in zip(columns, srids, strict=True) if srid]
        others = self._boxes(known[:MOST_OTHERS])
        projected = self._projected({srid for _, srid in known})
        return {
            place: answer or self._near(samples[place], named[place], projected, others)
            for place, answer in answers.items()
        }

    def _sample(self, of: Spatial) -> Sample:
        names = {
            "postgis": self._postgis,
            "table": db_table(of.relation.schema, of.relation.name),
            "column": quoted(of.column.name),
            "count": ROWS,
        }
        parts = [PART.format(**names, pages="")]
        if of.relation.rows > LARGE and of.relation.kind in HAS_PAGES:
            # The same pages every time, so that the answer is the same.
            share = 100 * ROWS / of.relation.rows
            parts.append(PART.format(**names, pages=f"TABLESAMPLE SYSTEM ({share}) REPEATABLE (1)"))
        row, error = self._row(SAMPLE.format(**names, rows=" UNION ALL ".join(parts)))
        if row is None:
            return Sample(error=error)
        srids, *box = row
        return Sample(tuple(srids or ()), _finite(box))

    def _row(
        self, statement: str, parameters: Sequence[Any] = ()
    ) -> tuple[tuple[Any, ...] | None, str]:
        """The row of a statement that can fail or take long, or else the error."""
        connection = self._cursor.connection
        back = "" if connection.autocommit else " TO SAVEPOINT coordinates"
        self._cursor.execute("SAVEPOINT coordinates" if back else "BEGIN")
        try:
            self._cursor.execute(f"SET LOCAL statement_timeout = {1000 * SECONDS}")
            self._cursor.execute(statement, parameters)
            return self._cursor.fetchone(), ""
        except connection.Error as error:
            return None, one_line(str(error).partition("\n")[0])
        finally:
            self._cursor.execute(f"ROLLBACK{back}")

    def _named(self, of: Spatial) -> dict[int, bool]:
        """The systems that the comments name. The column's comment counts before the table's."""
        for comment in (of.column.comment, of.relation.comment):
            if found := self._systems({int(number) for number in NAMED.findall(comment)}):
                return found
        return {}

    def _systems(self, srids: Iterable[int]) -> dict[int, bool]:
        return known_systems(self._cursor, srids, self._postgis)

    def _projected(self, srids: Iterable[int]) -> list[int]:
        return [srid for srid, is_geographic in self._systems(srids).items() if not is_geographic]

    def _alone(self, sample: Sample, named: dict[int, bool]) -> Answer | None:
        """What the column tells without the others. None if it is not enough."""
        if sample.error:
            return None, f"its rows cannot be read ({sample.error})"
        if len(sample.srids) > 1:
            return None, f"{SEVERAL} ({_listed(sample.srids)})"
        if sample.srids and sample.srids[0]:
            (srid,) = sample.srids
            if srid in self._systems([srid]):
                return srid, "its values have this one"
            return None, f"its values have {srid}, which is not in spatial_ref_sys"
        if sample.box is None:
            return None, "it has no values yet"
        fitting = [
            srid for srid, is_geographic in named.items() if is_geographic == sample.is_in_degrees
        ]
        if len(fitting) == 1:
            return fitting[0], "the comment names it"
        return (WGS84, "coordinates are longitude and latitude") if sample.is_in_degrees else None

    def _near(
        self, sample: Sample, named: dict[int, bool], used: list[int], others: list[Box]
    ) -> Answer:
        """The system that places the column where most others are."""
        candidates = [srid for srid, is_geographic in named.items() if not is_geographic] or used
        boxes = {srid: self._in_degrees(sample.box, srid) for srid in candidates}
        fitting = [
            srid
            for srid, box in boxes.items()
            if sum(_is_near(box, other) for other in others) > len(others) / 2
        ]
        if len(fitting) == 1:
            return fitting[0], "only with it are its values where the other geometries are"
        if fitting:
            return None, f"with several, its values are where the others are ({_listed(fitting)})"
        return None, "its coordinates are not longitude and latitude, and no comment names a system"

    def _boxes(self, known: Sequence[tuple[Spatial, int]]) -> list[Box]:
        """Where the columns' values are, in degrees."""
        boxes = (self._in_degrees(self._sample(each).box, srid) for each, srid in known)
        return [box for box in boxes if box]

    def _in_degrees(self, box: Box | None, srid: int) -> Box | None:
        """None if the system has no such place."""
        if box is None:
            return None
        # A system without such a place is an error in PostgreSQL's log, once, and not at each look.
        if (box, srid) not in _degrees_of:
            row, _ = self._row(DEGREES.format(postgis=self._postgis), [*box, srid])
            _degrees_of[box, srid] = _finite(row) if row else None
        return _degrees_of[box, srid]


def _finite(sides: Sequence[float | None]) -> Box | None:
    numbers = [side for side in sides if side is not None and math.isfinite(side)]
    return (numbers[0], numbers[1], numbers[2], numbers[3]) if len(numbers) == 4 else None


def _is_near(one: Box | None, other: Box) -> bool:
    return one is not None and (
        one[0] - NEAR <= other[2]
        and one[2] + NEAR >= other[0]
        and one[1] - NEAR <= other[3]
        and one[3] + NEAR >= other[1]
    )


def _listed(srids: Iterable[int]) -> str:
    return ", ".join(map(str, srids))
