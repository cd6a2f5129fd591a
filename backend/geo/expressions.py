"""SQL that writes a column as DRF writes it, as JSON or as text.

As parsed JSON the values equal those of the ordinary page. What would differ raises
NotInDatabase. A float that is no number, where the page is an error, is ``"NaN"``.
"""

from __future__ import annotations

import datetime
import json
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.contrib.gis.db import models
from rest_framework import ISO_8601, relations, serializers
from rest_framework.settings import api_settings
from rest_framework_gis.fields import GeometryField

from backend.geo.sql import Column, FeatureQuery, definer, refuse

# As many decimals as GDAL writes, and so the ordinary page (ogr2ogr's
# COORDINATE_PRECISION; PostGIS's own default of 9 loses some).
PRECISION = 15
# PostgreSQL's limit of a function's arguments, FUNC_MAX_ARGS.
MOST_ARGUMENTS = 100

TEXT = (models.CharField, models.TextField)
INTEGER = (models.IntegerField,)


@dataclass(frozen=True)
class Value:
    """A SQL expression; ``quoted`` where JSON has a string of text that needs no escape."""

    sql: str
    quoted: bool = False
    escaped: bool = False

    @property
    def json(self) -> str:
        if self.escaped:
            return f"coalesce(to_json({self.sql})::text, 'null')"
        if self.quoted:
            return f"""coalesce('"' || {self.sql} || '"', 'null')"""
        return f"coalesce(({self.sql})::text, 'null')"


def literal(text: str) -> str:
    """A SQL string for a statement that takes parameters; for the developer's names only."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def identifier(name: str) -> str:
    """A name of the developer's as a column's. Django's quote_name leaves a quote in it open."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def feature_json(query: FeatureQuery, precision: int = PRECISION, before: str = "") -> str:
    """A SQL expression of one feature as GeoJSON, after the text ``before``."""
    parts = [literal(before + "{")]
    if query.id:
        parts += [literal('"id":'), value(query.id).json, literal(",")]
    parts.append(literal('"type":"Feature","geometry":'))
    parts.append(value(query.geometry, precision).json if query.geometry else "'null'")
    parts.append(literal(',"properties":{'))
    for number, column in enumerate(query.properties):
        comma = "," if number else ""
        parts.append(literal(f"{comma}{json.dumps(column.name, ensure_ascii=False)}:"))
        parts.append(value(column, precision).json)
    parts.append("'}}'")
    return concat(parts)


def concat(parts: list[str]) -> str:
    """One text of all; ``concat`` was the fastest of the ways measured to write a feature."""
    while len(parts) > MOST_ARGUMENTS:
        groups = range(0, len(parts), MOST_ARGUMENTS)
        parts = [f"concat({', '.join(parts[n : n + MOST_ARGUMENTS])})" for n in groups]
    return f"concat({', '.join(parts)})"


def value(column: Column, precision: int = PRECISION) -> Value:
    """The column as the serializer's field writes it. Raises NotInDatabase."""
    writer = WRITERS.get(kind(column))
    if writer is None:
        raise refuse(column.field, f"{type(column.field).__name__} is Python code")
    if isinstance(column.field, GeometryField):
        return Value(f"ST_AsGeoJSON({geometry(column)}, {_decimals(column, precision)}, 0)")
    return writer(column, column.label)


def kind(column: Column) -> type | None:
    """The class of DRF that writes the field, of which its own may be a subclass."""
    return definer(type(column.field), "to_representation")


def text(column: Column, precision: int = PRECISION) -> str:
    """The column as text of a table, geometry as WKT; NULL where it has none."""
    if isinstance(column.field, GeometryField):
        return f"ST_AsText({geometry(column)}, {_decimals(column, precision)})"
    return f"({value(column).sql})::text"


def geometry(column: Column) -> str:
    """The geometry as the serializer's field shows it: stored, or in its ``transform``."""
    field, source = column.field, column.model_field
    if not isinstance(source, models.GeometryField):
        raise refuse(field, f"{type(source).__name__} is no geometry of PostGIS")
    for option in ("remove_dupes", "auto_bbox"):
        if getattr(field, option):
            raise refuse(field, f"its option {option} is Python code")
    stored = f"{column.label}::geometry" if source.geography else column.label
    if field.transform is None:
        return stored
    if not isinstance(field.transform, int):
        raise refuse(field, "transform is no number of a spatial reference system")
    if source.srid < 0:
        return stored  # as the page, which knows no SRID of it
    # Django takes the model's SRID, whatever the row says.
    return f"ST_Transform(ST_SetSRID({stored}, {source.srid}), {field.transform})"


