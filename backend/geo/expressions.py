"""SQL that writes a column as REST framework does, as JSON or as text.

As parsed JSON, the values equal those of the ordinary page. A value that would differ raises
NotInDatabase.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.contrib.gis.db import models
from django.contrib.postgres import fields as postgres
from django.contrib.postgres.fields import ArrayField, HStoreField
from django.db.models.expressions import Col
from django.db.models.functions.datetime import TruncBase
from django.utils import timezone
from rest_framework import DJANGO_DURATION_FORMAT, ISO_8601, relations, serializers
from rest_framework.settings import api_settings
from rest_framework_gis.fields import GeometryField

from backend.databases.local_times import ZonedDateTimeField
from backend.databases.stored_types import as_written
from backend.geo import curves, time_sql
from backend.geo.arrays import NestedListField, nested_json
from backend.geo.sql import Column, FeatureQuery, refuse
from backend.lists.shown import definer

# The ordinary page has as many decimals, because GDAL writes it (ogr2ogr's COORDINATE_PRECISION).
# PostGIS's own default of 9 loses some.
PRECISION = 15
# PostgreSQL's limit for the arguments of a function, FUNC_MAX_ARGS.
MOST_ARGUMENTS = 100

TEXT = (models.CharField, models.TextField)
INTEGER = (models.IntegerField,)
LISTS = (serializers.ListField, NestedListField)
PLAIN = (
    *(*TEXT, *INTEGER, models.BooleanField, models.FloatField, models.DecimalField),
    *(models.DateField, models.TimeField, models.UUIDField),
)
# The types of columns for each model field, by PostgreSQL's names. Columns of other types are
# refused, because their values are not what the model says.
_WHOLE = frozenset({"int2", "int4", "int8"})
COLUMNS: dict[type[models.Field[Any, Any]], frozenset[str]] = {
    models.IntegerField: _WHOLE | {"oid"},
    models.FloatField: _WHOLE | {"float4", "float8", "numeric"},
    models.DecimalField: _WHOLE | {"numeric"},
    models.BooleanField: frozenset({"bool"}),
    models.DateTimeField: frozenset({"timestamptz", "timestamp"}),
    models.DateField: frozenset({"date"}),
    models.TimeField: frozenset({"time"}),
    models.DurationField: frozenset({"interval"}),
    models.JSONField: frozenset({"json", "jsonb"}),
    models.BinaryField: frozenset({"bytea"}),
}
COMPOSITE = "C"  # the category of composite types, which have any name
# How a model field reads a column that has no type of COLUMNS.
READ: dict[type[models.Field[Any, Any]], dict[str, str]] = {
    models.DecimalField: {"money": "{}::numeric"},
    models.JSONField: dict.fromkeys(("hstore", COMPOSITE), "to_json({})"),
}
# How Django converts an annotation whose type is not that of its output_field, in SQL: int(),
# float(), Decimal(), and json.loads().
MADE: dict[type[models.Field[Any, Any]], dict[str, str]] = {
    models.IntegerField: {
        **{"numeric": "trunc({})", "text": "{}::bigint"},
        **dict.fromkeys(("float4", "float8"), "trunc({})::bigint"),
    },
    models.FloatField: {"text": "{}::float8"},
    models.DecimalField: {"float4": "{}::text::float8", "float8": "{}", "text": "{}::numeric"},
    models.JSONField: {"text": "{}"},
}


class Kind(enum.Enum):
    """The types of a value in a FlatGeobuf, in a vector tile, and in TileJSON."""

    BOOLEAN = ("boolean", "boolean", "Boolean")
    INTEGER = ("bigint", "bigint", "Number")
    NUMBER = ("float8", "float8", "Number")
    TEXT = ("text", "text", "String")
    PLAIN = ("text", "text", "String", "which JSON escapes nothing of")
    MOMENT = ("timestamptz", "text", "String", "ISO 8601")
    JSON = ("text", "text", "String", "an object, an array or anything else, as its text")

    def __init__(self, flatgeobuf: str, tile: str, tilejson: str, *_: str) -> None:
        self.flatgeobuf, self.tile, self.tilejson = flatgeobuf, tile, tilejson


@dataclass(frozen=True)
class Value:
    """An SQL expression of the given kind. NULL if there is no value.

    ``typed`` is for a format that has such a type, if ``sql`` is only its text.
    """

    sql: str
    kind: Kind
    typed: str | None = None

    @property
    def json(self) -> str:
        """Its text in JSON."""
        if self.kind in (Kind.TEXT, Kind.NUMBER):  # NaN and Infinity become strings
            return f"coalesce(to_json({self.sql})::text, 'null')"
        if self.kind in (Kind.PLAIN, Kind.MOMENT):
            return f"""coalesce('"' || {self.sql} || '"', 'null')"""
        return f"coalesce({self.text}, 'null')"

    @property
    def text(self) -> str:
        """Its text in a table: that of JSON, with strings unquoted."""
        if self.kind is Kind.BOOLEAN:
            return f"CASE WHEN {self.sql} THEN 'true' WHEN NOT {self.sql} THEN 'false' END"
        return f"({self.sql})::text"

    @property
    def in_flatgeobuf(self) -> str:
        return f"({self.typed or self.sql})::{self.kind.flatgeobuf}"

    @property
    def in_tile(self) -> str:
        typed = None if self.kind is Kind.MOMENT else self.typed
        return f"({typed or self.sql})::{self.kind.tile}"


def literal(text: str) -> str:
    """An SQL string for a statement with parameters. Only for the developer's names."""
    return "'" + text.replace("'", "''").replace("%", "%%") + "'"


