"""The types of columns and arguments, and what the modifiers in parentheses after them mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from backend.tables.catalog import sql
from backend.tables.catalog.relations import Column, Geometry
from backend.tables.catalog.sql import rows

WGS84 = 4326
TEXTS = ("varchar", "bpchar")
# PostGIS's numbers of geometry types in a typmod:
# https://github.com/postgis/postgis/blob/3.5.0/liblwgeom/liblwgeom.h.in#L104
GEOMETRY_TYPES = (
    "GEOMETRY POINT LINESTRING POLYGON MULTIPOINT MULTILINESTRING MULTIPOLYGON GEOMETRYCOLLECTION "
    "CIRCULARSTRING COMPOUNDCURVE CURVEPOLYGON MULTICURVE MULTISURFACE POLYHEDRALSURFACE TRIANGLE "
    "TIN"
).split()


def _geometry(modifier: str, typmod: int, checks: Sequence[str]) -> Geometry | None:
    """The bits of https://github.com/postgis/postgis/blob/3.5.0/liblwgeom/liblwgeom.h.in#L184"""
    if modifier == "geography_typmod_in":
        return replace(_unpacked(typmod), srid=_unpacked(typmod).srid or WGS84, geography=True)
    if modifier != "geometry_typmod_in":
        return None
    return _constrained(_unpacked(typmod), checks) if typmod < 0 else _unpacked(typmod)


def _unpacked(typmod: int) -> Geometry:
    if typmod < 0:
        return Geometry("GEOMETRY", 0)
    srid = ((typmod & 0x0FFFFF00) - (typmod & 0x10000000)) >> 8
    dimensions = 2 + (typmod >> 1 & 1) + (typmod & 1)
    number = typmod >> 2 & 0x3F
    known = number < len(GEOMETRY_TYPES)  # later versions of PostGIS have more
    return Geometry(GEOMETRY_TYPES[number] if known else "GEOMETRY", srid, dimensions)


def _digits(typmod: int) -> tuple[int, int] | None:
    """Precision and scale of a numeric. The scale can be negative, or more than the precision."""
    if typmod < 0:
        return None
    return (typmod - 4) >> 16 & 0xFFFF, ((typmod - 4 & 0x7FF) ^ 1024) - 1024


def _constrained(declared: Geometry, checks: Sequence[str]) -> Geometry:
    """With the type that constraints of the column declare, as in tables from before PostGIS 2."""
    text = " ".join(checks)
    srids = {int(srid) for srid in re.findall(r"st_srid\([^()]*\) = \(?(\d+)", text, re.I)}
    types = set(re.findall(r"geometrytype\([^()]*\) = '(\w+)'", text, re.I))
    dimensions = {int(count) for count in re.findall(r"ndims\([^()]*\) = (\d)", text, re.I)}
    return Geometry(
        types.pop() if len(types) == 1 and types <= set(GEOMETRY_TYPES) else declared.type,
        srids.pop() if len(srids) == 1 else declared.srid,
        dimensions.pop() if len(dimensions) == 1 else declared.dimensions,
    )


class Types:
    """The types of the database that columns and arguments have."""

    def __init__(self, cursor: Any, oids: Iterable[int]) -> None:
        found = rows(cursor, sql.TYPES, types=sorted(set(oids)))
        self._known = {row["oid"]: row for row in found}

    def declared(self, oid: int) -> str:
        """The name of a type."""
        name: str = self._known[oid]["declared"]
        return name

    def column(
        self,
        name: str,
        type: int,  # noqa: A002  as in a column's row
        typmod: int = -1,
        declared: str = "",
        checks: Sequence[str] = (),
        **more: Any,
    ) -> Column:
        """A column of this type, or of the type behind its domains."""
        stored = self._known[type]
        declared = declared or stored["declared"]
        while stored["kind"] == "d":
            typmod, stored = stored["base_typmod"], self._known[stored["base"]]
        element = self.column(name, stored["element"], typmod) if stored["element"] else None
        return Column(
            name,
            declared,
            stored["name"],
            stored["kind"],
            stored["category"],
            max_length=typmod - 4 if stored["name"] in TEXTS and typmod >= 4 else None,
            digits=_digits(typmod) if stored["name"] == "numeric" else None,
            labels=element.labels if element else tuple(stored["labels"]),
            element=element,
            geometry=None if element else _geometry(stored["modifier"], typmod, checks),
            **more,
        )