def _decimals(column: Column, default: int) -> int:
    given = default if column.field.precision is None else column.field.precision
    if not isinstance(given, int) or given < 0:
        raise refuse(column.field, f"precision is {given!r}, no number of decimals")
    return given


def _boolean(column: Column, ref: str) -> Value:
    _expect(column, models.BooleanField)
    return Value(f"CASE WHEN {ref} THEN 'true' WHEN NOT {ref} THEN 'false' END")


def _char(column: Column, ref: str) -> Value:
    if isinstance(column.model_field, models.GenericIPAddressField):
        return Value(f"host({ref})", quoted=True)
    _expect(column, *TEXT, *INTEGER, models.UUIDField)
    if isinstance(column.model_field, TEXT):
        return Value(ref, escaped=True)
    return Value(f"{ref}::text", quoted=True)


def _choice(column: Column, ref: str) -> Value:
    values = column.field.choice_strings_to_values.values()
    stored = str if isinstance(column.model_field, TEXT) else int
    if any(type(getattr(choice, "value", choice)) is not stored for choice in values):
        raise refuse(column.field, "its choices are of another type than the column")
    _expect(column, *TEXT, *INTEGER)
    return _as_stored(column, ref)


def _integer(column: Column, ref: str) -> Value:
    _expect(column, *INTEGER)
    return Value(ref)


def _big_integer(column: Column, ref: str) -> Value:
    _expect(column, *INTEGER)
    default = api_settings.COERCE_BIGINT_TO_STRING
    quoted = bool(getattr(column.field, "coerce_to_string", default))
    return Value(f"{ref}::text", quoted=quoted)


def _float(column: Column, ref: str) -> Value:
    _expect(column, models.FloatField, models.DecimalField, *INTEGER)
    if isinstance(column.model_field, models.DecimalField):
        ref = f"{ref}::float8"
    # to_json, because NaN and Infinity are strings in it.
    return Value(ref, escaped=True)


def _decimal(column: Column, ref: str) -> Value:
    field, source = column.field, column.model_field
    _expect(column, models.DecimalField, *INTEGER)
    if field.normalize_output or field.localize:
        raise refuse(field, "normalize_output and localize are Python code")
    if field.decimal_places is not None:
        # PostgreSQL rounds halves away from zero, and DRF to even.
        stored = 0 if isinstance(source, INTEGER) else source.decimal_places
        if stored is None or stored > field.decimal_places:
            raise refuse(field, f"it rounds to {field.decimal_places} decimals")
        ref = f"round({ref}, {field.decimal_places})"
    if not getattr(field, "coerce_to_string", api_settings.COERCE_DECIMAL_TO_STRING):
        return Value(f"{ref}::float8", escaped=True)
    return Value(f"{ref}::text", quoted=True)


def _datetime(column: Column, ref: str) -> Value:
    _expect(column, models.DateTimeField)
    if _iso(column, "DATETIME_FORMAT") is None:
        return _as_stored(column, ref)
    field = column.field
    zone = field.timezone if hasattr(field, "timezone") else field.default_timezone()
    return Value(_isoformat(column, ref, zone), quoted=True)


def _date(column: Column, ref: str) -> Value:
    _expect(column, models.DateField)
    if isinstance(column.model_field, models.DateTimeField):
        raise refuse(column.field, "DateTimeField is a time too")
    _iso(column, "DATE_FORMAT")
    return Value(f"to_char({ref}, 'YYYY-MM-DD')", quoted=True)


def _time(column: Column, ref: str) -> Value:
    _expect(column, models.TimeField)
    _iso(column, "TIME_FORMAT")
    return Value(_to_microseconds(ref, f"{ref}::text", f"to_char({ref}, 'HH24:MI:SS.US')"), True)


def _uuid(column: Column, ref: str) -> Value:
    _expect(column, models.UUIDField)
    if column.field.uuid_format != "hex_verbose":
        raise refuse(column.field, f"format={column.field.uuid_format!r} is Python code")
    return Value(f"{ref}::text", quoted=True)


def _json(column: Column, ref: str) -> Value:
    _expect(column, models.JSONField)
    if getattr(column.field, "binary", False) or column.model_field.decoder:
        raise refuse(column.field, "a decoder or binary=True is Python code")
    # A column of type json may have line ends in it.
    return Value(f"{ref}::jsonb::text")