def identifier(name: str) -> str:
    """A developer's name as that of a column. Django's quote_name does not escape a quote in it."""
    return '"' + name.replace('"', '""').replace("%", "%%") + '"'


def feature_json(query: FeatureQuery, precision: int = PRECISION, before: str = "") -> str:
    """An SQL expression for one feature as GeoJSON, after the text ``before``."""
    parts = [literal(before + "{")]
    if query.id:
        parts += [literal('"id":'), value(query.id).json, literal(",")]
    parts.append(literal('"type":"Feature","geometry":'))
    parts.append(value(query.geometry, precision).json if query.geometry else "'null'")
    parts.append(literal(',"properties":{'))
    parts += _members(query.properties, precision)
    parts.append("'}}'")
    return concat(parts)


def row_json(query: FeatureQuery, precision: int = PRECISION) -> str:
    """An SQL expression for one row as a JSON object."""
    return concat(["'{'", *_members(query.columns, precision), "'}'"])


def _members(columns: Iterable[Column], precision: int) -> Iterator[str]:
    for number, column in enumerate(columns):
        comma = "," if number else ""
        yield literal(f"{comma}{json.dumps(column.name, ensure_ascii=False)}:")
        yield value(column, precision).json


def concat(parts: list[str]) -> str:
    """All as one text. Of the ways measured, ``concat`` was the fastest to write a feature."""
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
        shape = f"ST_AsGeoJSON({geometry(column)}, {_decimals(column, precision)}, 0)"
        return Value(shape, Kind.JSON)
    return writer(column, _as_declared(column))


def kind(column: Column) -> type | None:
    """The class of REST framework that writes the field, which can be of a subclass."""
    return definer(type(column.field), "to_representation")


def text(column: Column, precision: int = PRECISION) -> str:
    """The column as text for a table, geometry as WKT. NULL if it has none."""
    if isinstance(column.field, GeometryField):
        return f"ST_AsText({geometry(column)}, {_decimals(column, precision)})"
    return value(column).text


def geometry(column: Column) -> str:
    """The geometry as the serializer's field shows it: as stored, or in its ``transform``."""
    field, source = column.field, column.model_field
    if not isinstance(source, models.GeometryField):
        raise refuse(field, f"{type(source).__name__} is not a PostGIS geometry")
    for option in ("remove_dupes", "auto_bbox"):
        if getattr(field, option):
            raise refuse(field, f"its option {option} is Python code")
    stored = f"{column.label}::geometry" if source.geography else column.label
    if curves.possible(source):
        stored = curves.flat(stored)
    if field.transform is None:
        return stored
    if not isinstance(field.transform, int):
        raise refuse(field, "transform is not the number of a spatial reference system")
    if source.srid <= 0:
        return stored  # like the page, which does not know its SRID
    # Django uses the model's SRID, whatever the row says.
    return f"ST_Transform(ST_SetSRID({stored}, {source.srid}), {field.transform})"


