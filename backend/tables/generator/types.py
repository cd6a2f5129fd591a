"""The model field for a column of each type of PostgreSQL.

Types that neither Django nor this module knows are text, as PostgreSQL writes it
(``backend.databases.stored_types``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from backend.tables.catalog import Column

# By the name in pg_type.
PLAIN = {
    "int2": "models.SmallIntegerField",
    "int4": "models.IntegerField",
    "int8": "models.BigIntegerField",
    "oid": "models.BigIntegerField",
    "float4": "models.FloatField",
    "float8": "models.FloatField",
    "numeric": "fields.NumericField",
    "money": "fields.MoneyField",
    "bool": "models.BooleanField",
    "date": "models.DateField",
    "time": "models.TimeField",
    "timestamptz": "models.DateTimeField",
    "timestamp": "fields.LocalDateTimeField",
    "uuid": "models.UUIDField",
    "json": "fields.JSONField",
    "jsonb": "models.JSONField",
    "hstore": "fields.HStoreField",
    "bytea": "models.BinaryField",
    "tsvector": "SearchVectorField",
}
# The elements of arrays that are read as such. Other arrays are text.
ELEMENTS = frozenset(
    """int2 int4 int8 float4 float8 numeric bool date time timestamptz timestamp uuid text varchar
    citext bpchar name""".split()
)
GEOMETRIES = {
    "GEOMETRY": "models.GeometryField",
    "POINT": "models.PointField",
    "LINESTRING": "models.LineStringField",
    "POLYGON": "models.PolygonField",
    "MULTIPOINT": "models.MultiPointField",
    "MULTILINESTRING": "models.MultiLineStringField",
    "MULTIPOLYGON": "models.MultiPolygonField",
    "GEOMETRYCOLLECTION": "models.GeometryCollectionField",
}
BYTES, WORDS = "bytea", "tsvector"  # lists show neither, and nothing shows a search vector


@dataclass(frozen=True)
class Declaration:
    """A model field: its class, and its arguments as Python code."""

    cls: str
    positional: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()

    def with_(self, **named: object) -> Declaration:
        """With more named arguments. Values are written as Python literals."""
        more = tuple((name, literal(value)) for name, value in named.items())
        return replace(self, named=(*self.named, *more))


def declaration(
    column: Column, srid: int | None = None, timezone: str = "", *, is_key: bool = False
) -> Declaration:
    """The model field of a column, without its name.

    ``srid`` replaces the spatial reference system of a geometry that declares none, and
    ``timezone`` is the zone of a timestamp without one. A part of a key is text in addresses, and
    so a JSON object is not one.
    """
    if is_key and (column.kind == "c" or column.type == "hstore"):
        return Declaration("models.TextField")
    if column.geometry is not None:
        return _geometry(column, srid)
    if column.kind == "e":
        return Declaration("models.CharField").with_(
            choices=[(label, label) for label in column.labels]
        )
    # The drivers return an array of a domain as text.
    of_domain = column.element is not None and column.type != f"_{column.element.type}"
    if column.element is not None and not of_domain and _is_read_as_list(column.element):
        inner = declaration(column.element)
        return Declaration("fields.ArrayField", (call(inner),))
    if column.type == "numeric" and column.digits and 0 <= column.digits[1] <= column.digits[0]:
        digits, places = column.digits
        return Declaration("models.DecimalField").with_(max_digits=digits, decimal_places=places)
    if column.kind == "c":
        return Declaration("fields.CompositeField").with_(type=column.declared)
    if column.type in ("varchar", "bpchar"):
        made = Declaration("models.CharField")
        return made.with_(max_length=column.max_length) if column.max_length else made
    if column.type == "timestamp" and timezone:
        return Declaration("fields.ZonedDateTimeField").with_(timezone=timezone)
    return Declaration(PLAIN.get(column.type, "models.TextField"))


def call(declared: Declaration) -> str:
    """The field as a Python expression on one line."""
    named = [f"{name}={value}" for name, value in declared.named]
    return f"{declared.cls}({', '.join([*declared.positional, *named])})"


def literal(value: object) -> str:
    """A Python literal as formatters write it, with double quotes."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, (list, tuple)):
        inner = ", ".join(map(literal, value))
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


def _quoted(text: str) -> str:
    written = repr(text)
    if not written.startswith("'") or '"' in text:
        return written
    return f'"{written[1:-1]}"'


def _is_read_as_list(element: Column) -> bool:
    return element.type in ELEMENTS or (element.kind == "e" and bool(element.labels))


def _geometry(column: Column, srid: int | None) -> Declaration:
    shape = column.geometry
    assert shape is not None  # the caller has asked
    cls = GEOMETRIES.get(shape.type, "models.GeometryField")
    named: dict[str, object] = {}
    chosen = shape.srid or srid
    if chosen and chosen != 4326:  # Django's default
        named["srid"] = chosen
    if shape.dimensions > 2:
        named["dim"] = 3
    if shape.geography:
        named["geography"] = True
    return Declaration(cls).with_(**named)