def _primary_key(column: Column, ref: str) -> Value:
    if column.field.pk_field is not None:
        raise refuse(column.field, "pk_field is Python code")
    return _as_stored(column, ref)


def _as_stored(column: Column, ref: str) -> Value:
    """What Python has of the database, as DRF's JSON encoder writes it."""
    source = column.model_field
    if isinstance(source, models.DecimalField):
        return Value(f"{ref}::float8", escaped=True)
    if isinstance(source, models.DateTimeField):
        zone = datetime.UTC if settings.USE_TZ else None
        return Value(_isoformat(column, ref, zone), quoted=True)
    for stored, writer in STORED.items():
        if isinstance(source, stored):
            return writer(column, ref)
    raise refuse(column.field, f"{type(source).__name__} has no JSON of its own")


def _expect(column: Column, *kinds: type[models.Field]) -> None:
    if not isinstance(column.model_field, kinds):
        shown, stored = type(column.field).__name__, type(column.model_field).__name__
        raise refuse(column.field, f"{shown} shows a {stored} in another form")


def _iso(column: Column, setting: str) -> str | None:
    chosen = getattr(column.field, "format", getattr(api_settings, setting))
    if chosen is not None and chosen.lower() != ISO_8601:
        raise refuse(column.field, f"the format {chosen!r} is Python code")
    return chosen


def _isoformat(column: Column, ref: str, zone: datetime.tzinfo | None) -> str:
    """Python's isoformat of a timestamp with time zone; Z for an offset of zero."""
    if zone is None:
        local, offset = f"{ref}::timestamp", "''"
    elif zone is datetime.UTC or str(zone) == "UTC":
        local, offset = f"({ref} AT TIME ZONE 'UTC')", "'Z'"
    elif isinstance(zone, zoneinfo.ZoneInfo):
        local = f"({ref} AT TIME ZONE {literal(zone.key)})"
        offset = _offset(f"({local} - ({ref} AT TIME ZONE 'UTC'))")
    else:
        raise refuse(column.field, f"PostgreSQL does not know the time zone {zone}")
    whole = f"replace({local}::text, ' ', 'T')"
    exact = f"to_char({local}, 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
    return f"({_to_microseconds(ref, whole, exact)} || {offset})"


def _offset(interval: str) -> str:
    seconds = f"extract(epoch FROM {interval})"
    size = f"make_interval(secs => abs({seconds}))"
    pattern = f"CASE WHEN {seconds} %% 60 = 0 THEN 'HH24:MI' ELSE 'HH24:MI:SS' END"
    sign = f"CASE WHEN {seconds} < 0 THEN '-' ELSE '+' END"
    return f"CASE WHEN {seconds} = 0 THEN 'Z' ELSE {sign} || to_char({size}, {pattern}) END"


def _to_microseconds(ref: str, whole: str, exact: str) -> str:
    """Python writes six digits of a second or none; to_char is slower than the cast to text."""
    return f"CASE WHEN date_trunc('second', {ref}) = {ref} THEN {whole} ELSE {exact} END"


# By the class that defines to_representation, so that a subclass without its own is known.
WRITERS: dict[type | None, Callable[[Column, str], Value]] = {
    serializers.BooleanField: _boolean,
    serializers.CharField: _char,
    serializers.ChoiceField: _choice,
    serializers.IntegerField: _integer,
    serializers.BigIntegerField: _big_integer,
    serializers.FloatField: _float,
    serializers.DecimalField: _decimal,
    serializers.DateTimeField: _datetime,
    serializers.DateField: _date,
    serializers.TimeField: _time,
    serializers.UUIDField: _uuid,
    serializers.JSONField: _json,
    serializers.ReadOnlyField: _as_stored,
    relations.PrimaryKeyRelatedField: _primary_key,
    relations.SlugRelatedField: _as_stored,
    GeometryField: _as_stored,
}
STORED: dict[type[models.Field] | tuple, Callable[[Column, str], Value]] = {
    TEXT: lambda column, ref: Value(ref, escaped=True),
    INTEGER: lambda column, ref: Value(ref),
    models.FloatField: lambda column, ref: Value(ref, escaped=True),
    models.BooleanField: _boolean,
    models.UUIDField: lambda column, ref: Value(f"{ref}::text", quoted=True),
    models.DateField: lambda column, ref: Value(f"to_char({ref}, 'YYYY-MM-DD')", quoted=True),
    models.TimeField: _time,
    models.JSONField: _json,
}