def _decimals(column: Column, default: int) -> int:
    given = default if column.field.precision is None else column.field.precision
    if not isinstance(given, int) or given < 0:
        raise refuse(column.field, f"precision is {given!r}, which is not a number of decimals")
    return given


def _as_declared(column: Column) -> str:
    """SQL for the column as Django has it in Python. Raises NotInDatabase if its type is not the
    one that the model or the annotation says."""
    if column.stored is None:
        return column.label
    source, stored, annotation = column.model_field, column.stored.name, column.annotation
    if isinstance(annotation, TruncBase) and type(source) in (models.DateField, models.TimeField):
        return f"{column.label}::{'date' if type(source) is models.DateField else 'time'}"
    made: dict[str, str]
    made = {} if annotation is None or isinstance(annotation, Col) else _of(source, MADE) or {}
    template = made.get("text" if column.stored.category == "S" else stored)
    if template is not None:
        return template.format(column.label)
    reads: dict[str, str] = {} if annotation else _of(source, READ) or {}
    name = COMPOSITE if column.stored.category == COMPOSITE else stored
    if name in reads:
        return reads[name].format(column.label)
    element, prefix = source, ""
    while isinstance(element, ArrayField):
        element, prefix = element.base_field, "_"
    known = _of(element, COLUMNS)
    wrong = known is not None and stored not in {prefix + name for name in known}
    if not wrong and not (isinstance(source, TEXT) and column.stored.is_object):
        return column.label
    declared = type(source).__name__
    if annotation is not None:
        reason = f"the annotation says {declared}, but PostgreSQL returns {stored}"
        raise refuse(column.field, reason, "Give it an output_field of that type, or a Cast()")
    raise refuse(
        column.field,
        f"the model says {declared}, but the column has the type {stored}",
        "Declare the type of the column in the model",
    )


def _of(source: models.Field[Any, Any], table: dict[type[models.Field[Any, Any]], Any]) -> Any:
    return next((known for field, known in table.items() if isinstance(source, field)), None)


def _boolean(column: Column, ref: str) -> Value:
    _expect(column, models.BooleanField)
    return Value(ref, Kind.BOOLEAN)


def _char(column: Column, ref: str) -> Value:
    _expect(column, *TEXT, *INTEGER, models.UUIDField, models.GenericIPAddressField)
    if isinstance(column.model_field, INTEGER):
        return Value(f"{ref}::text", Kind.PLAIN)
    return _as_stored(column, ref)


def _text(column: Column, ref: str) -> Value:
    """For any column that psycopg returns as text."""
    if column.stored is None:
        return Value(f"{ref}::text", Kind.TEXT)
    plain = column.stored.category == "S" and column.stored.name != "bpchar"
    return Value(ref if plain else as_written(ref), Kind.TEXT)


def _choice(column: Column, ref: str) -> Value:
    values = column.field.choice_strings_to_values.values()
    stored = str if isinstance(column.model_field, TEXT) else int
    if any(type(getattr(choice, "value", choice)) is not stored for choice in values):
        raise refuse(column.field, "its choices have another type than the column")
    _expect(column, *TEXT, *INTEGER)
    return _as_stored(column, ref)


def _integer(column: Column, ref: str) -> Value:
    _expect(column, *INTEGER)
    return Value(ref, Kind.INTEGER)


def _big_integer(column: Column, ref: str) -> Value:
    _expect(column, *INTEGER)
    default = api_settings.COERCE_BIGINT_TO_STRING
    if getattr(column.field, "coerce_to_string", default):
        return Value(f"{ref}::text", Kind.PLAIN)
    return Value(ref, Kind.INTEGER)


