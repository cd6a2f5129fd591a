"""The geometry of a vector tile's features: which one it is, and the SQL that draws it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from rest_framework import serializers
from rest_framework_gis.fields import GeometryField

from backend.geo import curves, srid
from backend.geo.sql import Column, NotInDatabase
from backend.lists.shown import is_blurred

# What EPSG:3857 can show, in degrees: a little more than its square, but not the poles, which it
# cannot represent.
SHOWABLE = (-180, -86, 180, 86)


def geometry_name(serializer: serializers.Serializer[Any], chosen: str | None) -> str | None:
    """The field to draw: the chosen one, the serializer's own, or the first one."""
    if name := chosen or getattr(getattr(serializer, "Meta", None), "geo_field", None):
        return name
    fields = serializer.fields.items()
    return next((name for name, field in fields if isinstance(field, GeometryField)), None)


def drawn_name(serializer: serializers.Serializer[Any], chosen: str | None) -> str:
    """``geometry_name``. Raises NotInDatabase if the serializer does not show it."""
    name = geometry_name(serializer, chosen)
    if name is not None and name in serializer.fields:
        return name
    raise NoGeometry(
        f"{type(serializer).__name__} does not show a geometry.",
        "Add a GeometryField to its fields, or name the one it has in tile_geometry of the view.",
    )


class NoGeometry(NotInDatabase):
    """There is nothing to draw."""


class Rounded(NotInDatabase):
    """The geometry is shown rounded, to hide where something is."""


def refuse_rounded(
    serializer: serializers.Serializer[Any], name: str, allowed: Collection[str] | None
) -> None:
    """Raises Rounded for a geometry that is shown rounded, unless ``allowed`` has its column.

    Even a tile that draws it rounded would show on which side of the tile's border it is.
    """
    field: Any = serializer.fields[name]
    if is_blurred(field) and field.source not in (allowed or ()):
        raise Rounded(
            f"{name} is shown with precision={field.precision}, but a tile would show exactly "
            "where it is.",
            "Name another geometry in tile_geometry of the view. If everyone can know where this "
            "one is, name it in spatial_filter_fields instead.",
        )


def kind(column: Column) -> str:
    """For example POINT or MULTIPOLYGON. GEOMETRY stands for any."""
    return getattr(column.model_field, "geom_type", "GEOMETRY")


def showable(column: Column, stored: srid.Storage, place: srid.Place) -> str:
    """The geometry with its SRID, without the parts that EPSG:3857 cannot represent."""
    shape = f"{column.label}::geometry" if stored.geography else column.label
    if curves.possible(column.model_field):
        shape = curves.straight(shape)
    if stored.srid == 4326 and not _lies_in(place.box, SHOWABLE, column, stored):
        world = f"ST_MakeEnvelope({', '.join(map(str, SHOWABLE))}, {stored.label})"
        clipped = f"ST_ClipByBox2D({shape}, {world})"
        shape = f"CASE WHEN {shape} @ {world} THEN {shape} ELSE {clipped} END"
    return shape if stored.label == stored.srid else f"ST_SetSRID({shape}, {stored.srid})"


def _lies_in(
    box: tuple[float, ...] | None, area: tuple[float, ...], column: Column, stored: srid.Storage
) -> bool:
    """Whether everything found by ``box`` is in ``area``. Only a point is always in its box."""
    if box is None or stored.geography or kind(column) != "POINT":
        return False
    return box[0] >= area[0] and box[1] >= area[1] and box[2] <= area[2] and box[3] <= area[3]


def simplified(geom_type: str, shape: str, tolerance: float) -> tuple[str, list[Any]]:
    """Drops details smaller than ``tolerance``, but enlarges geometries that are smaller.

    ST_AsMVTGeom would drop these: a city's parcels would be missing from the map of a state.
    """
    box = f"ST_Expand({shape}, %s)"
    if geom_type.endswith("POLYGON"):
        speck = box
    elif geom_type.endswith("LINESTRING"):
        speck = f"ST_BoundingDiagonal({box})"
    else:
        speck = f"CASE ST_Dimension({shape}) WHEN 2 THEN {box} ELSE {shape} END"
    small = f"ST_XMax({shape}) - ST_XMin({shape}) < %s AND ST_YMax({shape}) - ST_YMin({shape}) < %s"
    simple = f"ST_Simplify({shape}, %s, true)"
    return f"CASE WHEN {small} THEN {speck} ELSE {simple} END", [tolerance] * 4
