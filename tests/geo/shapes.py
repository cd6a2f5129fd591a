"""Every kind of geometry, and the SQL of the tables that hold them (``geometry_project``)."""

from __future__ import annotations

KINDS = ["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"]
KINDS += ["GeometryCollection"]
SYSTEMS = {"0": 0, "2913": 2913, "3857": 3857, "4326": 4326, "Geography": 4326}
SQUARE = "((-122.68 45.52,-122.67 45.52,-122.67 45.53,-122.68 45.53,-122.68 45.52))"
# All in Portland, Oregon, within the box -122.7,45.5,-122.6,45.6.
ORDINARY = {
    "Point": "POINT(-122.68 45.52)",
    "LineString": "LINESTRING(-122.68 45.52,-122.67 45.53)",
    "Polygon": f"POLYGON{SQUARE}",
    "MultiPoint": "MULTIPOINT((-122.68 45.52),(-122.67 45.53))",
    "MultiLineString": (
        "MULTILINESTRING((-122.68 45.52,-122.67 45.53),(-122.66 45.52,-122.65 45.53))"
    ),
    "MultiPolygon": f"MULTIPOLYGON({SQUARE})",
    "GeometryCollection": (
        "GEOMETRYCOLLECTION(POINT(-122.66 45.52),LINESTRING(-122.68 45.52,-122.67 45.53))"
    ),
}
_ARC = "-122.68 45.52,-122.67 45.53,-122.66 45.52"
_RING = f"{_ARC},-122.67 45.51,-122.68 45.52"
_FACE = "((-122.68 45.52 1,-122.67 45.52 1,-122.67 45.53 1,-122.68 45.52 1))"
_OTHER = "((-122.68 45.52 1,-122.67 45.53 1,-122.68 45.53 1,-122.68 45.52 1))"
CURVED = {
    "CircularString": f"CIRCULARSTRING({_ARC})",
    "CompoundCurve": f"COMPOUNDCURVE(CIRCULARSTRING({_ARC}),(-122.66 45.52,-122.65 45.52))",
    "CurvePolygon": f"CURVEPOLYGON(CIRCULARSTRING({_RING}))",
    "MultiCurve": f"MULTICURVE((-122.68 45.52,-122.67 45.53),CIRCULARSTRING({_ARC}))",
    "MultiSurface": f"MULTISURFACE(CURVEPOLYGON(CIRCULARSTRING({_RING})))",
    "Triangle": f"TRIANGLE Z{_FACE}",
    "Tin": f"TIN Z({_FACE},{_OTHER})",
    "PolyhedralSurface": f"POLYHEDRALSURFACE Z({_FACE},{_OTHER})",
    "CollectionOfCurves": f"GEOMETRYCOLLECTION(CIRCULARSTRING({_ARC}))",
    "NestedCollection": (
        "GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(-122.68 45.52)),"
        f"GEOMETRYCOLLECTION(CURVEPOLYGON(CIRCULARSTRING({_RING}))))"
    ),
    "CollectionOfTins": f"GEOMETRYCOLLECTION Z(TIN Z({_FACE}),POINT Z(-122.68 45.52 1))",
}


def typed(kind: str, system: str, dimension: int) -> str:
    """A table of one type, with an ordinary row, an empty one, and NULL."""
    shape = _stored(_with_z(ORDINARY[kind]) if dimension == 3 else _wkt(ORDINARY[kind]), system)
    z = "Z" if dimension == 3 else ""
    empty = f"'SRID={SYSTEMS[system]};{kind}{' Z' if z else ''} EMPTY'"
    table = f"shapes_{kind}{system}{z}".lower()
    base = "geography" if system == "Geography" else "geometry"
    return f"""
    CREATE TABLE {table} (id bigserial PRIMARY KEY, name text NOT NULL,
        geom {base}({kind}{z},{SYSTEMS[system]}));
    INSERT INTO {table} (name, geom) VALUES
        ('ordinary', {shape}), ('empty', {empty}), ('null', NULL);
    """