def _float(column: Column, ref: str) -> Value:
    _expect(column, models.FloatField, models.DecimalField, *INTEGER)
    stored = column.stored and column.stored.name
    if stored == "float8":
        return Value(ref, Kind.NUMBER)
    if stored == "float4" or (stored is None and isinstance(column.model_field, models.FloatField)):
        # 0.1 in four bytes is 0.10000000149011612 in eight.
        return Value(ref, Kind.NUMBER, typed=f"{ref}::text::float8")
    return Value(f"{ref}::float8", Kind.NUMBER)


def _decimal(column: Column, ref: str) -> Value:
    field, source = column.field, column.model_field
    _expect(column, models.DecimalField, *INTEGER)
    if field.normalize_output or field.localize:
        raise refuse(field, "normalize_output and localize are Python code")
    sign, declared = "", isinstance(source, models.DecimalField)
    if declared and column.stored and column.stored.name.startswith("float"):
        raise refuse(field, "Decimal() of a float has all its digits", "Cast() it to numeric")
    if field.decimal_places is not None:
        stored = source.decimal_places if isinstance(source, models.DecimalField) else 0
        # An annotation can have more decimals than it says.
        if column.annotation is None and stored is not None and stored <= field.decimal_places:
            ref = f"round({ref}, {field.decimal_places})"
        elif field.rounding in (None, decimal.ROUND_HALF_EVEN):
            ref, sign = _rounded(ref, field.decimal_places)
        else:
            raise refuse(field, f"it rounds to {field.decimal_places} decimals, {field.rounding}")
    if not getattr(field, "coerce_to_string", api_settings.COERCE_DECIMAL_TO_STRING):
        return Value(f"{ref}::float8", Kind.NUMBER)
    return Value(f"{sign}{ref}::text", Kind.PLAIN)


def _rounded(ref: str, places: int) -> tuple[str, str]:
    """Rounds halves to even, like REST framework, because PostgreSQL rounds them away from zero.
    Also returns the sign of Python's negative zero, which PostgreSQL does not have."""
    half, cut = f"5e-{places + 1}", f"trunc({ref}, {places})"
    is_tie = f"abs({ref} - {cut}) = {half} AND mod({cut}, 2e-{places}) = 0"
    sign = f"CASE WHEN {ref} < 0 AND {ref} >= -{half} THEN '-' ELSE '' END || "
    return f"(CASE WHEN {is_tie} THEN {cut} ELSE round({ref}, {places}) END)", sign


def _datetime(column: Column, ref: str) -> Value:
    _expect(column, models.DateTimeField)
    if _iso(column, "DATETIME_FORMAT") is None:
        return _as_stored(column, ref)
    field = column.field
    zone = field.timezone if hasattr(field, "timezone") else field.default_timezone()
    return _moment(column, ref, zone, zone)


def _date(column: Column, ref: str) -> Value:
    _expect(column, models.DateField)
    if isinstance(column.model_field, models.DateTimeField):
        raise refuse(column.field, "DateTimeField is a time too")
    _iso(column, "DATE_FORMAT")
    return _as_stored(column, ref)


def _time(column: Column, ref: str) -> Value:
    _expect(column, models.TimeField)
    _iso(column, "TIME_FORMAT")
    return _as_stored(column, ref)


def _duration(column: Column, ref: str) -> Value:
    _expect(column, models.DurationField)
    chosen = getattr(column.field, "format", api_settings.DURATION_FORMAT)
    if chosen is None or chosen.lower() != DJANGO_DURATION_FORMAT:
        raise refuse(column.field, f"the format {chosen!r} is Python code")
    return Value(time_sql.duration(ref), Kind.PLAIN)


def _uuid(column: Column, ref: str) -> Value:
    _expect(column, models.UUIDField)
    if column.field.uuid_format != "hex_verbose":
        raise refuse(column.field, f"format={column.field.uuid_format!r} is Python code")
    return _as_stored(column, ref)


def _json(column: Column, ref: str) -> Value:
    _expect(column, models.JSONField)
    source: Any = column.model_field
    if getattr(column.field, "binary", False) or source.decoder:
        raise refuse(column.field, "a decoder or binary=True is Python code")
    if column.stored and (column.stored.name == "json" or column.stored.category == COMPOSITE):
        # Not all of it can become jsonb, such as "\\u0000". Line breaks are only between tokens.
        return Value(f"translate({ref}::text, E'\\n\\r', '  ')", Kind.JSON)
    return Value(f"{ref}::text", Kind.JSON)


def _pairs(column: Column, ref: str) -> Value:
    _expect(column, HStoreField)
    if definer(type(column.field.child), "to_representation") is not serializers.CharField:
        raise refuse(column.field, f"{type(column.field.child).__name__} is not a CharField")
    return Value(f"to_json({ref})::text", Kind.JSON)


def _list(column: Column, ref: str) -> Value:
    _expect(column, ArrayField)
    leaf, depth = column, 0
    while isinstance(leaf.model_field, ArrayField) and kind(leaf) in LISTS:
        leaf = replace(leaf, field=leaf.field.child, model_field=leaf.model_field.base_field)
        depth += 1
    writer = WRITERS.get(kind(leaf))
    if writer is None:
        raise refuse(column.field, f"{type(leaf.field).__name__} is Python code")
    one = writer(replace(leaf, stored=None), "one")
    if one.sql in ("one", "one::text"):  # as PostgreSQL writes it, in arrays of any depth
        # A cast of char(n) would trim it.
        trimmed = column.stored is not None and column.stored.name == "_bpchar"
        ref = ref if one.sql == "one" or trimmed else f"{ref}::text[]"
        return Value(f"to_json({ref})::text", Kind.JSON)
    if depth > 1:
        raise refuse(
            column.field,
            f"PostgreSQL does not write a {type(leaf.field).__name__} nested so deeply",
        )
    joined = f"string_agg({one.json}, ',' ORDER BY number)"
    rows = f"unnest({ref}) WITH ORDINALITY elements (one, number)"
    whole = f"(SELECT '[' || coalesce({joined}, '') || ']' FROM {rows})"  # noqa: S608
    if isinstance(column.field, NestedListField):
        nested = nested_json(ref, one.json)
        whole = f"CASE WHEN array_ndims({ref}) > 1 THEN {nested} ELSE {whole} END"
    return Value(f"CASE WHEN {ref} IS NOT NULL THEN {whole} END", Kind.JSON)


def _model(column: Column, ref: str) -> Value:
    """What ``value_to_string()`` of the model's field returns."""
    source = column.model_field
    if type(source) is models.BinaryField:
        return Value(f"translate(encode({ref}, 'base64'), E'\\n', '')", Kind.PLAIN)
    if type(source) in RANGES:
        return Value(_range(RANGES[type(source)], ref), Kind.TEXT)
    if isinstance(source, PLAIN):  # a GeneratedField returns them unchanged
        return _as_stored(column, ref)
    raise refuse(column.field, f"{type(source).__name__} is Python code")


def _range(bound: Callable[[str], str], ref: str) -> str:
    """JSON with the same spaces as Python's."""
    ends = [bound(f"{end}({ref})") for end in ("lower", "upper")]
    lower, upper = (f"""coalesce('"' || {end} || '"', 'null')""" for end in ends)
    opened = f"CASE WHEN lower_inc({ref}) THEN '[' ELSE '(' END"
    closed = f"CASE WHEN upper_inc({ref}) THEN ']' ELSE ')' END"
    parts = (
        *("""'{"bounds": "'""", opened, closed, """'", "lower": '""", lower),
        *("""', "upper": '""", upper, "'}'"),
    )
    return (
        f"""CASE WHEN isempty({ref}) THEN '{{"empty": true}}' """
        f"WHEN {ref} IS NOT NULL THEN concat({', '.join(parts)}) END"
    )


def _primary_key(column: Column, ref: str) -> Value:
    if column.field.pk_field is not None:
        raise refuse(column.field, "pk_field is Python code")
    return _as_stored(column, ref)


def _as_stored(column: Column, ref: str) -> Value:
    """The value that Python gets from the database, as REST framework's JSON encoder writes it."""
    for stored, writer in STORED.items():
        if isinstance(column.model_field, stored):
            return writer(column, ref)
    raise refuse(column.field, f"{type(column.model_field).__name__} has no JSON form of its own")