def anything(system: str) -> str:
    """A table of any type and dimension, with a row of each."""
    table = f"shapes_any{system}".lower()
    geography = system == "Geography"
    rows = []
    for kind, wkt in ORDINARY.items():
        for name, shape in {
            kind: _wkt(wkt),
            f"{kind} Z": _with_z(wkt),
            f"{kind} M": f"ST_Force3DM({_wkt(wkt)}, 5)",
            f"{kind} ZM": f"ST_Force4D({_wkt(wkt)}, 7, 5)",
        }.items():
            rows.append((name, _stored(shape, system)))
        rows.append((f"{kind} EMPTY", f"'SRID={SYSTEMS[system]};{kind} EMPTY'"))
    if not geography:  # geographies cannot be curves
        rows += [(kind, _stored(_wkt(wkt), system)) for kind, wkt in CURVED.items()]
    rows.append(("NULL", "NULL"))
    values = ", ".join(f"('{name}', {shape})" for name, shape in rows)
    return f"""
    CREATE TABLE {table} (id bigserial PRIMARY KEY, name text NOT NULL,
        geom {"geography" if geography else "geometry"});
    INSERT INTO {table} (name, geom) VALUES {values};
    """


OTHERS = f"""
CREATE TABLE shapes_curved (id bigserial PRIMARY KEY, name text NOT NULL,
    geom geometry(CurvePolygon, 4326));
INSERT INTO shapes_curved (name, geom) VALUES
    ('curve', 'SRID=4326;{CURVED["CurvePolygon"]}'), ('null', NULL);
CREATE TABLE shapes_box (id bigserial PRIMARY KEY, name text NOT NULL,
    geom geometry(Polygon, 4326));
INSERT INTO shapes_box (name, geom) VALUES ('ordinary', 'SRID=4326;{ORDINARY["Polygon"]}'),
    ('empty', 'SRID=4326;POLYGON EMPTY'), ('null', NULL);
CREATE TABLE shapes_two (id bigserial PRIMARY KEY, name text NOT NULL,
    area geometry(MultiPolygon, 2913), place geography(Point, 4326));
INSERT INTO shapes_two (name, area, place) VALUES
    ('both', ST_Transform('SRID=4326;{ORDINARY["MultiPolygon"]}'::geometry, 2913),
        'SRID=4326;{ORDINARY["Point"]}'), ('neither', NULL, NULL);
"""


def tables() -> str:
    """The SQL of all tables, and the spatial index of each."""
    statements = [
        *(typed(kind, system, dim) for kind in KINDS for system in SYSTEMS for dim in (2, 3)),
        *(anything(system) for system in SYSTEMS),
        OTHERS,
        """DO $$ DECLARE c record; BEGIN
        FOR c IN SELECT attrelid::regclass t, attname FROM pg_attribute
            WHERE attrelid::regclass::text LIKE 'shapes\\_%' AND NOT attisdropped AND attnum > 0
            AND atttypid IN ('geometry'::regtype, 'geography'::regtype)
            AND attrelid IN (SELECT oid FROM pg_class WHERE relkind = 'r')
        LOOP EXECUTE format('CREATE INDEX ON %s USING gist (%I)', c.t, c.attname); END LOOP;
        END $$;""",
        "ANALYZE;",
    ]
    return "\n".join(statements)


def _wkt(wkt: str) -> str:
    return f"ST_GeomFromText('{wkt}', 4326)"


def _with_z(wkt: str) -> str:
    return f"ST_Force3DZ({_wkt(wkt)}, 7)"


def _stored(shape: str, system: str) -> str:
    if system == "Geography":
        return f"{shape}::geography"
    if system == "0":
        return f"ST_SetSRID({shape}, 0)"
    return shape if system == "4326" else f"ST_Transform({shape}, {SYSTEMS[system]})"