def _stored_uuid(column: Column, ref: str) -> Value:
    sure = column.stored is not None and column.stored.name == "uuid"
    return Value(f"{ref}::text", Kind.PLAIN if sure else Kind.TEXT)


def _stored_datetime(column: Column, ref: str) -> Value:
    """psycopg returns a value with time zone in UTC, and one without unchanged."""
    own = column.model_field
    of_local = own.timezone if isinstance(own, ZonedDateTimeField) else None
    return _moment(column, ref, datetime.UTC if settings.USE_TZ else None, of_local)


def _moment(
    column: Column, ref: str, zone: datetime.tzinfo | None, of_local: datetime.tzinfo | None
) -> Value:
    stored = column.stored and column.stored.name
    try:
        if isinstance(column.annotation, TruncBase) and settings.USE_TZ:
            # Django treats the result as the local time of its own zone.
            own = column.annotation.tzinfo or timezone.get_current_timezone()
            shown = time_sql.without_zone(f"{ref}::timestamp", own)
            if shown.moment is not None and of_local is not None and of_local != own:
                shown = time_sql.moved(shown.moment, zone)
        elif stored == "timestamptz":
            shown = time_sql.aware(ref, zone)
        elif stored == "timestamp":
            shown = time_sql.without_zone(ref, of_local)
        else:
            shown = time_sql.either(ref, zone, of_local)
    except time_sql.UnknownZoneError as error:
        raise refuse(column.field, str(error)) from None
    return Value(shown.text, Kind.MOMENT if shown.moment else Kind.PLAIN, shown.moment)


def _expect(column: Column, *kinds: type[models.Field[Any, Any]]) -> None:
    if not isinstance(column.model_field, kinds):
        shown, stored = type(column.field).__name__, type(column.model_field).__name__
        raise refuse(column.field, f"{shown} shows a {stored} in another form")


def _iso(column: Column, setting: str) -> str | None:
    chosen: str | None = getattr(column.field, "format", getattr(api_settings, setting))
    if chosen is not None and chosen.lower() != ISO_8601:
        raise refuse(column.field, f"the format {chosen!r} is Python code")
    return chosen


# By the class that defines to_representation, so that a subclass without its own is found too.
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
    serializers.DurationField: _duration,
    serializers.UUIDField: _uuid,
    serializers.JSONField: _json,
    **dict.fromkeys(LISTS, _list),
    serializers.DictField: _pairs,
    serializers.ModelField: _model,
    serializers.ReadOnlyField: _as_stored,
    relations.PrimaryKeyRelatedField: _primary_key,
    relations.SlugRelatedField: _as_stored,
    GeometryField: _as_stored,
}
STORED: dict[type[models.Field[Any, Any]] | tuple[Any, ...], Callable[[Column, str], Value]] = {
    TEXT: _text,
    INTEGER: lambda column, ref: Value(ref, Kind.INTEGER),
    models.FloatField: _float,
    models.DecimalField: lambda column, ref: Value(f"{ref}::float8", Kind.NUMBER),
    models.BooleanField: _boolean,
    models.UUIDField: _stored_uuid,
    models.GenericIPAddressField: lambda column, ref: Value(as_written(ref), Kind.TEXT),
    models.DateTimeField: _stored_datetime,
    models.DateField: lambda column, ref: Value(time_sql.date(ref), Kind.PLAIN),
    models.TimeField: lambda column, ref: Value(time_sql.time(ref), Kind.PLAIN),
    models.JSONField: _json,
}
# How value_to_string() of the range's field writes a bound.
RANGES: dict[type[models.Field[Any, Any]], Callable[[str], str]] = {
    postgres.IntegerRangeField: "{}::text".format,
    postgres.BigIntegerRangeField: "{}::text".format,
    postgres.DecimalRangeField: "{}::text".format,
    postgres.DateRangeField: time_sql.date,
    postgres.DateTimeRangeField: lambda ref: (
        f"replace({time_sql.aware(ref, datetime.UTC).text}, 'Z', '+00:00')"
    ),
}
